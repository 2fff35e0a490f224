# SPDX-License-Identifier: MIT
"""report - from the samples of all runs to tables, files and a chart.

Every table is of one metric: rows are programs, columns allocators, a cell is the ratio of an
allocator's median to the median of the best peer in that row. The geometric mean over the rows
ends each table; it is the right mean for ratios, since it does not depend on which allocator is
the base.
"""

import csv
import json
import math
import os
import platform
import shutil
import statistics
import subprocess

# Key, title, unit, factor from the stored figure to the unit.
METRICS = (
    ("wall", "Wall time", "s", 1),
    ("cpu", "CPU time (user + system)", "s", 1),
    ("rss", "Peak RSS", "MiB", 1 / 1024),
    ("after", "RSS after the work", "MiB", 1 / 1024),
    ("faults", "Page faults", "k", 1 / 1000),
    ("instructions", "Instructions (callgrind)", "M", 1e-6),
)


class Results:
    """Samples by row and allocator, and what went wrong."""

    def __init__(self, allocators, rows, metrics=METRICS):
        self.allocators = allocators
        self.rows = rows
        self.metrics = metrics
        self.samples = {}
        self.failures = {}

    def add(self, row, allocator, sample):
        series = self.samples.setdefault((row.name, allocator.name), {})
        for key, value in sample.items():
            series.setdefault(key, []).append(value)

    def values(self, row, allocator, metric):
        if (row.name, allocator.name) in self.failures:
            return []
        return self.samples.get((row.name, allocator.name), {}).get(metric, [])

    def median(self, row, allocator, metric):
        values = self.values(row, allocator, metric)
        return statistics.median(values) if values else None

    def rounds(self):
        counts = [len(values) for series in self.samples.values() for values in series.values()]
        return max(counts, default=0)


class Line:
    """One row of one table."""

    def __init__(self, row, results, metric):
        self.row = row
        self.medians = [results.median(row, a, metric) for a in results.allocators]
        peers = [
            (value, allocator.name)
            for value, allocator in zip(self.medians, results.allocators)
            if allocator.is_peer and value is not None
        ]
        self.best, self.best_name = min(peers) if peers else (None, None)
        self.ratios = [
            None if value is None or not self.best else value / self.best for value in self.medians
        ]
        self.spread = max(
            (spread(results.values(row, a, metric)) for a in results.allocators), default=0
        )


def spread(values):
    """Half the range between quartiles by the median: how far a typical run is off."""
    if len(values) < 3 or not statistics.median(values):
        return 0.0
    quarter = statistics.quantiles(values, n=4, method="inclusive")
    return (quarter[2] - quarter[0]) / 2 / statistics.median(values)


def geometric_mean(values):
    values = [value for value in values if value]
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def tables(results):
    """(metric, lines, geometric means) for each metric that was measured."""
    for metric in results.metrics:
        lines = [Line(row, results, metric[0]) for row in results.rows]
        lines = [line for line in lines if line.best]
        if not lines:
            continue
        means = [
            geometric_mean(line.ratios[i] for line in lines)
            for i in range(len(results.allocators))
        ]
        yield metric, lines, means


def cell(ratio):
    return "-" if ratio is None else f"{ratio:.2f}"


def is_best(line, index):
    known = [ratio for ratio in line.ratios if ratio is not None]
    return line.ratios[index] is not None and line.ratios[index] == min(known)


def figure(value, unit, factor):
    value *= factor
    return f"{value:.3f} {unit}" if value < 10 else f"{value:.1f} {unit}"


def as_text(results):
    out = []
    names = [allocator.name for allocator in results.allocators]
    widths = [max(8, len(name) + 2) for name in names]
    first = max([16, *(len(row.name) + 2 for row in results.rows)])
    for (_, title, unit, factor), lines, means in tables(results):
        out.append(f"\n{title}: ratio to the best peer of the row, less is better, * is the least")
        head = "".join(name.rjust(width) for name, width in zip(names, widths))
        out.append(f"{'row':{first}}{'best peer':>12}{'':2}{'':10}{head}   +-")
        for line in lines:
            cells = "".join(
                (cell(ratio) + ("*" if is_best(line, i) else " ")).rjust(widths[i])
                for i, ratio in enumerate(line.ratios)
            )
            best = figure(line.best, unit, factor)
            out.append(
                f"{line.row.name:{first}}{best:>12}  {line.best_name:10}{cells}  {line.spread:3.0%}"
            )
        cells = "".join((cell(mean) + " ").rjust(width) for mean, width in zip(means, widths))
        out.append(f"{'geometric mean':{first}}{'':24}{cells}")
    if results.failures:
        out.append("\nFAILED (no figure is given for these):")
        for (row, allocator), why in sorted(results.failures.items()):
            out.append(f"  {row} on {allocator}: {why}")
    return "\n".join(out)


def cpu_model():
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as info:
            for line in info:
                if line.startswith(("model name", "Model")):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def machine():
    return f"{cpu_model()}, {os.cpu_count()} CPUs, Linux {platform.release()}"


def library_name(allocator):
    return os.path.basename(allocator.path) if allocator.path else " ".join(platform.libc_ver())


def write_markdown(results, path):
    names = [allocator.name for allocator in results.allocators]
    with open(path, "w", encoding="utf-8") as out:
        out.write(f"Measured on {machine()}; median of {results.rounds()} interleaved rounds.\n")
        out.write("Allocators: ")
        out.write(", ".join(f"{a.name} ({library_name(a)})" for a in results.allocators))
        out.write(".\nA figure is the ratio to the best peer of its row; less is better, ")
        out.write("the least is bold.\n")
        for (_, title, unit, factor), lines, means in tables(results):
            out.write(f"\n### {title}\n\n")
            out.write("| row | best peer | " + " | ".join(names) + " |\n")
            out.write("|---|---|" + "---:|" * len(names) + "\n")
            for line in lines:
                cells = [
                    f"**{cell(ratio)}**" if is_best(line, i) else cell(ratio)
                    for i, ratio in enumerate(line.ratios)
                ]
                best = f"{figure(line.best, unit, factor)} {line.best_name}"
                out.write(f"| {line.row.name} | {best} | " + " | ".join(cells) + " |\n")
            out.write("| **geometric mean** | | " + " | ".join(map(cell, means)) + " |\n")
        if results.failures:
            out.write("\n### Failed\n\n")
            for (row, allocator), why in sorted(results.failures.items()):
                out.write(f"- {row} on {allocator}: {why}\n")


def write_csv(results, path):
    keys = [metric[0] for metric in results.metrics]
    with open(path, "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["row", "allocator", "runs", *keys, *(key + "_ratio" for key in keys)])
        lines = {key: {row.name: Line(row, results, key) for row in results.rows} for key in keys}
        for row in results.rows:
            for i, allocator in enumerate(results.allocators):
                runs = len(results.values(row, allocator, keys[0]))
                medians = [lines[key][row.name].medians[i] for key in keys]
                ratios = [lines[key][row.name].ratios[i] for key in keys]
                writer.writerow([row.name, allocator.name, runs, *medians, *ratios])


def write_json(results, path):
    document = {
        "machine": machine(),
        "allocators": {a.name: library_name(a) for a in results.allocators},
        "units": {"wall": "s", "cpu": "s", "rss": "KiB", "after": "KiB"},
        "rows": {
            row.name: {
                a.name: results.samples.get((row.name, a.name), {}) for a in results.allocators
            }
            for row in results.rows
        },
        "failures": [
            {"row": row, "allocator": name, "why": why}
            for (row, name), why in sorted(results.failures.items())
        ],
    }
    with open(path, "w", encoding="utf-8") as out:
        json.dump(document, out, indent=1)
        out.write("\n")


def write_plot(results, path):
    """Two charts, one above the other: time and peak RSS. False if there is no gnuplot."""
    if not shutil.which("gnuplot"):
        return False
    charts = [table for table in tables(results) if table[0][0] in ("wall", "rss")]
    width = 240 + 26 * len(results.rows) * len(results.allocators) // 2
    script = [
        f"set terminal svg size {max(width, 700)},{420 * len(charts)} font 'sans,12' background 'white'",
        f"set output {quoted(path)}",
        "set style data histogram",
        "set style histogram clustered gap 1.5",
        "set style fill solid 0.85 border -1",
        "set xtics rotate by -35 nomirror",
        "set ytics nomirror",
        "set grid ytics",
        "set key outside top horizontal center",
        "set datafile missing '-'",
        f"set multiplot layout {len(charts)},1",
    ]
    for number, ((_, title, _, _), lines, means) in enumerate(charts):
        block = f"$data{number}"
        script.append(f"{block} << EOD")
        script.append(" ".join(["row"] + [quoted(a.name, '"') for a in results.allocators]))
        for name, ratios in [(l.row.name, l.ratios) for l in lines] + [("mean", means)]:
            script.append(" ".join([quoted(name, '"')] + [
                "-" if ratio is None else f"{ratio:.4f}" for ratio in ratios]))
        script.append("EOD")
        # A bar that is far out must not flatten all others: the axis ends at 3.
        script.append(f"set title {quoted(title + ': ratio to the best peer (less is better)')}")
        script.append("set yrange [0:3]")
        script.append(
            f"plot for [i=2:{len(results.allocators) + 1}] {block} using i:xtic(1) "
            "title columnheader(i), 1 with lines dashtype 2 linecolor 'black' notitle"
        )
    script.append("unset multiplot")
    subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, check=True)
    return True


def quoted(text, mark="'"):
    return mark + text.replace(mark, mark * 2 if mark == "'" else "\\" + mark) + mark
