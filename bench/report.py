# SPDX-License-Identifier: MIT
"""report - from the samples of all runs to tables and files.

Every table is of one metric: rows are programs, columns allocators, a cell is the ratio of an
allocator's median to the median of the best peer in that row. The geometric mean over the rows
ends each table; it is the right mean for ratios, since it does not depend on which allocator is
the base.
"""

import csv
import json
import math
import os
import statistics
from types import SimpleNamespace

import machine

# Key, title, unit, factor from the stored figure to the unit.
METRICS = (
    ("wall", "Wall time", "s", 1),
    ("cpu", "CPU time (user + system)", "s", 1),
    ("rss", "Peak RSS", "MiB", 1 / 1024),
    ("after", "RSS after the work", "MiB", 1 / 1024),
    ("faults", "Page faults", "k", 1 / 1000),
    ("counted", "Instructions (counter, user mode)", "M", 1e-6),
    ("instructions", "Instructions (callgrind)", "M", 1e-6),
)
FORMAT = 2


class Results:
    """Samples by row and allocator, what went wrong, and what was measured.

    Of an allocator, name, is_peer and version matter here; of a row, its name and kind.
    """

    def __init__(self, allocators, rows, metrics=METRICS, about=None):
        self.allocators = allocators
        self.rows = rows
        self.metrics = metrics
        self.about = about or machine.about()
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

    def merge(self, other):
        """Takes in what another session measured: more rows, more rounds, or both."""
        known = {row.name for row in self.rows}
        if other.about["command"] not in self.about["command"].splitlines():
            self.about["command"] += "\n" + other.about["command"]
        self.about.setdefault("packages", {}).update(other.about.get("packages", {}))
        for key, value in other.about.get("options", {}).items():
            self.about["options"][key] = self.about["options"].get(key) or value
        self.rows += [row for row in other.rows if row.name not in known]
        self.failures.update(other.failures)
        for key, series in other.samples.items():
            for metric, values in series.items():
                self.samples.setdefault(key, {}).setdefault(metric, []).extend(values)

    def rounds(self):
        """How many, as a text: some rows may have been measured more often than others."""
        of_row = {}
        for (row, _), series in self.samples.items():
            of_row[row] = max([of_row.get(row, 0), *map(len, series.values())])
        least, most = min(of_row.values(), default=0), max(of_row.values(), default=0)
        return f"{least}" if least == most else f"{least} to {most}"


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
    second = max(map(len, names)) + 2
    first = max([16, *(len(row.name) + 2 for row in results.rows)])
    for (_, title, unit, factor), lines, means in tables(results):
        out.append(f"\n{title}: ratio to the best peer of the row, less is better, * is the least")
        head = "".join(name.rjust(width) for name, width in zip(names, widths))
        out.append(f"{'row':{first}}{'best peer':>12}{'':2}{'':{second}}{head}   +-")
        for line in lines:
            cells = "".join(
                (cell(ratio) + ("*" if is_best(line, i) else " ")).rjust(widths[i])
                for i, ratio in enumerate(line.ratios)
            )
            best = f"{figure(line.best, unit, factor):>12}  {line.best_name:{second}}"
            out.append(f"{line.row.name:{first}}{best}{cells}  {line.spread:3.0%}")
        cells = "".join((cell(mean) + " ").rjust(width) for mean, width in zip(means, widths))
        out.append(f"{'geometric mean':{first}}{'':{14 + second}}{cells}")
    if results.failures:
        out.append("\nFAILED (no figure is given for these):")
        for (row, allocator), why in sorted(results.failures.items()):
            out.append(f"  {row} on {allocator}: {why}")
    return "\n".join(out)


def write_markdown(results, path):
    names = [allocator.name for allocator in results.allocators]
    with open(path, "w", encoding="utf-8") as out:
        place = results.about["machine"]
        out.write(f"Measured on {place['processor']}, {place['CPUs']}, {place['system']}; ")
        out.write(f"median of {results.rounds()} interleaved rounds.\nAllocators: ")
        out.write(", ".join(f"{a.name} ({a.version})" for a in results.allocators))
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
    """Everything that was measured and all that is said about it: read_json() gives it back."""
    document = {
        "format": FORMAT,
        "about": results.about,
        "metrics": results.metrics,
        "allocators": [
            {"name": a.name, "peer": a.is_peer, "version": a.version} for a in results.allocators
        ],
        "rows": [
            {
                "name": row.name,
                "kind": getattr(row, "kind", ""),
                "samples": {
                    a.name: results.samples.get((row.name, a.name), {}) for a in results.allocators
                },
            }
            for row in results.rows
        ],
        "failures": [
            {"row": row, "allocator": name, "why": why}
            for (row, name), why in sorted(results.failures.items())
        ],
    }
    # Whoever interrupts this has the old file or the new.
    with open(path + ".new", "w", encoding="utf-8") as out:
        json.dump(document, out, indent=1)
        out.write("\n")
    os.replace(path + ".new", path)


def read_json(path):
    """Results as write_json() left them; ValueError if these are none."""
    with open(path, encoding="utf-8") as source:
        document = json.load(source)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"no results of format {FORMAT}")
    try:
        allocators = [
            SimpleNamespace(name=a["name"], is_peer=a["peer"], version=a["version"])
            for a in document["allocators"]
        ]
        rows = [SimpleNamespace(name=r["name"], kind=r["kind"]) for r in document["rows"]]
        metrics = tuple(map(tuple, document["metrics"]))
        results = Results(allocators, rows, metrics, document["about"])
        for row in document["rows"]:
            for name, series in row["samples"].items():
                results.samples[row["name"], name] = series
        for failure in document["failures"]:
            results.failures[failure["row"], failure["allocator"]] = failure["why"]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{error} is missing or no such thing") from None
    return results
