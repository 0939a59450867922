"""Prints the times of two versions: see `run`.

usage: ratios.py FILE     (lines of: NETWORK, ms of the old version, ms of the new one)
"""

import collections
import math
import statistics
import sys


def main():
    pairs = collections.defaultdict(list)
    for line in open(sys.argv[1]):
        network, old, new = line.split()
        pairs[network].append((float(old), float(new)))
    print(f"{'network':24} {'old ms':>8} {'new ms':>8} {'new / old':>10} {'error':>7} {'copies':>7}")
    for network, times in pairs.items():
        ratios = [new / old for old, new in times]
        error = statistics.stdev(ratios) / math.sqrt(len(ratios)) if len(ratios) > 1 else math.nan
        old, new = (statistics.median(each) for each in zip(*times))
        print(f"{network:24} {old:8.3f} {new:8.3f} {statistics.mean(ratios):10.4f} {error:7.4f} {len(ratios):7}")


main()
