"""Puts the times of the model suite into docs/models.md, between its markers, and docs/models.svg.

usage: suite_report.py RESULTS.json ROOT
"""

import json
import os
import pathlib
import statistics
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import page  # noqa: E402
from listed import listed  # noqa: E402

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

NAMES = {"sartor": "Sartor", "openvino": "OpenVINO", "onnxruntime": "ONNX Runtime", "executorch": "XNNPACK"}
# Versions are of the packages.
PACKAGES = {**NAMES, "executorch": "XNNPACK of ExecuTorch"}
# Light networks have up to so many multiply-adds.
LIGHT = 600e6
MARKS = {"openvino": ("o", "#1a202c"), "onnxruntime": ("s", "#2f855a"), "executorch": ("D", "#b83280")}


def times(rows, threads):
    """Medians in ms by engine, and by other engine how many times Sartor's time it is."""
    found = {row["engine"]: row["median_ms"] for row in rows if row["threads"] == threads}
    return found, {engine: time / found["sartor"] for engine, time in found.items() if engine != "sartor"}


def cells(timed, threads):
    found, ratios = times(timed["rows"], threads)
    return [*(f"{found[engine]:.2f}" if engine in found else "-" for engine in NAMES), f"{min(ratios.values()):.2f}x"]


def mean(ratios):
    return statistics.geometric_mean(ratios)


def block(results, names):
    timed = {name: model for name, model in results["models"].items() if "rows" in model}
    lost = {name: model["error"] for name, model in results["models"].items() if "rows" not in model}
    threads = sorted({row["threads"] for model in timed.values() for row in model["rows"]})
    ratios = {n: {name: times(model["rows"], n)[1] for name, model in timed.items()} for n in threads}
    fastest = {n: [min(each.values()) for each in ratios[n].values()] for n in threads}
    versions = ", ".join(f"{PACKAGES[engine]} {version}" for engine, version in results["versions"].items())
    lines = [
        "## Speed",
        "",
        f"`benches/peers/run --suite` timed these on {results['cpu']}, {results['date']}: one image, f32, engines turn by turn on the same cores, answers compared. Medians in",
        f"ms; `ahead` is the time of the fastest of the others that have a figure over Sartor's. {versions}; Sartor without tuning.",
        "",
        "![Times of the other engines over Sartor's](models.svg)",
        "",
    ]
    for n in threads:
        light = [min(each.values()) for name, each in ratios[n].items() if timed[name]["macs"] <= LIGHT]
        behind = sum(ratio < 1 for ratio in fastest[n])
        of = {engine: [each[engine] for each in ratios[n].values() if engine in each] for engine in NAMES}
        each = ", ".join(f"{NAMES[engine]} {mean(found):.2f}x of {len(found)}" for engine, found in of.items() if found)
        lines.append(
            f"- {n} thread{'s' if n > 1 else ''}: geometric mean {mean(fastest[n]):.2f}x over {len(fastest[n])} models, least {min(fastest[n]):.2f}x; "
            f"{behind} behind; {mean(light):.2f}x over {len(light)} models of up to {LIGHT / 1e6:.0f} million multiply-adds. By engine: {each}."
        )
    columns = ["model", "10^6 multiply-adds", "GFLOP/s"]
    for n in threads:
        columns += [f"{NAMES[engine]} ({n})" for engine in NAMES] + [f"ahead ({n})"]
    lines += ["", "| " + " | ".join(columns) + " |", "| --- |" + " ---: |" * (len(columns) - 1)]
    for name, model in timed.items():
        speed = 2 * model["macs"] / times(model["rows"], threads[0])[0]["sartor"] / 1e6
        row = [name, f"{model['macs'] / 1e6:,.0f}", f"{speed:.0f}"] + [cell for n in threads for cell in cells(model, n)]
        lines.append("| " + " | ".join(row) + " |")
    without = {(name, engine): why for name, model in timed.items() for engine, why in model.get("no_figure", {}).items()}
    if without:
        lines += ["", "`-`: no figure:", ""] + [f"- `{name}`, {NAMES[engine]}: {why}" for (name, engine), why in without.items()]
    left = {name: model["not_delegated"] for name, model in timed.items() if model.get("not_delegated")}
    if left:
        lines += ["", "XNNPACK does not take all operators of these; ExecuTorch runs the others by its own kernels:", ""]
        lines += [f"- `{name}`: {', '.join(f'{count} {operator}' for operator, count in each.items())}" for name, each in left.items()]
    if waiting := [name for name in dict.fromkeys(names) if name not in results["models"]]:
        lines += ["", f"The run is not through. Not timed yet: {', '.join(waiting)}."]
    if lost:
        lines += ["", "Not timed:", ""] + [f"- `{name}`: {why.splitlines()[0][:200]}" for name, why in lost.items()]
    return "\n".join(lines), ratios


def plot(path, ratios):
    plt.rcParams.update({"svg.hashsalt": "suite", "svg.fonttype": "none", "font.size": 8})
    first = {name: min(each.values()) for name, each in ratios[min(ratios)].items()}
    names = sorted(first, key=first.get)
    figure, axis = plt.subplots(figsize=(8, 0.17 * len(names) + 1), layout="constrained")
    axis.barh(names, [first[name] for name in names], color=["#a3bfdb" if first[name] >= 1 else "#e0ab8e" for name in names])
    for engine, (marker, color) in MARKS.items():
        found = [(each[engine], name) for name, each in ratios[min(ratios)].items() if engine in each]
        axis.scatter([ratio for ratio, _ in found], [name for _, name in found], s=9, c=color, marker=marker, label=NAMES[engine], zorder=2, linewidths=0)
    axis.axvline(1, color="black", linewidth=0.6)
    axis.legend(loc="lower right", frameon=False)
    axis.set_xlabel("time of another engine over Sartor's, one thread; bars: of the fastest; right: Sartor is faster")
    axis.tick_params(axis="y", labelsize=6.5)
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, format="svg", metadata={"Date": None})


def main():
    source, root = sys.argv[1:]
    text, ratios = block(json.load(open(source)), [name for _, name, _ in listed(pathlib.Path(root))])
    plot(os.path.join(root, "docs", "models.svg.new"), ratios)
    os.replace(os.path.join(root, "docs", "models.svg.new"), os.path.join(root, "docs", "models.svg"))
    page.write(os.path.join(root, "docs", "models.md"), "speed", text + "\n")


main()
