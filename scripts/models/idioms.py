"""Writes small networks of one idiom each, as PyTorch's older exporter writes them, with an input and PyTorch's answers.

usage: idioms.py OUT [NAME...]      (OUT is tests/onnx/idioms; it needs the environment of scripts/setup-pytorch.sh)

Each goes to OUT/NAME: opset17.onnx, opset20.onnx, input.npy, output0.npy and so on.
"""
import pathlib
import sys
import warnings

import numpy
import torch
import torch.nn as nn
import torch.nn.functional as F

warnings.filterwarnings("ignore")


class Function(nn.Module):
    """A function of a map, with some modules."""

    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.function(self, x)


def conv(i, o, k=1, **options):
    return nn.Conv2d(i, o, k, padding=options.pop("padding", k // 2), **options)


def shuffled(x, groups):
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


def shuffle_unit(m, x):
    kept, changed = x.chunk(2, dim=1)
    x = shuffled(torch.cat((kept, m.branch(changed)), dim=1), 2)
    kept, changed = x.chunk(2, dim=1)
    return shuffled(torch.cat((kept, m.branch(changed)), dim=1), 2)


def radix_softmax(m, x):
    n, c, h, w = x.shape
    parts = F.relu(m.split(x)).reshape(n, 2, c, h, w)
    gate = m.gate(parts.sum(1).mean((2, 3), keepdim=True))
    gate = torch.softmax(gate.view(n, 1, 2, -1).transpose(1, 2), dim=1).reshape(n, -1)
    return (parts * gate.reshape(n, 2, c, 1, 1)).sum(1)


def select_kernels(m, x):
    parts = torch.stack([m.small(x), m.large(x)], dim=1)
    gate = m.gate(parts.sum(1).mean((2, 3), keepdim=True))
    n, c = gate.shape[0], parts.shape[2]
    gate = torch.softmax(gate.view(n, 2, c, 1, 1), dim=1)
    return (parts * gate).sum(1)


def coordinate_attention(m, x):
    n, c, h, w = x.shape
    rows, columns = x.mean(3, keepdim=True), x.mean(2, keepdim=True).permute(0, 1, 3, 2)
    both = F.hardswish(m.first(torch.cat([rows, columns], dim=2)))
    rows, columns = torch.split(both, [h, w], dim=2)
    return x * m.rows(rows).sigmoid() * m.columns(columns.permute(0, 1, 3, 2)).sigmoid()


def standardised(m, x):
    weight = F.batch_norm(m.conv.weight.reshape(1, 12, -1), None, None, weight=torch.full((12,), 0.7), training=True, momentum=0.0)
    return F.conv2d(x, weight.reshape_as(m.conv.weight), m.conv.bias, padding=1)


def same_padded(m, x):
    h, w = x.shape[-2:]
    total = [max((-(-size // 2) - 1) * 2 + 3 - size, 0) for size in (h, w)]
    x = F.pad(x, [total[1] // 2, total[1] - total[1] // 2, total[0] // 2, total[0] - total[0] // 2])
    return m.conv(x)


def global_response(m, x):
    x = x.permute(0, 2, 3, 1)
    norm = x.norm(p=2, dim=(1, 2), keepdim=True)
    factor = norm / (norm.mean(dim=-1, keepdim=True) + 1e-6)
    return (x + x * factor * 0.7).permute(0, 3, 1, 2)


def focus(m, x):
    return m.conv(torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1))


def aspp(m, x):
    pooled = F.interpolate(F.relu(m.one(F.adaptive_avg_pool2d(x, 1))), size=x.shape[-2:], mode="bilinear", align_corners=False)
    return torch.cat([m.two(x), pooled], dim=1)


def gem(m, x):
    return m.out(F.avg_pool2d(x.clamp(min=1e-6).pow(m.p), x.shape[-2:]).pow(1.0 / m.p))


def pieces(m, x):
    parts = [
        torch.where(x > 0, x, 0.3 * x),
        torch.where(x < 0, -x, x),
        torch.where(x >= 0.5, x, torch.tensor(0.5)),
        torch.where(x > 0, x, 1.5 * (torch.exp(x) - 1)),
        torch.where(x > 0.25, x, torch.tensor(0.0)),
        torch.where(x > 0.25, torch.tensor(0.0), x),
        torch.where(torch.logical_not(x <= 0), 2 * x, torch.tensor(0.0)),
    ]
    return m.conv(torch.cat(parts, 1))


def chosen(m, x):
    return torch.where(m.mask, m.conv(x), x)


def masked(m, x):
    inside = torch.arange(x.shape[-1]) < x.shape[-1] - 3
    return m.conv(x).masked_fill(inside.logical_not(), -2.0)


def resized(**options):
    return Function(lambda m, x: F.interpolate(m.conv(x), **options), conv=conv(8, 8))


IDIOMS = {
    "shuffle_unit": lambda: Function(shuffle_unit, branch=nn.Sequential(conv(4, 4), nn.ReLU(), conv(4, 4, 3, groups=4))),
    "radix_softmax": lambda: Function(radix_softmax, split=conv(8, 16, 3, groups=2), gate=conv(8, 16)),
    "select_kernels": lambda: Function(select_kernels, small=conv(8, 12, 3), large=conv(8, 12, 3, padding=2, dilation=2), gate=conv(12, 24)),
    "coordinate_attention": lambda: Function(coordinate_attention, first=conv(8, 6), rows=conv(6, 8), columns=conv(6, 8)),
    "weight_standardised": lambda: Function(standardised, conv=conv(8, 12, 3)),
    "same_padded": lambda: Function(same_padded, conv=conv(8, 12, 3, stride=2, padding=0)),
    "global_response": lambda: Function(global_response),
    "focus_slices": lambda: Function(focus, conv=conv(32, 8, 3)),
    "aspp_pool": lambda: Function(aspp, one=conv(8, 6), two=conv(8, 6)),
    "reflect_pad": lambda: Function(lambda m, x: m.conv(F.pad(x, [1, 2, 2, 1], mode="reflect")), conv=conv(8, 4, 3, padding=0)),
    "circular_pad": lambda: Function(lambda m, x: m.conv(F.pad(x, [1, 1, 1, 1], mode="circular")), conv=conv(8, 4, 3, padding=0)),
    "crop_pad": lambda: Function(lambda m, x: m.conv(F.pad(x, [-1, -2, 0, -1])), conv=conv(8, 4, 3)),
    "resize_to_7": lambda: resized(size=(7, 11), mode="nearest"),
    "resize_down": lambda: resized(size=(5, 3), mode="bilinear", align_corners=False),
    "resize_corners": lambda: resized(size=(15, 15), mode="bilinear", align_corners=True),
    "resize_cubic": lambda: resized(scale_factor=2, mode="bicubic", align_corners=False),
    "swap_channels": lambda: Function(lambda m, x: m.conv(x[:, [2, 1, 0, 5, 3, 4, 7, 6]]), conv=conv(8, 4)),
    "flip_columns": lambda: Function(lambda m, x: m.conv(x.flip(3)), conv=conv(8, 4, 3)),
    "roll_rows": lambda: Function(lambda m, x: m.conv(torch.roll(x, 2, dims=2)), conv=conv(8, 4, 3)),
    "join_rows": lambda: Function(lambda m, x: m.conv(torch.cat([x, m.other(x)], dim=2)), conv=conv(8, 4, 3), other=conv(8, 8)),
    "stack_mean": lambda: Function(lambda m, x: torch.stack([x, m.conv(x)], dim=1).mean(1), conv=conv(8, 8)),
    "group_max": lambda: Function(lambda m, x: m.conv(x.view(x.shape[0], 2, 4, *x.shape[2:]).amax(1)), conv=conv(4, 4)),
    "tile_columns": lambda: Function(lambda m, x: m.conv(x.repeat(1, 1, 1, 2)), conv=conv(8, 4, 3)),
    "softmax_pixels": lambda: Function(lambda m, x: m.conv(x).flatten(2).softmax(-1).view(x.shape[0], 4, *x.shape[2:]) * 9, conv=conv(8, 4)),
    "softmax_gate": lambda: Function(lambda m, x: m.out(x * m.conv(x).softmax(1)), conv=conv(8, 8), out=conv(8, 4)),
    "norm_columns": lambda: Function(lambda m, x: m.conv(m.norm(x)), norm=nn.LayerNorm(8), conv=conv(8, 4)),
    "position_embedding": lambda: Function(lambda m, x: m.conv(x + m.place), place=nn.Parameter(torch.randn(1, 8, 8, 8)), conv=conv(8, 4)),
    "linear_columns": lambda: Function(lambda m, x: m.conv(m.linear(x)), linear=nn.Linear(8, 6), conv=conv(8, 4)),
    "transposed_dilated": lambda: nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, dilation=2, output_padding=1),
    "transposed_uneven": lambda: nn.ConvTranspose2d(8, 4, (3, 4), stride=(1, 2), padding=1),
    "log_gate": lambda: Function(lambda m, x: m.conv(x * torch.log(F.relu(x) + 1)), conv=conv(8, 4)),
    "log_variance": lambda: Function(lambda m, x: torch.log(torch.clamp(m.conv(x).square().mean((2, 3)), min=1e-6)), conv=conv(8, 6)),
    "learned_gem": lambda: Function(gem, p=nn.Parameter(torch.tensor([2.7])), out=conv(8, 4)),
    "gem": lambda: Function(lambda m, x: m.out(F.avg_pool2d(x.clamp(min=1e-6).pow(3), 8).pow(1 / 3)), out=conv(8, 4)),
    "powers": lambda: Function(lambda m, x: m.conv(x.pow(4) - x.pow(5) * 0.3 + (1 + x.pow(6)).pow(-2)), conv=conv(8, 4)),
    "where_pieces": lambda: Function(pieces, conv=conv(56, 4)),
    "where_channels": lambda: Function(chosen, conv=conv(8, 8), mask=nn.Parameter(torch.tensor([1, 1, 0, 0, 1, 0, 0, 1]).view(1, 8, 1, 1).bool(), requires_grad=False)),
    "masked_columns": lambda: Function(masked, conv=conv(8, 8, 3)),
    "shrink": lambda: Function(lambda m, x: m.conv(torch.cat([F.hardshrink(x, 0.3), F.softshrink(x, 0.4)], 1)), conv=conv(16, 4)),
    "einsum_channels": lambda: Function(lambda m, x: F.relu(torch.einsum("bchw,dc->bdhw", x, m.w)), w=nn.Parameter(torch.randn(6, 8))),
    "einsum_rows": lambda: Function(lambda m, x: m.conv(torch.einsum("hk,bchw->bckw", m.w, x)), w=nn.Parameter(torch.randn(8, 5)), conv=conv(8, 4)),
    "einsum_whole": lambda: Function(lambda m, x: torch.einsum("bchw,cwhde->bed", x, m.w), w=nn.Parameter(torch.randn(8, 8, 8, 2, 3))),
    "einsum_scale": lambda: Function(lambda m, x: m.conv(torch.einsum("bchw,c->bhwc", x, m.w).permute(0, 3, 1, 2)), w=nn.Parameter(torch.randn(8)), conv=conv(8, 4)),
    "transposed_1d": lambda: Function(lambda m, x: m.up(x.flatten(2)), up=nn.ConvTranspose1d(8, 4, 4, stride=2, padding=1, output_padding=1)),
    "transposed_1d_same": lambda: Function(lambda m, x: m.up(x.mean(2)), up=nn.ConvTranspose1d(8, 6, 3, padding=1, groups=2)),
    "logsumexp": lambda: Function(lambda m, x: (torch.logsumexp(30 * x, 1, keepdim=True) + torch.logsumexp(m.conv(x), (2, 3), keepdim=True)), conv=conv(8, 4)),
    "attention_pool": lambda: Function(lambda m, x: m.out((x * torch.softmax(m.conv(x).flatten(2), 2).view(x.shape[0], 1, 8, 8)).sum((2, 3), keepdim=True)), conv=conv(8, 1), out=conv(8, 4)),
}


def main():
    out, *names = sys.argv[1:]
    for name in names or IDIOMS:
        torch.manual_seed(1)
        model = IDIOMS[name]().eval()
        folder = pathlib.Path(out) / name
        folder.mkdir(exist_ok=True)
        x = torch.randn(1, 8, 8, 8)
        with torch.no_grad():
            answer = model(x)
        answers = answer if isinstance(answer, tuple) else (answer,)
        numpy.save(folder / "input.npy", x.numpy())
        for index, value in enumerate(answers):
            numpy.save(folder / f"output{index}.npy", value.contiguous().numpy())
        for opset in (17, 20):
            torch.onnx.export(model, (x,), str(folder / f"opset{opset}.onnx"), dynamo=False, opset_version=opset, input_names=["x"])
        print(name, flush=True)


main()
