#!/usr/bin/env python3
"""Draws size against loss for every format, rounded by the reference and searched, as an SVG.

usage: quantization_picture.py FIGURES.csv OUT.svg MODEL...

FIGURES.csv is what scripts/quality/measure.py --csv writes; each MODEL, by its name there, becomes a panel. Needs
gnuplot. Nothing is filled behind the drawing, and its colours are of middle lightness, so that it can be
read on light and on dark pages. That of the README:

    scripts/quantization_picture.py docs/pictures/quantization.csv docs/pictures/quantization.svg \\
        'demo RWKV-4' 'demo RWKV-7' 'outliers'
"""
import csv
import math
import re
import subprocess
import sys

WIDTH, HEIGHT = 330, 380  # of a panel
TEXT, GRID = "#737d88", "#737d88"
# Where labels stand: the free sides are above the upper line and below the lower one.
ABOVE = {"_0": "center offset 0,0.9", "_1": "left offset 0.6,0.5", "Q8_0": "left offset 0.7,0.2"}
BELOW = {"_0": "right offset -0.7,-0.5", "_1": "right offset -0.7,-0.9", "Q8_0": "right offset -0.7,-0.5"}
SERIES = (  # method of the rows of Q8_0 and of the others, title, colour, line, point, labels
    ("round", "round", "as rwkv.cpp rounds", "#d9730d", "dashtype 2", 6, ABOVE),
    ("round, mix", "imatrix, mix", "quantize --imatrix", "#2f81f7", "dashtype 1", 7, BELOW),
)
MIB = 1 << 20
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def points(rows, model, eight_bits, method):
    for row in rows:
        if row["model"] == model and row["method"] == (eight_bits if row["format"] == "Q8_0" else method):
            if row["format"] != "FP16":
                yield float(row["bytes"]) / MIB, float(row["kl"]), row["format"]


def labelled_as(name):
    return name if name in ABOVE else name[2:]


def panel(rows, model, index, lowest, highest):
    series = [list(points(rows, model, eight, method)) for eight, method, *_ in SERIES]
    if not all(series):
        sys.exit(f"no figures of '{model}'")
    sizes = [size for line in series for size, *_ in line]
    margin = 0.12 * (max(sizes) - min(sizes))
    lines = [f"set title '{model}' textcolor rgb '{TEXT}' font ',14'",
             f"set xrange [{min(sizes) - 1.5 * margin}:{max(sizes) + 1.5 * margin}]",
             f"set yrange [{lowest / 1.8}:{highest * 1.6}]",
             "set ylabel 'KL to FP32, nats a token'" if index == 0 else "unset ylabel",
             "set key at graph 0.98, graph 0.98 right top" if index == 0 else "unset key"]
    plots = []
    for k, (line, (_, _, title, colour, style, point, labels)) in enumerate(zip(series, SERIES)):
        data = f"$data{index}{k}"
        lines += [f"{data} << END", *(f"{size} {kl} {name} {labelled_as(name)}" for size, kl, name in line), "END"]
        plots.append(f"{data} using 1:2 with linespoints {style} linewidth 2 pointtype {point} pointsize 0.8 "
                     f"linecolor rgb '{colour}' title '{title}'")
        for end, place in labels.items():
            which = f"{data} using 1:(strcol(4) eq '{end}' ? $2 : NaN):3"
            plots.append(f"{which} with labels {place} textcolor rgb '{colour}' font ',11' notitle")
    return lines + ["plot " + ", \\\n  ".join(plots)]


def script(rows, models):
    shown = [p for model in models for eight, method, *_ in SERIES for p in points(rows, model, eight, method)]
    losses = [kl for _, kl, _ in shown]
    left = 0.085 if len(models) > 1 else 0.2
    decades = range(math.floor(math.log10(min(losses))) - 1, math.ceil(math.log10(max(losses))) + 1)
    tics = ", ".join(f"'10{str(n).translate(RAISED)}' 1e{n}" for n in decades)
    lines = [f"set terminal svg noenhanced size {WIDTH * len(models)},{HEIGHT} dynamic "
             "font 'Helvetica,Arial,sans-serif,13'",
             f"set multiplot layout 1,{len(models)} margins {left},0.99,0.16,0.88 spacing 0.055",
             "set encoding utf8", "set logscale y", f"set ytics ({tics})", f"set border 3 linecolor rgb '{TEXT}'",
             f"set tics nomirror textcolor rgb '{TEXT}'",
             f"set grid ytics linecolor rgb '{GRID}' linewidth 0.3",
             f"set xlabel 'size, MiB' textcolor rgb '{TEXT}'", f"set ylabel textcolor rgb '{TEXT}'",
             f"set key textcolor rgb '{TEXT}' samplen 2.5"]
    for index, model in enumerate(models):
        lines += panel(rows, model, index, min(losses), max(losses))
    return "\n".join(lines + ["unset multiplot"])


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    source, out, models = sys.argv[1], sys.argv[2], sys.argv[3:]
    with open(source, newline="") as file:
        rows = list(csv.DictReader(file))
    drawn = subprocess.run(["gnuplot"], input=script(rows, models), capture_output=True, text=True)
    if drawn.returncode != 0 or drawn.stderr:
        sys.exit(drawn.stderr)
    picture = re.sub(r"<title>.*?</title>", "<title>Size and loss of block formats</title>", drawn.stdout)
    with open(out, "w", encoding="utf-8") as file:
        file.writelines(line.rstrip() + "\n" for line in picture.splitlines())


if __name__ == "__main__":
    main()
