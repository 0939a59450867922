"""Finds what limits each model of list.txt, and how long it takes to compile, and writes docs/models.md's section on it.

usage: limits.py --sartor F --list F --folder DIR --results F.json --document F --level L [--models A,B] [--prepare]
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "benches"))
import page  # noqa: E402
from suite import export, listed  # noqa: E402

VARIANT = "old17"
# A stage counts if it takes more of a model's time than this, and is slow if its bound is less than this share of its time.
COUNTS, SLOW = 0.02, 0.5


def sartor(program, *words):
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["?"])[-1])
    return done.stdout


def compiled(program, file, level):
    """Seconds from the file to a program of one level, with nothing in the cache."""
    start = time.monotonic()
    sartor(program, "bench", file, "--level", level, "--runs", 1)
    return round(time.monotonic() - start, 1)


def explained(program, file, level):
    """The share of the peak, and the stages that count and are slow."""
    found = json.loads(sartor(program, "explain", file, "--level", level, "--json"))
    whole = sum(stage["quiet_us"] for stage in found["stages"])
    slow, least = [], 0.0
    for stage in found["stages"]:
        bound = max((bound["us"] for bound in stage["bounds"]), default=0.0)
        least += min(bound, stage["quiet_us"])
        share = stage["quiet_us"] / whole
        if share > COUNTS and bound < SLOW * stage["quiet_us"]:
            nearest = max(stage["bounds"], key=lambda bound: bound["us"])["resource"] if stage["bounds"] else "-"
            slow.append({"stage": stage["name"], "share": round(share, 4), "explained": round(bound / stage["quiet_us"], 3), "nearest": nearest})
    by = {}
    for stage in found["stages"]:
        by[stage["bound_by"]] = by.get(stage["bound_by"], 0.0) + stage["quiet_us"] / whole
    report = found["report"]
    return {
        "quiet_ms": round(report["quiet_ms"], 3), "least_ms": round(least / 1000, 3), "share_of_peak": round(report["share_of_peak"], 3), "stages": len(found["stages"]),
        "bound_by": {resource: round(share, 3) for resource, share in sorted(by.items(), key=lambda each: -each[1])}, "slow": slow,
    }  # fmt: skip


def block(results):
    models = {name: model for name, model in results["models"].items() if "quiet_ms" in model}
    slow = {name: model["slow"] for name, model in models.items() if model["slow"]}
    times = sorted((model["compile_s"], name) for name, model in models.items())
    lines = [
        "## What limits each model",
        "",
        f"`scripts/models/limits` found this by `sartor explain` on {results['cpu']}, {results['date']}, {results['level']}, one thread. Shares are of the time of a model: of the stages that a",
        "resource bounds, and of those whose largest bound is less than 60 % of their time (`unexplained`). Compiling is from the file to the program of this level,",
        "with nothing in the cache and on one core. `bounds` is the sum of the largest bounds of all stages: what the model would take if the core overlapped all of a stage's work.",
        "",
        f"- {len(models)} models compile in {times[0][0]:.0f} to {times[-1][0]:.0f} s a level; the slowest is {times[-1][1]}.",
        f"- Of {sum(model['stages'] for model in models.values())} stages, {sum(map(len, slow.values()))} take more than {100 * COUNTS:.0f} % of their model's time and twice their bound or longer"
        + (":" if slow else "."),
        "",
    ]
    for name, stages in slow.items():
        each = ", ".join(f"`{s['stage']}` ({100 * s['share']:.1f} % of the time, {100 * s['explained']:.0f} % of it explained by {s['nearest']})" for s in stages)
        lines.append(f"  - {name}: {each}")
    lines += ["", "| model | compiled in s | ms | bounds | of the peak | stages | bound by |", "| --- | ---: | ---: | ---: | ---: | ---: | --- |"]
    for name, model in models.items():
        by = ", ".join(f"{resource} {100 * share:.0f} %" for resource, share in model["bound_by"].items() if share >= 0.05)
        lines.append(f"| {name} | {model['compile_s']:.0f} | {model['quiet_ms']:.2f} | {model['least_ms']:.2f} | {100 * model['share_of_peak']:.0f} % | {model['stages']} | {by} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    for option in ["sartor", "list", "folder", "results", "document", "level"]:
        parser.add_argument(f"--{option}", required=True)
    parser.add_argument("--models", default="")
    parser.add_argument("--prepare", action="store_true")
    args = parser.parse_args()
    folder, store = pathlib.Path(args.folder), pathlib.Path(args.results)
    only = [name for name in args.models.split(",") if name]
    models = [model for model in listed(args.list) if not model[3] and (not only or model[1] in only)]
    results = {"cpu": page.cpu(), "date": time.strftime("%F"), "level": args.level, "models": {}}
    if store.exists():
        before = json.loads(store.read_text())
        if (before["cpu"], before["level"]) != (results["cpu"], results["level"]):
            sys.exit(f"{store} is of another machine or level: remove it, or name another file")
        results["models"] = before["models"]
    for index, (library, name, side, _) in enumerate(models):
        model = results["models"].setdefault(name, {})
        if "quiet_ms" in model or args.prepare and "compile_s" in model:
            continue
        file = folder / f"{name}.{VARIANT}.onnx"
        try:
            lost = {} if file.exists() else export(folder, library, name, side, [VARIANT])
            if lost:
                raise RuntimeError(f"not exported: {lost[VARIANT]}")
            if "compile_s" not in model:
                model["compile_s"] = compiled(args.sartor, file, args.level)
            if not args.prepare:
                model.update(explained(args.sartor, file, args.level))
        except RuntimeError as error:
            print(f"    {name}: {error}", file=sys.stderr)
        partial = store.with_name(store.name + ".new")
        partial.write_text(json.dumps(results, indent=1) + "\n")
        os.replace(partial, store)
        print(f"{index + 1:3}/{len(models)} {name:34} {json.dumps(model)[:150]}", flush=True)
    if not args.prepare and not only:
        page.write(args.document, "limits", block(results))
        print(f"wrote {args.document}")


main()
