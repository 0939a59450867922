//! Operators that move pixels and compute nothing.

use crate::window::Padding;

/// Where each value of the result comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rearrange {
    /// The map enlarged by whole factors: each pixel becomes a block of the same pixels. `dst[c][y][x] = src[c][y / rows][x /
    /// columns]`.
    Upsample {
        /// Rows of a block.
        rows: usize,
        /// Columns of a block.
        columns: usize,
    },
    /// Each pixel becomes a block of `block` x `block` pixels, whose channels are those of the pixel. The result has as many
    /// channels fewer.
    DepthToSpace {
        /// Rows and columns of a block.
        block: usize,
        /// Which channels go to which pixel.
        order: DepthOrder,
    },
    /// Zeros around the map.
    Pad {
        /// Rows of zeros.
        rows: Padding,
        /// Columns of zeros.
        columns: Padding,
    },
    /// The map without its outer rows and columns.
    Crop {
        /// Rows that are left out.
        rows: Padding,
        /// Columns that are left out.
        columns: Padding,
    },
}

/// The order of the channels of blocks: by pixels first, as ONNX's `DCR` has it, or by channels of the result first, as its `CRD`
/// and PyTorch's `pixel_shuffle` have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DepthOrder {
    /// Channel `(i * block + j) * c + o` is channel `o` of the block's pixel `(i, j)`.
    Dcr,
    /// Channel `(o * block + i) * block + j` is channel `o` of the block's pixel `(i, j)`.
    Crd,
}

impl DepthOrder {
    /// The pixel of its block, row by row, and the channel there, that a channel of `channels` becomes. A block has `pixels`.
    pub const fn place(self, channel: usize, channels: usize, pixels: usize) -> (usize, usize) {
        let per_pixel = channels / pixels;
        match self {
            Self::Dcr => (channel / per_pixel, channel % per_pixel),
            Self::Crd => (channel % pixels, channel / pixels),
        }
    }

    /// The channel that becomes channel `o` of a block's pixel: the reverse of [`place`](Self::place).
    const fn channel(self, (pixel, o): (usize, usize), channels: usize, pixels: usize) -> usize {
        match self {
            Self::Dcr => pixel * (channels / pixels) + o,
            Self::Crd => o * pixels + pixel,
        }
    }
}

impl Rearrange {
    /// Its word in names and problem lines.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Upsample { .. } => "upsample",
            Self::DepthToSpace { order: DepthOrder::Dcr, .. } => "depthtospace",
            Self::DepthToSpace { order: DepthOrder::Crd, .. } => "pixelshuffle",
            Self::Pad { .. } => "pad",
            Self::Crop { .. } => "crop",
        }
    }

    /// Whether every map stays as it is.
    pub fn is_identity(self) -> bool {
        match self {
            Self::Upsample { rows, columns } => (rows, columns) == (1, 1),
            Self::DepthToSpace { block, .. } => block == 1,
            Self::Pad { rows, columns } | Self::Crop { rows, columns } => (rows, columns) == Padding::NONE,
        }
    }

    /// Channels, rows and columns of the result. `None` if a size overflows, nothing is left, or blocks do not divide the channels.
    pub fn output(self, (c, h, w): (usize, usize, usize)) -> Option<(usize, usize, usize)> {
        let padded = |size: usize, Padding { before, after }| size.checked_add(before)?.checked_add(after);
        let cropped =
            |size: usize, Padding { before, after }| size.checked_sub(before)?.checked_sub(after).filter(|&left| left > 0);
        match self {
            Self::Upsample { rows, columns } => Some((c, h.checked_mul(rows)?, w.checked_mul(columns)?)),
            Self::DepthToSpace { block, .. } => {
                let pixels = block.checked_mul(block).filter(|&pixels| pixels > 0 && c.is_multiple_of(pixels))?;
                Some((c / pixels, h.checked_mul(block)?, w.checked_mul(block)?))
            }
            Self::Pad { rows, columns } => Some((c, padded(h, rows)?, padded(w, columns)?)),
            Self::Crop { rows, columns } => Some((c, cropped(h, rows)?, cropped(w, columns)?)),
        }
    }

    /// The channel, row and column of a source of this size that a value of the result is; `None` if it is zero.
    pub fn source(self, (c, h, w): (usize, usize, usize), (o, y, x): (usize, usize, usize)) -> Option<(usize, usize, usize)> {
        match self {
            Self::Upsample { rows, columns } => Some((o, y / rows, x / columns)),
            Self::DepthToSpace { block, order } => {
                let pixel = y % block * block + x % block;
                Some((order.channel((pixel, o), c, block * block), y / block, x / block))
            }
            Self::Pad { rows, columns } => {
                let inside = |at: usize, front: usize, size: usize| at.checked_sub(front).filter(|&at| at < size);
                Some((o, inside(y, rows.before, h)?, inside(x, columns.before, w)?))
            }
            Self::Crop { rows, columns } => Some((o, y + rows.before, x + columns.before)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_of_channels_are_those_of_onnx() {
        for (order, expected) in [(DepthOrder::Dcr, [0, 2, 4, 6]), (DepthOrder::Crd, [0, 1, 2, 3])] {
            let how = Rearrange::DepthToSpace { block: 2, order };
            assert_eq!(how.output((8, 3, 5)), Some((2, 6, 10)));
            let pixels = [(0, 0), (0, 1), (1, 0), (1, 1)];
            assert_eq!(pixels.map(|(y, x)| how.source((8, 3, 5), (0, y, x)).unwrap().0), expected);
            for channel in 0..8 {
                assert_eq!(order.channel(order.place(channel, 8, 4), 8, 4), channel);
            }
        }
    }

    #[test]
    fn sizes_that_do_not_fit_have_no_result() {
        let rows = Padding { before: 2, after: 1 };
        let columns = Padding::both(0);
        assert_eq!(Rearrange::Pad { rows, columns }.output((4, 3, 5)), Some((4, 6, 5)));
        assert_eq!(Rearrange::Crop { rows, columns }.output((4, 3, 5)), None);
        assert_eq!(Rearrange::Crop { rows, columns }.output((4, 4, 5)), Some((4, 1, 5)));
        assert_eq!(Rearrange::Upsample { rows: usize::MAX, columns: 1 }.output((4, 3, 5)), None);
        assert_eq!(Rearrange::DepthToSpace { block: 0, order: DepthOrder::Dcr }.output((4, 3, 5)), None);
        assert_eq!(Rearrange::DepthToSpace { block: 3, order: DepthOrder::Dcr }.output((4, 3, 5)), None);
    }
}
