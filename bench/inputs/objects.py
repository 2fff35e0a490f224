# SPDX-License-Identifier: MIT
"""Python objects of all kinds, made and dropped: a row of bench/compare."""

import json
import sys


class Point:
    def __init__(self, number):
        self.number = number
        self.name = f"point {number}"
        self.near = None


def numbers(count, seed=1):
    for _ in range(count):
        seed = seed * 1103515245 + 12345 & 0x7FFFFFFF
        yield seed >> 8


def one_round(seed):
    points = [Point(n) for n in numbers(20000, seed)]
    index = {}
    for point in points:
        index.setdefault(point.number % 997, []).append(point)
    for bucket in index.values():
        for left, right in zip(bucket, bucket[1:]):
            left.near = right
    words = " ".join(point.name for point in points).split()
    tree = {str(key): [point.name for point in value] for key, value in index.items()}
    text = json.dumps(tree, sort_keys=True)
    again = json.loads(text)
    table = sorted((len(value), key) for key, value in again.items())
    return len(words) + len(text) + sum(size * int(key) for size, key in table)


print(sum(one_round(seed) for seed in range(max(1, 20 * int(sys.argv[1]) // 100))))
