"""Takes the weights out of exported models, for tests/onnx/models: what is left is a graph and answers for weights that anybody can make.

usage: graphs.py FOLDER OUT NAME...     (FOLDER holds NAME.old17.onnx of scripts/models/run; it needs onnx and onnxruntime, as benches/peers has them)

Each weight is made anew from its number among the file's initializers (`noise`, which tests/onnx/models.rs has too). OUT/NAME.onnx says
that it lies in the file `weights`, which is not there; OUT/NAME.weights has a line for each: number, count, and what noise is added to and
multiplied by. OUT/NAME.npy holds ONNX Runtime's answer, optimisations off, for an input of noise.
"""
import sys

import numpy
import onnx
import onnxruntime


def noise(seed, count):
    """Numbers from -1 to 1: a hash of the index and the seed."""
    with numpy.errstate(over="ignore"):
        x = numpy.arange(count, dtype=numpy.uint32) * numpy.uint32(2654435761) + numpy.uint32(seed) * numpy.uint32(974634773)
        for _ in range(2):
            x ^= x >> numpy.uint32(16)
            x *= numpy.uint32(73244475)
        x ^= x >> numpy.uint32(16)
    return ((x >> numpy.uint32(8)).astype(numpy.float32) / numpy.float32(1 << 23) - 1).astype(numpy.float32)


def rule(name, dims):
    """What noise is added to and multiplied by: weights whose layers keep the size of values; variances and scales about one."""
    if len(dims) > 1:
        return numpy.float32(0), numpy.float32((6 / int(numpy.prod(dims[1:]))) ** 0.5)
    if "var" in name or name.endswith(("weight", "gamma")):
        return numpy.float32(1), numpy.float32(0.5)
    return numpy.float32(0), numpy.float32(0.1)


def main():
    folder, out, *names = sys.argv[1:]
    for name in names:
        model = onnx.load(f"{folder}/{name}.old17.onnx")
        offset, rules, stripped = 0, [], onnx.ModelProto()
        stripped.CopyFrom(model)
        for index, (full, bare) in enumerate(zip(model.graph.initializer, stripped.graph.initializer)):
            if full.data_type != onnx.TensorProto.FLOAT or len(full.dims) == 0:
                continue
            (shift, scale), count = rule(full.name, list(full.dims)), int(numpy.prod(full.dims))
            values = (shift + noise(index, count) * scale).reshape(list(full.dims))
            rules.append(f"{index} {count} {shift!r} {scale!r}".replace("np.float32(", "").replace(")", ""))
            full.CopyFrom(onnx.numpy_helper.from_array(values, full.name))
            bare.ClearField("raw_data")
            bare.ClearField("float_data")
            bare.data_location = onnx.TensorProto.EXTERNAL
            for key, value in [("location", "weights"), ("offset", str(offset)), ("length", str(values.nbytes))]:
                bare.external_data.add(key=key, value=value)
            offset += values.nbytes
        for node in stripped.graph.node:
            node.doc_string = ""
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
        x = noise(1000003, int(numpy.prod(shape))).reshape(shape)
        (answer,) = session.run(None, {"x": x})
        print(name, shape, answer.shape, "answers from", answer.min(), "to", answer.max(), "weights", offset, "bytes", flush=True)
        with open(f"{out}/{name}.onnx", "wb") as file:
            file.write(stripped.SerializeToString())
        numpy.save(f"{out}/{name}.npy", answer)
        with open(f"{out}/{name}.weights", "w") as file:
            file.write("\n".join(rules) + "\n")


main()
