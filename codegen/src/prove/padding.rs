//! Proves that the pad lanes of every map are zero, which lets kernels read whole registers. Where a kernel adds to what an
//! earlier layer left in the same register, it proves that each lane has one owner: the other side is zero. Data are taken to be
//! finite, since padding is multiplied by zero.
//!
//! The proof is an abstract interpretation. Of a map it knows, for each lane, whether all its pixels are zero there. Of weights
//! it knows each f32, and of a register the lanes that are constant. All iterations of a loop are run as one, again and again
//! until nothing changes. Iterations that store to the last panel, where the padding is, are run one by one. Calls that only
//! differ in rows are taken for one.

use std::collections::HashSet;
use std::ops::Range;

use typed_index_collections::{TiSlice, TiVec};

use crate::ir::kernel::{Access, Address, Binary, Kernel, Reg, Stmt, Value, Var};
use crate::ir::stage::{Call, Region};
use crate::layout::{MapId, PANEL};

use super::facts::Facts;
use super::lanes::Lanes;

/// Padding that is not zero.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaddingError {
    /// A map whose pad lanes are not all zero.
    #[error("{stage}: map {map} of {channels} lanes may be other than zero in pad lane {lane}")]
    NotZero {
        /// The stage that writes it.
        stage: String,
        /// The map.
        map: String,
        /// Lanes in use.
        channels: usize,
        /// The pad lane.
        lane: usize,
    },
    /// An addition to what the destination holds, in a lane in which neither side is zero.
    #[error("{stage}, unit {unit}: {kernel} blends into {buffer}, and may add two values in lane {lane} of a register")]
    Blend {
        /// The stage.
        stage: String,
        /// The unit.
        unit: usize,
        /// The kernel called.
        kernel: String,
        /// The buffer.
        buffer: String,
        /// The lane.
        lane: usize,
    },
}

/// Where a buffer lies, as far as this decides where it is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Home {
    Input,
    Weights(usize),
    /// In a map, beginning at this lane.
    Map(MapId, usize),
}

/// Proves all stages, in order. Returns the number of pad lanes, which are all zero.
pub fn prove(facts: &Facts<'_>) -> Result<usize, PaddingError> {
    let maps = &facts.plan.layers.maps;
    // A lane to which nothing was written counts as zero here, since it is never read.
    let mut zeros: TiVec<MapId, Vec<bool>> = maps.iter().map(|map| vec![true; map.pitch()]).collect();
    let mut pads = 0;
    for (index, planned) in facts.plan.stages.iter().enumerate() {
        let mut seen = HashSet::new();
        let mut calls: Vec<(&Call, Vec<Home>)> = Vec::new();
        for call in facts.units[index].iter().flat_map(|unit| unit.calls()) {
            let homes: Vec<Home> = call.args.iter().map(|&place| home(facts, index, place)).collect();
            if seen.insert((call.kernel, homes.clone())) {
                calls.push((call, homes));
            }
        }
        let before = zeros.clone();
        loop {
            let last = zeros.clone();
            for (call, homes) in &calls {
                let kernel = &facts.plan.kernels[call.kernel];
                let mut run = Walk {
                    facts,
                    kernel,
                    homes,
                    touched: &facts.kernels[call.kernel].touched,
                    before: &before,
                    zeros: &mut zeros,
                    regs: vec![Lanes::default(); kernel.regs.len()],
                    old: vec![None; kernel.regs.len()],
                    loops: Vec::new(),
                };
                run.body(&kernel.body).map_err(|(buffer, lane)| PaddingError::Blend {
                    stage: planned.code.name.clone(),
                    unit: call.unit,
                    kernel: kernel.name.clone(),
                    buffer: kernel.buffers[buffer].name.clone(),
                    lane,
                })?;
            }
            if zeros == last {
                break;
            }
        }
        for &layer in &planned.layers {
            let map = facts.plan.layers[layer].dst();
            let pad = maps[map].pads();
            if let Some(lane) = pad.clone().find(|&lane| !zeros[map][lane]) {
                let (stage, channels) = (planned.code.name.clone(), maps[map].c);
                return Err(PaddingError::NotZero { stage, map: maps[map].name.clone(), channels, lane });
            }
            pads += pad.len();
        }
    }
    Ok(pads)
}

fn home(facts: &Facts<'_>, stage: usize, (region, offset): (Region, usize)) -> Home {
    match region {
        Region::Input => Home::Input,
        Region::Weights => Home::Weights(offset),
        Region::Arena | Region::Scratch => {
            let here = |live: &&super::live::Live| {
                live.region == region && live.first <= stage && stage <= live.last && live.memory.contains(&offset)
            };
            // The liveness proof refuses calls outside all maps.
            let live = facts.lives.iter().find(here);
            live.map_or(Home::Input, |live| {
                Home::Map(live.map, (offset - live.memory.start) % facts.plan.layers[live.map].pitch())
            })
        }
    }
}

/// The buffer that is added to, and the lane in which neither side may be zero.
type Clash = (usize, usize);

struct Walk<'a> {
    facts: &'a Facts<'a>,
    kernel: &'a Kernel,
    homes: &'a [Home],
    touched: &'a [super::footprint::Touched],
    /// Which lanes are zero, as the earlier stages left them.
    before: &'a TiSlice<MapId, Vec<bool>>,
    zeros: &'a mut TiSlice<MapId, Vec<bool>>,
    regs: Vec<Lanes>,
    /// For each register that holds what a buffer held before the call, that buffer.
    old: Vec<Option<usize>>,
    /// The iterations that are being run as one.
    loops: Vec<(Var, Range<usize>)>,
}

impl Walk<'_> {
    fn body(&mut self, body: &[Stmt]) -> Result<(), Clash> {
        for stmt in body {
            match stmt {
                Stmt::Comment(_) | Stmt::Prefetch(_) | Stmt::Reload => {}
                Stmt::For { var, count, body } => self.repeat(*var, *count, body)?,
                Stmt::Let(reg, value) | Stmt::Set(reg, value) => self.set(*reg, value)?,
                Stmt::Store(to, reg) => self.store(to, self.kernel.lanes(), self.regs[reg.0].zeros()),
                Stmt::Move(to, from) => self.store(to, 1, self.load(from, 1, false)),
                Stmt::Clear(to) => self.store(to, 1, 1),
            }
        }
        // The registers of the body go out of scope.
        for stmt in body {
            if let Stmt::Let(reg, _) = stmt {
                self.regs[reg.0] = Lanes::default();
            }
        }
        Ok(())
    }

    fn repeat(&mut self, var: Var, count: usize, body: &[Stmt]) -> Result<(), Clash> {
        let apart = self.apart(var, body).min(count);
        if apart < count {
            self.any(var, 0..count - apart, body)?;
        }
        (count - apart..count).try_for_each(|i| self.any(var, i..i + 1, body))
    }

    /// Runs iterations as one, with what is known of the registers whichever iterations came before.
    fn any(&mut self, var: Var, iterations: Range<usize>, body: &[Stmt]) -> Result<(), Clash> {
        let once = iterations.len() == 1;
        self.loops.push((var, iterations));
        loop {
            let entry = self.regs.clone();
            self.body(body)?;
            let joined: Vec<Lanes> = entry.iter().zip(&self.regs).map(|(a, b)| a.join(b)).collect();
            if once || joined == entry {
                break;
            }
            self.regs = joined;
        }
        self.loops.pop();
        Ok(())
    }

    /// How many of a loop's last iterations are run one by one, because they store to different lanes and the last panel may be
    /// among them.
    fn apart(&self, var: Var, body: &[Stmt]) -> usize {
        let of = |stmt: &Stmt| match stmt {
            Stmt::For { body, .. } => self.apart(var, body),
            Stmt::Store(to, _) => {
                let moves = |(v, stride): &&(Var, usize)| *v == var && self.pitch(to).is_none_or(|pitch| stride % pitch != 0);
                to.terms.iter().find(moves).map_or(0, |(_, stride)| PANEL.div_ceil((*stride).max(1)))
            }
            _ => 0,
        };
        body.iter().map(of).max().unwrap_or(0)
    }

    fn set(&mut self, reg: Reg, value: &Value) -> Result<(), Clash> {
        let old = match value {
            Value::Load(at) if !self.touched[at.buffer.0].reads.is_empty() => {
                let buffer = at.buffer.0;
                (self.kernel.buffers[buffer].access == Access::Write).then_some(buffer)
            }
            Value::Copy(from) => self.old[from.0],
            _ => None,
        };
        let r = |reg: &Reg| &self.regs[reg.0];
        self.regs[reg.0] = match value {
            Value::Load(at) => Lanes::zero_in(self.load(at, self.kernel.lanes(), old.is_some())),
            Value::Broadcast(at) if self.load(at, 1, false) == 1 => Lanes::zero_in(mask(self.kernel.lanes())),
            Value::Broadcast(_) => Lanes::default(),
            Value::Splat(value) => Lanes::splat(*value, mask(self.kernel.lanes())),
            Value::Copy(a) => *r(a),
            Value::Binary(op, a, b) => {
                let blended = self.old[a.0].or(self.old[b.0]);
                if let (Binary::Add, Some(buffer)) = (op, blended) {
                    let both = !(r(a).zeros() | r(b).zeros());
                    let lane = both.trailing_zeros() as usize;
                    if lane < self.kernel.lanes() {
                        return Err((buffer, lane));
                    }
                }
                Lanes::binary(*op, r(a), r(b))
            }
            Value::Fma(a, b, c) => Lanes::fma(r(a), r(b), r(c)),
            Value::Sqrt(a) => r(a).each(f32::sqrt),
            Value::Exponent(a) => r(a).each(sartor_ops::exponent),
            Value::Mantissa(a) => r(a).each(sartor_ops::mantissa),
            Value::Power(base, a) => r(a).each(|x| base.power(x)),
            Value::FirstLanes(a, kept) => r(a).first(*kept),
        };
        self.old[reg.0] = old;
        Ok(())
    }

    fn pitch(&self, at: &Address) -> Option<usize> {
        if let Home::Map(map, _) = self.homes[at.buffer.0] { Some(self.zeros[map].len()) } else { None }
    }

    /// Of `width` f32 from an address, those that are zero in all iterations, as a mask.
    fn load(&self, at: &Address, width: usize, old: bool) -> u16 {
        let mut zero = mask(width);
        let maps: &TiSlice<MapId, Vec<bool>> = if old { self.before } else { self.zeros };
        let home = self.homes[at.buffer.0];
        self.each(at, &mut |position| {
            for i in 0..width {
                let is_zero = match home {
                    Home::Input => false,
                    Home::Weights(base) => self.facts.weights[base + position + i] == 0.0,
                    Home::Map(map, lane) => maps[map][(lane + position + i) % maps[map].len()],
                };
                if !is_zero {
                    zero &= !(1 << i);
                }
            }
            zero != 0
        });
        zero
    }

    /// Writes `width` f32, of which those in a mask are zero.
    fn store(&mut self, at: &Address, width: usize, zero: u16) {
        let Home::Map(map, lane) = self.homes[at.buffer.0] else { return };
        let pitch = self.zeros[map].len();
        let mut cleared = Vec::new();
        self.each(at, &mut |position| {
            cleared.extend((0..width).filter(|i| zero >> i & 1 == 0).map(|i| (lane + position + i) % pitch));
            true
        });
        cleared.into_iter().for_each(|lane| self.zeros[map][lane] = false);
    }

    /// Calls `visit` with the positions of an address in all iterations that are run as one, until it returns false. Loops that
    /// move by whole pixels are left out: they do not change the lane.
    fn each(&self, at: &Address, visit: &mut dyn FnMut(usize) -> bool) {
        let pitch = self.pitch(at);
        let mut start = at.offset;
        let mut any = Vec::new();
        for (var, stride) in &at.terms {
            let Some((_, iterations)) = self.loops.iter().rev().find(|(looped, _)| looped == var) else { continue };
            start += iterations.start * stride;
            if iterations.len() > 1 && pitch.is_none_or(|pitch| stride % pitch != 0) {
                any.push((*stride, iterations.len()));
            }
        }
        combinations(start, &any, visit);
    }
}

/// A mask of the first lanes.
fn mask(lanes: usize) -> u16 {
    u16::MAX >> (16 - lanes)
}

fn combinations(at: usize, terms: &[(usize, usize)], visit: &mut dyn FnMut(usize) -> bool) -> bool {
    match terms.split_last() {
        None => visit(at),
        Some((&(stride, count), rest)) => (0..count).all(|i| combinations(at + i * stride, rest, visit)),
    }
}
