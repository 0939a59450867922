"""Puts results into docs/peers.md, docs/peers.svg and, between its markers, README.md.

usage: report.py RESULTS.json ROOT
"""

import json
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import page  # noqa: E402

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

NAMES = {
    "sartor": "Sartor", "openvino": "OpenVINO", "onnxruntime": "ONNX Runtime", "xnnpack": "TFLite / XNNPACK", "tract": "tract", "rten": "rten",
}  # fmt: skip


def table(header, rows):
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


class Results:
    def __init__(self, data):
        self.data = data
        self.engines = list(data["versions"])
        self.cases = list(dict.fromkeys((r["threads"], r["batch"]) for r in data["rows"]))

    def of(self, threads, batch):
        rows = [r for r in self.data["rows"] if (r["threads"], r["batch"]) == (threads, batch)]
        return list(dict.fromkeys(r["network"] for r in rows)), {(r["engine"], r["network"]): r for r in rows}

    def version(self, engine):
        return f"{NAMES[engine]} {self.data['versions'][engine]}"

    def times(self, threads, batch, key):
        """Engine by network: milliseconds and how many times Sartor's they are."""
        networks, rows = self.of(threads, batch)

        def cell(engine, network):
            time, own = rows[engine, network][key], rows["sartor", network][key]
            return f"{time:.2f}" if engine == "sartor" else f"{time:.2f} ({time / own:.2f}x)"

        return table(
            ["engine", *(f"`{n}`" for n in networks)],
            [[self.version(e), *(cell(e, n) for n in networks)] for e in self.engines],
        )

    def footprint(self):
        rows = self.data["rows"]
        compiled = self.data["compiled"]

        def cells(engine):
            if engine == "sartor":
                sizes = " and ".join(f"{c['size'] / 1e6:.1f}" for c in compiled.values())
                of = {n: (f"{c['cold_ms']:.0f}", f"{c['memory'] / 1e6:.0f}") for n, c in compiled.items()}
            else:
                sizes = f"{self.data['footprint'][engine]['size'] / 1e6:.1f}"
                of = {}
                for n in compiled:
                    row = next(r for r in rows if (r["engine"], r["network"], r["threads"], r["batch"]) == (engine, n, 1, 1))
                    of[n] = (f"{row['cold_ms']:.0f}", f"{row['memory'] / 1e6:.0f}")
            return [self.version(engine), sizes, *(of[n][0] for n in compiled), *(of[n][1] for n in compiled)]

        header = ["engine", "size, MB", *(f"cold start `{n}`, ms" for n in compiled), *(f"memory `{n}`, MB" for n in compiled)]
        return table(header, [cells(e) for e in self.engines])

    def plot(self, path):
        plt.rcParams.update({"svg.hashsalt": "peers", "svg.fonttype": "none", "font.size": 9})
        single = [(threads, batch) for threads, batch in self.cases if batch == 1]
        figure, axes = plt.subplots(len(single), 1, figsize=(10, 3.2 * len(single)), squeeze=False, layout="constrained")
        for (threads, batch), axis in zip(single, axes[:, 0]):
            networks, rows = self.of(threads, batch)
            width = 0.8 / len(self.engines)
            for i, engine in enumerate(self.engines):
                ratios = [rows[engine, n]["median_ms"] / rows["sartor", n]["median_ms"] for n in networks]
                bars = axis.bar([x + i * width for x in range(len(networks))], ratios, width, label=self.version(engine))
                axis.bar_label(bars, [f"{r:.1f}" for r in ratios], fontsize=6, padding=1)
            axis.set_xticks([x + 0.4 - width / 2 for x in range(len(networks))], networks, fontsize=7.5)
            axis.set_yscale("log", base=2)
            axis.yaxis.set_major_formatter(lambda y, _: f"{y:g}x")
            axis.set_ylabel("time, of Sartor's")
            axis.set_title(f"one image, {threads} thread{'s' if threads > 1 else ''}: less is faster")
            axis.axhline(1, color="black", linewidth=0.6)
            axis.spines[["top", "right"]].set_visible(False)
        figure.legend(*axes[0, 0].get_legend_handles_labels(), ncols=len(self.engines), fontsize=7, loc="outside upper center")
        figure.savefig(path, format="svg", metadata={"Date": None})


def words(threads, batch):
    return f"{'one thread' if threads == 1 else f'{threads} threads'}, {'one image' if batch == 1 else f'{batch} images'}"


def document(results):
    data = results.data
    worst = max(r["difference"] for r in data["rows"])
    rows = data["rows"]
    text = f"""# Against other engines

`benches/peers/run` wrote this page on {data["date"]}, on {data["cpu"]}. It installs or builds every engine, gives all of them the same networks with the same weights
(`sartor export`; TFLite gets the same graph from `benches/peers/to_tflite.py`, channels last as it wants them, with batch norms folded), checks that the
answers agree (the largest difference was {worst:.1e} of the largest value), and times whole inferences turn by turn: every engine is a process of its own, pinned to the same
cores, blocked while another runs. f32 throughout; {min(r["runs"] for r in rows)} to {max(r["runs"] for r in rows)} runs a cell in {data["rounds"]} rounds. In parentheses, how many times Sartor's time it is.

![Times of the engines over Sartor's](peers.svg)
"""
    for threads, batch in results.cases:
        text += f"\n## {words(threads, batch).capitalize()}\n\nMedians, ms:\n\n{results.times(threads, batch, 'median_ms')}\n"
        text += f"\nMinima, ms:\n\n{results.times(threads, batch, 'min_ms')}\n"
    return text + f"""
## What else it costs

Sartor's are of the program that `sartor compile` makes for this CPU's best level: the executables with their weights ({" and ".join(data["compiled"])}), from before the process starts
until it has printed its answer and ended, and the most memory it ever held. The others' are of the Python package (NumPy apart) or the stripped executable,
without the model; from importing or starting the engine to its first answer, and the memory that this added to the process.

{results.footprint()}
"""


def write(path, text):
    with open(path + ".new", "w") as file:
        file.write(text)
    os.replace(path + ".new", path)


def main():
    source, root = sys.argv[1:]
    results = Results(json.load(open(source)))
    readme = os.path.join(root, "README.md")
    data = results.data
    note = f"Medians in ms, {words(*results.cases[0])} ({data['cpu']}, {data['date']}); in parentheses, how many times Sartor's time it is."
    note += "\n[docs/peers.md](docs/peers.md) has two threads, batches, minima, size, memory and cold start."
    new = page.replaced(open(readme).read(), "peers", f"{results.times(*results.cases[0], 'median_ms')}\n\n{note}\n", "README.md")
    results.plot(os.path.join(root, "docs", "peers.svg.new"))
    os.replace(os.path.join(root, "docs", "peers.svg.new"), os.path.join(root, "docs", "peers.svg"))
    write(os.path.join(root, "docs", "peers.md"), document(results))
    write(readme, new)


main()
