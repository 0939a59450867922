//! How the dimensions of a tensor lie in a map.
//!
//! ONNX reshapes and transposes tensors freely. Here that moves nothing: a [`View`] says, for each dimension of the tensor, which
//! parts of which axes of the map it runs through. Only an operator that needs another arrangement may have to move elements.

use crate::graph::Shape;

/// An axis of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MapAxis {
    /// Channels.
    C,
    /// Rows.
    H,
    /// Columns.
    W,
}

impl MapAxis {
    /// All axes, outermost first.
    pub const ALL: [Self; 3] = [Self::C, Self::H, Self::W];

    /// The order of axes in which this one and the channels change places.
    pub const fn as_channels(self) -> [usize; 3] {
        match self {
            Self::C => [0, 1, 2],
            Self::H => [1, 0, 2],
            Self::W => [2, 1, 0],
        }
    }

    /// The axis that a dimension is in a tensor of this rank as exporters write them: `[1, c, h, w]`, `[1, c, w]`, `[1, c]`. That of
    /// further dimensions counts from the end.
    pub fn usual(rank: usize, dim: usize) -> Option<Self> {
        match (rank, dim) {
            (2 | 3, 1) => Some(Self::C),
            _ => 2_usize.checked_sub(rank - 1 - dim).map(|place| Self::ALL[place]).filter(|_| rank > 2),
        }
    }

    /// The length of this axis.
    pub fn of(self, shape: Shape) -> usize {
        [shape.c, shape.h, shape.w][self as usize]
    }
}

/// A factor of an axis: the positions `stride * i` for `i` below `size`. The factors of an axis together reach each of its
/// positions once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Factor {
    /// The axis.
    pub axis: MapAxis,
    /// The number of steps; at least two.
    pub size: usize,
    /// From one step to the next, in positions of the axis.
    pub stride: usize,
}

/// For each dimension of a tensor, the factors that it runs through, outermost first. A dimension of length one has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    dims: Vec<Vec<Factor>>,
}

/// The whole axes that three groups of dimensions are to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// The map is that already.
    Same,
    /// Axis `i` of the result is axis `axes[i]` of the map.
    Transpose([usize; 3]),
    /// The channels, seen as `(groups, c / groups)`, are transposed.
    Shuffle {
        /// The groups.
        groups: usize,
    },
    /// Channels become rows and columns within blocks: see [`View::arrange`].
    DepthToSpace {
        /// Rows and columns of a block.
        block: usize,
        /// Whether the channels are `(block row, block column, c)`, instead of `(c, block row, block column)`.
        blocks_first: bool,
    },
    /// Rows and columns within blocks become channels.
    SpaceToDepth {
        /// Rows and columns of a block.
        block: usize,
        /// Whether the new channels are `(block row, block column, c)`, instead of `(c, block row, block column)`.
        blocks_first: bool,
    },
    /// Anything else.
    Other,
}

fn whole(axis: MapAxis, shape: Shape) -> Vec<Factor> {
    match axis.of(shape) {
        1 => Vec::new(),
        size => vec![Factor { axis, size, stride: 1 }],
    }
}

/// Joins factors that together are one.
fn joined(factors: impl IntoIterator<Item = Factor>) -> Vec<Factor> {
    let mut all: Vec<Factor> = Vec::new();
    for inner in factors {
        match all.last_mut() {
            Some(outer) if outer.axis == inner.axis && outer.stride == inner.size * inner.stride => {
                *outer = Factor { axis: inner.axis, size: outer.size * inner.size, stride: inner.stride };
            }
            _ => all.push(inner),
        }
    }
    all
}

fn size(factors: &[Factor]) -> usize {
    factors.iter().map(|factor| factor.size).product()
}

impl View {
    /// The view in which each dimension is an axis of a map, or, for `None`, has length one.
    pub fn of_axes(shape: Shape, axes: &[Option<MapAxis>]) -> Self {
        Self { dims: axes.iter().map(|axis| axis.map_or_else(Vec::new, |axis| whole(axis, shape))).collect() }
    }

    /// The usual view of a map as a tensor of this rank: `[1, c, h, w]`, `[1, c, w]`, `[1, c]`; `[c]` and `[]` for ranks below.
    /// Further dimensions of higher ranks have length one.
    pub fn usual(shape: Shape, rank: usize) -> Self {
        use MapAxis::{C, H, W};
        let axes: &[Option<MapAxis>] = match rank {
            0 => &[],
            1 => &[Some(C)],
            2 => &[None, Some(C)],
            3 => &[None, Some(C), Some(W)],
            _ => &[None, Some(C), Some(H), Some(W)],
        };
        let mut view = Self::of_axes(shape, axes);
        view.dims.resize(rank.max(view.dims.len()), Vec::new());
        view
    }

    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.dims.len()
    }

    /// The dimensions.
    pub fn sizes(&self) -> Vec<usize> {
        self.dims.iter().map(|factors| size(factors)).collect()
    }

    /// The factors of a dimension.
    pub fn dim(&self, dim: usize) -> &[Factor] {
        &self.dims[dim]
    }

    /// The factors of several dimensions, as if they were one.
    pub fn merged(&self, dims: std::ops::Range<usize>) -> Vec<Factor> {
        joined(self.dims[dims].iter().flatten().copied())
    }

    /// The factors of some dimensions, as if they were one.
    pub fn joined(&self, dims: &[usize]) -> Vec<Factor> {
        joined(dims.iter().flat_map(|&dim| &self.dims[dim]).copied())
    }

    /// Whether some dimensions, in their order, are a whole axis.
    pub fn are_axis(&self, dims: &[usize], axis: MapAxis, shape: Shape) -> bool {
        self.joined(dims) == whole(axis, shape)
    }

    /// The axis that a dimension is, if it is a whole one.
    pub fn axis(&self, dim: usize, shape: Shape) -> Option<MapAxis> {
        match self.dims[dim][..] {
            [factor] => Some(factor.axis).filter(|axis| self.dims[dim] == whole(*axis, shape)),
            _ => None,
        }
    }

    /// Whether a dimension is the channels of the map.
    pub fn is_channels(&self, dim: usize, shape: Shape) -> bool {
        self.dims.get(dim).is_some_and(|factors| *factors == whole(MapAxis::C, shape))
    }

    /// An axis of length one that a dimension of length one may be: its usual one, or the last other one.
    pub fn free_axis(&self, dim: usize, shape: Shape, taken: &[MapAxis]) -> Option<MapAxis> {
        let is_free = |axis: &MapAxis| axis.of(shape) == 1 && !taken.contains(axis);
        let own = MapAxis::usual(self.rank(), dim);
        let others = MapAxis::ALL.into_iter().rev();
        own.into_iter().chain(others).find(is_free).filter(|_| self.dims[dim].is_empty())
    }

    /// The same elements with dimensions in another order: dimension `i` of the result is `perm[i]` of this view.
    #[must_use]
    pub fn transposed(&self, perm: &[usize]) -> Self {
        Self { dims: perm.iter().map(|&dim| self.dims[dim].clone()).collect() }
    }

    /// The same elements in the same order with other dimensions, whose product must be the same. `None` if a dimension would
    /// begin within a factor that it does not divide.
    pub fn reshaped(&self, dims: &[usize]) -> Option<Self> {
        let mut rest = joined(self.dims.iter().flatten().copied()).into_iter();
        let mut next = rest.next();
        let mut all = Vec::with_capacity(dims.len());
        for &dim in dims {
            let (mut open, mut factors) = (dim, Vec::new());
            while open > 1 {
                let factor = next?;
                if open.is_multiple_of(factor.size) {
                    factors.push(factor);
                    open /= factor.size;
                    next = rest.next();
                } else if factor.size.is_multiple_of(open) {
                    let inner = factor.size / open;
                    factors.push(Factor { size: open, stride: factor.stride * inner, ..factor });
                    next = Some(Factor { size: inner, ..factor });
                    open = 1;
                } else {
                    return None;
                }
            }
            all.push(joined(factors));
        }
        next.is_none().then_some(Self { dims: all })
    }

    /// The same with one dimension shorter or longer, because the map's axis became `to`. The dimension must be that whole axis.
    #[must_use]
    pub fn resized(&self, dim: usize, axis: MapAxis, to: usize) -> Self {
        let mut dims = self.dims.clone();
        dims[dim] = if to == 1 { Vec::new() } else { vec![Factor { axis, size: to, stride: 1 }] };
        Self { dims }
    }

    /// The same with a dimension that is this factor, or none if that has length one.
    #[must_use]
    pub fn with_factor(&self, dim: usize, factor: Factor) -> Self {
        let mut dims = self.dims.clone();
        dims[dim] = if factor.size == 1 { Vec::new() } else { vec![factor] };
        Self { dims }
    }

    /// The same with fewer or more steps of a dimension of one factor.
    #[must_use]
    pub fn with_size(&self, dim: usize, size: usize) -> Self {
        let mut dims = self.dims.clone();
        dims[dim] = dims[dim].iter().filter(|_| size > 1).map(|factor| Factor { size, ..*factor }).collect();
        Self { dims }
    }

    /// The same with a dimension of length one.
    #[must_use]
    pub fn without(&self, dim: usize) -> Self {
        let mut dims = self.dims.clone();
        dims[dim].clear();
        Self { dims }
    }

    /// The same with several dimensions of length one.
    #[must_use]
    pub fn with_lengths_of_one(&self, dims: &[usize]) -> Self {
        dims.iter().fold(self.clone(), |view, &dim| view.without(dim))
    }

    /// The same without a dimension that is one factor, after its positions became one: what lies around them moves together.
    #[must_use]
    pub fn without_factor(&self, dim: usize) -> Self {
        self.with_steps(dim, 1)
    }

    /// The same after the positions of a dimension that is one factor became more or fewer: what lies around them moves along.
    #[must_use]
    pub fn with_steps(&self, dim: usize, size: usize) -> Self {
        let Some(&own) = self.dims[dim].first() else { return self.clone() };
        let moved = |factor: &Factor| match factor.axis == own.axis && factor.stride > own.stride {
            true => Factor { stride: factor.stride / own.size * size, ..*factor },
            false => *factor,
        };
        let mut dims: Vec<Vec<Factor>> = self.dims.iter().map(|factors| factors.iter().map(moved).collect()).collect();
        dims[dim] = if size == 1 { Vec::new() } else { vec![Factor { size, ..own }] };
        Self { dims }
    }

    /// The same tensor in the transposed map, whose axis `i` is axis `order[i]` of this one.
    #[must_use]
    pub fn relabelled(&self, order: [usize; 3]) -> Self {
        let moved = |factor: &Factor| {
            let place = order.iter().position(|&from| from == factor.axis as usize).unwrap_or(0);
            Factor { axis: MapAxis::ALL[place], ..*factor }
        };
        Self { dims: self.dims.iter().map(|factors| factors.iter().map(moved).collect()).collect() }
    }

    /// The axes in the order in which the tensor's elements run through them, if each is run through as a whole; those of length one
    /// keep their places as far as they can.
    pub fn order(&self, shape: Shape) -> Option<[usize; 3]> {
        let factors = joined(self.dims.iter().flatten().copied());
        let whole_one = |factor: &Factor| whole(factor.axis, shape) == [*factor];
        if !factors.iter().all(whole_one) {
            return None;
        }
        let mut long: Vec<usize> = factors.iter().map(|factor| factor.axis as usize).collect();
        long.reverse();
        let is_long = |axis: usize| MapAxis::ALL[axis].of(shape) > 1;
        if long.len() != (0..3).filter(|&axis| is_long(axis)).count() {
            return None;
        }
        let order: Vec<usize> = (0..3).map(|axis| if is_long(axis) { long.pop().unwrap_or(axis) } else { axis }).collect();
        order.try_into().ok()
    }

    /// The dimensions' indices at an element of the map.
    pub fn indices(&self, at: [usize; 3]) -> Vec<usize> {
        let index = |factors: &Vec<Factor>| {
            factors.iter().fold(0, |index, factor| index * factor.size + at[factor.axis as usize] / factor.stride % factor.size)
        };
        self.dims.iter().map(index).collect()
    }

    /// Whether a dimension runs through anything of an axis.
    pub fn touches(&self, dim: usize, axis: MapAxis) -> bool {
        self.dims[dim].iter().any(|factor| factor.axis == axis)
    }
}

/// What has to be done to a map of this shape so that three lists of factors become its channels, rows and columns.
pub fn arrange(shape: Shape, groups: &[Vec<Factor>; 3]) -> Arrangement {
    use MapAxis::{C, H, W};
    let axis_of = |group: &Vec<Factor>| MapAxis::ALL.into_iter().find(|&axis| !group.is_empty() && *group == whole(axis, shape));
    let axes: Vec<Option<MapAxis>> = groups.iter().map(axis_of).collect();
    if axes.iter().zip(groups).all(|(axis, group)| axis.is_some() || group.is_empty()) {
        // Axes of length one take the places that are left.
        let mut free = MapAxis::ALL.into_iter().filter(|axis| !axes.contains(&Some(*axis)));
        let place = |(i, axis): (usize, &Option<MapAxis>)| {
            let own = MapAxis::ALL[i];
            axis.unwrap_or_else(|| if axes.contains(&Some(own)) { free.next().unwrap_or(own) } else { own })
        };
        let order: Vec<usize> = axes.iter().enumerate().map(place).map(|axis| axis as usize).collect();
        let distinct = (0..3).all(|axis| order.contains(&axis));
        return match order[..] {
            [0, 1, 2] => Arrangement::Same,
            [a, b, c] if distinct => Arrangement::Transpose([a, b, c]),
            _ => Arrangement::Other,
        };
    }
    let [channels, rows, columns] = groups;
    if *rows == whole(H, shape) && *columns == whole(W, shape) {
        if let [a, b] = channels[..]
            && (a.axis, b.axis) == (C, C)
            && a.stride == 1
            && b.stride == a.size
            && a.size * b.size == shape.c
        {
            return Arrangement::Shuffle { groups: b.size };
        }
        return Arrangement::Other;
    }
    let is = |factor: &Factor, axis: MapAxis, size: usize, stride: usize| *factor == Factor { axis, size, stride };
    if let ([h, row], [w, column]) = (&rows[..], &columns[..])
        && (row.axis, column.axis, row.size) == (C, C, column.size)
        && is(h, H, shape.h, 1)
        && is(w, W, shape.w, 1)
    {
        let block = row.size;
        let oc = shape.c / (block * block);
        let inner =
            |stride: usize| if oc == 1 { channels.is_empty() } else { channels[..] == [Factor { axis: C, size: oc, stride }] };
        if row.stride == block && column.stride == 1 && inner(block * block) {
            return Arrangement::DepthToSpace { block, blocks_first: false };
        }
        if row.stride == block * oc && column.stride == oc && inner(1) {
            return Arrangement::DepthToSpace { block, blocks_first: true };
        }
    }
    if let ([h], [w]) = (&rows[..], &columns[..])
        && (h.axis, w.axis) == (H, W)
        && h.stride == w.stride
        && h.size * h.stride == shape.h
        && w.size * w.stride == shape.w
    {
        let block = h.stride;
        let taps = [Factor { axis: H, size: block, stride: 1 }, Factor { axis: W, size: block, stride: 1 }];
        let own = whole(C, shape);
        if channels[..] == [&own[..], &taps].concat() {
            return Arrangement::SpaceToDepth { block, blocks_first: false };
        }
        if channels[..] == [&taps[..], &own].concat() {
            return Arrangement::SpaceToDepth { block, blocks_first: true };
        }
    }
    Arrangement::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape::new(12, 4, 6);

    fn groups(view: &View, at: [std::ops::Range<usize>; 3]) -> [Vec<Factor>; 3] {
        at.map(|dims| view.merged(dims))
    }

    #[test]
    fn islands_of_nhwc_vanish() {
        let nhwc = View::usual(SHAPE, 4).transposed(&[0, 2, 3, 1]);
        assert_eq!(nhwc.sizes(), [1, 4, 6, 12]);
        assert_eq!(arrange(SHAPE, &groups(&nhwc, [3..4, 1..2, 2..3])), Arrangement::Same);
        assert_eq!(arrange(SHAPE, &groups(&nhwc, [1..2, 2..3, 3..4])), Arrangement::Transpose([1, 2, 0]));
        let there_and_back = nhwc.reshaped(&[1, 24, 12]).unwrap().reshaped(&[1, 4, 6, 12]).unwrap().transposed(&[0, 3, 1, 2]);
        assert_eq!(there_and_back, View::usual(SHAPE, 4));
    }

    #[test]
    fn shuffles_are_found() {
        let view = View::usual(SHAPE, 4).reshaped(&[1, 3, 4, 4, 6]).unwrap().transposed(&[0, 2, 1, 3, 4]);
        let shuffled = view.reshaped(&[1, 12, 4, 6]).unwrap();
        assert_eq!(arrange(SHAPE, &groups(&shuffled, [1..2, 2..3, 3..4])), Arrangement::Shuffle { groups: 3 });
    }

    #[test]
    fn blocks_are_found() {
        let blocks = View::usual(SHAPE, 4).reshaped(&[1, 3, 2, 2, 4, 6]).unwrap();
        let space = blocks.transposed(&[0, 1, 4, 2, 5, 3]).reshaped(&[1, 3, 8, 12]).unwrap();
        let found = arrange(SHAPE, &groups(&space, [1..2, 2..3, 3..4]));
        assert_eq!(found, Arrangement::DepthToSpace { block: 2, blocks_first: false });
        let blocks = View::usual(SHAPE, 4).reshaped(&[1, 12, 2, 2, 3, 2]).unwrap();
        let depth = blocks.transposed(&[0, 3, 5, 1, 2, 4]).reshaped(&[1, 48, 2, 3]).unwrap();
        let found = arrange(SHAPE, &groups(&depth, [1..2, 2..3, 3..4]));
        assert_eq!(found, Arrangement::SpaceToDepth { block: 2, blocks_first: true });
    }

    #[test]
    fn a_dimension_that_begins_within_a_factor_is_none() {
        assert_eq!(View::usual(SHAPE, 4).reshaped(&[1, 9, 32]), None);
        assert_eq!(View::usual(SHAPE, 4).reshaped(&[1, 12, 4, 5]), None);
    }

    #[test]
    fn indices_invert_the_view() {
        let view = View::usual(SHAPE, 4).reshaped(&[3, 4, 24]).unwrap().transposed(&[1, 2, 0]);
        assert_eq!(view.indices([7, 3, 5]), [3, 23, 1]);
    }
}
