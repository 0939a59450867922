"""Measures how many pictures a second an engine classifies with one worker, two, and so on up to the cores there are.

    rates.py ENGINE FOLDER RESULT.json      ENGINE is loop, ray or daft

Each job is done for few and for many rows. The difference tells the rate; what is left of the time is the start.
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

from pictures import ROOT, parquet

HERE = pathlib.Path(__file__).resolve().parent
FEW, MANY, ROUNDS = 300, 1500, 1
EXAMPLES = {"ray": "ray_data.py", "daft": "daft_frame.py"}


def commands(engine, folder, source, out, workers):
    """The processes that classify a file together."""
    if engine == "loop":
        return [[sys.executable, HERE / "loop.py", source, f"{out}-{part}", part, workers] for part in range(workers)]
    # The example, with a network of the usual size.
    script = folder / EXAMPLES[engine]
    script.write_text((ROOT / "examples/python" / EXAMPLES[engine]).read_text().replace("rexnet_digits", "mobilenet_v2"))
    return [[sys.executable, script, source, out, workers]]


def seconds(*job):
    out = job[3]
    shutil.rmtree(out, ignore_errors=True)
    start = time.perf_counter()
    processes = [subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL) for command in commands(*job)]
    if any([process.wait() for process in processes]):
        sys.exit(f"{job[0]} failed")
    return time.perf_counter() - start


def main():
    engine, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    cores = len(os.sched_getaffinity(0))
    sources = {count: folder / f"{count}.parquet" for count in (FEW, MANY)}
    for count, source in sources.items():
        parquet(source, count)
    if engine == "ray":
        from ray.cluster_utils import Cluster

        # Two CPUs more than workers, to read and write with.
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": cores + 2, "include_dashboard": False})
        os.environ["RAY_ADDRESS"] = cluster.address
    rates = {}
    for workers in range(1, cores + 1):
        taken = {}
        for count, source in sources.items():
            taken[count] = statistics.median(seconds(engine, folder, source, folder / "out", workers) for _ in range(ROUNDS))
        rate = (MANY - FEW) / (taken[MANY] - taken[FEW])
        rates[workers] = {"rate": rate, "start": taken[FEW] - FEW / rate}
        print(f"{engine}, {workers} workers: {rate:.1f} pictures a second after {rates[workers]['start']:.1f} s", flush=True)
    if engine == "ray":
        cluster.shutdown()
    pathlib.Path(sys.argv[3]).write_text(json.dumps(rates))


main()
