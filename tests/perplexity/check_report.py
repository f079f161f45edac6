#!/usr/bin/env python3
"""Checks the structure of a report of perplexity: an HTML page that is whole in itself.

usage: check_report.py PAGE FIGURES [TEXT...]

FIGURES is the number of pictures there must be; each TEXT must be in the page as text.
"""

import re
import sys
from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "input", "link"}
# What may refer to something, and must stay inside.
REFERENCES = {"href", "xlink:href", "src", "srcset", "action", "data", "poster", "background", "cite"}


class Page(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open = []
        self.problems = []
        self.ids = []
        self.targets = []
        self.text = []
        self.counts = {}
        self.tables = []

    def complain(self, what):
        self.problems.append(f"line {self.getpos()[0]}: {what}")

    def look_at(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        for name, value in attributes:
            if name.startswith("on"):
                self.complain(f"<{tag} {name}>: a script")
            if name == "id":
                self.ids.append(value)
            if name in REFERENCES:
                if value is None or not value.startswith("#"):
                    self.complain(f"<{tag} {name}={value!r}>: refers to something outside")
                else:
                    self.targets.append(value[1:])
            if value and re.search(r"url\(|https?:|javascript:", value):
                self.complain(f"<{tag} {name}={value!r}>: refers to something outside")
            if "svg" in self.open and value and re.search(r"\brgb\(|^(black|white|gray)$", value):
                self.complain(f"<{tag} {name}={value!r}>: a colour that is not the page's")

    def handle_starttag(self, tag, attributes):
        self.look_at(tag, attributes)
        if tag in ("script", "iframe", "object", "embed", "link", "img", "base", "form"):
            self.complain(f"<{tag}>")
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append(0)
        if tag in ("td", "th"):
            self.tables[-1][-1] += 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.look_at(tag, attributes)

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.complain(f"</{tag}> where {self.open[-1] if self.open else 'nothing'} is open")
        else:
            self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            if re.search(r"url\(|@import|https?:", data):
                self.complain("a style that loads something")
        else:
            if "svg" in self.open and re.search(r"@\d{3}@", data):
                self.complain("a place-holder is left")
            self.text.append(data)


def check(path, n_figures, texts):
    data = open(path, "rb").read()
    source = data.decode("utf-8")  # it must be
    page = Page()
    page.feed(source)
    page.close()
    problems = page.problems
    text = "".join(page.text)
    if page.open:
        problems.append(f"not closed: {page.open}")
    if not source.startswith("<!DOCTYPE html>\n"):
        problems.append("no DOCTYPE")
    for tag, n in (("html", 1), ("head", 1), ("body", 1), ("h1", 1), ("svg", n_figures),
                   ("figure", n_figures), ("figcaption", n_figures)):
        if page.counts.get(tag, 0) != n:
            problems.append(f"{page.counts.get(tag, 0)} of <{tag}>, not {n}")
    if len(set(page.ids)) != len(page.ids):
        problems.append("an id that occurs twice")
    for target in set(page.targets) - set(page.ids):
        problems.append(f"#{target} is not there")
    if not page.tables:
        problems.append("no table")
    for number, rows in enumerate(page.tables):
        if len(rows) < 2 or len(set(rows)) != 1:
            problems.append(f"table {number + 1}: rows of {rows} cells")
    if "prefers-color-scheme: dark" not in source:
        problems.append("nothing for the dark")
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", source):
        problems.append("a control character")
    for wanted in texts:
        if wanted not in text:
            problems.append(f"{wanted!r} is missing")
    return problems


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    problems = check(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
    for problem in problems[:20]:
        print(f"{sys.argv[1]}: {problem}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
