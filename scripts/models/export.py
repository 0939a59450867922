"""Writes a model of torchvision or timm with random weights as ONNX files, with an input and PyTorch's answers.

usage: export.py OUT LIBRARY NAME SIDE VARIANT...

VARIANT is the exporter and what it is asked for: old11, old17, old20 (the older exporter at that opset), old17dynamic (with a batch that
has a name), new (the newer exporter at its own opset), newdynamic. For each, OUT/NAME.VARIANT.onnx. The variant xnnpack, which needs
ExecuTorch, is OUT/NAME.xnnpack.pte, and OUT/NAME.xnnpack.json says what XNNPACK does not take of it. Beside them OUT/NAME.x.npy and the
outputs OUT/NAME.y0.npy, ..., computed in f64, in the order of the file's outputs; OUT/NAME.own.npy is the distance of PyTorch's own answers in f32.

Weights are random, normal layers' statistics come from one batch, and factors of layers are near one: as initialised, whole branches
would be zero.
"""
import collections
import copy
import json
import sys
import warnings

import numpy
import torch

warnings.filterwarnings("ignore")


def built(library, name):
    if library == "timm":
        import timm

        return timm.create_model(name, pretrained=False)
    import torchvision

    if name.startswith("ssd"):
        model = torchvision.models.get_model(name, weights=None, weights_backbone=None)
        return Detector(model)
    model = torchvision.models.get_model(name, weights=None, **({"weights_backbone": None} if segments(name) else {}))
    if hasattr(model, "transform_input"):
        model.transform_input = False
    return Segmenter(model) if segments(name) else model


def segments(name):
    return name.startswith(("deeplab", "fcn", "lraspp"))


class Segmenter(torch.nn.Module):
    """A segmentation model whose answer is its map alone."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x)["out"]


class Detector(torch.nn.Module):
    """The convolutions of a detector: boxes and scores before anything is selected."""

    def __init__(self, model):
        super().__init__()
        self.backbone, self.head = model.backbone, model.head

    def forward(self, x):
        answers = self.head(list(self.backbone(x).values()))
        return answers["bbox_regression"], answers["cls_logits"]


def randomise(model, side):
    normals = torch.nn.modules.batchnorm._BatchNorm
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1 and parameter.numel() > parameter.shape[0]:
                fan_in = parameter[0].numel()
                parameter.normal_(0, (1.5 / fan_in) ** 0.5)
            elif name.endswith("bias"):
                parameter.normal_(0, 0.1)
            else:
                parameter.uniform_(0.5, 1.5)
        model.train()
        for module in model.modules():
            if isinstance(module, normals):
                module.momentum = 1.0
            elif isinstance(module, torch.nn.Dropout) or "Drop" in type(module).__name__:
                module.eval()
        model(torch.randn(4, 3, side, side))
    model.eval()


def lower(model, x, stem):
    """Writes ExecuTorch's program of a model, for XNNPACK as far as that takes it, and how often each operator is left to ExecuTorch's own kernels."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower
    from executorch.exir.dialects.edge._ops import EdgeOpOverload
    from executorch.exir.passes.constant_prop_pass import constant_prop_pass

    try:
        # Some models scale their weights first, and XNNPACK takes convolutions by constants only.
        exported = constant_prop_pass(torch.export.export(model, (x,)))
        program = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
        left = collections.Counter(
            node.target.__name__
            for node in program.exported_program().graph.nodes
            # Single values are copied on their way to XNNPACK.
            if isinstance(node.target, EdgeOpOverload) and not (isinstance(node.meta["val"], torch.Tensor) and node.meta["val"].numel() == 1)
        )
        code = program.to_executorch().buffer
    except Exception as error:
        while error.__cause__:  # the outer ones name a pass
            error = error.__cause__
        raise error from None
    with open(f"{stem}.pte", "wb") as file:
        file.write(code)
    with open(f"{stem}.json", "w") as file:
        json.dump({"left": left}, file)


def main():
    out, library, name, side, *variants = sys.argv[1:]
    side = int(side)
    torch.manual_seed(1)
    torch.set_num_threads(1)
    model = built(library, name)
    randomise(model, side)
    x = torch.randn(1, 3, side, side)
    # In f64, so that the answers hold no roundings of PyTorch's own; and how far those in f32 are from them.
    with torch.no_grad():
        answers, rounded = copy.deepcopy(model).double()(x.double()), model(x)
    answers, rounded = (each if isinstance(each, (tuple, list)) else [each] for each in (answers, rounded))
    own = max(float((a - b).abs().max() / a.abs().max()) for a, b in zip(answers, rounded))
    numpy.save(f"{out}/{name}.own.npy", numpy.array(own))
    numpy.save(f"{out}/{name}.x.npy", x.numpy())
    for i, answer in enumerate(answers):
        numpy.save(f"{out}/{name}.y{i}.npy", answer.float().contiguous().numpy())
    for variant in variants:
        path = f"{out}/{name}.{variant}.onnx"
        dynamic = variant.endswith("dynamic")
        kind = variant.removesuffix("dynamic")
        try:
            if variant == "xnnpack":
                lower(model, x, f"{out}/{name}.{variant}")
            elif kind == "new":
                shapes = ({0: torch.export.Dim("batch", min=1, max=64)},) if dynamic else None
                torch.onnx.export(model, (x,), path, dynamo=True, dynamic_shapes=shapes, input_names=["x"], verbose=False)
            else:
                axes = {"x": {0: "batch"}} if dynamic else None
                torch.onnx.export(
                    model, (x,), path, dynamo=False, opset_version=int(kind.removeprefix("old")), dynamic_axes=axes, input_names=["x"]
                )
        except Exception as error:  # what an exporter cannot write is no fault of the reader: it is listed
            print(f"{name} {variant} not exported: {(str(error).strip() or type(error).__name__).splitlines()[0][:150]}", flush=True)
            continue
        print(f"{name} {variant} exported", flush=True)


main()
