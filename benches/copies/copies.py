"""Times fresh copies of compiled libraries: see `run`.

usage: copies.py SARTOR FOLDER COPIES NETWORKS [PAGE]
       copies.py --one LIBRARY REFERENCE NAME INPUT_LENGTH OUTPUT_LENGTH copied|file
           (a process of its own: prints seconds, and how many times as long the library takes as the reference, another copy)
"""

import ctypes
import datetime
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
import page  # noqa: E402

# Runs of each library in a process, after some that are not counted.
RUNS = 200
FIRST = 20
# A run that nothing disturbed: other programs slow down the rest.
QUIET = 0.1
WAYS = {"file": "weights in the file", "copied": "weights copied"}


class Copy:
    """A copy of a library, opened."""

    def __init__(self, library, name, input_length, output_length, way):
        self.net, self.name, self.seconds = ctypes.CDLL(library), name, []
        model = ctypes.c_void_p()
        source, result = (ctypes.c_float * input_length)(*([0.5] * input_length)), (ctypes.c_float * output_length)()
        self.call("create", ctypes.c_size_t(1), ctypes.byref(model))
        if way == "copied":
            self.call("copy_weights", model)
        self.args = (model, source, ctypes.c_size_t(input_length), result, ctypes.c_size_t(output_length))

    def call(self, function, *args):
        if getattr(self.net, f"{self.name}_{function}")(*args):
            sys.exit(f"{self.name}_{function} failed")

    def run(self):
        # The first run finds the caches full of the other copy's data.
        self.call("run", *self.args)
        start = time.perf_counter()
        self.call("run", *self.args)
        self.seconds.append(time.perf_counter() - start)

    def quiet(self):
        return sorted(self.seconds[FIRST:])[int(QUIET * RUNS)]


def one(library, reference, name, input_length, output_length, way):
    copies = [Copy(path, name, input_length, output_length, way) for path in (library, reference)]
    order = random.Random(library)
    for _ in range(FIRST + RUNS):
        for copy in order.sample(copies, len(copies)):
            copy.run()
    seconds, of_reference = (copy.quiet() for copy in copies)
    print(seconds, seconds / of_reference)


def compiled(sartor, folder, network):
    """The library, its name, and the lengths of its input and output."""
    done = subprocess.run([sartor, "compile", network, "--kind", "c", "-o", folder / network], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    header = next((folder / network / "include").glob("*.h"))
    lengths = [int(re.search(rf"_{which}_LENGTH (\d+)", header.read_text())[1]) for which in ("INPUT", "OUTPUT")]
    return folder / network / "lib" / f"lib{header.stem}.so", header.stem, *lengths


def measured(folder, library, name, lengths, copies):
    """The seconds of each copy and how many times as long it takes as another one, which is the same for all, each way."""
    files = [folder / f"{name}.{copy}.so" for copy in range(copies + 1)]
    for file in files:
        # One write, as compiling writes it.
        file.write_bytes(library.read_bytes())
    found = {way: [] for way in WAYS}
    for index, file in enumerate(files[1:]):
        for way in WAYS:
            command = [sys.executable, __file__, "--one", file, files[0], name, *map(str, lengths), way]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found[way].append([float(word) for word in printed.split()])
        print(f"{name}: copy {index + 1} of {copies}", file=sys.stderr)
    return found


def main():
    sartor, folder, copies, networks = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4].split(",")
    text = "| network | weights | ms | slowest process | slowest copy |\n| --- | --- | ---: | ---: | ---: |\n"
    for network in networks:
        library, name, *lengths = compiled(sartor, folder, network)
        for way, found in measured(folder, library, name, lengths, copies).items():
            seconds, ratios = zip(*found)
            cells = [f"{1e3 * statistics.median(seconds):.3f}"] + [f"{max(each) / min(each) - 1:+.1%}" for each in (seconds, ratios)]
            text += f"| `{network}` | {WAYS[way].removeprefix('weights ')} | {' | '.join(cells)} |\n"
    text += (
        f"\nOne thread; {copies} fresh copies of each library, each in a process of its own, in turns with one that is the same for all: the tenth percentile of {RUNS}\n"
        "runs, median over the copies; how much longer the slowest process takes than the fastest; and how much longer the slowest copy takes than the fastest,\n"
        f"if each is measured against the one in its process, which finds the machine in the same state ({page.cpu()}, {datetime.date.today()}).\n"
    )
    if len(sys.argv) == 5:
        print(text, end="")
    else:
        page.write(sys.argv[5], "copies", text)


if sys.argv[1] == "--one":
    one(*sys.argv[2:5], int(sys.argv[5]), int(sys.argv[6]), sys.argv[7])
else:
    main()
