//! Interprets kernels of every family at every level, and compares them with their definition in f64.
//!
//! All kernels are tried in [`judge`]. A kernel must be proven; it must stay between the guards, read only what it is given, and
//! write everything it should and nothing else; it must keep pad lanes at zero, and be within a bound of its definition.

mod direct;
mod eltwise;
mod epilogue;
mod moved;
mod mutants;
mod pointwise;
mod reduce;
mod softmax;
mod special;
mod spread;
mod window;
mod winograd;

use std::fmt::Debug;

use sartor_kernels::reference::bound;
use sartor_kernels::runtime::Level;
use sartor_models::Activation;

use super::epilogue::Epilogue;
use crate::interpret::{self, Memory};
use crate::ir::kernel::{Access, Kernel};
use crate::ir::stage::Region;
use crate::lab::testing::{activation, activation_of_sum, noise};
use crate::layout::PANEL;
use crate::prove;

/// Lanes of the last panel that are in use in all tests. The weights, biases and sources of the other lanes are zero.
pub const USED: usize = 13;

/// What must be in an element of a buffer after the call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Want {
    /// What was there before.
    Untouched,
    /// This value, to the last bit except for the sign of zero.
    Exactly(f64),
    /// This value, within the family's bound.
    Near(f64),
}

/// A specification of a kernel that a test can try.
pub trait Family: Debug {
    /// The kernel.
    fn lower(&self, level: Level) -> Kernel;

    /// The contents of the buffers, in the order of the kernel's. [`CANARY`] is where nothing may be read, and in what is
    /// written.
    fn buffers(&self, values: &mut Values) -> Vec<Vec<f32>>;

    /// What the kernel must make of the buffers: each buffer that is written, with all its elements.
    fn wants(&self, buffers: &[Vec<f32>]) -> Vec<(usize, Vec<Want>)>;

    /// How far a result may be from its definition.
    fn bound(&self, buffers: &[Vec<f32>]) -> f64;
}

/// Where test data come from.
pub enum Values {
    /// Integers of at most this magnitude: sums of products are exact.
    Integers(i32, Box<dyn Iterator<Item = f64>>),
    /// Reals in -1..1.
    Reals(Box<dyn Iterator<Item = f64>>),
}

impl Values {
    pub fn integers(most: i32, seed: u64) -> Self {
        Self::Integers(most, Box::new(noise(seed)))
    }

    pub fn reals(seed: u64) -> Self {
        Self::Reals(Box::new(noise(seed)))
    }

    pub fn next(&mut self) -> f32 {
        match self {
            Self::Integers(most, noise) => (noise.next().unwrap() * f64::from(*most + 1)).trunc() as f32,
            Self::Reals(noise) => noise.next().unwrap() as f32,
        }
    }
}

/// A NaN that no computation gives.
pub const CANARY: f32 = f32::from_bits(0x7FA5_A5A5);

fn is_canary(x: f32) -> bool {
    x.to_bits() == CANARY.to_bits()
}

/// How many f32 a guard has.
const GUARD: usize = 64;

/// Interprets a kernel, with each buffer between guards. Returns the buffers as the kernel leaves them.
pub fn interpret_guarded(kernel: &Kernel, buffers: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, String> {
    prove::kernel(kernel).map_err(|error| error.to_string())?;
    let mut arena = vec![CANARY; GUARD];
    let mut args = Vec::new();
    for (buffer, formal) in buffers.iter().zip(&kernel.buffers) {
        assert_eq!(buffer.len(), formal.len, "{}: length of {}", kernel.name, formal.name);
        args.push((Region::Arena, arena.len()));
        arena.extend(buffer);
        arena.extend([CANARY; GUARD]);
    }
    assert_eq!(args.len(), kernel.buffers.len(), "{}: buffers", kernel.name);
    let mut memory = Memory { arena, ..Memory::default() };
    interpret::kernel(kernel, &args, &mut memory);
    let mut after = Vec::new();
    let mut guard = 0;
    for ((&(_, at), before), formal) in args.iter().zip(buffers).zip(&kernel.buffers) {
        if !memory.arena[guard..at].iter().all(|&x| is_canary(x)) {
            return Err(format!("wrote in front of {}", formal.name));
        }
        let found = memory.arena[at..at + before.len()].to_vec();
        if formal.access == Access::Read && !found.iter().zip(before).all(|(a, b)| a.to_bits() == b.to_bits()) {
            return Err(format!("wrote to {}, which is only read", formal.name));
        }
        guard = at + before.len();
        after.push(found);
    }
    if !memory.arena[guard..].iter().all(|&x| is_canary(x)) {
        return Err("wrote behind its last buffer".into());
    }
    Ok(after)
}

/// Tries a kernel of a family on the given buffers. Returns the first thing that is wrong, if any.
pub fn judge(family: &dyn Family, kernel: &Kernel, buffers: &[Vec<f32>], bound: f64) -> Result<(), String> {
    let after = interpret_guarded(kernel, buffers)?;
    let mut judged = 0;
    for (buffer, wants) in family.wants(buffers) {
        let name = &kernel.buffers[buffer].name;
        let (before, found) = (&buffers[buffer], &after[buffer]);
        if wants.len() != found.len() {
            return Err(format!("{name} has {} elements, not {}", found.len(), wants.len()));
        }
        for (i, &want) in wants.iter().enumerate() {
            let right = match want {
                Want::Untouched => found[i].to_bits() == before[i].to_bits(),
                Want::Exactly(value) => bound::largest_error(&[found[i]], &[value]).0 == 0.0,
                Want::Near(value) => bound::largest_error(&[found[i]], &[value]).0 <= bound,
            };
            if !right {
                return Err(format!("{name}[{i}] is {}, not {want:?} within {bound:e}", found[i]));
            }
        }
        judged += 1;
    }
    let written = kernel.buffers.iter().filter(|buffer| buffer.access == Access::Write).count();
    if judged == written { Ok(()) } else { Err(format!("{judged} of {written} written buffers were judged")) }
}

/// Tries a specification at every level: with integers and no tolerance if it is `exact`, and with reals within the bound.
pub fn check(family: &dyn Family, exact: bool) {
    for level in Level::ALL {
        check_at(family, exact, level);
    }
}

/// [`check`] at one level.
pub fn check_at(family: &dyn Family, exact: bool, level: Level) {
    let kernel = family.lower(level);
    let mut tries = vec![Values::reals(3)];
    if exact {
        tries.push(Values::integers(3, 5));
    }
    for mut values in tries {
        let buffers = family.buffers(&mut values);
        let bound = if matches!(values, Values::Integers(..)) { 0.0 } else { family.bound(&buffers) };
        judge(family, &kernel, &buffers, bound).unwrap_or_else(|error| panic!("{level}: {family:?}: {error}"));
    }
}

/// Whether an activation gives exact results for integers.
pub fn is_exact(act: Option<Activation>) -> bool {
    act.is_none_or(Activation::is_exact)
}

/// The bound after an activation of values of at most `max` that carry an `error`.
pub fn act_bound(act: Option<Activation>, max: f64, error: f64) -> f64 {
    act.map_or(error, |act| bound::activation(act, max, error))
}

/// How many of `lanes` lanes hold channels.
pub fn used(lanes: usize) -> usize {
    lanes - PANEL + USED
}

/// Packed panels `[bias, taps]` of drawn values. Pad lanes are zero, unless the kernel must clear them (`last_lanes`).
pub fn draw_panels(panels: usize, taps: usize, last_lanes: Option<usize>, values: &mut Values) -> Vec<f32> {
    let filled = if last_lanes.is_some() { panels * PANEL } else { used(panels * PANEL) };
    let mut data = Vec::with_capacity(panels * (1 + taps) * PANEL);
    for panel in 0..panels {
        for _ in 0..=taps {
            data.extend((0..PANEL).map(|lane| if panel * PANEL + lane < filled { values.next() } else { 0.0 }));
        }
    }
    data
}

/// Sets the last `idle` of `lanes` lanes of a map to zero.
pub fn clear_lanes(map: &mut [f32], lanes: usize, pitch: usize, idle: usize) {
    map.iter_mut().enumerate().filter(|(i, _)| (lanes - idle..lanes).contains(&(i % pitch))).for_each(|(_, x)| *x = 0.0);
}

/// Sets the last `idle` lanes of packed panels of `taps` taps to zero.
pub fn clear_panels(data: &mut [f32], taps: usize, idle: usize) {
    let last = data.len() - (1 + taps) * PANEL;
    clear_lanes(&mut data[last..], PANEL, PANEL, idle);
}

/// The same epilogue for a kernel whose last `idle` lanes have no channels.
pub fn with_idle(epilogue: Epilogue, idle: usize) -> Epilogue {
    Epilogue { last_lanes: epilogue.last_lanes.map(|used| used.min(PANEL - idle)), ..epilogue }
}

/// A map of `pixels` pixels of `lanes` lanes, `pitch` apart: drawn values in the lanes in use, zeros in pad lanes, canaries
/// between.
pub fn draw_map(pixels: usize, lanes: usize, pitch: usize, values: &mut Values) -> Vec<f32> {
    let element = |i: usize, values: &mut Values| match i % pitch {
        lane if lane < used(lanes) => values.next(),
        lane if lane < lanes => 0.0,
        _ => CANARY,
    };
    (0..(pixels - 1) * pitch + lanes).map(|i| element(i, values)).collect()
}

/// What a map of `pixels` pixels of `lanes` lanes, `pitch` apart, must hold: `value(pixel, lane)`, and exactly zero in pad lanes.
pub fn want_map(pixels: usize, lanes: usize, pitch: usize, value: impl Fn(usize, usize) -> f64) -> Vec<Want> {
    let element = |i: usize| match i % pitch {
        lane if lane < used(lanes) => Want::Near(value(i / pitch, lane)),
        lane if lane < lanes => Want::Exactly(0.0),
        _ => Want::Untouched,
    };
    (0..(pixels - 1) * pitch + lanes).map(element).collect()
}

/// The definition of a convolution's epilogue. If the lane is in the last panel, `from_last` counts it from the panel's first.
pub fn finish(epilogue: &Epilogue, from_last: Option<usize>, sum: f64, old: f32, shortcut: Option<f32>) -> f64 {
    if epilogue.last_lanes.zip(from_last).is_some_and(|(used, lane)| lane >= used) {
        return 0.0;
    }
    let mut x = activation_of_sum(epilogue.act, sum);
    if epilogue.blend {
        x += f64::from(old);
    }
    activation(epilogue.post_act, x + shortcut.map_or(0.0, f64::from))
}

/// The bound for a convolution of `k` taps on values of at most 1.
pub fn conv_bound(k: usize, epilogue: &Epilogue) -> f64 {
    let max = k as f64 + 1.0;
    let joined = max + 2.0;
    let error = act_bound(epilogue.act, max, bound::dot(k, 1.0, 1.0, 1.0)) + 2.0 * bound::rounding(joined);
    act_bound(epilogue.post_act, joined, error)
}

/// The epilogues that a convolution may have: each activation, a shortcut, lanes written before, and all of these together.
pub fn epilogues(pitch: usize) -> Vec<Epilogue> {
    let plain = Epilogue::default();
    let shortcut = Epilogue { shortcut: Some(pitch), ..plain };
    let mut all: Vec<Epilogue> = acts().map(|act| Epilogue { act, last_lanes: to_clear(act), ..plain }).collect();
    all.extend(acts().map(|post_act| Epilogue { post_act, last_lanes: to_clear(post_act), ..shortcut }));
    all.extend([
        Epilogue { blend: true, act: Some(Activation::Relu), ..plain },
        Epilogue { act: Some(Activation::Relu6), ..shortcut },
        Epilogue { blend: true, act: Some(Activation::Silu), post_act: Some(Activation::Relu6), ..shortcut },
    ]);
    all
}

/// No activation, and then one of each kind that kernels treat in their own way. [`epilogue`] tests each activation by itself.
pub fn acts() -> impl Iterator<Item = Option<Activation>> {
    let kind = |act: Activation| {
        let ends = act.clamp().map(|(low, high)| [low, high].map(f32::is_finite));
        (ends, act == Activation::Silu, act.is_long(), act.keeps_zero(), act.is_exact())
    };
    let is_first = move |act: &Activation| Activation::ALL.into_iter().find(|other| kind(*other) == kind(*act)) == Some(*act);
    std::iter::once(None).chain(Activation::ALL.into_iter().filter(is_first).map(Some))
}

/// Those of [`acts`] that keep zero.
pub fn keeping_acts() -> impl Iterator<Item = Option<Activation>> {
    acts().filter(|&act| to_clear(act).is_none())
}

/// The lanes of a last panel that are in use, if the others must be cleared after an activation.
pub fn to_clear(act: Option<Activation>) -> Option<usize> {
    act.filter(|act| !act.keeps_zero()).map(|_| USED)
}

/// Whether an epilogue of integers does not round.
pub fn exact_epilogue(epilogue: &Epilogue) -> bool {
    is_exact(epilogue.act) && is_exact(epilogue.post_act)
}
