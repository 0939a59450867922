"""Writes an ONNX graph of `sartor export` as a TFLite file, as a converter for users would: NHWC, batch norms folded, ReLUs fused.

TFLite pads only at the end where a stride does not divide, so padding becomes a PAD of its own, which XNNPACK fuses again.
"""

import os
import sys

import flatbuffers
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from onnx import numpy_helper

Op, Options, Act = schema.BuiltinOperator, schema.BuiltinOptions, schema.ActivationFunctionType


class Writer:
    def __init__(self, graph):
        self.nodes = list(graph.node)
        self.constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        self.readers = {}
        for node in self.nodes:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        self.outputs = [o.name for o in graph.output]
        self.done = set()
        self.rectified = set()  # values that are never negative
        self.buffers, self.tensors, self.operators, self.codes = [schema.BufferT()], [], [], []
        self.values, self.shapes = {}, {}
        source = graph.input[0]
        n, c, h, w = (d.dim_value for d in source.type.tensor_type.shape.dim)
        self.declare(source.name, [n, h, w, c])
        self.input = self.values[source.name]
        for node in self.nodes:
            if id(node) not in self.done:
                getattr(self, node.op_type.lower(), self.unsupported)(node)

    def unsupported(self, node):
        sys.exit(f"node '{node.name}': no TFLite form of {node.op_type} is written here: add it to to_tflite.py")

    # Tensors.

    def tensor(self, name, shape, kind, data=None):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), kind, 0
        tensor.quantization = None
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            tensor.buffer = len(self.buffers)
            self.buffers.append(buffer)
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def declare(self, name, shape):
        self.values[name], self.shapes[name] = self.tensor(name, shape, schema.TensorType.FLOAT32), list(shape)
        return self.values[name]

    def floats(self, name, data):
        return self.tensor(name, data.shape, schema.TensorType.FLOAT32, np.ascontiguousarray(data, np.float32))

    def ints(self, name, data):
        data = np.asarray(data, np.int32)
        return self.tensor(name, data.shape, schema.TensorType.INT32, data)

    def emit(self, code, inputs, output, kind=0, **options):
        if code not in self.codes:
            self.codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = self.codes.index(code), inputs, [output]
        if kind:
            name = next(k for k, v in vars(Options).items() if v == kind)
            operator.builtinOptionsType, operator.builtinOptions = kind, getattr(schema, name + "T")()
            for option, value in options.items():
                assert hasattr(operator.builtinOptions, option), option
                setattr(operator.builtinOptions, option, value)
        self.operators.append(operator)

    # What follows an operator and is computed with it.

    def only_reader(self, name, *kinds):
        readers = self.readers.get(name, [])
        if len(readers) == 1 and name not in self.outputs and readers[0].op_type in kinds:
            self.done.add(id(readers[0]))
            return readers[0]
        return None

    def fused(self, name):
        """The activation to compute with the value, and the name that the result has."""
        node = self.only_reader(name, "Relu", "Clip")
        if node is None:
            return Act.NONE, name
        self.rectified.add(node.output[0])
        return self.rectifier(node), node.output[0]

    def rectifier(self, node):
        if node.op_type == "Relu":
            return Act.RELU
        bounds = [float(self.constants[name]) for name in node.input[1:]]
        assert bounds == [0.0, 6.0], f"node '{node.name}': clips to {bounds}"
        return Act.RELU6

    # Operators.

    def padded(self, node, pads):
        name = node.input[0]
        if not any(pads):
            return self.values[name], self.shapes[name]
        (n, h, w, c), (top, left, bottom, right) = self.shapes[name], pads
        shape = [n, h + top + bottom, w + left + right, c]
        output = self.tensor(node.name + ".padded", shape, schema.TensorType.FLOAT32)
        paddings = self.ints(node.name + ".pads", [[0, 0], [top, bottom], [left, right], [0, 0]])
        self.emit(Op.PAD, [self.values[name], paddings], output, Options.PadOptions)
        return output, shape

    def window(self, node, c):
        """The attributes, the padded input, the output's shape, and TFLite's padding."""
        a = {x.name: onnx.helper.get_attribute_value(x) for x in node.attribute}
        (kh, kw), (sh, sw), pads = a["kernel_shape"], a["strides"], list(a["pads"])
        n, h, w, _ = self.shapes[node.input[0]]
        out = [n, (h + pads[0] + pads[2] - kh) // sh + 1, (w + pads[1] + pads[3] - kw) // sw + 1, c]
        same = node.op_type == "Conv" and (sh, sw) == (1, 1) and pads == [kh // 2, kw // 2, kh // 2, kw // 2] and kh % 2 and kw % 2
        source, _ = self.padded(node, [0] * 4 if same else pads)
        return a, source, out, schema.Padding.SAME if same else schema.Padding.VALID

    def conv(self, node):
        weight = self.constants[node.input[1]]
        oc = weight.shape[0]
        bias = self.constants[node.input[2]] if len(node.input) > 2 else np.zeros(oc, np.float32)
        name, norm = node.output[0], self.only_reader(node.output[0], "BatchNormalization")
        if norm is not None:
            gamma, beta, mean, var = (self.constants[x].astype(np.float64) for x in norm.input[1:])
            scale = gamma / np.sqrt(var + onnx.helper.get_attribute_value(norm.attribute[0]))
            weight, bias = weight * scale[:, None, None, None], (bias - mean) * scale + beta
            name = norm.output[0]
        a, source, shape, padding = self.window(node, oc)
        act, name = self.fused(name)
        output = self.declare(name, shape)
        common = dict(padding=padding, strideH=a["strides"][0], strideW=a["strides"][1], fusedActivationFunction=act)
        if a["group"] == oc == self.shapes[node.input[0]][3]:
            filters = self.floats(node.input[1], weight.transpose(1, 2, 3, 0))
            inputs = [source, filters, self.floats(node.name + ".bias", bias)]
            self.emit(Op.DEPTHWISE_CONV_2D, inputs, output, Options.DepthwiseConv2DOptions, depthMultiplier=1, **common)
        else:
            inputs = [source, self.floats(node.input[1], weight.transpose(0, 2, 3, 1)), self.floats(node.name + ".bias", bias)]
            self.emit(Op.CONV_2D, inputs, output, Options.Conv2DOptions, **common)

    def pool(self, node, code):
        a, source, shape, padding = self.window(node, self.shapes[node.input[0]][3])
        (kh, kw), (sh, sw) = a["kernel_shape"], a["strides"]
        self.emit(code, [source], self.declare(node.output[0], shape), Options.Pool2DOptions, padding=padding,
                  strideH=sh, strideW=sw, filterHeight=kh, filterWidth=kw)  # fmt: skip

    def averagepool(self, node):
        self.pool(node, Op.AVERAGE_POOL_2D)

    def maxpool(self, node):
        if node.input[0] not in self.rectified:
            sys.exit(f"node '{node.name}': zeros may only pad a maximum of values that are never negative")
        self.pool(node, Op.MAX_POOL_2D)

    def globalaveragepool(self, node):
        n, _, _, c = self.shapes[node.input[0]]
        inputs = [self.values[node.input[0]], self.ints(node.name + ".axes", [1, 2])]
        self.emit(Op.MEAN, inputs, self.declare(node.output[0], [n, 1, 1, c]), Options.ReducerOptions, keepDims=True)

    def same_shape(self, node, code, **options):
        output = self.declare(node.output[0], self.shapes[node.input[0]])
        self.emit(code, [self.values[name] for name in node.input[:1]], output, **options)

    def relu(self, node):
        self.rectified.add(node.output[0])
        self.same_shape(node, {Act.RELU: Op.RELU, Act.RELU6: Op.RELU6}[self.rectifier(node)])

    clip = relu

    def sigmoid(self, node):
        self.same_shape(node, Op.LOGISTIC)

    def binary(self, node, code, kind):
        act, name = self.fused(node.output[0])
        output = self.declare(name, self.shapes[node.input[0]])
        self.emit(code, [self.values[x] for x in node.input], output, kind, fusedActivationFunction=act)

    def add(self, node):
        self.binary(node, Op.ADD, Options.AddOptions)

    def mul(self, node):
        self.binary(node, Op.MUL, Options.MulOptions)

    def concat(self, node):
        shape = self.shapes[node.input[0]][:3] + [sum(self.shapes[x][3] for x in node.input)]
        inputs = [self.values[x] for x in node.input]
        self.emit(Op.CONCATENATION, inputs, self.declare(node.output[0], shape), Options.ConcatenationOptions, axis=3)

    def slice(self, node):
        begin, end, axis = (int(self.constants[x][0]) for x in node.input[1:])
        assert axis == 1, f"node '{node.name}': slices axis {axis}"
        shape = self.shapes[node.input[0]][:3] + [end - begin]
        inputs = [self.values[node.input[0]], self.ints(node.name + ".begin", [0, 0, 0, begin]), self.ints(node.name + ".size", shape)]
        self.emit(Op.SLICE, inputs, self.declare(node.output[0], shape), Options.SliceOptions)

    def reshaped(self, source, name, shape):
        inputs = [source, self.ints(name + ".shape", shape)]
        self.emit(Op.RESHAPE, inputs, self.declare(name, shape), Options.ReshapeOptions, newShape=list(shape))

    def flatten(self, node):
        n, h, w, c = self.shapes[node.input[0]]
        assert (h, w) == (1, 1), f"node '{node.name}': flattens a {h}x{w} map"
        self.reshaped(self.values[node.input[0]], node.output[0], [n, c])

    def reshape(self, node):
        """The two of a channel shuffle, with its transposition between them."""
        shape = [int(d) for d in self.constants[node.input[1]]]
        if len(shape) == 5:
            n, groups, c, h, w = shape
            self.reshaped(self.values[node.input[0]], node.output[0], [n, h * w, groups, c])
        else:
            n, c, h, w = shape
            self.reshaped(self.values[node.input[0]], node.output[0], [n, h, w, c])

    def transpose(self, node):
        assert list(node.attribute[0].ints) == [0, 2, 1, 3, 4], f"node '{node.name}': no channel shuffle"
        n, pixels, groups, c = self.shapes[node.input[0]]
        inputs = [self.values[node.input[0]], self.ints(node.name + ".perm", [0, 1, 3, 2])]
        self.emit(Op.TRANSPOSE, inputs, self.declare(node.output[0], [n, pixels, c, groups]), Options.TransposeOptions)

    def gemm(self, node):
        weight = self.constants[node.input[1]]
        bias = self.constants[node.input[2]] if len(node.input) > 2 else np.zeros(len(weight), np.float32)
        inputs = [self.values[node.input[0]], self.floats(node.input[1], weight), self.floats(node.name + ".bias", bias)]
        output = self.declare(node.output[0], [self.shapes[node.input[0]][0], len(weight)])
        self.emit(Op.FULLY_CONNECTED, inputs, output, Options.FullyConnectedOptions)

    # The file.

    def bytes(self):
        graph, model = schema.SubGraphT(), schema.ModelT()
        graph.tensors, graph.operators, graph.inputs = self.tensors, self.operators, [self.input]
        graph.outputs = [self.values[name] for name in self.outputs]
        model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [graph], self.buffers, []
        for code in self.codes:
            entry = schema.OperatorCodeT()
            entry.builtinCode, entry.deprecatedBuiltinCode, entry.version = code, min(code, 127), 1
            model.operatorCodes.append(entry)
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return builder.Output()


def write(graph, target):
    data = Writer(graph).bytes()
    with open(target + ".new", "wb") as file:
        file.write(data)
    os.replace(target + ".new", target)
