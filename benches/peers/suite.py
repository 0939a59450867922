"""Times the models of scripts/models/list.txt in Sartor, OpenVINO, ONNX Runtime and XNNPACK, turn by turn.

usage: suite.py CACHE RESULTS.json ROOT PYTHON [--models A,B] [--seconds N] [--prepare]

PYTHON is an interpreter that has PyTorch and ExecuTorch; it writes each model as an ONNX file, and as a program of ExecuTorch, which runs it by XNNPACK.
Both are removed once the model is timed. RESULTS.json grows by a model at a time. A model that has a figure of every engine there, or a reason why not,
is not timed again; another is timed anew in all engines. With --prepare the models are only exported and compiled, and nothing is timed.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import numpy as np

import drive
from listed import listed
import page  # beside this folder, where drive looks for it

ENGINES = ["sartor", "openvino", "onnxruntime", "executorch"]
VARIANT = "old17"


def export(folder, root, python, library, name, side):
    """Writes what the engines open, unless it is there: the model, the program of ExecuTorch and the input. Returns why it cannot, or nothing."""
    if program(folder, name).exists():
        return None
    script = root / "scripts/models/export.py"
    done = subprocess.run([python, str(script), str(folder), library, name, side, VARIANT, "xnnpack"], capture_output=True, text=True)
    said = dict(re.findall(rf"^{re.escape(name)} (\w+) (?:not )?exported(?:$|: )(.*)$", done.stdout, re.M))
    ended = f"the exporter ended with status {done.returncode}: {(done.stderr.strip().splitlines() or ['?'])[-1]}"
    lost = {variant: said.get(variant, ended) for variant in (VARIANT, "xnnpack")}
    if lost[VARIANT]:
        return lost[VARIANT]
    os.replace(folder / f"{name}.{VARIANT}.onnx", folder / f"{name}-1.onnx")
    np.load(folder / f"{name}.x.npy").tofile(folder / f"{name}-1.input")
    if lost["xnnpack"]:
        program(folder, name).write_text(json.dumps({"lost": lost["xnnpack"]}))
    else:
        os.replace(folder / f"{name}.xnnpack.pte", folder / f"{name}-1.pte")
        os.replace(folder / f"{name}.xnnpack.json", program(folder, name))
    return None


def program(folder, name):
    """What is known of a model's program for ExecuTorch; written last."""
    return folder / f"{name}-1.program.json"


def complete(model):
    """Whether each engine has been tried."""
    return "error" in model or set(ENGINES) <= {row["engine"] for row in model["rows"]} | set(model.get("no_figure", {}))


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
    parser.add_argument("--seconds", type=float, default=16, help="for each model and number of threads")
    parser.add_argument("--prepare", action="store_true")
    args = parser.parse_args()
    root, folder = pathlib.Path(args.root), pathlib.Path(args.cache) / "models"
    folder.mkdir(parents=True, exist_ok=True)
    models = [model for model in listed(root) if not args.models or model[1] in args.models]
    if unknown := set(args.models or []) - {name for _, name, _ in models}:
        parser.error(f"the list has no model {', '.join(sorted(unknown))}")
    drive.INTERPRETERS["executorch"] = args.python
    results = {"cpu": page.cpu(), "date": time.strftime("%F"), "versions": drive.versions(ENGINES), "models": {}}
    if os.path.exists(args.results):
        found = json.load(open(args.results))
        # Results may be older than an engine here.
        if found["cpu"] != results["cpu"] or not found["versions"].items() <= results["versions"].items():
            sys.exit(f"error: {args.results} is of another machine or of other engines: remove it, or name another by --output")
        results["models"] = found["models"]
    threads = [n for n in (1, 2) if n <= len(os.sched_getaffinity(0))]
    for index, (library, name, side) in enumerate(models):
        if name in results["models"] and complete(results["models"][name]):
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
            known = json.loads(program(folder, name).read_text())
            lost, rows = {"executorch": known.get("lost")}, []
            for n in threads:
                timed = drive.measure([e for e in ENGINES if not lost.get(e)], args.cache, name, n, 1, args.seconds, tolerance, excused=lost)
                print("    " + "  ".join(f"{r['engine']} {r['median_ms']:.2f}" for r in timed), file=sys.stderr)
                rows += timed
            lost = {engine: why.strip().splitlines()[-1][-300:] for engine, why in lost.items() if why}
            for engine, why in lost.items():
                print(f"    {engine}: no figure: {why}", file=sys.stderr)
            results["models"][name] = {
                "macs": work(root, folder / f"{name}-1.onnx"), "rows": rows, "no_figure": lost, "not_delegated": known.get("left", {}),
            }  # fmt: skip
        except RuntimeError as error:
            print(f"    {error}", file=sys.stderr)
            if args.prepare:
                continue
            results["models"][name] = {"error": str(error)[-500:]}
        store(args.results, results)
        for file in folder.glob(f"{name}[-.]*"):
            file.unlink()


main()
