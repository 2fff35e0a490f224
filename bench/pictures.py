# SPDX-License-Identifier: MIT
"""pictures - charts of results, as SVG, by gnuplot.

Ratios are drawn on a logarithmic axis, where twice as much and half as much are equally far from 1,
and the axis ends at some factor: one bar that is far out must not flatten all others.
"""

import re
import shutil
import subprocess

import report

SIZE_LIMIT = 3


def available():
    return bool(shutil.which("gnuplot"))


def draw(path, width, height, commands):
    script = [
        f"set terminal svg size {width},{height} font 'sans,12' background 'white'",
        f"set output {quoted(path)}",
        *commands,
    ]
    subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, check=True)
    # Half of what gnuplot writes are groups with nothing in them.
    with open(path, encoding="utf-8") as drawing:
        text = drawing.read()
    with open(path, "w", encoding="utf-8") as drawing:
        drawing.write(re.sub(r"<g [^>]*>\s*</g>\s*", "", re.sub(r"[ \t]+$", "", text, flags=re.M)))


def quoted(text, mark="'"):
    return mark + text.replace(mark, mark * 2 if mark == "'" else "\\" + mark) + mark


def clustered(results, path):
    """All allocators beside each other in each row: time, and below it peak RSS."""
    charts = [table for table in report.tables(results) if table[0][0] in ("wall", "rss")]
    width = 240 + 26 * len(results.rows) * len(results.allocators) // 2
    script = [
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
        script.append(f"set title {quoted(title + ': ratio to the best peer (less is better)')}")
        script.append(f"set yrange [0:{SIZE_LIMIT}]")
        script.append(
            f"plot for [i=2:{len(results.allocators) + 1}] {block} using i:xtic(1) "
            "title columnheader(i), 1 with lines dashtype 2 linecolor 'black' notitle"
        )
    script.append("unset multiplot")
    draw(path, max(width, 700), 420 * len(charts), script)


def map_of_means(results, path):
    """One point for each allocator: to the right is slower, up is larger. False without both means."""
    means = {table[0][0]: table[2] for table in report.tables(results)}
    if "cpu" not in means or "rss" not in means:
        return False
    points = [
        (allocator, x, y)
        for allocator, x, y in zip(results.allocators, means["cpu"], means["rss"])
        if x and y
    ]
    script = [
        "set logscale xy 2",
        "set grid",
        "unset key",
        "set xlabel 'CPU time: geometric mean of the ratios to the best peer'",
        "set ylabel 'peak RSS: the same'",
    ]
    for axis, values in (("x", [p[1] for p in points]), ("y", [p[2] for p in points])):
        low, high = min([1.0, *values]) * 0.95, max([1.0, *values]) * (1.25 if axis == "x" else 1.08)
        script.append(f"set {axis}range [{low:.3f}:{high:.3f}]")
        steps = [step / 100 for step in range(60, 105, 5)] + [1.1, 1.2, 1.3, 1.5, 1.75, 2, 2.5, 3]
        steps += [4, 6, 8, 12, 16]
        script.append(f"set {axis}tics ({', '.join(f'{s:g}' for s in steps if low <= s <= high)})")
    for number, peer in enumerate((True, False)):
        script.append(f"$points{number} << EOD")
        for allocator, x, y in points:
            if allocator.is_peer == peer:
                script.append(f"{x:.4f} {y:.4f} {quoted(allocator.name, chr(34))}")
        script += ["0.001 0.001 ''", "EOD"]
    script.append("plot " + ", ".join(
        f"$points{number} using 1:2 with points pointtype 7 pointsize 0.8 linecolor '{colour}', "
        f"$points{number} using 1:2:3 with labels left offset 0.8,0 textcolor '{colour}' noenhanced"
        for number, colour in ((0, "#606060"), (1, "#b03020"))))
    draw(path, 760, 480, script)
    return True


def bars(results, lines, title, path, subject):
    """For each row, how far the allocator with index subject is from the best peer, on the band from
    the best peer to the worst."""
    ratios = [line.ratios[subject] or 1.0 for line in lines]
    low = max(1 / 8, min([0.7, *ratios]))
    high = 4
    script = [
        "set logscale y 2",
        f"set yrange [{low * 0.95:.3f}:{high}]",
        "set ytics (0.125, 0.25, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 4) nomirror",
        "set grid ytics",
        "set style fill solid 1 noborder",
        "set key outside top horizontal center",
        f"set title {quoted(title + ': ratio to the best peer of the row, less is better')}",
        f"set xrange [-0.7:{len(lines) - 0.3}]",
        "set xtics rotate by -40 nomirror noenhanced (" + ", ".join(
            f"{quoted(line.row.name)} {i}" for i, line in enumerate(lines)) + ")",
        "$rows << EOD",
    ]
    for i, line in enumerate(lines):
        peers = [r for r, a in zip(line.ratios, results.allocators) if a.is_peer and r]
        worst = min(max(peers), high)
        own = min(max(ratios[i], low), high)
        script.append(f"{i} {worst:.4f} {min(1, own):.4f} {max(1, own):.4f}")
    script += [
        "EOD",
        "plot $rows using 1:(1):($1-0.4):($1+0.4):(1):2 with boxxyerror linecolor '#d8d8d8' "
        "title 'best peer to worst', "
        "'' using 1:(1):($1-0.2):($1+0.2):3:4 with boxxyerror linecolor '#b03020' "
        f"title {quoted(results.allocators[subject].name)}, "
        "1 with lines linecolor 'black' notitle",
    ]
    draw(path, max(500, 120 + 24 * len(lines)), 400, script)
