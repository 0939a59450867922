"""Has each program classify the folder in turns, and keeps how long it took.

usage: drive.py FOLDER SARTOR ENGINES ROUNDS      ENGINES is an interpreter that has ONNX Runtime; the one that runs this has PyTorch

Goes on with the rounds that are in FOLDER/times.json. The first round is not counted: the network is compiled and the pictures come into memory.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent


def main():
    folder, sartor, engines, rounds = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    rows, pictures, cores = folder / "rows.jsonl", folder / "pictures", os.sched_getaffinity(0)
    network = [sartor, "run", folder / "net.onnx", "--preprocess", folder / "steps.json", "--input-shape", "x=1,3,224,224"]
    ours = [*network, "--top", "1", "--output", rows]
    commands = {
        "sartor run": [*ours, pictures],
        "one core": [*ours, pictures, "--threads", "1"],
        "one core, one picture": [*ours, pictures / "00000.jpg", "--threads", "1"],
        "PyTorch, DataLoader": [sys.executable, HERE / "by_torch.py", folder, folder / "torch.json"],
        "ONNX Runtime, threads": [engines, HERE / "by_onnxruntime.py", folder, folder / "ort.json"],
    }
    kept = folder / "times.json"
    done = json.loads(kept.read_text()) if kept.exists() else []
    for turn in range(len(done), rounds + 1):
        seconds = {}
        for name, command in commands.items():
            rows.unlink(missing_ok=True)
            only = {min(cores)} if name.startswith("one core") else cores
            start = time.perf_counter()
            run = subprocess.run([*map(str, command)], capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, only))
            seconds[name] = time.perf_counter() - start
            if run.returncode:
                sys.exit(f"{name} failed: {run.stderr[-2000:]}")
            print(f"round {turn} of {rounds}: {name}, {seconds[name]:.2f} s", file=sys.stderr)
            if name == "sartor run":
                classes = [json.loads(line)["top"][0]["class"] for line in open(rows)]
        same = {}
        for name, file in [("PyTorch, DataLoader", "torch.json"), ("ONNX Runtime, threads", "ort.json")]:
            theirs = json.loads((folder / file).read_text())
            same[name] = sum(a == b for a, b in zip(classes, theirs)) / len(classes)
            # Decoders and resizing differ by a little, and the weights are random: most classes must be the same.
            if len(theirs) != len(classes) or same[name] < 0.7:
                sys.exit(f"{name} finds other classes: {same[name]:.0%} are the same")
        done.append({"seconds": seconds, "same": same})
        kept.write_text(json.dumps(done))


main()
