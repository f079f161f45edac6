#!/usr/bin/env python3
"""Makes the importance matrices that other programs could have written.

usage: make_imatrix.py        (writes beside itself; the files are committed)
"""

import os
import struct

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def numpy_archive():
    """What numpy users make by hand: deflated, float64, without tokens or correlations."""
    np.savez_compressed(os.path.join(HERE, "numpy.npz"), **{
        "blocks.0.att.key.weight": np.arange(64, dtype="<f8") / 8,
        "head.weight": np.full(32, 0.25, "<f4"),
    })


def correlated_archive():
    """With all that there is, in float32, the archive not compressed."""
    n, group = 96, 64
    squares = 1.0 + np.arange(n, dtype="<f4") % 5
    correlations = np.zeros((n, group), "<f4")
    for i in range(n):
        first = i - i % group
        for j in range(min(group, n - first)):
            correlations[i, j] = 1.0 if first + j == i else 0.5 ** (1 + abs(first + j - i))
    np.savez(os.path.join(HERE, "correlated.npz"), **{
        "x": squares, "x:tokens": np.uint64(77), "x:correlations": correlations})


def dat_file():
    """As llama.cpp's imatrix program lays it out."""
    def text(name):
        return struct.pack("<i", len(name)) + name.encode()
    def matrix(name, calls, squares):
        values = np.asarray(squares, "<f4") * calls
        return text(name) + struct.pack("<ii", calls, len(squares)) + values.astype("<f4").tobytes()
    with open(os.path.join(HERE, "calls.dat"), "wb") as file:
        file.write(struct.pack("<i", 2))
        file.write(matrix("blk.0.attn_q.weight", 3, np.arange(8) / 2))
        file.write(matrix("output.weight", 100, [1.0, 2.0, 4.0]))
        file.write(struct.pack("<i", 100) + text("wiki.train.raw"))


def broken_archives():
    """What has to be refused."""
    good = np.ones(4, "<f4")
    too_much = np.eye(4, dtype="<f4")
    too_much[2, 1] = 1.5
    broken = {
        "too-much": {"x": good, "x:correlations": too_much},
        "nan": {"x": good, "x:correlations": np.full((4, 4), np.nan, "<f2")},
        "too-few-rows": {"x": good, "x:correlations": np.eye(4, dtype="<f4")[:3]},
        "two-dimensions": {"x": np.ones((2, 2), "<f4")},
        "three-dimensions": {"x": np.ones((2, 2, 2), "<f4")},
        "text": {"x": np.array(["a", "b"])},
        "integers": {"x": np.arange(4, dtype="<i8")},
        "fraction-of-tokens": {"x": good, "x:tokens": np.array(-0.5)},
        "empty-vector": {"x": good[:0]},
    }
    for name, arrays in broken.items():
        np.savez_compressed(os.path.join(HERE, name + ".npz"), **arrays)


if __name__ == "__main__":
    broken_archives()
    numpy_archive()
    correlated_archive()
    dat_file()
