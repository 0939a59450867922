"""Writes the ONNX project's backend tests as folders: model.onnx, input.npy, output0.npy and so on.

usage: onnx_cases.py DIR   (needs the packages of scripts/onnx-py.txt)

Cases of the suites `node`, `pytorch-converted` and `pytorch-operator` are kept if their first input and all outputs are f32 and
if all operators are ONNX's own. All inputs but the first become constants: weights, shapes and bounds are inputs there.
"""

import os
import pathlib
import sys
import warnings

import numpy as np
import onnx
from onnx import numpy_helper


def freeze(model, arrays):
    """The model with all inputs but the first as initializers, or None if it is no network of f32."""
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if not inputs or len(arrays) < len(inputs) or any(node.domain for node in graph.node):
        return None
    if any(not isinstance(array, np.ndarray) for array in arrays):
        return None
    kept = onnx.ModelProto()
    kept.CopyFrom(model)
    del kept.graph.input[:]
    kept.graph.input.append(inputs[0])
    for value, array in list(zip(inputs, arrays))[1:]:
        kept.graph.initializer.append(numpy_helper.from_array(np.asarray(array), value.name))
    return kept


def write(folder, model, inputs, outputs):
    model = freeze(model, inputs)
    arrays = [inputs[0], *outputs] if model is not None else []
    if not arrays or any(not isinstance(a, np.ndarray) or a.dtype != np.float32 for a in arrays):
        return False
    folder.mkdir(parents=True)
    onnx.save(model, folder / "model.onnx")
    np.save(folder / "input.npy", np.ascontiguousarray(inputs[0]))
    for index, output in enumerate(outputs):
        np.save(folder / f"output{index}.npy", np.ascontiguousarray(output))
    return True


def tensor(path):
    proto = onnx.TensorProto()
    proto.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(proto)


def main():
    root = pathlib.Path(sys.argv[1])
    warnings.simplefilter("ignore")
    counts = {}
    from onnx.backend.test.case.node import collect_testcases

    for case in collect_testcases(None):
        inputs, outputs = case.data_sets[0]
        counts["node"] = counts.get("node", 0) + write(root / "node" / case.name, case.model, list(inputs), list(outputs))
    data = pathlib.Path(onnx.__file__).parent / "backend" / "test" / "data"
    for suite in ["pytorch-converted", "pytorch-operator"]:
        for folder in sorted((data / suite).iterdir()):
            sets = folder / "test_data_set_0"
            of = lambda kind: [tensor(path) for path in sorted(sets.glob(f"{kind}_*.pb"), key=lambda p: int(p.stem.split("_")[1]))]
            model = onnx.load(folder / "model.onnx")
            counts[suite] = counts.get(suite, 0) + write(root / suite / folder.name, model, of("input"), of("output"))
    print(", ".join(f"{count} of {suite}" for suite, count in counts.items()))


main()
