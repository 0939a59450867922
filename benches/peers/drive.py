"""Opens every engine on every network, checks that their answers agree, and times them turn by turn.

usage: drive.py CACHE RESULTS.json [--networks A,B] [--engines A,B] [--seconds N]

CACHE holds bin/, the models and, as the interpreter that runs this, the virtual environment. Each engine is a process of its own, pinned to
the first N processors, that waits blocked while another has its turn; protocol/ describes how they are spoken to.
"""

import argparse
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import time
import tomllib

import numpy as np

import networks

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import page  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON_PACKAGES = {"onnxruntime": "onnxruntime", "openvino": "openvino", "xnnpack": "ai-edge-litert", "executorch": "executorch"}
# Who else has an interpreter of its own, which has its package.
INTERPRETERS = {}
ENGINES = ["sartor", "openvino", "onnxruntime", "xnnpack", "tract", "rten"]
# Rounding explains far less of the largest value than this, a mistake far more.
TOLERANCE = 1e-4
ROUNDS = 5


class Engine:
    """A process that has opened a model. Sartor opens networks of the zoo by their names, and others as files."""

    def __init__(self, name, cache, network, threads, batch, in_zoo):
        self.name = name
        self.seconds = []
        stem = os.path.join(cache, "models", f"{network}-{batch}")
        file = stem + ".onnx"
        model = {"sartor": network if in_zoo else file, "xnnpack": stem + ".tflite", "executorch": stem + ".pte"}.get(name, file)
        own = [interpreter(name), os.path.join(HERE, "engine.py"), name] if name in PYTHON_PACKAGES else [os.path.join(cache, "bin", name)]
        answer = f"{stem}.{name}.answer"
        cpus = set(sorted(os.sched_getaffinity(0))[:threads])
        self.process = subprocess.Popen(
            [*own, model, str(threads), stem + ".input", answer],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cpus),
        )  # fmt: skip
        words = self.read().split()
        if len(words) != 3 or words[0] != "ready":
            raise self.failure(f"said {' '.join(words)!r}")
        self.cold_ms, self.memory = float(words[1]), int(words[2])
        self.answer = np.fromfile(answer, np.float32)
        os.remove(answer)

    def read(self):
        while line := self.process.stdout.readline():
            # Libraries print, too.
            if line.startswith("ready ") or line[0].isdigit():
                return line
        raise self.failure("ended")

    def failure(self, what):
        self.process.kill()
        return RuntimeError(f"{self.name} {what}: {self.process.communicate()[1][-2000:]}")

    def run(self, runs):
        try:
            self.process.stdin.write(f"{runs}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self.failure("ended") from None
        return [float(word) for word in self.read().split()]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def compare(engine, first, network, tolerance):
    """The largest difference of an answer from the first's, over the largest value."""
    if engine.answer.shape != first.answer.shape or not np.isfinite(engine.answer).all():
        raise RuntimeError(f"{network}: {engine.name} answers {engine.answer.size} values, {first.name} {first.answer.size}")
    error = float(np.abs(engine.answer - first.answer).max() / np.abs(first.answer).max())
    print(f"    {engine.name} differs from {first.name} by {error:.1e} of the largest value", file=sys.stderr)
    if error > tolerance:
        raise RuntimeError(f"{network}: {engine.name} and {first.name} disagree: {error:.1e} > {tolerance:.0e}")
    return error


def measure(names, cache, network, threads, batch, seconds, tolerance=TOLERANCE, in_zoo=False, excused=None):
    """Times of interleaved runs: in each round every engine has some turns of a few runs, and the first turn changes from round to round.

    An engine that is a key of `excused` may fail to open the network or answer otherwise: it then has no times, and the value says why.
    """
    engines, result, agreement = [], [], 0.0
    try:
        for name in names:
            try:
                engines.append(Engine(name, cache, network, threads, batch, in_zoo))
                if len(engines) > 1:
                    agreement = max(agreement, compare(engines[-1], engines[0], network, tolerance))
            except RuntimeError as error:
                if name not in (excused or {}):
                    raise
                excused[name] = str(error)
                if engines[-1].name == name:  # it answered
                    engines.pop().close()
        for engine in engines:
            engine.run(2)
            engine.turn = statistics.median(engine.run(3))
        # The budget is shared evenly, so that a slow engine gets fewer runs and not more time.
        share = seconds / len(engines) / ROUNDS
        runs = {e.name: max(2, min(100, int(share / e.turn))) for e in engines}
        for turn in range(ROUNDS):
            first = turn % len(engines)
            for engine in engines[first:] + engines[:first]:
                # The first run of a turn finds its caches full of the others' data.
                engine.seconds += engine.run(runs[engine.name] + 1)[1:]
        for engine in engines:
            result.append({
                "engine": engine.name, "network": network, "threads": threads, "batch": batch, "runs": len(engine.seconds),
                "median_ms": statistics.median(engine.seconds) * 1e3, "min_ms": min(engine.seconds) * 1e3,
                "cold_ms": engine.cold_ms, "memory": engine.memory, "difference": agreement,
            })  # fmt: skip
    finally:
        for engine in engines:
            engine.close()
    return result


def compiled(cache, network):
    """Cold start, memory and size of the compiled program: from before the process starts until it has ended, all that it holds."""
    report = json.load(open(os.path.join(cache, "models", network + ".json")))
    image = os.path.join(cache, "models", network + "-1.npy")
    milliseconds = []
    for _ in range(7):
        start = time.perf_counter()
        process = subprocess.Popen([report["artifact"], image], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        milliseconds.append((time.perf_counter() - start) * 1e3)
        if status:
            raise RuntimeError(f"{report['artifact']} {image} ended with status {status}")
    return {"cold_ms": statistics.median(milliseconds), "memory": usage.ru_maxrss * 1024, "size": report["artifact_bytes"]}


def interpreter(name):
    return INTERPRETERS.get(name, sys.executable)


def size(cache, name):
    if name in PYTHON_PACKAGES:
        files = importlib.metadata.files(PYTHON_PACKAGES[name])
        return sum(f.locate().stat().st_size for f in files if f.locate().exists())
    return os.path.getsize(os.path.join(cache, "bin", name))


def versions(names):
    def locked(path):
        with open(path, "rb") as file:
            return {p["name"]: p["version"] for p in tomllib.load(file)["package"]}

    peers, own = locked(os.path.join(HERE, "Cargo.lock")), locked(os.path.join(HERE, "..", "..", "Cargo.lock"))
    crates = {"sartor": own["sartor"], "tract": peers["tract-onnx"], "rten": peers["rten"]}

    def installed(name):
        ask = ["-c", "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))", PYTHON_PACKAGES[name]]
        return subprocess.run([interpreter(name), *ask], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    return {n: crates[n] if n in crates else installed(n) for n in names}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cache")
    parser.add_argument("results")
    parser.add_argument("--networks", type=lambda s: s.split(","), default=networks.ALL)
    parser.add_argument("--engines", type=lambda s: s.split(","), default=ENGINES)
    parser.add_argument("--seconds", type=float, default=420)
    args = parser.parse_args()
    if unknown := [e for e in args.engines if e not in ENGINES]:
        parser.error(f"no engine is called {unknown[0]}: use {', '.join(ENGINES)}")

    threads = [n for n in (1, 2) if n <= len(os.sched_getaffinity(0))]
    cases = networks.cases(args.networks, threads)
    if len(threads) < 2:
        print("skipped: two threads, for there is one processor", file=sys.stderr)
    rows = []
    for index, (network, n, batch) in enumerate(cases):
        print(f"[{index + 1}/{len(cases)}] {network}, threads {n}, batch {batch}", file=sys.stderr)
        rows += measure(args.engines, args.cache, network, n, batch, args.seconds / len(cases), in_zoo=True)
        print("    " + "  ".join(f"{r['engine']} {r['median_ms']:.2f}" for r in rows[-len(args.engines):]), file=sys.stderr)
    footprint = {e: {"size": size(args.cache, e)} for e in args.engines if e != "sartor"}
    results = {
        "cpu": page.cpu(), "date": time.strftime("%F"), "versions": versions(args.engines), "rounds": ROUNDS, "rows": rows, "footprint": footprint,
        "compiled": {network: compiled(args.cache, network) for network in networks.FOOTPRINT if network in args.networks},
    }  # fmt: skip
    with open(args.results + ".new", "w") as file:
        json.dump(results, file, indent=1)
    os.replace(args.results + ".new", args.results)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(f"error: {error}")
