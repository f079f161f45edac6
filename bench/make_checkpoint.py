#!/usr/bin/env python3
"""Writes a PyTorch checkpoint (.pth) of an RWKV-4 model with random weights, for measuring speed.

    make_checkpoint.py OUT [--layers 24] [--width 2048] [--vocabulary 50277] [--type fp16] [--seed 1]

The default has the shapes of the 1.5B model: 3.03 GB. No PyTorch is needed: the archive is laid out
as torch.save lays it out (members stored, data at multiples of 64 bytes, CRC-32 of each), and the
values are spread like those of a trained model, so that nothing overflows or becomes zero.
"""
import argparse
import io
import random
import struct
import zipfile

CHUNK = 1 << 22  # values generated at once


def layer_tensors(width):
    """Names in torch's order, shapes."""
    vector, mix, square = (width,), (1, 1, width), (width, width)
    hidden = 4 * width
    return [
        ("ln1.weight", vector), ("ln1.bias", vector), ("ln2.weight", vector), ("ln2.bias", vector),
        ("att.time_decay", vector), ("att.time_first", vector),
        ("att.time_mix_k", mix), ("att.time_mix_v", mix), ("att.time_mix_r", mix),
        ("att.key.weight", square), ("att.value.weight", square),
        ("att.receptance.weight", square), ("att.output.weight", square),
        ("ffn.time_mix_k", mix), ("ffn.time_mix_r", mix),
        ("ffn.key.weight", (hidden, width)), ("ffn.receptance.weight", square),
        ("ffn.value.weight", (width, hidden)),
    ]


def model_tensors(layers, width, vocabulary):
    yield "emb.weight", (vocabulary, width)
    for layer in range(layers):
        if layer == 0:
            yield "blocks.0.ln0.weight", (width,)
            yield "blocks.0.ln0.bias", (width,)
        for name, shape in layer_tensors(width):
            yield f"blocks.{layer}.{name}", shape
    yield "ln_out.weight", (width,)
    yield "ln_out.bias", (width,)
    yield "head.weight", (vocabulary, width)


def count(shape):
    n = 1
    for size in shape:
        n *= size
    return n


# The upper bytes of values whose magnitudes are spread around 2^-6 like a bell: by element type, and
# the shift from an exponent to the byte's bits. The lower bytes are random.
def upper_bytes(kind):
    table = bytearray()
    for i in range(256):
        exponent = -6 - min((i & 0x7f).bit_length() ^ 7, 7)  # half of them -6, a quarter -7, ...
        if kind == "fp16":
            bits = (exponent + 15) << 2 | i & 3
        else:  # bf16: the lowest bit of the exponent is in the lower byte
            bits = (exponent + 127) >> 1
        table.append(i & 0x80 | bits)
    return bytes(table)


def values(generator, kind, n):
    """n random values as bytes."""
    low, high = generator.randbytes(n), generator.randbytes(n)
    out = bytearray(2 * n)
    out[0::2] = low
    out[1::2] = high.translate(upper_bytes(kind))
    return out


# --- The pickle: protocol 2, as torch writes it.

def put_int(out, value):
    out.write(b"J" + struct.pack("<i", value))


def put_text(out, text):
    data = text.encode()
    out.write(b"X" + struct.pack("<I", len(data)) + data)


def put_sizes(out, sizes):
    out.write(b"(")
    for size in sizes:
        put_int(out, size)
    out.write(b"t")


def strides(shape):
    out, step = [], 1
    for size in reversed(shape):
        out.insert(0, step)
        step *= size
    return out


def put_tensor(out, name, shape, storage, key):
    put_text(out, name)
    out.write(b"ctorch._utils\n_rebuild_tensor_v2\n((")
    put_text(out, "storage")
    out.write(b"ctorch\n" + storage + b"\n")
    put_text(out, str(key))
    put_text(out, "cpu")
    put_int(out, count(shape))
    out.write(b"tQ")
    put_int(out, 0)
    put_sizes(out, shape)
    put_sizes(out, strides(shape))
    out.write(b"\x89ccollections\nOrderedDict\n)RtR")


def make_pickle(tensors, storage):
    out = io.BytesIO()
    out.write(b"\x80\x02ccollections\nOrderedDict\n)R(")
    for key, (name, shape) in enumerate(tensors):
        put_tensor(out, name, shape, storage, key)
    out.write(b"u.")
    return out.getvalue()


# --- The archive.

def member(archive, name, aligned):
    """A member that is stored, its data at a multiple of 64 bytes."""
    info = zipfile.ZipInfo("archive/" + name)
    if aligned:
        # A padding field as torch writes it; 20 bytes for the zip64 field that force_zip64 adds.
        start = archive.fp.tell() + 30 + len(info.filename) + 20 + 4
        padding = -start % 64
        info.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
    return info


def write_archive(path, tensors, kind, seed):
    storage = {"fp16": b"HalfStorage", "bf16": b"BFloat16Storage"}[kind]
    generator = random.Random(seed)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(member(archive, "data.pkl", False), make_pickle(tensors, storage))
        archive.writestr(member(archive, "byteorder", False), "little")
        for key, (_, shape) in enumerate(tensors):
            info = member(archive, f"data/{key}", True)
            with archive.open(info, "w", force_zip64=True) as out:
                left = count(shape)
                while left > 0:
                    n = min(left, CHUNK)
                    out.write(values(generator, kind, n))
                    left -= n
        archive.writestr(member(archive, "version", False), "3\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--vocabulary", type=int, default=50277)
    parser.add_argument("--type", choices=("fp16", "bf16"), default="fp16")
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    tensors = list(model_tensors(a.layers, a.width, a.vocabulary))
    write_archive(a.out, tensors, a.type, a.seed)


if __name__ == "__main__":
    main()
