//! Arithmetic on two tensors whose elements meet: two that the network computes, or one and a constant.

use super::super::broadcast::{is_by_pixel, steps};
use super::super::constant::Constant;
use super::super::dims::broadcast;
use super::super::node::Result;
use super::super::value::Computed;
use super::super::view::{MapAxis, View};
use super::constants::by_pixel;
use super::pad::with_rank;
use super::translator::{Translator, by_channel};
use crate::arithmetic::Arithmetic;
use crate::graph::{NodeId, Op, Shape};

/// The map axes that a view runs through, as a shape with ones elsewhere.
fn extent(view: &View, shape: Shape) -> Shape {
    let of = |axis: MapAxis| if (0..view.rank()).any(|dim| view.touches(dim, axis)) { axis.of(shape) } else { 1 };
    Shape::new(of(MapAxis::C), of(MapAxis::H), of(MapAxis::W))
}

impl Translator {
    /// Arithmetic on two tensors, each repeated where the other is longer.
    pub(super) fn meeting(&mut self, name: &str, op: Arithmetic, a: &Computed, b: &Computed) -> Result<Computed> {
        let rank = a.view.rank().max(b.view.rank());
        let (a_view, b_view) = (with_rank(&a.view, rank), with_rank(&b.view, rank));
        let covers = |x: &View, y: &View| x.sizes().iter().zip(y.sizes()).all(|(x, y)| *x == y || y == 1);
        let mirrored = op.mirrored().filter(|_| !covers(&a_view, &b_view));
        if !covers(&a_view, &b_view) && (mirrored.is_none() || !covers(&b_view, &a_view)) {
            // The first is repeated to the whole.
            let sizes = broadcast(&a_view.sizes(), &b_view.sizes())?;
            let whole = self.repeated(&format!("{name}.repeated"), a, &sizes)?;
            return self.meeting(name, op, &whole, b);
        }
        let (whole, part, view, other) = match mirrored {
            Some(_) => (b, a, &b_view, &a_view),
            None => (a, b, &a_view, &b_view),
        };
        // The part must lie in its map as the whole does.
        let agree = (0..rank).all(|dim| other.dim(dim).is_empty() || other.dim(dim) == view.dim(dim));
        let part_node = if agree { part.node } else { aligned(self, name, view, self.shape(whole.node), part, other)? };
        let (shape, own) = (self.shape(whole.node), self.shape(part_node));
        if agree && extent(other, own) != own {
            return Err(format!("its second input is a part of a map of {own}"));
        }
        let part_node = self.spread(&format!("{name}.lines"), part_node, shape)?;
        let op = match mirrored.unwrap_or(op) {
            Arithmetic::Add if self.shape(part_node) == shape => Op::Add,
            op => Op::Binary(op),
        };
        let id = self.add(name, op, &[whole.node, part_node])?;
        Ok(Computed { node: id, view: view.clone() })
    }

    /// Arithmetic on a tensor and a constant, which becomes a map.
    pub(super) fn against(&mut self, name: &str, op: Arithmetic, x: &Computed, constant: &Constant) -> Result<Computed> {
        let sizes = broadcast(&x.view.sizes(), &constant.dims)?;
        let view = with_rank(&x.view, sizes.len());
        let x = if view.sizes() == sizes {
            Computed { node: x.node, view }
        } else {
            self.repeated(&format!("{name}.repeated"), x, &sizes)?
        };
        let other = if is_by_pixel(&x.view, &steps(&x.view, constant)?) {
            by_pixel(self, name, &x, &x.view, constant)?
        } else {
            let mut values = by_channel(&x.view, self.shape(x.node), constant)?;
            if values.iter().all(|value| *value == values[0]) {
                values.truncate(1);
            }
            self.constant(&format!("{name}.constant"), Shape::new(values.len(), 1, 1), values)?
        };
        let id = self.add(name, Op::Binary(op), &[x.node, other])?;
        Ok(Computed { node: id, view: x.view })
    }

    /// The part, with its pixels repeated if it has one row or one column only: operators repeat all pixels or none.
    pub(super) fn spread(&mut self, name: &str, part: NodeId, whole: Shape) -> Result<NodeId> {
        let shape = self.shape(part);
        let fits = |own: usize, whole: usize| own == whole || own == 1;
        if (shape.h, shape.w) == (1, 1) || !fits(shape.h, whole.h) || !fits(shape.w, whole.w) {
            return Ok(part);
        }
        self.expanded(name, part, Shape { h: whole.h, w: whole.w, ..shape })
    }
}

/// The part, arranged as the whole is.
fn aligned(t: &mut Translator, name: &str, view: &View, shape: Shape, part: &Computed, other: &View) -> Result<NodeId> {
    let unlike =
        || format!("its inputs, of dimensions {:?} and {:?}, lie in memory in different orders", view.sizes(), other.sizes());
    let mut groups = [Vec::new(), Vec::new(), Vec::new()];
    for axis in MapAxis::ALL {
        let dims: Vec<usize> = (0..view.rank()).filter(|&dim| view.touches(dim, axis)).collect();
        if !view.are_axis(&dims, axis, shape) {
            return Err(unlike());
        }
        let longer = dims.iter().filter(|&&dim| !other.dim(dim).is_empty()).count();
        // Some of the dimensions that are one axis have length one in the part: it is repeated along them.
        if longer > 0 && longer < dims.len() {
            let whole = |dim: usize| if dims.contains(&dim) { view.sizes()[dim] } else { other.sizes()[dim] };
            let sizes: Vec<usize> = (0..view.rank()).map(whole).collect();
            let part = t.repeated(&format!("{name}.repeated"), part, &sizes)?;
            return aligned(t, name, view, shape, &part, &part.view);
        }
        groups[axis as usize] = other.joined(&dims);
    }
    if (0..view.rank()).any(|dim| view.dim(dim).is_empty() && !other.dim(dim).is_empty()) {
        return Err(unlike());
    }
    t.arranged(name, part, &groups)
}
