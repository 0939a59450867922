"""Compares the answers of wheels with those of the PyTorch modules whose weights they have: run by tests/python_wheel.rs.

    pytorch.py FIXTURES: the folder of state dicts, inputs and outputs
"""

import array
import importlib
import json
import pathlib
import sys

NETWORKS = ["torchvision_mobilenet_v2", "timm_rexnet", "torchvision_efficientnet_b0"]


def tensors(path):
    """The tensors of a safetensors file of f32."""
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    for name, entry in json.loads(data[8:begin]).items():
        if name != "__metadata__":
            assert entry["dtype"] == "F32", entry
            first, end = entry["data_offsets"]
            yield name, array.array("f", data[begin + first : begin + end])


for network in NETWORKS:
    held = dict(tensors(pathlib.Path(sys.argv[1]) / f"{network}.io.safetensors"))
    output = array.array("f", bytes(importlib.import_module(network).Model()(held["input"])))
    assert len(output) == len(held["output"]) == 20
    scale = max(map(abs, held["output"]))
    error = max(abs(ours - theirs) for ours, theirs in zip(output, held["output"])) / scale
    # Both round f32 at every layer; another network, or a layer done wrong, is off by far more.
    assert scale > 0 and error < 1e-4, (network, error)
print(f"{len(NETWORKS)} networks give PyTorch's answers")
