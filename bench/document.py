# SPDX-License-Identifier: MIT
"""document - a comparison as a page for readers, with pictures: docs/benchmarks.md.

The page says everything that is needed to doubt it: the machine, the versions, the command, the
medians themselves beside their ratios, the noise, and where libkmem is furthest behind, before any
table in which it may be ahead.
"""

import os

import pictures
import report

# A row counts as level with another within this.
LEVEL = 0.05
WORST = 6

HEADINGS = {
    "wall": "of the whole process, from its start to its exit; of a server, with its client's pace",
    "cpu": "user and system, of all threads, of all processes of a server",
    "rss": "the largest resident size that the process, or the largest process of a tree, ever had",
    "after": "resident size {linger:g} s after the work, the workload alive and idle",
    "faults": "minor and major",
    "counted": "by the processor's counter, in user mode",
    "instructions": "by callgrind, the whole program, with {callgrind}% of the work",
}


def write(results, path):
    """The page, and its pictures in a directory of the same name beside it. False without pictures."""
    folder = os.path.splitext(path)[0]
    drawn = draw(results, folder) if pictures.available() else []
    name = os.path.basename(folder)
    text = "\n".join(page(results, [(f"{name}/{file}", about) for file, about in drawn]))
    with open(path, "w", encoding="utf-8") as out:
        out.write(text + "\n")
    return bool(drawn)


def subject_of(results):
    """The index of the allocator that the page is about: the first that is no peer."""
    for index, allocator in enumerate(results.allocators):
        if not allocator.is_peer:
            return index
    return None


def draw(results, folder):
    os.makedirs(folder, exist_ok=True)
    drawn = []
    if pictures.map_of_means(results, os.path.join(folder, "means.svg")):
        drawn.append(("means.svg", "time and memory of each allocator"))
    subject = subject_of(results)
    if subject is not None:
        for (key, title, _, _), lines, _ in report.tables(results):
            if key in ("wall", "cpu", "rss", "after"):
                file = key + ".svg"
                pictures.bars(results, lines, title, os.path.join(folder, file), subject)
                drawn.append((file, title))
    return drawn


def page(results, drawn):
    yield "# Benchmarks"
    yield ""
    yield "Written by `bench/compare --report`. [bench/README.md](../bench/README.md) says what the rows"
    yield "stand for, what the columns mean, and what keeps the figures honest."
    yield ""
    yield from circumstances(results)
    yield from summary(results, drawn)
    for table in report.tables(results):
        yield from one_table(results, table, drawn)
    if results.failures:
        yield "## Failed"
        yield ""
        yield "No figure is given for these."
        yield ""
        for (row, allocator), why in sorted(results.failures.items()):
            yield f"- {row} on {allocator}: {' '.join(why.split())}"
        yield ""
    yield from programs(results)


def table(head, rows, left=1):
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * left + "---:|" * (len(head) - left)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def circumstances(results):
    about = results.about
    yield from table(["", ""], [[name, text] for name, text in about["machine"].items()], 2)
    if "options" in about:
        options = about["options"]
        sentence = f"Medians of {results.rounds()} interleaved rounds, {options['work']}% of the work"
        if options.get("pin"):
            sentence += f", on the CPUs {options['pin']}"
        yield sentence + ":"
        yield ""
    yield "```"
    yield about["command"]
    yield "```"
    yield ""
    rows = [[a.name, a.version or "not known"] for a in results.allocators]
    yield from table(["allocator", "version"], rows, 2)


def summary(results, drawn):
    found = list(report.tables(results))
    yield "## Geometric means"
    yield ""
    yield "Of the ratios to the best peer of each row, over all rows that have the figure: 1.00 would be"
    yield "an allocator that is the best peer in everything."
    yield ""
    rows = [
        [allocator.name, *(report.cell(means[i]) for _, _, means in found)]
        for i, allocator in enumerate(results.allocators)
    ]
    rows.append(["*rows*", *(str(len(lines)) for _, lines, _ in found)])
    yield from table(["allocator", *(metric[1] for metric, _, _ in found)], rows)
    kinds = {"workload": "workloads", "program": "real programs"}
    subject = subject_of(results)
    if subject is None:
        return
    name = results.allocators[subject].name
    yield from picture(drawn, "means.svg")
    yield f"{name} by kind of row, and how many rows it leads:"
    yield ""
    rows = []
    for metric, lines, means in found:
        row = [metric[1], report.cell(means[subject])]
        for kind in kinds:
            row.append(report.cell(report.geometric_mean(
                line.ratios[subject] for line in lines if line.row.kind == kind)))
        ratios = [line.ratios[subject] for line in lines if line.ratios[subject]]
        row.append(f"{sum(ratio <= 1 for ratio in ratios)} of {len(lines)}")
        row.append(f"{sum(ratio <= 1 + LEVEL for ratio in ratios)} of {len(lines)}")
        rows.append(row)
    yield from table(
        ["", "all", *kinds.values(), "ahead of every peer", f"or within {LEVEL:.0%}"], rows)
    yield f"Where {name} is furthest behind the best peer of the row:"
    yield ""
    yield from table(["", "rows"], [
        [metric[1], worst_rows(lines, subject)] for metric, lines, _ in found], 2)


def worst_rows(lines, subject):
    behind = sorted(
        ((line.ratios[subject], line) for line in lines if (line.ratios[subject] or 0) > 1),
        key=lambda pair: -pair[0],
    )
    return ", ".join(
        f"{line.row.name} {ratio:.2f} ({line.best_name})" for ratio, line in behind[:WORST]
    ) or "none"


def picture(drawn, file):
    for path, about in drawn:
        if os.path.basename(path) == file:
            yield f"![{about}]({path})"
            yield ""


def amount(value, factor):
    value *= factor
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def standing(line, subject, allocators):
    """In words, against the lowest of the peers; only where there is something to stand against."""
    own = line.ratios[subject]
    if own is None:
        return "failed"
    least = min(ratio for ratio, allocator in zip(line.ratios, allocators)
                if allocator.is_peer and ratio is not None)
    if own <= least:
        return "lowest"
    return f"within {LEVEL:.0%}" if own <= least * (1 + LEVEL) else f"{own / least - 1:+.0%}"


def one_table(results, found, drawn):
    (key, title, unit, factor), lines, means = found
    subject = subject_of(results)
    yield f"## {title}"
    yield ""
    if key in HEADINGS:
        options = {"linger": 2, "callgrind": 5, **results.about.get("options", {})}
        yield HEADINGS[key].format(**options)[0].upper() + HEADINGS[key].format(**options)[1:] + "."
    yield f"Ratio to the best peer, and the median itself in {unit}; the least is bold."
    yield ""
    yield from picture(drawn, key + ".svg")
    words = subject is not None
    head = ["row", *([f"{results.allocators[subject].name} is"] if words else []),
            *(a.name for a in results.allocators), "+-"]
    rows = []
    for line in lines:
        row = [line.row.name, *([standing(line, subject, results.allocators)] if words else [])]
        for i, ratio in enumerate(line.ratios):
            if ratio is None:
                row.append("-")
                continue
            text = f"**{ratio:.2f}**" if report.is_best(line, i) else f"{ratio:.2f}"
            row.append(f"{text} ({amount(line.medians[i], factor)})")
        rows.append([*row, f"{line.spread:.0%}"])
    rows.append(["**geometric mean**", *([""] if words else []), *map(report.cell, means), ""])
    yield from table(head, rows, 2 if words else 1)


def programs(results):
    versions = results.about.get("packages")
    if versions:
        yield "## Versions of the programs"
        yield ""
        yield "Debian's packages: " + ", ".join(
            f"{name} {version}" for name, version in sorted(versions.items())) + "."
        yield ""
