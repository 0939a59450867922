"""Runs the model suite: see `run`."""
import argparse
import collections
import glob
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import time

import numpy

# The largest distance from PyTorch's answer in f64, of the largest value, that is called the same; some networks make more of the
# roundings of f32, and then so many times the distance of PyTorch's own answer in f32 is allowed.
TOLERANCE = 1e-4
TIMES_OWN = 8


def listed(path):
    lines = (line.split() for line in open(path) if line.strip() and not line.startswith("#"))
    return [(library, name, int(side), bool(marks)) for library, name, side, *marks in lines]


def run(command, seconds):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"error: took longer than {seconds} s")


def export(folder, library, name, side, variants):
    answered = (folder / f"{name}.own.npy").exists()
    wanted = [variant for variant in variants if not (answered and (folder / f"{name}.{variant}.onnx").exists())]
    if not wanted:
        return {}
    script = pathlib.Path(__file__).with_name("export.py")
    done = run([sys.executable, str(script), str(folder), library, name, str(side), *wanted], 1200)
    refused = re.findall(rf"^{re.escape(name)} (\w+) not exported: (.*)$", done.stdout, re.M)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["?"])[-1]
        refused += [(variant, last) for variant in wanted if not (folder / f"{name}.{variant}.onnx").exists()]
    return dict(refused)


def answers(folder, name, file, sartor, engine):
    """The largest distance from PyTorch's answers, of the largest value, or an error."""
    prefix = folder / f"{name}.answer"
    for old in glob.glob(f"{prefix}*"):
        os.remove(old)
    done = run([sartor, "run", file, "--input", str(folder / f"{name}.x.npy"), "--output", f"{prefix}.npy", "--engine", engine], 1800)
    if done.returncode:
        return None, done.stderr.strip()
    expected = [numpy.load(path) for path in sorted(glob.glob(f"{folder / name}.y*.npy"))]
    found = [numpy.load(path) for path in sorted(glob.glob(f"{prefix}*.npy"), key=lambda path: (len(path), path))]
    if [a.shape for a in expected] != [a.shape for a in found]:
        return None, f"its outputs are {[a.shape for a in found]}, not {[a.shape for a in expected]}"
    return max(float(numpy.abs(a - b).max() / numpy.abs(a).max()) for a, b in zip(expected, found)), None


def tried(folder, name, variant, sartor, commit, verify):
    file = str(folder / f"{name}.{variant}.onnx")
    start = time.time()
    shown = run([sartor, "show", file, "--json"], 300)
    if shown.returncode:
        return {"commit": commit, "refused": shown.stderr.strip()}
    result = {"commit": commit, "read_seconds": round(time.time() - start, 2)}
    engine = "generic"
    if variant in verify:
        engine = "specialised"
        start = time.time()
        verified = run([sartor, "verify", file, "--json"], 3600)
        result["verify_seconds"] = round(time.time() - start, 1)
        result["verified"] = verified.returncode == 0
        if verified.returncode:
            result["why"] = (verified.stderr.strip() or verified.stdout.strip())[-500:]
    result["engine"] = engine
    result["distance"], error = answers(folder, name, file, sartor, engine)
    result["own"] = float(numpy.load(folder / f"{name}.own.npy"))
    if error:
        result["error"] = error[:500]
    return result


def good(result):
    limit = max(TOLERANCE, TIMES_OWN * result.get("own", 0))
    return result.get("distance") is not None and result["distance"] <= limit and result.get("verified", True)


def word(result):
    if result is None:
        return "-"
    if "not_exported" in result:
        return "no file"
    if "refused" in result:
        return "refused"
    if not good(result):
        return "**wrong**"
    return f"{result['distance']:.0e}"


def document(path, models, variants, results):
    plain = [model for model in models if not model[3] and results[model[1]]]
    imported = [m for m in plain if all("refused" not in results[m[1]].get(v, {}) for v in variants)]
    files = [result for name in results for result in results[name].values() if "not_exported" not in result]
    read = [result for result in files if "refused" not in result]
    right = [result for result in read if good(result)]
    verified = [result for result in read if result.get("verified")]
    commits = sorted({result["commit"] for result in read})
    lines = [
        "# Models of torchvision and timm",
        "",
        "`scripts/models/run` wrote this page. It exports each model of `scripts/models/list.txt`, with random weights, by the older exporter of",
        "PyTorch (`old`, with the version of ONNX's operators) and by the newer one (`new`), with and without a batch that has a name",
        "(`dynamic`); reads each file; computes its answer for noise; and compares that with PyTorch's.",
        "",
        f"Of {len(plain)} models without attention that were tried, {len(imported)} are read from every file of them that was tried. Of {len(files)} files, {len(read)}",
        f"are read; {len(right)} of their answers agree with PyTorch's in f64 within {TOLERANCE:.0e} of the largest value, or within {TIMES_OWN} times the distance of",
        f"PyTorch's own answer in f32 where that is more. {len(verified)} of the files were compiled, and each layer",
        f"verified against f64 at every level that the machine had. `models.json` has the details. Versions of Sartor: {', '.join(commits)}.",
        "",
        "Each number is the largest distance from PyTorch's answer, of the largest value. `no file`: PyTorch could not export the model so. `-`: not run.",
        "",
        "| model | " + " | ".join(variants) + " |",
        "| --- |" + " ---: |" * len(variants),
    ]
    for _, name, _, attention in models:
        own = results[name]
        lines.append(f"| {name}{' (attention)' if attention else ''} | " + " | ".join(word(own.get(v)) for v in variants) + " |")
    reasons = collections.OrderedDict()
    for name, own in results.items():
        for variant, result in own.items():
            if "refused" in result:
                first = next((line.strip() for line in result["refused"].splitlines() if line.strip().startswith("node ")), "")
                first = first or result["refused"].splitlines()[0]
                reasons.setdefault(name, re.sub(r"'[^']*\.onnx'", "the file", first)[:220])
    lines += ["", "## Refused", ""] + ([f"- `{name}`: {reason}" for name, reason in reasons.items()] or ["None."])
    lost = {}
    for name, own in results.items():
        for variant, result in own.items():
            if "not_exported" in result:
                lost.setdefault(re.sub(r"\x1b\[[0-9;]*m", "", result["not_exported"])[:140], []).append(f"{name} {variant}")
    lines += ["", "## Not exported", ""]
    lines += [f"- {', '.join(which)}: {reason}" for reason, which in lost.items()] or ["None."]
    lines += ["", f"Written on {platform.machine()} with PyTorch's exporters.", ""]
    # What benches/peers wrote stays.
    _, begin, speed = pathlib.Path(path).read_text().partition("<!-- speed: begin -->")
    lines += [begin + speed] if begin else []
    partial = f"{path}.new"
    pathlib.Path(partial).write_text("\n".join(lines))
    os.replace(partial, path)


def main():
    parser = argparse.ArgumentParser()
    for option in ["sartor", "list", "results", "commit", "folder", "models", "variants", "verify", "document"]:
        parser.add_argument(f"--{option}", required=True)
    args = parser.parse_args()
    folder = pathlib.Path(args.folder)
    all_models = listed(args.list)
    only = [name for name in args.models.split(",") if name]
    unknown = set(only) - {name for _, name, _, _ in all_models}
    if unknown:
        sys.exit(f"no such models in the list: {', '.join(sorted(unknown))}")
    models = [model for model in all_models if not only or model[1] in only]
    variants = args.variants.split(",")
    verify = [] if args.verify == "none" else args.verify.split(",")
    store = pathlib.Path(args.results)
    results = collections.defaultdict(dict, json.loads(store.read_text()) if store.exists() else {})
    failed = 0
    for index, (library, name, side, _) in enumerate(models):
        # What was refused or wrong is tried again.
        missing = [v for v in variants if not good(results[name].get(v, {})) and "not_exported" not in results[name].get(v, {})]
        lost = export(folder, library, name, side, missing)
        for variant in missing:
            if variant in lost:
                results[name][variant] = {"not_exported": lost[variant]}
            else:
                results[name][variant] = tried(folder, name, variant, args.sartor, args.commit, verify)
                if good(results[name][variant]):
                    for file in folder.glob(f"{name}.{variant}.onnx*"):
                        file.unlink()
            partial = pathlib.Path(f"{store}.new")
            partial.write_text(json.dumps(results, indent=1) + "\n")
            os.replace(partial, store)
        own = [results[name][v] for v in variants]
        failed += sum("distance" in result and not good(result) for result in own)
        print(f"{index + 1:3}/{len(models)} {name:34} " + " ".join(f"{v} {word(r)}" for v, r in zip(variants, own)), flush=True)
    if not only:
        document(args.document, all_models, variants, results)
        print(f"wrote {args.document}")
    if failed:
        sys.exit(f"{failed} answers or layers are wrong")


if __name__ == "__main__":
    main()
