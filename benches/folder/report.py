"""Prints the table of what drive.py measured, or writes it into docs/folders.md.

usage: report.py FOLDER [PAGE]
"""

import datetime
import json
import os
import pathlib
import statistics
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
import page  # noqa: E402


def main():
    folder = pathlib.Path(sys.argv[1])
    rounds = json.loads((folder / "times.json").read_text())[1:]
    count, cores = len(os.listdir(folder / "pictures")), len(os.sched_getaffinity(0))
    median = {name: statistics.median(each["seconds"][name] for each in rounds) for name in rounds[0]["seconds"]}
    rates = {name: count / seconds for name, seconds in median.items()}
    # What starting takes is not a part of what a picture costs.
    picture = (median["one core"] - median["one core, one picture"]) / (count - 1)
    text = "| program | pictures/s | Sartor ahead | same classes |\n| --- | ---: | ---: | ---: |\n"
    text += f"| `sartor run` | {rates['sartor run']:.0f} | | |\n"
    for name, same in rounds[0]["same"].items():
        text += f"| {name} | {rates[name]:.0f} | {rates['sartor run'] / rates[name]:.2f}x | {same:.1%} |\n"
    share = rates["sartor run"] * picture / cores
    text += (
        f"\nWhole processes, from their start, on {count} JPEG files of 640x480, {cores} cores, median of {len(rounds)} rounds in turns ({page.cpu()}, {datetime.date.today()}).\n"
        f"On one core, decoding, preparing and classifying a picture takes {1e3 * picture:.2f} ms: `sartor run` has {share:.2f} of {cores} / {1e3 * picture:.2f} ms.\n"
    )
    if len(sys.argv) == 2:
        print(text, end="")
    else:
        page.write(sys.argv[2], "rates", text)


main()
