#!/usr/bin/env python3
"""Writes an importance matrix for the model of make_checkpoint.py, for measuring speed.

    make_imatrix.py OUT.npz [--layers 24] [--width 2048] [--group 256]

With products of channels in groups, all groups the same: those of inputs made up from normal values,
each of which goes together with the one before. What they say changes nothing about how long it takes.
"""
import argparse
import io
import zipfile

import numpy as np


def add_array(archive, name, values):
    data = io.BytesIO()
    np.save(data, values)
    archive.writestr(name + ".npy", data.getvalue())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--group", type=int, default=256)
    options = parser.parse_args()
    width, rng = options.width, np.random.default_rng(1)
    inputs = rng.standard_normal((options.group, 4 * options.group))
    inputs[1:] += 0.5 * inputs[:-1]
    correlations = np.corrcoef(inputs).astype(np.float16)
    squares = ["att.key", "att.value", "att.receptance", "att.output", "ffn.key", "ffn.receptance"]
    matrices = [("head.weight", width)]
    for layer in range(options.layers):
        matrices += [(f"blocks.{layer}.{name}.weight", width) for name in squares]
        matrices.append((f"blocks.{layer}.ffn.value.weight", 4 * width))
    with zipfile.ZipFile(options.out, "w") as archive:
        for name, channels in matrices:
            add_array(archive, name, rng.random(channels).astype(np.float32) + 0.1)
            add_array(archive, name + ":tokens", np.uint64(1024))
            add_array(archive, name + ":correlations", np.tile(correlations, (channels // options.group, 1)))


if __name__ == "__main__":
    main()
