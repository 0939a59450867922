//! Softmax over the lanes of each pixel, and its logarithm.

use sartor_kernels::runtime::Level;
use sartor_models::Activation;

use super::epilogue::activate;
use super::family::Family;
use crate::ir::kernel::{Access, Address, Binary, Buf, Builder, Index, Kernel, Reg, Value};
use crate::ir::name::KernelName;
use crate::layout::{PANEL, padded};

/// The softmax of `m` pixels.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Softmax {
    /// Whether its logarithm is taken.
    pub log: bool,
    /// Pixels.
    pub m: usize,
    /// Lanes in use. The others up to a whole panel are zero.
    pub channels: usize,
    /// f32 from pixel to pixel of the source.
    pub src_pitch: usize,
    /// f32 from pixel to pixel of the destination.
    pub dst_pitch: usize,
}

impl Softmax {
    /// Its word in problem lines and in names of kernels.
    pub const fn word(log: bool) -> &'static str {
        if log { "logsoftmax" } else { "softmax" }
    }

    /// The kernel. Buffers: `src`, `dst`.
    pub fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        let mut b = Builder::new(name, doc, level);
        let lanes = padded(self.channels);
        let src = b.buffer("src", (self.m - 1) * self.src_pitch + lanes, Access::Read);
        let dst = b.buffer("dst", (self.m - 1) * self.dst_pitch + lanes, Access::Write);
        b.repeat("p", self.m, |b, p| {
            let pixel = Pixel { p, src, dst, of: self, whole: self.channels / b.lanes(), rest: self.channels % b.lanes() };
            let largest = pixel.largest(b);
            let sum = pixel.sum(b, largest);
            let log = self.log.then(|| logarithm(b, sum, self.channels));
            pixel.store(b, largest, log.unwrap_or(sum));
        });
        b.finish()
    }
}

/// A pixel whose lanes are read in whole registers and a rest.
struct Pixel<'a> {
    p: Index,
    src: Buf,
    dst: Buf,
    of: &'a Softmax,
    /// Whole registers.
    whole: usize,
    /// Lanes behind them.
    rest: usize,
}

impl Pixel<'_> {
    fn from(&self, lane: usize) -> Address {
        self.src.at(lane).plus(self.p, self.of.src_pitch)
    }

    fn to(&self, lane: usize) -> Address {
        self.dst.at(lane).plus(self.p, self.of.dst_pitch)
    }

    /// The largest of all lanes, in every lane of a register.
    fn largest(&self, b: &mut Builder) -> Reg {
        let (lanes, tail) = (b.lanes(), self.whole * b.lanes());
        b.comment("The largest value.");
        let first = if self.whole > 0 { Value::Load(self.from(0)) } else { Value::Broadcast(self.from(0)) };
        let largest = b.set_new("largest", first);
        b.repeat("c", self.whole.saturating_sub(1), |b, c| {
            let x = b.load("x", self.from(lanes).plus(c, lanes));
            b.update(Binary::Maximum, largest, x);
        });
        b.repeat("r", self.rest, |b, r| {
            let x = b.set_new("x", Value::Broadcast(self.from(tail).plus(r, 1)));
            b.update(Binary::Maximum, largest, x);
        });
        if self.whole > 0 {
            // The destination, which is written last, holds the lanes so that each can be read by itself.
            b.store(self.to(0), largest);
            b.repeat("r", lanes, |b, r| {
                let x = b.set_new("x", Value::Broadcast(self.to(0).plus(r, 1)));
                b.update(Binary::Maximum, largest, x);
            });
        }
        largest
    }

    /// `exp(x - largest)` of a register.
    fn power(&self, b: &mut Builder, at: Address, largest: Reg) -> Reg {
        let x = b.load("x", at);
        b.update(Binary::Sub, x, largest);
        activate(b, Some(Activation::Exp), &[x]);
        x
    }

    /// The sum of all exponentials, in every lane of a register. The lanes of a panel are summed each by itself, then together: in
    /// this order at every level.
    fn sum(&self, b: &mut Builder, largest: Reg) -> Reg {
        let lanes = b.lanes();
        b.comment("The sum of the exponentials.");
        let parts = || (0..PANEL).step_by(lanes);
        let each: Vec<Reg> = parts().map(|lane| b.splat(format!("each{lane}"), 0.0)).collect();
        let (whole, rest) = (self.of.channels / PANEL, self.of.channels % PANEL);
        b.repeat("c", whole, |b, c| {
            for (lane, &each) in parts().zip(&each) {
                let power = self.power(b, self.from(lane).plus(c, PANEL), largest);
                b.update(Binary::Add, each, power);
            }
        });
        for (lane, &each) in parts().zip(&each).filter(|&(lane, _)| lane < rest) {
            let power = self.power(b, self.from(whole * PANEL + lane), largest);
            if rest - lane < lanes {
                b.set(power, Value::FirstLanes(power, rest - lane));
            }
            b.update(Binary::Add, each, power);
        }
        parts().zip(&each).for_each(|(lane, &each)| b.store(self.to(lane), each));
        let sum = b.splat("all", 0.0);
        b.repeat("r", PANEL, |b, r| {
            let x = b.set_new("share", Value::Broadcast(self.to(0).plus(r, 1)));
            b.update(Binary::Add, sum, x);
        });
        sum
    }

    /// Stores the results, and zeros in the lanes that hold no channel. `under` is the sum or its logarithm.
    fn store(&self, b: &mut Builder, largest: Reg, under: Reg) {
        let lanes = b.lanes();
        b.comment("Stores the results.");
        let result = |b: &mut Builder, at: Address| {
            if self.of.log {
                let x = b.load("x", at);
                b.update(Binary::Sub, x, largest);
                b.update(Binary::Sub, x, under);
                return x;
            }
            let power = self.power(b, at, largest);
            b.update(Binary::Div, power, under);
            power
        };
        b.repeat("c", self.whole, |b, c| {
            let x = result(b, self.from(0).plus(c, lanes));
            b.store(self.to(0).plus(c, lanes), x);
        });
        if self.rest > 0 {
            let x = result(b, self.from(self.whole * lanes));
            b.set(x, Value::FirstLanes(x, self.rest));
            b.store(self.to(self.whole * lanes), x);
        }
        let written = self.of.channels.next_multiple_of(lanes);
        let idle = (padded(self.of.channels) - written) / lanes;
        if idle > 0 {
            let zero = b.splat("zero", 0.0);
            b.repeat("c", idle, |b, c| b.store(self.to(written).plus(c, lanes), zero));
        }
    }
}

/// The logarithm of a sum from 1 to `most`, within two epsilons. Halley's method for `exp(y) = sum` begins at 0. A step goes on by
/// `2 tanh(d / 2)`, where `d` is the distance: by nearly two while it is large, and to `d³ / 12` once it is small.
fn logarithm(b: &mut Builder, sum: Reg, most: usize) -> Reg {
    let steps = LAST_STEPS + ((most as f64).ln() / 2.0).ceil() as usize;
    b.comment(format!("Its logarithm, in {steps} steps of Halley's method."));
    let log = b.splat("log", 0.0);
    let two = b.splat("two", 2.0);
    b.repeat("_", steps, |b, _| {
        let power = b.set_new("power_of_log", Value::Copy(log));
        activate(b, Some(Activation::Exp), &[power]);
        let over = b.set_new("over", Value::Binary(Binary::Sub, sum, power));
        let under = b.set_new("under", Value::Binary(Binary::Add, sum, power));
        b.update(Binary::Div, over, under);
        b.fma(log, two, over);
    });
    log
}

/// From a distance of two on, these many steps are left.
const LAST_STEPS: usize = 3;

impl Family for Softmax {
    fn name(&self, level: Level) -> KernelName {
        KernelName::new(Self::word(self.log), level).field("m", self.m).field("c", self.channels)
    }

    fn details(&self, _level: Level) -> Vec<(&'static str, usize)> {
        vec![("sp", self.src_pitch), ("dp", self.dst_pitch)]
    }

    fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        Self::lower(self, level, name, doc)
    }
}
