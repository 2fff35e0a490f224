# SPDX-License-Identifier: MIT
"""Prints a history for git fast-import: the row git of bench/compare."""

import sys


def main():
    commits = max(10, 600 * int(sys.argv[1]) // 100)
    files = [[f"file {f} line {i}" for i in range(300)] for f in range(40)]
    seed = 1
    for commit in range(commits):
        print("commit refs/heads/main")
        print(f"committer Someone <someone@example.org> {1600000000 + commit * 60} +0000")
        print("data 7\nchange\n")
        for _ in range(4):
            seed = seed * 1103515245 + 12345 & 0x7FFFFFFF
            which = (seed >> 8) % len(files)
            for edit in range(5):
                files[which][(seed >> 12) * (edit + 1) % 300] = f"changed {seed} in {commit}"
            text = "\n".join(files[which]) + "\n"
            print(f"M 100644 inline file{which}.txt\ndata {len(text)}\n{text}")


main()
