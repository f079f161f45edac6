#!/usr/bin/env python3
"""Draws what a terminal shows as an SVG: stdin is what `tmux capture-pane -e -p` prints.

usage: terminal_picture.py [--title TEXT] [--columns N] <screen >picture.svg

Understands bold, dim and the sixteen colours. The picture has its own dark background, so that it looks the same on light
and dark pages, and needs no font but the reader's monospace one.
"""
import argparse
import html
import re
import sys

COLOURS = ["#3b4252", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d8dee9",
           "#6b7489", "#ff8a92", "#b5e08f", "#ffd98f", "#8cc8ff", "#e0a0f5", "#7fd5df", "#ffffff"]
TEXT, BACKGROUND, BAR = "#d8dee9", "#1d2129", "#2a2f3a"
WIDTH, HEIGHT, MARGIN, HEAD = 8.43, 18, 14, 30  # of a character at 14 px; around the text; the title bar


def runs(line):
    """(text, colour, bold, dim) of each stretch of a line that looks the same."""
    colour, bold, dim = None, False, False
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if not part.startswith("\x1b"):
            if part:
                yield part, colour, bold, dim
            continue
        for code in [int(c or 0) for c in part[2:-1].split(";")]:
            if code == 0:
                colour, bold, dim = None, False, False
            elif code == 1:
                bold = True
            elif code == 2:
                dim = True
            elif code == 22:
                bold = dim = False
            elif 30 <= code <= 37:
                colour = code - 30
            elif 90 <= code <= 97:
                colour = code - 82
            elif code == 39:
                colour = None


def draw_line(line, y):
    spans, column = [], 0
    for text, colour, bold, dim in runs(line):
        style = f' fill="{COLOURS[colour]}"' if colour is not None else ""
        style += ' font-weight="bold"' if bold else ""
        style += ' opacity="0.6"' if dim else ""
        if text.strip():
            # Every run begins at its own column, whatever the reader's font is.
            spans.append(f'<text x="{MARGIN + column * WIDTH:.1f}" y="{y}"{style} '
                         f'textLength="{len(text) * WIDTH:.1f}" xml:space="preserve">{html.escape(text)}</text>')
        column += len(text)
    return "".join(spans)


def picture(lines, columns, title):
    width, height = 2 * MARGIN + columns * WIDTH, HEAD + 2 * MARGIN + len(lines) * HEIGHT
    dots = "".join(f'<circle cx="{16 + 18 * i}" cy="{HEAD / 2}" r="5.5" fill="{c}"/>'
                   for i, c in enumerate(("#e06c75", "#e5c07b", "#98c379")))
    body = "\n".join(filter(None, (draw_line(line, HEAD + MARGIN + 13 + i * HEIGHT)
                                   for i, line in enumerate(lines))))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
            f'viewBox="0 0 {width:.0f} {height}" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" fill="{TEXT}" role="img">\n'
            f'<title>{html.escape(title)}</title>\n'
            f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>'
            f'<path d="M0 {HEAD}V8a8 8 0 0 1 8-8h{width - 16:.0f}a8 8 0 0 1 8 8v{HEAD - 8}z" fill="{BAR}"/>{dots}\n{body}\n</svg>\n')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--title", default="a terminal")
    parser.add_argument("--columns", type=int, default=100)
    args = parser.parse_args()
    lines = sys.stdin.read().rstrip("\n").split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    sys.stdout.write(picture(lines, args.columns, args.title))


main()
