"""Times fresh copies of compiled libraries: see `run`.

usage: copies.py SARTOR FOLDER COPIES NETWORKS [PAGE]
       copies.py --one LIBRARY NAME INPUT_LENGTH OUTPUT_LENGTH copied|file     (a process of its own: prints seconds)
"""

import ctypes
import datetime
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
import page  # noqa: E402

# Runs of each process, after some that are not counted.
RUNS = 300
FIRST = 30
# A run that nothing disturbed: other programs slow down the rest.
QUIET = 0.1
WAYS = {"file": "weights in the file", "copied": "weights copied"}


def one(library, name, input_length, output_length, way):
    net = ctypes.CDLL(library)
    model = ctypes.c_void_p()
    source, result = (ctypes.c_float * input_length)(*([0.5] * input_length)), (ctypes.c_float * output_length)()

    def call(function, *args):
        if getattr(net, f"{name}_{function}")(*args):
            sys.exit(f"{name}_{function} failed")

    call("create", ctypes.c_size_t(1), ctypes.byref(model))
    if way == "copied":
        call("copy_weights", model)
    args = (model, source, ctypes.c_size_t(input_length), result, ctypes.c_size_t(output_length))
    times = []
    for _ in range(FIRST + RUNS):
        start = time.perf_counter()
        call("run", *args)
        times.append(time.perf_counter() - start)
    print(sorted(times[FIRST:])[int(QUIET * RUNS)])


def compiled(sartor, folder, network):
    """The library, its name, and the lengths of its input and output."""
    done = subprocess.run([sartor, "compile", network, "--kind", "c", "-o", folder / network], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    header = next((folder / network / "include").glob("*.h"))
    lengths = [int(re.search(rf"_{which}_LENGTH (\d+)", header.read_text())[1]) for which in ("INPUT", "OUTPUT")]
    return folder / network / "lib" / f"lib{header.stem}.so", header.stem, *lengths


def measured(folder, library, name, lengths, copies):
    """The seconds of each copy, each way."""
    files = [folder / f"{name}.{copy}.so" for copy in range(copies)]
    for file in files:
        # One write, as compiling writes it.
        file.write_bytes(library.read_bytes())
    found = {way: [] for way in WAYS}
    for index, file in enumerate(files):
        for way in WAYS:
            command = [sys.executable, __file__, "--one", file, name, *map(str, lengths), way]
            found[way].append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
        print(f"{name}: copy {index + 1} of {copies}", file=sys.stderr)
    return found


def main():
    sartor, folder, copies, networks = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4].split(",")
    text = "| network | weights | ms | slowest copy |\n| --- | --- | ---: | ---: |\n"
    for network in networks:
        library, name, *lengths = compiled(sartor, folder, network)
        for way, seconds in measured(folder, library, name, lengths, copies).items():
            spread = max(seconds) / min(seconds) - 1
            text += f"| `{network}` | {WAYS[way].removeprefix('weights ')} | {1e3 * statistics.median(seconds):.3f} | {spread:+.1%} |\n"
    text += (
        f"\nOne thread; {copies} fresh copies of each library in turns, each in a process of its own: the tenth percentile of {RUNS} runs, median over the copies,\n"
        f"and how much longer the slowest copy takes than the fastest ({page.cpu()}, {datetime.date.today()}).\n"
    )
    if len(sys.argv) == 5:
        print(text, end="")
    else:
        page.write(sys.argv[5], "copies", text)


if sys.argv[1] == "--one":
    one(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), sys.argv[6])
else:
    main()
