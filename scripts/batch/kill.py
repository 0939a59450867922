"""Runs examples/python/ray_data.py on a cluster of a head and two machines on this one, kills a machine in mid-job, and counts.

    kill.py FOLDER ROWS RESULT.json

Fails if an id is missing or has another answer than a plain loop's, or if no worker of the network was killed.
"""

import collections
import json
import os
import pathlib
import subprocess
import sys
import time

import pyarrow
import pyarrow.parquet
from ray.cluster_utils import Cluster
from rexnet_digits.batch import Classify

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIGITS = [0, 3, 4, 7, 9]


def workers_of(node):
    """The processes on a node that hold a network."""
    raylet = node.all_processes["raylet"][0].process.pid
    listed = subprocess.run(["ps", "-o", "args=", "--ppid", str(raylet)], capture_output=True, text=True).stdout
    return sum("Classify" in line for line in listed.splitlines())


def written(out):
    return sum(pyarrow.parquet.read_metadata(file).num_rows for file in out.glob("*.parquet"))


def main():
    folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    pictures = [(ROOT / f"examples/digit-{digit}.png").read_bytes() for digit in DIGITS] + [b"no picture"]
    held = [pictures[i % len(pictures)] for i in range(count)]
    source, out = folder / "pictures.parquet", folder / "rows"
    table = pyarrow.table({"id": range(count), "bytes": pyarrow.array(held, pyarrow.binary())})
    pyarrow.parquet.write_table(table, source, row_group_size=100)
    # As text, because a probability may be NaN.
    expected = [str(tuple(row.values())) for row in Classify()(pictures)]

    # Beside its worker, a machine has CPUs to read and write with: enough for both workers, if the other machine is lost.
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    machines = [cluster.add_node(num_cpus=3) for _ in range(2)]
    cluster.wait_for_nodes()
    script = ROOT / "examples/python/ray_data.py"
    start = time.time()
    command = [sys.executable, str(script), str(source), str(out), "2"]
    job = subprocess.Popen(command, env={**os.environ, "RAY_ADDRESS": cluster.address}, stdout=subprocess.DEVNULL)
    while job.poll() is None and len(list(out.glob("*.parquet"))) < 2:
        time.sleep(0.1)
    if job.poll() is not None:
        sys.exit(f"the job ended with {job.returncode} before a machine could be killed")
    lost = max(machines, key=workers_of)
    result = {"rows": count, "killed_workers": workers_of(lost), "killed_after": time.time() - start, "done_when_killed": written(out)}
    if result["killed_workers"] == 0:
        sys.exit("no machine has a worker of the network")
    print(f"killing a machine with {result['killed_workers']} of 2 workers after {result['killed_after']:.0f} s", flush=True)
    cluster.remove_node(lost, allow_graceful=False)
    if job.wait():
        sys.exit(f"the job failed with {job.returncode}")
    result["seconds"] = time.time() - start
    rows = pyarrow.parquet.read_table(out).to_pylist()
    ids = collections.Counter(row["id"] for row in rows)
    result["written"], result["distinct"] = len(rows), len(ids)
    answers = ((row.pop("id"), str(tuple(row.values()))) for row in rows)
    result["other_answers"] = sum(answer != expected[at % len(expected)] for at, answer in answers)
    print(json.dumps(result))
    cluster.shutdown()
    if set(ids) != set(range(count)) or result["other_answers"]:
        sys.exit("rows are missing or wrong")
    pathlib.Path(sys.argv[3]).write_text(json.dumps(result))


main()
