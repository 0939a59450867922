"""Writes what the engines open: each network as ONNX and TFLite, an input for it, and compiled programs of some.

usage: prepare.py CACHE SARTOR [NETWORK...]      SARTOR is the command line's executable
"""

import json
import os
import subprocess
import sys

import numpy as np
import onnx

import networks
import to_tflite


def sartor(program, *args):
    done = subprocess.run([program, *args, "--json"], stdout=subprocess.PIPE)
    if done.returncode:
        sys.exit(f"sartor {' '.join(args)} ended with status {done.returncode}")  # it has said why
    return json.loads(done.stdout)


def main():
    cache, program, *wanted = sys.argv[1:]
    folder = os.path.join(cache, "models")
    os.makedirs(folder, exist_ok=True)
    for network, batch in sorted({(n, b) for n, _, b in networks.cases(wanted or networks.ALL, [1])}):
        print(f"writing {network}, batch {batch}", file=sys.stderr)
        stem = os.path.join(folder, f"{network}-{batch}")
        sartor(program, "export", network, "--batch", str(batch), "-o", stem + ".onnx")
        model = onnx.load(stem + ".onnx")
        onnx.checker.check_model(model, full_check=True)
        to_tflite.write(model.graph, stem + ".tflite")
        shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
        image = np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)
        image.tofile(stem + ".input")
        if batch == 1:
            np.save(stem + ".npy", image)
    level = sartor(program, "show", "rexnet_digits")["level"]
    for network in networks.FOOTPRINT:
        if network in (wanted or networks.ALL):
            print(f"compiling {network} for {level}", file=sys.stderr)
            out = os.path.join(folder, network)
            report = sartor(program, "compile", network, "--levels", level, "-o", out)
            with open(out + ".json", "w") as file:
                json.dump(report, file)


if __name__ == "__main__":
    main()
