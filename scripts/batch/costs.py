"""Measures what a picture costs one core: to decode it, to prepare it, and to classify it.

    costs.py RESULT.json
"""

import io
import json
import pathlib
import statistics
import sys
import time

import mobilenet_v2
import numpy
from pictures import jpegs
from PIL import Image


def main():
    model, costs = mobilenet_v2.Model(threads=1), []
    for size, count in [((640, 480), 200), ((1920, 1440), 60)]:
        times, length = {"decode": [], "prepare": [], "network": []}, []
        for file in jpegs(count, size):
            length.append(len(file))
            clock = [time.perf_counter()]
            picture = Image.open(io.BytesIO(file)).convert("RGB")
            clock.append(time.perf_counter())
            image = mobilenet_v2.preprocess(picture)
            clock.append(time.perf_counter())
            model(numpy.ascontiguousarray(image))
            clock.append(time.perf_counter())
            for name, begin, end in zip(times, clock, clock[1:]):
                times[name].append(end - begin)
        costs.append({"size": size, "bytes": statistics.mean(length), **{name: statistics.median(each) for name, each in times.items()}})
    print(json.dumps(costs))
    pathlib.Path(sys.argv[1]).write_text(json.dumps(costs))


main()
