#!/usr/bin/env python3
"""What the methods and mixes of quantize lose, measured on whole models.

usage: measure.py [--bin FOLDER] [--formats LIST] [--csv FILE] [--limit N] [--threads N] MODEL...

MODEL is a checkpoint or a model file in FP32, and may be given a name: NAME=FILE; where FILE ends in
"+outliers", it is what make_outliers.py makes of the RWKV-4 model before the "+". For each model and
format, files are made from the model in FP16 by each of the methods below. Importance matrices come
from models/demo/data/valid.txt; what is measured is models/demo/data/test.txt, another text: the KL
divergence of the predictions from those of the FP32 model in nats a token, mean and standard error,
and the difference from the first method, token by token.

Prints Markdown tables; --csv keeps all figures, which scripts/quantization_picture.py draws. The
tables of docs/quantization.md:

    python3 make_corpus.py data && python3 train_demo.py --out rwkv4-w128 --width 128 --layers 6 \\
        --minutes 20 --seed 2          # in a copy of models/demo; needs torch
    scripts/quality/measure.py --bin build/bin --csv docs/pictures/quantization.csv \\
        'demo RWKV-4=models/demo/demo-rwkv4.pth' 'demo RWKV-7=models/demo/demo-rwkv7.pth' \\
        'RWKV-4 128 x 6=rwkv4-w128.pth' 'outliers=models/demo/demo-rwkv4.pth+outliers'
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(os.path.dirname(os.path.dirname(HERE)), "models", "demo", "data")
CALIBRATION, TEXT = os.path.join(DATA, "valid.txt"), os.path.join(DATA, "test.txt")

# Key, options. {full} and {squares} are importance matrices with and without products of channels.
METHODS = {
    "round": ["--method", "round", "--reference-policy"],
    "search": ["--reference-policy"],
    "squares": ["--reference-policy", "--imatrix", "{squares}"],
    "imatrix": ["--reference-policy", "--imatrix", "{full}"],
    "round, mix": ["--method", "round"],
    "search, mix": [],
    "imatrix, mix": ["--imatrix", "{full}"],
}
FIELDS = ["model", "format", "method", "bytes", "kl", "kl_error", "difference", "difference_error"]


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{result.stderr}")
    return result.stdout


class Subject:
    """A model in FP32 and FP16, its importance matrices, and what is made of it."""

    def __init__(self, options, work, argument):
        self.options, self.work = options, work
        name, _, path = argument.rpartition("=")
        self.name = name or os.path.basename(path)
        self.base, self.half = self.path("fp32.bin"), self.path("fp16.bin")
        source = path.removesuffix("+outliers")
        self.program("pth2bin", source, self.base, "--type", "FP32", "-q")
        if source != path:
            plain = self.path("plain.bin")
            os.replace(self.base, plain)
            print(run(sys.executable, os.path.join(HERE, "make_outliers.py"), plain, self.base), end="")
        self.program("pth2bin", self.base, self.half, "--type", "FP16", "-q")
        self.imatrices = {"full": self.path("full.npz"), "squares": self.path("squares.npz")}
        self.collect("full")
        self.collect("squares", "--group", "0")

    def path(self, name):
        return os.path.join(self.work, name)

    def program(self, name, *arguments):
        return run(os.path.join(self.options.bin, name) if self.options.bin else name, *arguments)

    def collect(self, kind, *options):
        self.program("quantize", "--collect-imatrix", self.imatrices[kind], "-f", CALIBRATION, "-q", *options,
                     self.half)

    def compare(self, files):
        options = ["-j", str(self.options.threads)] if self.options.threads else []
        if self.options.limit:
            options += ["--limit", str(self.options.limit)]
        report = self.program("perplexity", *files, "-f", TEXT, "--base", self.base, "--bootstrap", "0", "--json", "-q",
                              *options)
        return json.loads(report)["results"]

    def rows(self, format, methods):
        files = []
        for options in methods.values():
            files.append(self.path(f"{len(files)}.bin"))
            words = [word.format(**self.imatrices) for word in options]
            self.program("quantize", self.half, files[-1], format, "-q", *words)
        for method, file, result in zip(methods, files, self.compare(files)):
            yield {
                "model": self.name, "format": format, "method": method, "bytes": os.path.getsize(file),
                "kl": result["kl"], "kl_error": result["kl_error"],
                "difference": result["kl_minus_first"], "difference_error": result["kl_minus_first_error"],
            }

    def measure(self):
        result = self.compare([self.half])[0]
        yield {"model": self.name, "format": "FP16", "method": "round", "bytes": os.path.getsize(self.half),
               "kl": result["kl"], "kl_error": result["kl_error"], "difference": 0, "difference_error": 0}
        for format in self.options.formats.split(","):
            searched = format != "Q8_0"  # nothing is searched for there
            methods = METHODS if searched else {key: METHODS[key] for key in ("round", "round, mix")}
            yield from self.rows(format, methods)
            print(f"{self.name}: {format} measured", file=sys.stderr, flush=True)


def print_table(head, lines):
    print("\n| " + " | ".join(head) + " |\n|---|" + "---:|" * (len(head) - 1))
    for line in lines:
        print("| " + " | ".join(line) + " |")


class Tables:
    def __init__(self, rows):
        self.rows = {(row["model"], row["format"], row["method"]): row for row in rows}
        self.models = list(dict.fromkeys(row["model"] for row in rows))
        self.formats = list(dict.fromkeys(row["format"] for row in rows if row["format"] not in ("FP16", "Q8_0")))

    def first(self, row):
        return self.rows[row["model"], row["format"], "round"]

    def change(self, row):
        unit = self.first(row)["kl"] / 100
        return f"{row['difference'] / unit:+.1f} ± {row['difference_error'] / unit:.1f} %"

    def proof(self):
        """All that quantize does by default with an importance matrix, against the reference."""
        for model in self.models:
            for format in self.formats:
                row = self.rows[model, format, "imatrix, mix"]
                first = self.first(row)
                yield [f"{model}, {format}", f"{first['bytes']:,}", f"{100 * (row['bytes'] / first['bytes'] - 1):+.1f} %",
                       f"{first['kl']:.6f} ± {first['kl_error']:.6f}", f"{row['kl']:.6f} ± {row['kl_error']:.6f}",
                       f"{row['difference']:+.6f} ± {row['difference_error']:.6f}", f"**{self.change(row)}**"]

    def parts(self, methods):
        for model in self.models:
            for format in self.formats:
                yield [f"{model}, {format}"] + [self.change(self.rows[model, format, m]) for m in methods]

    def print(self):
        print_table(["model, format", "bytes", "more", "KL of `round --reference-policy`", "KL of `search --imatrix`",
                     "paired difference", "change"], self.proof())
        methods = [method for method in METHODS if method != "round"]
        print_table(["change of the KL"] + methods, self.parts(methods))


def make_parser(description, formats):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", help="folder of the programs (default: those of the PATH)")
    parser.add_argument("--formats", default=formats, metavar="LIST")
    parser.add_argument("--limit", type=int, help="tokens of the text (default: all)")
    parser.add_argument("--threads", type=int, help="of perplexity (default: its own)")
    parser.add_argument("models", nargs="+", metavar="[NAME=]MODEL")
    return parser


def main():
    parser = make_parser(__doc__, "Q4_0,Q4_1,Q5_0,Q5_1,Q8_0")
    parser.add_argument("--csv", metavar="FILE", help="write all figures to FILE")
    options = parser.parse_args()
    rows = []
    for argument in options.models:
        with tempfile.TemporaryDirectory() as work:
            rows.extend(Subject(options, work, argument).measure())
    if options.csv:
        with open(options.csv, "w", newline="") as file:
            writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    Tables(rows).print()


if __name__ == "__main__":
    main()
