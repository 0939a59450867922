"""Puts the times of the model suite into docs/models.md, between its markers, and docs/models.svg.

usage: suite_report.py RESULTS.json ROOT
"""

import json
import os
import statistics
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import page  # noqa: E402

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

NAMES = {"sartor": "Sartor", "openvino": "OpenVINO", "onnxruntime": "ONNX Runtime"}


def times(rows, threads):
    """Medians in ms by engine, and how many times Sartor's time the fastest other engine's is."""
    found = {row["engine"]: row["median_ms"] for row in rows if row["threads"] == threads}
    return found, min(time for engine, time in found.items() if engine != "sartor") / found["sartor"]


def cells(timed, threads):
    found, ratio = times(timed["rows"], threads)
    return [*(f"{found[engine]:.2f}" for engine in NAMES), f"{ratio:.2f}x"]


def mean(ratios):
    return statistics.geometric_mean(ratios)


def block(results):
    timed = {name: model for name, model in results["models"].items() if "rows" in model}
    lost = {name: model["error"] for name, model in results["models"].items() if "rows" not in model}
    threads = sorted({row["threads"] for model in timed.values() for row in model["rows"]})
    ratios = {n: {name: times(model["rows"], n)[1] for name, model in timed.items()} for n in threads}
    versions = ", ".join(f"{NAMES[engine]} {version}" for engine, version in results["versions"].items())
    lines = [
        "## Speed",
        "",
        f"`benches/peers/run --suite` timed these on {results['cpu']}, {results['date']}: one image, f32, engines turn by turn on the same cores, answers compared. Medians in",
        f"ms; `ahead` is the time of the faster of the others over Sartor's. {versions}; Sartor without tuning.",
        "",
        "![Times of the faster engine over Sartor's](models.svg)",
        "",
    ]
    for n in threads:
        behind = sum(ratio < 1 for ratio in ratios[n].values())
        lines.append(
            f"- {n} thread{'s' if n > 1 else ''}: geometric mean {mean(ratios[n].values()):.2f}x over {len(ratios[n])} models, least {min(ratios[n].values()):.2f}x; "
            f"{behind} behind."
        )
    columns = ["model", "10^6 multiply-adds", "GFLOP/s"]
    for n in threads:
        columns += [f"{NAMES[engine]} ({n})" for engine in NAMES] + [f"ahead ({n})"]
    lines += ["", "| " + " | ".join(columns) + " |", "| --- |" + " ---: |" * (len(columns) - 1)]
    for name, model in timed.items():
        speed = 2 * model["macs"] / times(model["rows"], threads[0])[0]["sartor"] / 1e6
        row = [name, f"{model['macs'] / 1e6:,.0f}", f"{speed:.0f}"] + [cell for n in threads for cell in cells(model, n)]
        lines.append("| " + " | ".join(row) + " |")
    if lost:
        lines += ["", "Not timed:", ""] + [f"- `{name}`: {why.splitlines()[0][:200]}" for name, why in lost.items()]
    return "\n".join(lines), ratios


def plot(path, ratios):
    plt.rcParams.update({"svg.hashsalt": "suite", "svg.fonttype": "none", "font.size": 8})
    first = ratios[min(ratios)]
    names = sorted(first, key=first.get)
    figure, axis = plt.subplots(figsize=(8, 0.17 * len(names) + 1), layout="constrained")
    axis.barh(names, [first[name] for name in names], color=["#2b6cb0" if first[name] >= 1 else "#c05621" for name in names])
    axis.axvline(1, color="black", linewidth=0.6)
    axis.set_xlabel("time of the faster other engine over Sartor's, one thread: more is faster")
    axis.tick_params(axis="y", labelsize=6.5)
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, format="svg", metadata={"Date": None})


def main():
    source, root = sys.argv[1:]
    text, ratios = block(json.load(open(source)))
    plot(os.path.join(root, "docs", "models.svg.new"), ratios)
    os.replace(os.path.join(root, "docs", "models.svg.new"), os.path.join(root, "docs", "models.svg"))
    page.write(os.path.join(root, "docs", "models.md"), "speed", text + "\n")


main()
