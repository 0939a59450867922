//! The mean of each lane over pixels: global average pooling.

use sartor_kernels::runtime::Level;

use super::PANEL;
use crate::kernel::{Access, Binary, Builder, Kernel, Value};

/// Running sums that hide the latency of an addition.
const CHAINS: usize = 4;

/// `dst[c] = factor · Σ src[p][c]` over `pixels`.
#[derive(Clone, Debug, PartialEq)]
pub struct Mean {
    /// What is summed.
    pub pixels: usize,
    /// Groups of 16 lanes.
    pub panels: usize,
    /// f32 from pixel to pixel of the source.
    pub src_pitch: usize,
    /// Applied to the sum.
    pub factor: f32,
}

impl Mean {
    /// The kernel. Buffers: `src`, `dst`.
    pub fn lower(&self, level: Level, name: String, doc: Vec<String>) -> Kernel {
        let mut b = Builder::new(name, doc, level);
        let lanes = self.panels * PANEL;
        let src = b.buffer("src", (self.pixels - 1) * self.src_pitch + lanes, Access::Read);
        let dst = b.buffer("dst", lanes, Access::Write);
        let vectors = lanes / b.lanes();
        let width = b.lanes();
        b.repeat("c", vectors, |b, c| {
            let chains = CHAINS.min(self.pixels);
            let at = |pixel: usize| src.at(pixel * self.src_pitch).plus(c, width);
            let sums: Vec<_> = (0..chains).map(|i| b.load(format!("s{i}"), at(i))).collect();
            let (rounds, rest) = ((self.pixels - chains) / chains, (self.pixels - chains) % chains);
            b.repeat("p", rounds, |b, p| {
                for (i, &sum) in sums.iter().enumerate() {
                    let a = b.load("a", at(chains + i).plus(p, chains * self.src_pitch));
                    b.update(Binary::Add, sum, a);
                }
            });
            for (i, &sum) in sums.iter().enumerate().take(rest) {
                let a = b.load("a", at(chains * (1 + rounds) + i));
                b.update(Binary::Add, sum, a);
            }
            for &sum in &sums[1..] {
                b.update(Binary::Add, sums[0], sum);
            }
            let factor = b.splat("factor", self.factor);
            b.set(sums[0], Value::Binary(Binary::Mul, sums[0], factor));
            b.store(dst.at(0).plus(c, width), sums[0]);
        });
        b.finish()
    }
}
