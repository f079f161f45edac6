#!/usr/bin/env python3
"""How much calibration is worth: what search --imatrix loses, by the size of the text and of the groups.

usage: calibration.py [options of measure.py] [NAME=]MODEL...

Importance matrices are collected from the beginning of models/demo/data/valid.txt, with products of
channels in groups of various sizes; files are by the reference policy. Measured as measure.py measures.
"""

import os
import tempfile

import measure

TEXTS = [1_000, 4_000, 16_000, 65_547]  # bytes, which are tokens of the demo models
GROUPS = [0, 32, 64, 128, 256, 512]


def collect(subject, n_bytes, group):
    """A method of measure.py that uses such an importance matrix."""
    key = f"{n_bytes}-{group}"
    text = subject.path(f"{n_bytes}.txt")
    with open(measure.CALIBRATION, "rb") as source, open(text, "wb") as target:
        target.write(source.read(n_bytes))
    subject.imatrices[key] = subject.path(key + ".npz")
    subject.program("quantize", "--collect-imatrix", subject.imatrices[key], "-f", text, "--group", str(group), "-q",
                    subject.half)
    return ["--reference-policy", "--imatrix", subject.imatrices[key]]


def measure_calibration(subject, format):
    methods = {"round": measure.METHODS["round"], "search": measure.METHODS["search"]}
    for n_bytes in TEXTS:
        methods[f"{n_bytes:,} tokens"] = collect(subject, n_bytes, 256)
    for group in GROUPS:
        methods[f"groups of {group}" if group else "mean squares alone"] = collect(subject, TEXTS[-1], group)
    first, *rows = subject.rows(format, methods)
    unit = first["kl"] / 100
    print(f"\n{subject.name}, {format}: KL {first['kl']:.6f} ± {first['kl_error']:.6f} by `round --reference-policy`")
    measure.print_table(["imatrix", "bytes of it", "change of the KL"], [
        [row["method"], f"{os.path.getsize(methods[row['method']][-1]):,}" if "--imatrix" in methods[row["method"]] else "-",
         f"{row['difference'] / unit:+.1f} ± {row['difference_error'] / unit:.1f} %"] for row in rows])


def main():
    options = measure.make_parser(__doc__, "Q4_0").parse_args()
    for argument in options.models:
        with tempfile.TemporaryDirectory() as work:
            subject = measure.Subject(options, work, argument)
            for format in options.formats.split(","):
                measure_calibration(subject, format)


if __name__ == "__main__":
    main()
