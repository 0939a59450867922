"""An engine that Python has, as a process that runs when it is told to; protocol/ describes the protocol.

usage: engine.py onnxruntime|openvino|xnnpack|executorch MODEL THREADS INPUT OUTPUT
"""

import os
import sys
import time

import numpy as np  # its time and memory are no engine's


def onnxruntime(model, threads):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Workers that spin between runs would take the cores of the engine whose turn it is.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return session.get_inputs()[0].shape, lambda x: session.run(None, {name: x})[0]


def openvino(model, threads):
    import openvino as ov

    config = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,  # the driver pins
    }
    compiled = ov.Core().compile_model(model, "CPU", config)
    request = compiled.create_infer_request()

    def run(x):
        request.set_input_tensor(ov.Tensor(x, shared_memory=True))
        request.infer()
        return request.get_output_tensor(0).data

    return list(compiled.input(0).shape), run


def xnnpack(model, threads):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=model, num_threads=threads)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    n, h, w, c = source["shape"]

    def run(x):  # NHWC, as its users have it
        interpreter.set_tensor(source["index"], x)
        interpreter.invoke()
        return interpreter.get_tensor(target["index"])

    return ("nhwc", n, h, w, c), run


def executorch(model, threads):
    import torch
    from executorch.extension.pybindings import portable_lib

    portable_lib._unsafe_reset_threadpool(threads)
    module = portable_lib._load_for_executorch(model)
    shape = module.method_meta("forward").input_tensor_meta(0).sizes()
    return list(shape), lambda x: module.forward((torch.from_numpy(x),), clone_outputs=False)[0].numpy()


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main():
    engine, model, threads, source, target = sys.argv[1:]
    x = np.fromfile(source, np.float32)
    before, start = resident(), time.perf_counter()
    opened = {"onnxruntime": onnxruntime, "openvino": openvino, "xnnpack": xnnpack, "executorch": executorch}
    shape, run = opened[engine](model, int(threads))
    if shape[0] == "nhwc":
        _, n, h, w, c = shape
        x = np.ascontiguousarray(x.reshape(n, c, h, w).transpose(0, 2, 3, 1))
    else:
        x = x.reshape(shape)
    answer = run(x)
    milliseconds, memory = (time.perf_counter() - start) * 1e3, resident() - before
    np.ascontiguousarray(answer, np.float32).tofile(target)
    print(f"ready {milliseconds:.3f} {memory}", flush=True)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            start = time.perf_counter()
            run(x)
            seconds.append(time.perf_counter() - start)
        print(" ".join(f"{s:.9f}" for s in seconds), flush=True)


main()
