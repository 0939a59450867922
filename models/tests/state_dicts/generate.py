#!/usr/bin/env python3
"""Writes the lists of parameters that users' state dicts have, one file a network, read off PyTorch's own modules.

usage:  "$(scripts/setup-pytorch.sh)/bin/python" models/tests/state_dicts/generate.py CLASSES

CLASSES is a folder with the published classes that no package ships: rexnet_v1.py (ReXNetV1), rexnet_v1_lite.py (ReXNetV1_lite)
and shufflenet.py (ShuffleNet, whose BasicConv is a convolution without bias named `conv`, a batch norm named `bn`, and ReLU).

The first line of OWNER.NETWORK.txt is the count of parameters and of multiply-accumulates of convolutions and linear layers;
the others are names and shapes. `num_batches_tracked` is left out.
"""
import pathlib, sys

import timm, torch, torchvision
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, sys.argv[1])
from rexnet_v1 import ReXNetV1
from rexnet_v1_lite import ReXNetV1_lite
from shufflenet import ShuffleNet


def timm_mobilenet_v1(width):
    return timm.models.efficientnet._gen_mobilenet_v1("mobilenetv1_100", width)


def timm_mobilenet_v2(width):
    return timm.create_model(f"mobilenetv2_{round(100 * width):03}")


def timm_rexnet(width):
    return timm.models.rexnet.RexNet(width_mult=width)


MODULES = {}
for b, size in [("b0", 224), ("b1", 240), ("b2", 260), ("b3", 300)]:
    MODULES["torchvision.efficientnet_" + b] = (size, getattr(torchvision.models, "efficientnet_" + b), ())
    MODULES["timm.efficientnet_" + b] = (size, getattr(timm.models.efficientnet, "efficientnet_" + b), ())
for owner, build, widths in [("torchvision.mobilenet_v2", lambda w: torchvision.models.MobileNetV2(1000, w), [0.35, 1.0, 1.4]),
                             ("timm.mobilenet_v1", timm_mobilenet_v1, [0.75, 1.0]),
                             ("timm.mobilenet_v2", timm_mobilenet_v2, [0.35, 1.0, 1.4]),
                             ("timm.rexnet", timm_rexnet, [0.6, 1.0, 1.3, 2.0]),
                             ("class.rexnet", lambda w: ReXNetV1(width_mult=w), [0.6, 1.0, 1.3, 2.0]),
                             ("class.rexnet_lite", lambda w: ReXNetV1_lite(multiplier=w), [0.35, 1.0, 1.3])]:
    MODULES |= {f"{owner}_x{width}": (224, build, (width,)) for width in widths}
MODULES |= {f"class.shufflenet_v1_seed_g{g}": (224, lambda g: ShuffleNet(3, 1000, g), (g,)) for g in [1, 2, 3, 4, 8]}


def macs(model, size):
    total = 0

    def count(module, _, output):
        nonlocal total
        total += output.numel() * module.weight[0].numel()

    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(count)
    model.eval()(torch.empty(1, 3, size, size, device="meta"))
    return total


for name, (size, build, args) in MODULES.items():
    with torch.device("meta"):
        model = build(*args)
    lines = [f"{sum(p.numel() for p in model.parameters())} {macs(model, size)}"]
    lines += [" ".join([key, *map(str, value.shape)]) for key, value in model.state_dict().items() if not key.endswith("num_batches_tracked")]
    (HERE / f"{name}.txt").write_text("\n".join(lines) + "\n")
    print(name, lines[0])
