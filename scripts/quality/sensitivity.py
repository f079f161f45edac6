#!/usr/bin/env python3
"""Which tensors are worth more bits: the measurement behind lib/arch/default_mix.c.

usage: sensitivity.py [options of measure.py] [NAME=]MODEL...

For each format and kind of tensor, the model is quantized by the reference policy (search --imatrix)
with the tensors of that kind, in all layers, in Q8_0 instead. Printed is how much of the KL divergence
that takes away, and how much for each percent that it makes the model larger; measured as measure.py
measures. Adapters of RWKV-7 and the embedding and head, FP16 by that policy, become smaller in Q8_0.
"""

import json
import os
import sys
import tempfile

import measure


def kinds_of(subject):
    """Names of matrices: those in layers without the layer, embedding, head."""
    plan = json.loads(subject.program("quantize", "--dry-run", subject.half, "Q4_0", "--pure", "--json"))
    names = [t["name"] for t in plan["tensors"] if len(t["shape"]) > 1 and t["to"] == "Q4_0"]
    return list(dict.fromkeys(n.split(".", 2)[2] if n.startswith("blocks.") else n for n in names))


def measure_kinds(subject, format):
    methods = {"": ["--reference-policy", "--imatrix", "{full}"]}
    for kind in kinds_of(subject):
        pattern = ("" if kind in ("emb.weight", "head.weight") else r"^blocks\.[0-9]+\.") + kind.replace(".", r"\.") + "$"
        methods[kind] = methods[""] + ["--tensor-type", pattern + "=Q8_0"]
    first, *rows = subject.rows(format, methods)
    lines = []
    for row in rows:
        unit, larger = first["kl"] / 100, 100 * (row["bytes"] / first["bytes"] - 1)
        change, error = row["difference"] / unit, row["difference_error"] / unit
        lines.append((change / larger, [f"`{row['method']}`", f"{larger:+.1f} %", f"{change:+.1f} ± {error:.1f} %",
                                        f"{change / larger:+.2f}" if larger > 0 else "-"]))
    print(f"\n{subject.name}, {format}: {first['bytes']:,} bytes, KL {first['kl']:.6f} ± {first['kl_error']:.6f}")
    measure.print_table(["in Q8_0", "bytes", "KL", "for a percent of bytes"], [line for _, line in sorted(lines)])
    sys.stdout.flush()


def main():
    options = measure.make_parser(__doc__, "Q4_0,Q4_1").parse_args()
    for argument in options.models:
        with tempfile.TemporaryDirectory() as work:
            subject = measure.Subject(options, work, argument)
            for format in options.formats.split(","):
                measure_kinds(subject, format)


if __name__ == "__main__":
    main()
