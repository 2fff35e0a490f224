# SPDX-License-Identifier: MIT
"""made - a saved comparison with figures that can be checked in one's head."""

import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
BENCH = os.environ["BENCH"]
BUILD = os.environ["BUILD"]
LIBKMEM = os.environ["LIBKMEM"]
sys.path.insert(0, BENCH)

# Medians: glibc 2 s and other 4 s in the first row, 8 and 4 in the second; libkmem 1 s and 5 s.
WALL = {
    "one": {"glibc": [2, 1, 9], "other": [4, 4, 4], "libkmem": [1, 1, 1]},
    "two": {"glibc": [8, 8, 8], "other": [4, 3, 5], "libkmem": [5, 5, 5]},
}
RSS = {
    "one": {"glibc": [1024], "other": [2048], "libkmem": [1024]},
    "two": {"glibc": [4096], "other": [2048], "libkmem": [2130]},
}


def saved(rows=("one", "two")):
    """As --json writes it."""
    return {
        "format": 2,
        "about": {
            "machine": {"processor": "an abacus", "CPUs": "1 CPU", "system": "Beads 1.0"},
            "command": "bench/compare -n 3",
            "options": {"n": 3, "work": 100, "pin": "0", "linger": 2.0, "callgrind": 0},
            "packages": {"counting": "1.2-3"},
        },
        "metrics": [
            ["wall", "Wall time", "s", 1],
            ["cpu", "CPU time (user + system)", "s", 1],
            ["rss", "Peak RSS", "MiB", 1 / 1024],
            ["after", "RSS after the work", "MiB", 1 / 1024],
        ],
        "allocators": [
            {"name": "glibc", "peer": True, "version": "libc6 2.0"},
            {"name": "other", "peer": True, "version": None},
            {"name": "libkmem", "peer": False, "version": "commit abc"},
        ],
        "rows": [
            {
                "name": name,
                "kind": {"one": "workload"}.get(name, "program"),
                "samples": {
                    allocator: {
                        "wall": wall,
                        "cpu": wall,
                        "rss": RSS[name][allocator],
                        **({"after": RSS[name][allocator]} if name == "one" else {}),
                    }
                    for allocator, wall in WALL[name].items()
                },
            }
            for name in rows
        ],
        "failures": [],
    }


class Place(tempfile.TemporaryDirectory):
    """A directory with files, and compare run beside them."""

    def __enter__(self):
        return self

    def path(self, name):
        return os.path.join(self.name, name)

    def put(self, name, document):
        with open(self.path(name), "w", encoding="utf-8") as out:
            if isinstance(document, str):
                out.write(document)
            else:
                json.dump(document, out)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as source:
            return source.read()

    def compare(self, *arguments):
        return subprocess.run(
            [os.path.join(BENCH, "compare"), *arguments],
            cwd=self.name, capture_output=True, text=True, check=False, timeout=250,
        )
