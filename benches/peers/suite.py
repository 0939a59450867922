"""Times the models of scripts/models/list.txt in Sartor, ONNX Runtime and OpenVINO, turn by turn.

usage: suite.py CACHE RESULTS.json ROOT PYTHON [--models A,B] [--seconds N] [--prepare]

PYTHON is an interpreter that has PyTorch; it writes each model as an ONNX file, which is removed once the model is timed. RESULTS.json grows by a
model at a time, and what is in it is not timed again. With --prepare the models are only exported and compiled, and nothing is timed. XNNPACK is left out: nothing that is pinned here makes its files of any network.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np

import drive
import page  # beside this folder, where drive looks for it

ENGINES = ["sartor", "openvino", "onnxruntime"]
VARIANT = "old17"


def listed(root):
    lines = (line.split() for line in open(root / "scripts/models/list.txt") if line.strip() and not line.startswith("#"))
    # A fourth word marks attention, which is not read.
    return [(library, name, side) for library, name, side, *marks in lines if not marks]


def export(folder, root, python, library, name, side):
    """Writes what the engines open, unless it is there: the model and its input. Returns why it cannot, or nothing."""
    if (folder / f"{name}-1.input").exists():
        return None
    script = root / "scripts/models/export.py"
    done = subprocess.run([python, str(script), str(folder), library, name, side, VARIANT], capture_output=True, text=True)
    source = folder / f"{name}.{VARIANT}.onnx"
    if done.returncode or not source.exists():
        return (done.stderr.strip().splitlines() or done.stdout.strip().splitlines() or ["?"])[-1]
    os.replace(source, folder / f"{name}-1.onnx")
    np.load(folder / f"{name}.x.npy").tofile(folder / f"{name}-1.input")
    return None


def work(root, file):
    """Multiply-adds."""
    shown = subprocess.run([root / "target/release/sartor", "show", str(file), "--json"], capture_output=True, text=True)
    return json.loads(shown.stdout)["macs"] if shown.returncode == 0 else None


def store(path, results):
    """A line a model."""
    models = ",\n".join(f"{json.dumps(name)}: {json.dumps(model)}" for name, model in results["models"].items())
    head = json.dumps({key: value for key, value in results.items() if key != "models"})
    with open(path + ".new", "w") as file:
        file.write(f'{head[:-1]}, "models": {{\n{models}\n}}}}\n')
    os.replace(path + ".new", path)


def main():
    parser = argparse.ArgumentParser()
    for name in ["cache", "results", "root", "python"]:
        parser.add_argument(name)
    parser.add_argument("--models", type=lambda s: s.split(","))
    parser.add_argument("--seconds", type=float, default=12, help="for each model and number of threads")
    parser.add_argument("--prepare", action="store_true")
    args = parser.parse_args()
    root, folder = pathlib.Path(args.root), pathlib.Path(args.cache) / "models"
    folder.mkdir(parents=True, exist_ok=True)
    models = [model for model in listed(root) if not args.models or model[1] in args.models]
    if unknown := set(args.models or []) - {name for _, name, _ in models}:
        parser.error(f"the list has no model {', '.join(sorted(unknown))}")
    results = {"cpu": page.cpu(), "date": time.strftime("%F"), "versions": drive.versions(ENGINES), "models": {}}
    if os.path.exists(args.results):
        found = json.load(open(args.results))
        if any(found[key] != results[key] for key in ["cpu", "versions"]):
            sys.exit(f"error: {args.results} is of another machine or of other engines: remove it, or name another by --output")
        results = found
    threads = [n for n in (1, 2) if n <= len(os.sched_getaffinity(0))]
    for index, (library, name, side) in enumerate(models):
        if name in results["models"]:
            continue
        print(f"[{index + 1}/{len(models)}] {name}", file=sys.stderr)
        lost = export(folder, root, args.python, library, name, side)
        try:
            if lost:
                raise RuntimeError(f"not exported: {lost}")
            if args.prepare:
                # Opening a model compiles it, and the program stays in Sartor's cache.
                drive.Engine("sartor", args.cache, name, 1, 1, in_zoo=False).close()
                continue
            # Some networks make more of the roundings of f32: the distance of PyTorch's own answer from f64 says how much.
            tolerance = max(drive.TOLERANCE, 16 * float(np.load(folder / f"{name}.own.npy")))
            rows = []
            for n in threads:
                rows += drive.measure(ENGINES, args.cache, name, n, 1, args.seconds, tolerance)
                print("    " + "  ".join(f"{r['engine']} {r['median_ms']:.2f}" for r in rows[-len(ENGINES):]), file=sys.stderr)
            results["models"][name] = {"macs": work(root, folder / f"{name}-1.onnx"), "rows": rows}
        except RuntimeError as error:
            print(f"    {error}", file=sys.stderr)
            if args.prepare:
                continue
            results["models"][name] = {"error": str(error)[-500:]}
        store(args.results, results)
        for file in folder.glob(f"{name}[-.]*"):
            file.unlink()


main()
