"""Has each program classify the folder in turns, and prints a table.

usage: drive.py FOLDER SARTOR ENGINES ROUNDS [--json]      ENGINES is an interpreter that has ONNX Runtime; the one that runs this has PyTorch
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent


def main():
    folder, sartor, engines, rounds = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    rows = folder / "rows.jsonl"
    network = [sartor, "run", str(folder / "net.onnx"), "--preprocess", str(folder / "steps.json"), "--input-shape", "x=1,3,224,224"]
    commands = {
        "sartor run": [*network, str(folder / "pictures"), "--top", "1", "--output", str(rows)],
        "PyTorch, DataLoader": [sys.executable, str(HERE / "by_torch.py"), str(folder), str(folder / "torch.json")],
        "ONNX Runtime, threads": [engines, str(HERE / "by_onnxruntime.py"), str(folder), str(folder / "ort.json")],
    }
    seconds = {name: [] for name in commands}
    count = len(os.listdir(folder / "pictures"))
    for turn in range(rounds + 1):
        for name, command in commands.items():
            rows.unlink(missing_ok=True)
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True)
            taken = time.perf_counter() - start
            if done.returncode:
                sys.exit(f"{name} failed: {done.stderr[-2000:]}")
            print(f"round {turn} of {rounds}: {name}, {count / taken:.0f} pictures a second", file=sys.stderr)
            # In the first, the network is compiled and the pictures come into memory.
            if turn > 0:
                seconds[name].append(taken)
            if name == "sartor run":
                ours = [json.loads(line)["top"][0]["class"] for line in open(rows)]
    agreement = {}
    for name, file in [("PyTorch, DataLoader", "torch.json"), ("ONNX Runtime, threads", "ort.json")]:
        theirs = json.loads((folder / file).read_text())
        agreement[name] = sum(a == b for a, b in zip(ours, theirs)) / count
        # Decoders and resizing differ by a little, and the weights are random: most classes must be the same.
        if len(theirs) != count or agreement[name] < 0.7:
            sys.exit(f"{name} finds other classes: {agreement[name]:.0%} are the same")
    rates = {name: count / statistics.median(times) for name, times in seconds.items()}
    if "--json" in sys.argv:
        print(json.dumps({"pictures": count, "rates": rates, "agreement": agreement}))
        return
    print(f"{count} pictures of 640x480, mobilenet_v2, {len(os.sched_getaffinity(0))} cores, whole processes, median of {rounds}\n")
    print(f" {'program':24}{'pictures/s':>12}{'sartor ahead':>14}{'same classes':>14}")
    for name, rate in rates.items():
        ahead = f"{rates['sartor run'] / rate:.2f}x" if name != "sartor run" else ""
        same = f"{agreement[name]:.1%}" if name in agreement else ""
        print(f" {name:24}{rate:12.0f}{ahead:>14}{same:>14}")


main()
