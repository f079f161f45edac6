#!/usr/bin/env python3
"""Gives an RWKV-4 model the outliers of published ones without changing what it computes.

usage: make_outliers.py MODEL.bin OUT.bin [SEED]

MODEL.bin is a model file in FP32 (pth2bin model.pth MODEL.bin --type FP32). Channels are scaled by
powers of two where they are made and by the inverse where they are read, so every product is the
same number and the logits stay what they were, bit for bit:

    what reads it                        column   made by                       scaled by
    att.key, att.value, att.receptance   x 32     ln1 (weight and bias)         1 / 32
    ffn.key, ffn.receptance              x 32     ln2 (weight and bias)         1 / 32
    att.output                           x 32     a row of att.value            1 / 32
    ffn.value                            x 16     a row of ffn.key (squared)    1 / 4

One channel of 192 is scaled, which ones is drawn anew for every layer. That gives the matrices what
rwkv.cpp's published RWKV-4 model has in those of its matrices that training reached: peaks of 30 to
40 times the RMS and a kurtosis of 230 to 620 (of normal values: 4 to 5, and 3). In the RWKV-4 models of
169M to 7B parameters such values, one or none a block, are what broke 4 bits: the perplexity of the
7B one went to 542 with Q4_0 and 20.4 with Q4_1, but only to 10.8 when one value a block was kept
apart (RWKV/rwkv.cpp, issue 12 and pull request 16).

Prints peak / RMS and kurtosis of the matrices before and after.
"""

import struct
import sys

import numpy as np

CHANNELS = 192  # one of so many is scaled
COLUMN, HIDDEN = 32.0, 16.0


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    header = data[:24]
    tensors, at = {}, 24
    while at < len(data):
        n_dims, name_bytes, dtype = struct.unpack_from("<iii", data, at)
        if dtype != 0:
            sys.exit(f"{path}: not in FP32")
        shape = struct.unpack_from(f"<{n_dims}i", data, at + 12)[::-1]
        at += 12 + 4 * n_dims
        name = data[at : at + name_bytes].decode()
        at += name_bytes
        values = np.frombuffer(data, "<f4", int(np.prod(shape)), at)
        at += values.nbytes
        tensors[name] = values.reshape(shape).copy()
    return header, tensors


def write(path, header, tensors):
    with open(path, "wb") as file:
        file.write(header)
        for name, values in tensors.items():
            file.write(struct.pack("<iii", values.ndim, len(name.encode()), 0))
            file.write(struct.pack(f"<{values.ndim}i", *values.shape[::-1]))
            file.write(name.encode() + values.tobytes())


def draw(rng, n):
    return rng.choice(n, size=max(1, n // CHANNELS), replace=False)


def scale_layer(tensors, layer, rng):
    def of(name):
        return tensors[f"blocks.{layer}.{name}"]

    n_embd = of("att.key.weight").shape[1]
    for norm, readers in (("ln1", ("att.key", "att.value", "att.receptance")), ("ln2", ("ffn.key", "ffn.receptance"))):
        channels = draw(rng, n_embd)
        of(norm + ".weight")[channels] /= COLUMN
        of(norm + ".bias")[channels] /= COLUMN
        for reader in readers:
            of(reader + ".weight")[:, channels] *= COLUMN
    channels = draw(rng, n_embd)
    of("att.value.weight")[channels] /= COLUMN
    of("att.output.weight")[:, channels] *= COLUMN
    channels = draw(rng, of("ffn.key.weight").shape[0])
    of("ffn.key.weight")[channels] /= HIDDEN**0.5
    of("ffn.value.weight")[:, channels] *= HIDDEN


def describe(tensors):
    peaks, kurtoses = [], []
    for name, values in tensors.items():
        if values.ndim != 2 or not name.startswith("blocks."):
            continue
        square = values.astype(np.float64) ** 2
        peaks.append(float(np.sqrt(square.max() / square.mean())))
        kurtoses.append(float((square**2).mean() / square.mean() ** 2))
    return "peak / RMS %.0f .. %.0f, median %.1f; kurtosis %.0f .. %.0f, median %.1f" % (
        min(peaks), max(peaks), np.median(peaks), min(kurtoses), max(kurtoses), np.median(kurtoses))


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    header, tensors = read(sys.argv[1])
    if "blocks.0.att.time_mix_k" not in tensors or "blocks.0.att.ln_x.weight" in tensors:
        sys.exit(f"{sys.argv[1]}: not an RWKV-4 model")
    rng = np.random.default_rng(int(sys.argv[3]) if len(sys.argv) == 4 else 1)
    print("before:", describe(tensors))
    layer = 0
    while f"blocks.{layer}.ln1.weight" in tensors:
        scale_layer(tensors, layer, rng)
        layer += 1
    print("after: ", describe(tensors))
    write(sys.argv[2], header, tensors)


if __name__ == "__main__":
    main()
