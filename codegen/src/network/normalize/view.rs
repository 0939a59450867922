//! Where values lie in what is made of them by moving them.

use sartor_models::{Op, Shape};

use crate::layout::{Loop, Map, in_order};
use crate::network::output::Stride;

/// Where the values of a node lie in an image of the output. Along each of the node's dimensions they are loops with constant
/// strides, from the outermost in.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// The place of the first value.
    pub first: usize,
    /// The loops along channels, rows and columns.
    pub dims: [Vec<Stride>; 3],
}

impl View {
    /// A node that is the whole output.
    pub fn whole(shape: Shape) -> Self {
        let strides = [(shape.c, shape.pixels()), (shape.h, shape.w), (shape.w, 1)];
        Self { first: 0, dims: strides.map(|(count, step)| joined(vec![Stride { count, step }])) }
    }

    /// Some of the channels; `None` if they do not lie at constant strides.
    pub fn channels(&self, begin: usize, len: usize) -> Option<Self> {
        let mut part = self.clone();
        if let [outer, inner @ ..] = &mut part.dims[0][..] {
            let each = inner.iter().map(|inner| inner.count).product::<usize>();
            if !begin.is_multiple_of(each) || !len.is_multiple_of(each) {
                return None;
            }
            outer.count = len / each;
            part.first += begin / each * outer.step;
        }
        part.dims[0] = joined(part.dims[0].clone());
        Some(part)
    }

    /// The same elements under another shape; `None` if one of its dimensions has no constant strides.
    fn reshaped(&self, shape: Shape) -> Option<Self> {
        let mut rest = joined(self.dims.concat());
        let mut dims = shape.dims().map(|size| (size, Vec::new()));
        for (size, dim) in dims.iter_mut().rev() {
            // From the innermost loop out, as many as have the dimension's size; of the last one perhaps a part.
            while *size > 1 {
                let Stride { count, step } = rest.pop()?;
                let taken = count.min(*size);
                if !count.is_multiple_of(taken) || !size.is_multiple_of(taken) {
                    return None;
                }
                dim.insert(0, Stride { count: taken, step });
                rest.extend((count > taken).then(|| Stride { count: count / taken, step: step * taken }));
                *size /= taken;
            }
        }
        Some(Self { first: self.first, dims: dims.map(|(_, dim)| joined(dim)) })
    }

    /// Where the values of the source lie of a node that only moves them; `None` if that is at no constant strides.
    ///
    /// # Panics
    /// If the node's operator is no transposition and no reshaping.
    pub fn before(&self, op: Op, source: Shape) -> Option<Self> {
        match op {
            Op::Transpose(order) => {
                let mut before = self.clone();
                order.iter().zip(&self.dims).for_each(|(&from, dim)| before.dims[from] = dim.clone());
                Some(before)
            }
            Op::Reshape(_) => self.reshaped(source),
            op => panic!("{op:?} does more than to move values"),
        }
    }

    /// The loops, from the outermost in, in the order of the node's own values.
    pub fn strides(&self) -> Vec<Stride> {
        self.dims.concat()
    }

    /// The loops that copy a map in which the channels are in order.
    pub fn loops(&self, map: &Map) -> Vec<Loop> {
        let steps = [1, map.w * map.pitch(), map.pitch()];
        let mut loops: Vec<Loop> = Vec::new();
        for (dim, step) in self.dims.iter().zip(steps) {
            let inner = |at: usize| dim[at + 1..].iter().map(|inner| inner.count).product::<usize>();
            loops.extend(dim.iter().enumerate().map(|(at, outer)| Loop {
                count: outer.count,
                src: step * inner(at),
                dst: outer.step,
            }));
        }
        in_order(loops)
    }
}

/// The same loops with those of one iteration left out, and with those joined that go on where the inner one ends.
pub(super) fn joined(loops: Vec<Stride>) -> Vec<Stride> {
    let mut joined: Vec<Stride> = Vec::new();
    for next in loops.into_iter().filter(|next| next.count != 1) {
        match joined.last_mut() {
            Some(last) if last.step == next.count * next.step => *last = Stride { count: last.count * next.count, ..next },
            _ => joined.push(next),
        }
    }
    joined
}
