//! Prints the file of one level: its kernels, its stages, and the program that lists them.

use sartor_kernels::runtime::Level;
use sartor_models::Network;
use sartor_models::escape::{code, rust_string};
use typed_index_collections::TiSlice;

use crate::ir::isa;
use crate::ir::kernel::{Access, Kernel, KernelId};
use crate::network::output::Softmax;
use crate::plan::{Copied, Lengths, Place, Plan, Unpack};

use super::text::Text;
use super::{kernel, prelude, stage};

/// Prints the file.
pub fn print(network: &Network, plan: &Plan) -> String {
    let level = plan.level;
    let mut text = Text::default();
    header(&mut text, network, plan);
    intrinsics(&mut text, level);
    imports(&mut text, plan);
    text.line("use crate::weights::WEIGHTS;");
    prelude::print(&mut text, level, plan.kernels.as_ref());
    for (index, printed) in plan.kernels.iter_enumerated() {
        text.line("");
        kernel_doc(&mut text, plan, index);
        kernel::print(&mut text, printed);
    }
    stages(&mut text, plan, &plan.kernels);
    text.finish()
}

/// Prints the file of a program whose kernels are those of the module above, which has them under the names in `kernels`. The weights are a
/// module below.
pub fn print_alone(network: &Network, plan: &Plan, kernels: &TiSlice<KernelId, Kernel>) -> String {
    let mut text = Text::default();
    header(&mut text, network, plan);
    text.line("mod weights;");
    text.line("");
    imports(&mut text, plan);
    text.line("use super::*;");
    text.line("use weights::WEIGHTS;");
    stages(&mut text, plan, kernels);
    text.finish()
}

fn imports(text: &mut Text, plan: &Plan) {
    let imports = if plan.unpack.is_empty() {
        "{Context, Lengths, Level, Program, Stage, Units}"
    } else {
        "{Context, Lengths, Level, Program, Stage, Units, layout}"
    };
    text.line(format!("use crate::runtime::{imports};"));
}

/// Prints the stages and the program that lists them.
fn stages(text: &mut Text, plan: &Plan, kernels: &TiSlice<KernelId, Kernel>) {
    for planned in &plan.stages {
        text.line("");
        stage::print(text, &planned.code, kernels);
    }
    text.line("");
    outputs(text, plan);
    text.line("");
    program(text, plan);
}

/// Prints kernels alone, as they are in a program's file, without the stages that call them.
pub fn print_kernels(level: Level, kernels: &[Kernel]) -> String {
    let mut text = Text::default();
    intrinsics(&mut text, level);
    prelude::print(&mut text, level, kernels);
    for printed in kernels {
        text.line("");
        kernel::print(&mut text, printed);
    }
    text.finish()
}

fn intrinsics(text: &mut Text, level: Level) {
    if let Some(arch) = isa::of(level).arch {
        text.line(format!("use std::arch::{arch}::*;"));
        text.line("");
    }
}

fn header(text: &mut Text, network: &Network, plan: &Plan) {
    let Lengths { arena, scratch, weights, .. } = plan.lengths;
    text.line(format!("//! {} for {}.", code(&network.name), plan.level));
    text.line("//!");
    text.line(format!("//! Memory in f32: arena {arena}, scratch {scratch} a thread, weights {weights}."));
    text.line("//!");
    text.line("//! | map | h x w x c | f32 | where |");
    text.line("//! | --- | --- | ---: | --- |");
    for (map, place) in plan.layers.maps.iter().zip(&plan.places) {
        let row = map.w * map.pitch();
        let (len, place) = match place {
            Place::Input => (map.c * map.h * map.w * plan.batch, "input, NCHW".into()),
            Place::Arena { offset } => (row * map.h * plan.batch, format!("arena + {offset}")),
            Place::Ring { offset, rows } => (row * rows, format!("scratch + {offset}, ring of {rows} rows")),
        };
        text.line(format!("//! | {} | {} x {} x {} | {len} | {place} |", code(&map.name), map.h, map.w, map.c));
    }
    text.line("");
}

/// Prints a kernel's documentation: the problem that it was made for, the layers that share it, and what the proof says of its
/// buffers.
fn kernel_doc(text: &mut Text, plan: &Plan, index: KernelId) {
    let kernel = &plan.kernels[index];
    for line in &kernel.doc {
        text.line(format!("/// `{line}`"));
    }
    let layers = plan.layers.layers.keys().filter(|&layer| plan.kernels_of[layer].contains(&index)).skip(1);
    let layers: Vec<String> = layers.map(|layer| code(&plan.layers[layer].name)).collect();
    if !layers.is_empty() {
        text.line("///");
        text.comment("///", &format!("Also for {}.", layers.join(", ")));
    }
    let buffers = |access: Access| {
        let buffers = kernel.buffers.iter().filter(|buffer| buffer.access == access);
        buffers.map(|buffer| format!("{}[..{}]", buffer.name, buffer.len)).collect::<Vec<_>>().join(", ")
    };
    text.line("///");
    text.comment("///", &format!("Reads {}; writes {}.", buffers(Access::Read), buffers(Access::Write)));
}

/// Prints the function that copies the results to the user's NCHW output, after all stages.
fn outputs(text: &mut Text, plan: &Plan) {
    let batch = plan.batch;
    text.line("/// Copies the results to the output, NCHW.");
    let params = ["cx: &Context", "units: &mut Units<'_>"].map(String::from);
    text.function("unsafe extern \"C\" fn outputs", &params, "", |text| {
        if plan.unpack.is_empty() {
            return text.line("units.for_each(drop);");
        }
        let safe =
            "SAFETY: the arena and the output are as long as the program says, and every place below was proven to lie in them.";
        text.comment("//", safe);
        text.block("unsafe", |text| {
            text.block("for _ in units", |text| plan.unpack.iter().for_each(|unpack| copy(text, unpack, batch)))
        });
    });
}

/// Prints the copying of one result.
fn copy(text: &mut Text, unpack: &Unpack, batch: usize) {
    let dst_len = batch * unpack.len;
    let source = |text: &mut Text, Copied { src, image, .. }: &Copied| {
        let src = if *src == 0 { "cx.arena()".into() } else { format!("cx.arena().add({src})") };
        text.line(format!("let src = std::slice::from_raw_parts({src}, {});", batch * image));
    };
    let planar = unpack.planar();
    if planar.is_some() {
        source(text, &unpack.pieces[0]);
    }
    // All passes of an output come before the first pass of the next output.
    let pass = if dst_len == 1 { "cx.pass()".to_string() } else { format!("cx.pass() * {dst_len}") };
    let dst = match unpack.dst {
        0 => format!("cx.output().add({pass})"),
        dst => format!("cx.output().add(cx.passes() * {dst} + {pass})"),
    };
    text.line(format!("let dst = std::slice::from_raw_parts_mut({dst}, {dst_len});"));
    let from = |first: usize| if first == 0 { "dst".to_string() } else { format!("&mut dst[{first}..]") };
    let images = |strides: Vec<usize>| if batch == 1 { None } else { Some([vec![batch], strides].concat()) };
    if let Some((pitch, pixels, channels)) = planar {
        text.line(format!("layout::unpack(src, {pitch}, {batch}, {pixels}, {channels}, dst);"));
    } else {
        for copied in &unpack.pieces {
            source(text, copied);
            let inner = copied.loops.iter().map(|each| vec![each.count, each.src, each.dst]);
            let loops: Vec<_> = images(vec![copied.image, unpack.len]).into_iter().chain(inner).collect();
            text.line(format!("layout::scatter(src, &{loops:?}, {});", from(copied.first)));
        }
    }
    if let Some(channels) = unpack.log_softmax_of_all() {
        return text.line(format!("layout::log_softmax(dst, {channels});"));
    }
    for Softmax { log, first, row, rows } in &unpack.softmaxes {
        let inner = rows.iter().map(|each| vec![each.count, each.step]);
        let rows: Vec<_> = images(vec![unpack.len]).into_iter().chain(inner).collect();
        text.line(format!("layout::softmax({}, [{}, {}], &{rows:?}, {log});", from(*first), row.count, row.step));
    }
}

fn program(text: &mut Text, plan: &Plan) {
    let mut entries: Vec<Vec<String>> = Vec::new();
    for planned in &plan.stages {
        let name = |index: usize| &plan.layers[planned.layers[index]].name;
        let name = match planned.layers.len() {
            1 => name(0).clone(),
            count => format!("{} .. {}", name(0), name(count - 1)),
        };
        entries.push(vec![rust_string(&name), planned.code.units.to_string(), planned.code.name.clone()]);
    }
    entries.push(vec!["\"outputs\"".into(), "1".into(), "outputs".into()]);
    text.calls(&format!("static STAGES: [Stage; {}] = [", entries.len()), "Stage::new", &entries, "];");
    text.line("");
    text.line("/// The network at this level.");
    let Lengths { input, arena, scratch, .. } = plan.lengths;
    let (level, batch, output) = (plan.level, plan.batch, plan.output_len);
    text.block_ending("pub static PROGRAM: Program =", "};", |text| {
        text.line(format!(
            "let lengths = Lengths {{ input: {input}, output: {output}, arena: {arena}, scratch: {scratch} }};"
        ));
        let proven = "SAFETY: before they were written, the stages were proven to keep to these lengths and the weights' with every \
                      split of their units, and all of them use the features of this level.";
        text.comment("//", proven);
        text.line(format!("unsafe {{ Program::new(Level::{level:?}, {batch}, lengths, WEIGHTS, &STAGES) }}"));
    });
}
