//! What the compiler made of the hot loops of two networks: every innermost loop with multiply-adds, disassembled. It must call
//! nothing, keep its vectors in registers, and hold a whole number of the planned iterations. In programs, kernels must be the same
//! functions, and not be inlined into their stages, where they meet other loops that want registers.

#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

#[path = "compiled/build.rs"]
mod build;
#[path = "compiled/run.rs"]
#[allow(dead_code)]
mod run;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use sartor::Tunings;
use sartor::codegen::compile::{Kind, generate};
use sartor::codegen::ir::kernel::{Kernel, Stmt, Value};
use sartor::kernels::report;
use sartor::models::zoo::Spec;
use sartor::{Level, Weights};

const NETWORKS: [&str; 2] = ["mobilenet_v2_x1.0", "rexnet_x1.0"];

/// Distinct kernels of the networks, as the cost model plans them and as the shipped tuning does.
fn kernels(level: Level) -> Vec<Kernel> {
    let mut kernels: Vec<Kernel> = Vec::new();
    for name in NETWORKS {
        let network = name.parse::<Spec>().unwrap().build().unwrap();
        for tunings in [Tunings::none(), Tunings::shipped()] {
            let planned = sartor::plan(&network, &Weights::random(&network, 1), level, &tunings).unwrap();
            for mut kernel in planned.plan.kernels {
                if kernels.iter().any(|known| known.body == kernel.body && known.buffers == kernel.buffers) {
                    continue;
                }
                let name = kernel.name.clone();
                let mut twin = 2;
                while kernels.iter().any(|known| known.name == kernel.name) {
                    kernel.name = format!("{name}_{twin}");
                    twin += 1;
                }
                kernels.push(kernel);
            }
        }
    }
    kernels
}

/// Multiply-adds in one iteration of each loop of a kernel, and in all of it, if inner loops are unrolled.
fn planned(body: &[Stmt], loops: &mut BTreeSet<usize>) -> usize {
    body.iter()
        .map(|stmt| match stmt {
            Stmt::For { count, body, .. } => {
                let fmas = planned(body, loops);
                loops.insert(fmas);
                count * fmas
            }
            Stmt::Let(_, Value::Fma(..)) | Stmt::Set(_, Value::Fma(..)) => 1,
            _ => 0,
        })
        .sum()
}

/// Whether no lane of some register is kept.
fn clears_a_register(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match stmt {
        Stmt::For { body, .. } => clears_a_register(body),
        Stmt::Let(_, value) | Stmt::Set(_, value) => matches!(value, Value::FirstLanes(_, 0)),
        _ => false,
    })
}

/// An innermost loop of machine code.
#[derive(Debug, Default)]
struct Loop {
    fmas: usize,
    /// Vectors written to the stack.
    spills: usize,
    /// Vectors read from the stack: weights and constants put there before the loop, which would be loads anyway.
    reloads: usize,
    /// Other accesses to the stack.
    scalars: usize,
    calls: usize,
    text: Vec<String>,
}

/// The innermost loops of a function: a branch back, and none inside.
fn loops(code: &[u8], at: u64) -> Vec<Loop> {
    let all: Vec<Instruction> = Decoder::with_ip(64, code, at, DecoderOptions::NONE).into_iter().collect();
    let frame = all
        .iter()
        .any(|i| i.mnemonic() == Mnemonic::Mov && i.op0_register() == Register::RBP && i.op1_register() == Register::RSP);
    let back = |i: &Instruction| {
        let branches = matches!(i.flow_control(), FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch);
        (branches && i.op0_kind() == OpKind::NearBranch64 && (at..=i.ip()).contains(&i.near_branch_target()))
            .then(|| (i.near_branch_target(), i.ip()))
    };
    let ranges: Vec<(u64, u64)> = all.iter().filter_map(back).collect();
    let innermost = |&&(lo, hi): &&(u64, u64)| !ranges.iter().any(|&(l, h)| (l, h) != (lo, hi) && lo <= l && h <= hi);
    ranges.iter().filter(innermost).map(|&(lo, hi)| body(all.iter().filter(|i| (lo..=hi).contains(&i.ip())), frame)).collect()
}

fn body<'a>(instructions: impl Iterator<Item = &'a Instruction>, frame: bool) -> Loop {
    let mut found = Loop::default();
    for i in instructions {
        let name = format!("{:?}", i.mnemonic());
        found.fmas += usize::from(["Vfmadd", "Vfmsub", "Vfnmadd", "Vfnmsub"].iter().any(|fma| name.starts_with(fma)));
        found.calls += usize::from(matches!(i.flow_control(), FlowControl::Call | FlowControl::IndirectCall));
        let base = i.memory_base();
        let operands = || (0..i.op_count()).map(|n| (i.op_kind(n), i.op_register(n)));
        if operands().any(|(kind, _)| kind == OpKind::Memory) && (base == Register::RSP || frame && base == Register::RBP) {
            let vector = operands().any(|(kind, register)| kind == OpKind::Register && register.is_vector_register());
            match (vector, i.op0_kind()) {
                (true, OpKind::Memory) => found.spills += 1,
                (true, _) => found.reloads += 1,
                (false, _) => found.scalars += 1,
            }
        }
        found.text.push(i.to_string());
    }
    found
}

/// The code of each function of a level's module.
fn functions(program: &Path, krate: &str, level: Level) -> BTreeMap<String, (Vec<u8>, u64)> {
    let bytes = std::fs::read(program).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let text = file.section_by_name(".text").unwrap();
    let module = format!("{krate}{}{level}", level.name().len());
    let mut all = BTreeMap::new();
    for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
        let name = symbol.name().unwrap();
        // `CRATE::avx2::NAME`, mangled: each part after its length, then a hash.
        let Some((_, rest)) = name.split_once(&module) else { continue };
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
        let Ok(len) = rest[..digits].parse::<usize>() else { continue };
        let Some(kernel) = rest[digits..].get(..len) else { continue };
        let code = text.data_range(symbol.address(), symbol.size()).unwrap().expect("code of the symbol");
        all.insert(kernel.to_string(), (code.to_vec(), symbol.address()));
    }
    all
}

fn hot_loops_are_as_planned(level: Level) {
    let kernels = kernels(level);
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("machine-code-{level}"));
    build::write_crate(&[(level, &kernels)], &dir);
    let runner = run::Runner::build(run::Tool::Native, &dir);
    let functions = functions(&runner.program, "runner", level);
    let (mut faults, mut checked) = (Vec::new(), 0);
    println!(
        "{:<60} {:>5} {:>32} {:>30} {:>6} {:>7} {:>7} {:>5}",
        "kernel", "loops", "FMAs", "planned", "spills", "reloads", "scalars", "calls"
    );
    for kernel in &kernels {
        let mut plans = BTreeSet::new();
        let whole = planned(&kernel.body, &mut plans);
        plans.insert(whole);
        plans.remove(&0);
        if clears_a_register(&kernel.body) {
            // Of a panel's two registers, one is zero whatever was summed, and the compiler sums no more.
            plans.extend(plans.clone().iter().filter(|plan| *plan % 2 == 0).map(|plan| plan / 2));
        }
        if plans.is_empty() {
            continue;
        }
        let (code, at) = functions.get(&kernel.name).unwrap_or_else(|| panic!("no symbol of {}", kernel.name));
        let hot: Vec<Loop> = loops(code, *at).into_iter().filter(|found| found.fmas > 0).collect();
        let list = |numbers: Vec<usize>| numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
        let sum = |part: fn(&Loop) -> usize| hot.iter().map(part).sum::<usize>();
        let (spills, calls) = (sum(|l| l.spills), sum(|l| l.calls));
        println!(
            "{:<60} {:>5} {:>32} {:>30} {:>6} {:>7} {:>7} {:>5}",
            kernel.name,
            hot.len(),
            list(hot.iter().map(|l| l.fmas).collect()),
            list(plans.iter().copied().collect()),
            spills,
            sum(|l| l.reloads),
            sum(|l| l.scalars),
            calls
        );
        checked += hot.len();
        for found in &hot {
            let whole = plans.iter().any(|plan| found.fmas % plan == 0 && found.fmas / plan <= UNROLLED);
            if found.spills > 0 || found.calls > 0 || !whole {
                let what = format!("{} FMAs, {} spills, {} calls", found.fmas, found.spills, found.calls);
                faults.push(format!("{}: {what}:\n    {}", kernel.name, found.text.join("\n    ")));
            }
        }
    }
    assert!(checked > 50, "{checked} loops");
    report::checked(level.name(), checked, "hot loops disassembled");
    assert!(faults.is_empty(), "{} loops:\n{}", faults.len(), faults.join("\n"));
}

/// Iterations that the compiler may put into one.
const UNROLLED: usize = 8;

#[test]
fn avx2() {
    hot_loops_are_as_planned(Level::Avx2);
}

#[test]
fn avx512() {
    hot_loops_are_as_planned(Level::Avx512);
}

#[test]
fn kernels_of_a_program_are_functions_of_their_own() {
    let levels = [Level::Avx2, Level::Avx512];
    let network = NETWORKS[0].parse::<Spec>().unwrap().build().unwrap();
    let mut generated = generate(&network, &Weights::random(&network, 1), &levels, 1, Kind::Bin).unwrap();
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("machine-code-program");
    let (_, manifest) = generated.files.iter_mut().find(|(path, _)| path == Path::new("Cargo.toml")).unwrap();
    let stripped = String::from_utf8(std::mem::take(manifest)).unwrap();
    assert!(stripped.contains("strip = true"));
    *manifest = stripped.replace("strip = true", "strip = false").into_bytes();
    run::write_files(&generated.files, &dir);
    let runner = run::Runner::build(run::Tool::Native, &dir);
    for plan in &generated.plans {
        let level = plan.level;
        let functions = functions(&runner.program, &NETWORKS[0].replace('.', "_"), level);
        let kernels = plan.kernels.iter().map(|kernel| kernel.name.as_str());
        let inlined: Vec<&str> = kernels.filter(|&kernel| !functions.contains_key(kernel)).collect();
        report::checked(level.name(), plan.kernels.len(), "kernels of a program looked up among its functions");
        assert!(inlined.is_empty(), "inlined into their stages at {level}: {inlined:?}");
    }
}
