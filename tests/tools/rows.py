"""rows.py SLABINFO JSON: a strict reader of the kernel's slabinfo 2.1, and whether JSON says the same.

Each row is taken apart, put together again by the kernel's own format, and must come out the same.
"""
import json
import re
import sys

HEADER = (
    "slabinfo - version: 2.1\n",
    "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables"
    " <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n",
)
ROW = re.compile(
    r"(\S{1,128}) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)"
    r" : tunables +(\d+) +(\d+) +(\d+) : slabdata +(\d+) +(\d+) +(\d+)\n"
)
FORMAT = "%-17s %6d %6d %6d %4d %4d : tunables %4d %4d %4d : slabdata %6d %6d %6d\n"
COLUMNS = ("name active_objs num_objs objsize objperslab pagesperslab limit batchcount sharedfactor"
           " active_slabs num_slabs sharedavail").split()


def read_rows(path):
    with open(path) as lines:
        for wanted in HEADER:
            assert lines.readline() == wanted, "not the kernel's header"
        for line in lines:
            match = ROW.fullmatch(line)
            assert match, f"no row: {line}"
            values = [match[1]] + [int(n) for n in match.groups()[1:]]
            assert FORMAT % tuple(values) == line, f"not the kernel's format: {line}"
            yield dict(zip(COLUMNS, values))


def check_row(row):
    assert row["active_objs"] <= row["num_objs"], row
    assert row["active_slabs"] <= row["num_slabs"], row
    if row["name"].startswith("kmalloc-") and row["objsize"] > 4096:
        # these lie in the slabs of kmalloc-units
        assert row["num_slabs"] == 0 and row["num_objs"] == row["active_objs"], row
        return
    assert row["num_objs"] == row["num_slabs"] * row["objperslab"], row
    assert row["objsize"] * row["objperslab"] <= row["pagesperslab"] * 4096, row


def main():
    rows = list(read_rows(sys.argv[1]))
    assert len(rows) >= 40, f"{len(rows)} rows"
    assert len({row["name"] for row in rows}) == len(rows), "a name twice"
    for row in rows:
        check_row(row)
    if len(sys.argv) > 2:
        with open(sys.argv[2]) as text:
            caches = json.load(text)["caches"]
        assert len(caches) == len(rows), "JSON has other caches"
        for row, cache in zip(rows, caches):
            assert all(row[key] == cache[key] for key in row if key in cache), (row, cache)
            assert cache["cached_objs"] <= cache["active_objs"], cache
    print(f"{len(rows)} rows")


main()
