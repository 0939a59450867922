"""Writes what was measured into docs/batch.md, between `<!-- NAME: begin -->` and `<!-- NAME: end -->`.

    report.py RESULTS
"""

import datetime
import json
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benches"))
import page  # noqa: E402

RESULTS = pathlib.Path(sys.argv[1])
# What is assumed of machines, in bytes a second: what a machine has, and what all machines share.
LINK = ("a link of 10 Gbit/s", 1.25e9)
DISK = ("a disk of 500 MB/s", 0.5e9)
STORE = ("a store that gives 10 GB/s to all machines", 10e9)
CORES = 32


def result(name):
    return json.loads((RESULTS / f"{name}.json").read_text())


def where(*names):
    day = max(datetime.date.fromtimestamp((RESULTS / f"{name}.json").stat().st_mtime) for name in names)
    return f"({page.cpu()}, {len(os.sched_getaffinity(0))} cores, {day})\n"


def kill():
    done = result("kill")
    return (
        f"A job of {done['rows']:,} rows lost a machine with {done['killed_workers']} of its 2 workers after {done['killed_after']:.0f} s, when "
        f"{done['done_when_killed']:,} rows were written. It ended after {done['seconds']:.0f} s\nwith {done['written']:,} rows, "
        f"{done['distinct']:,} distinct ids, and {done['other_answers']} answers other than a plain loop's {where('kill')}"
    )


def rates():
    names = {"loop": "plain loop, a process each", "ray": "Ray Data", "daft": "Daft"}
    found = {name: result(name) for name in names}
    workers = list(found["loop"])
    head = "| | " + " | ".join(f"{count} worker{'s' if count != '1' else ''}" for count in workers) + " | start |\n"
    lines = [head, "| --- |" + " ---: |" * (len(workers) + 1) + "\n"]
    for name, title in names.items():
        cells = [f"{found[name][count]['rate']:.0f} pictures/s" for count in workers]
        lines.append(f"| {title} | {' | '.join(cells)} | {found[name]['1']['start']:.1f} s |\n")
    return "".join(lines) + "\n" + where(*names)


def sizing():
    costs = result("costs")
    lines = ["| pictures | bytes each | decode | prepare | network | pictures/s a core | MB/s a core | core hours a million |\n"]
    lines.append("| --- |" + " ---: |" * 7 + "\n")
    told = ""
    for cost in costs:
        size = "{}x{}".format(*cost["size"])
        parts = [cost[part] for part in ("decode", "prepare", "network")]
        rate = 1 / sum(parts)
        speed = rate * cost["bytes"]
        cells = [f"{1e3 * part:.1f} ms" for part in parts]
        row = [size, f"{cost['bytes'] / 1e3:.0f} kB", *cells, f"{rate:.0f}", f"{speed / 1e6:.1f}", f"{1e6 / rate / 3600:.1f}"]
        lines.append(f"| {' | '.join(row)} |\n")
        limits = ", ".join(f"{name} feeds {bandwidth / speed:,.0f} cores" for name, bandwidth in (DISK, LINK, STORE))
        busy = CORES * speed
        verdict = "the cores saturate first" if busy < min(DISK[1], LINK[1]) else "the disk saturates before the cores do"
        told += f"- **{size}**: {limits}. On a machine of {CORES} cores, which read {busy / 1e6:,.0f} MB/s, {verdict}.\n"
    return "".join(lines) + "\n" + where("costs") + "\n" + told


def main():
    for name, text in [(block.__name__, block()) for block in (kill, rates, sizing)]:
        page.write(ROOT / "docs/batch.md", name, text)


main()
