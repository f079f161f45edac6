#!/usr/bin/env python3
"""What the methods and mixes of quantize lose, measured on whole models.

usage: measure.py [--bin FOLDER] [--formats Q4_0,Q4_1] [--limit N] [--work FOLDER] MODEL...

MODEL is a checkpoint, or a model file in FP32; one whose name ends in "+outliers" is what
make_outliers.py makes of the RWKV-4 model before the "+". For each model and format the files are
made from its FP16 model file; the importance matrix comes from models/demo/data/valid.txt, and what
is measured is models/demo/data/test.txt, which is another text: the KL divergence of the
predictions from those of the FP32 model, mean and standard error, and the paired difference from
the first row. Prints Markdown tables.

The tables of docs/quantization.md:

    scripts/quality/measure.py models/demo/demo-rwkv4.pth models/demo/demo-rwkv7.pth \\
        rwkv4-w128.pth models/demo/demo-rwkv4.pth+outliers
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DATA = os.path.join(ROOT, "models", "demo", "data")

# Title, options; {full} and {squares} are importance matrices with and without products of channels.
METHODS = [
    ("`round --reference-policy`", ["--method", "round", "--reference-policy"]),
    ("`search --reference-policy`", ["--reference-policy"]),
    ("... with mean squares alone", ["--reference-policy", "--imatrix", "{squares}"]),
    ("... with all of the imatrix", ["--reference-policy", "--imatrix", "{full}"]),
    ("`round`, default mix", ["--method", "round"]),
    ("`search`, default mix", []),
    ("... with mean squares alone", ["--imatrix", "{squares}"]),
    ("**`search --imatrix`, default mix**", ["--imatrix", "{full}"]),
]


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{result.stderr}")
    return result.stdout


class Bench:
    def __init__(self, options, work):
        self.options, self.work = options, work

    def program(self, name):
        return os.path.join(self.options.bin, name) if self.options.bin else name

    def path(self, name):
        return os.path.join(self.work, name)

    def prepare(self, model):
        """The model in FP32 and FP16, and its importance matrices."""
        base, half = self.path("fp32.bin"), self.path("fp16.bin")
        source = model.removesuffix("+outliers")
        run(self.program("pth2bin"), source, base, "--type", "FP32", "-q")
        if source != model:
            plain = self.path("plain.bin")
            os.replace(base, plain)
            print(run(sys.executable, os.path.join(HERE, "make_outliers.py"), plain, base), end="", file=sys.stderr)
        run(self.program("pth2bin"), base, half, "--type", "FP16", "-q")
        text = os.path.join(DATA, "valid.txt")
        for name, group in (("full", []), ("squares", ["--group", "0"])):
            run(self.program("quantize"), "--collect-imatrix", self.path(name + ".npz"), "-f", text, "-q", *group, half)
        return base, half

    def measure(self, model, formats):
        base, half = self.prepare(model)
        imatrices = {name: self.path(name + ".npz") for name in ("full", "squares")}
        for format in formats:
            files = []
            for i, (_, options) in enumerate(METHODS):
                files.append(self.path(f"{i}.bin"))
                words = [word.format(**imatrices) for word in options]
                run(self.program("quantize"), half, files[-1], format, "-q", *words)
            limit = ["--limit", str(self.options.limit)] if self.options.limit else []
            report = json.loads(run(self.program("perplexity"), *files, "-f", os.path.join(DATA, "test.txt"), "--base",
                                    base, "--json", "-q", *limit))
            self.print_table(model, format, files, report["results"])

    def print_table(self, model, format, files, results):
        print(f"\n{os.path.basename(model)}, {format}\n")
        print("| | bytes | | KL | to the first row |")
        print("|---|---:|---:|---:|---:|")
        first = results[0]["kl"]
        size = os.path.getsize(files[0])
        for (title, _), file, row in zip(METHODS, files, results):
            bytes_ = os.path.getsize(file)
            change = 100 * (row["kl"] / first - 1)
            error = 0 if row is results[0] else 100 * row["kl_minus_first_error"] / first
            print(f"| {title} | {bytes_:,} | {100 * (bytes_ / size - 1):+.1f} % "
                  f"| {row['kl']:.6f} ± {row['kl_error']:.6f} | {change:+.1f} ± {error:.1f} % |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", help="folder of the programs (default: those of the PATH)")
    parser.add_argument("--formats", default="Q4_0,Q4_1")
    parser.add_argument("--limit", type=int, help="tokens of the text (default: all)")
    parser.add_argument("--work", help="folder for the files (default: one that goes with the run)")
    parser.add_argument("models", nargs="+", metavar="MODEL")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for model in options.models:
            Bench(options, options.work or scratch).measure(model, options.formats.split(","))


if __name__ == "__main__":
    main()
