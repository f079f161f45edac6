#!/usr/bin/env python3
"""Makes a small RWKV-4, adapters of every kind for it, and what merging them should give.

The merges are computed in float64 with numpy, as the definitions say them, and stored as F64:
one file `NAME.expected.safetensors` for each adapter, with the tensors that it changes.

usage: make_adapters.py [FOLDER]   (default: the folder of this script)
"""
import json
import os
import struct
import sys

import numpy as np

C, F, V = 16, 32, 24  # width, channel mixing, vocabulary
TYPES = {"float32": "F32", "float64": "F64"}


def write(path, tensors, notes=None):
    """A safetensors file of numpy arrays."""
    header, offset = {}, 0
    if notes:
        header["__metadata__"] = notes
    for name, array in tensors.items():
        end = offset + array.nbytes
        header[name] = {"dtype": TYPES[str(array.dtype)], "shape": list(array.shape),
                        "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for array in tensors.values():
            out.write(array.astype(array.dtype.newbyteorder("<")).tobytes())


draw = np.random.default_rng(10)


def values(*shape, scale=0.3):
    return (draw.standard_normal(shape) * scale).astype(np.float32)


def make_base():
    base = {"emb.weight": values(V, C)}
    for name in ("ln0", "ln1", "ln2"):
        base[f"blocks.0.{name}.weight"] = 1 + values(C, scale=0.1)
        base[f"blocks.0.{name}.bias"] = values(C, scale=0.1)
    for name in ("decay", "first"):
        base[f"blocks.0.att.time_{name}"] = values(C)
    for name in ("att.time_mix_k", "att.time_mix_v", "att.time_mix_r", "ffn.time_mix_k", "ffn.time_mix_r"):
        base[f"blocks.0.{name}"] = values(1, 1, C)
    for name in ("key", "value", "receptance", "output"):
        base[f"blocks.0.att.{name}.weight"] = values(C, C)
    base["blocks.0.ffn.key.weight"] = values(F, C)
    base["blocks.0.ffn.receptance.weight"] = values(C, C)
    base["blocks.0.ffn.value.weight"] = values(C, F)
    base["ln_out.weight"] = 1 + values(C, scale=0.1)
    base["ln_out.bias"] = values(C, scale=0.1)
    base["head.weight"] = values(V, C)
    return base


# --- What each kind of tensor does to a weight, in float64.


def product(w, a, b, scale):
    return w + scale * (b @ a)


def miss(w, m, scale):
    """One shard [rank, width], repeated over the columns and, by its width, over the rows."""
    rank, width = m.shape
    out = w.copy()
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            out[i, j] += scale * m[j % rank, i % width]
    return out


def bone(w, m, scale, by_rows):
    """Blocks of rank x rank; shard b belongs to the b-th rows or columns of blocks."""
    rank = m.shape[1]
    out = w.copy()
    for i in range(0, w.shape[0], rank):
        for j in range(0, w.shape[1], rank):
            block, shard = w[i:i + rank, j:j + rank], m[(i if by_rows else j) // rank]
            out[i:i + rank, j:j + rank] += scale * (block @ shard + shard)
    return out


# --- The adapters: their tensors, what is beside them, and the function that merges them.


def lora(base):
    shapes = {"blocks.0.att.key": (C, C), "blocks.0.ffn.key": (F, C), "blocks.0.ffn.value": (C, F), "head": (V, C)}
    rank, alpha = 3, 7.5
    adapter = {}
    for name, (rows, columns) in shapes.items():
        adapter[name + ".lora_A"] = values(rank, columns)
        adapter[name + ".lora_B"] = values(rows, rank)
    for name in ("blocks.0.att.time_decay", "blocks.0.att.time_mix_k", "blocks.0.ln1.weight"):
        adapter[name] = values(*base[name].shape)

    def merge(w, scale):
        for name in shapes:
            a, b = (adapter[name + half].astype(np.float64) for half in (".lora_A", ".lora_B"))
            w[name + ".weight"] = product(w[name + ".weight"], a, b, scale * alpha / rank)
        for name in adapter:
            if "lora" not in name:
                w[name] = w[name] + scale * (adapter[name].astype(np.float64) - w[name])

    write("lora.safetensors", adapter, {"alpha": str(alpha), "rank": str(rank)})
    return merge


def pissa(base):
    """Pairs that begin as a part of the weight: the change is B A - B0 A0."""
    adapter, init = {}, {}
    rank = 4
    for name in ("blocks.0.att.value", "blocks.0.ffn.value"):
        u, s, v = np.linalg.svd(base[name + ".weight"].astype(np.float64))
        root = np.sqrt(s[:rank])
        init[name + ".init_lora_A"] = (root[:, None] * v[:rank]).astype(np.float32)
        init[name + ".init_lora_B"] = (u[:, :rank] * root).astype(np.float32)
        for half in ("A", "B"):
            start = init[f"{name}.init_lora_{half}"]
            adapter[f"{name}.lora_{half}"] = start + values(*start.shape, scale=0.05)

    def merge(w, scale):
        for name in ("blocks.0.att.value", "blocks.0.ffn.value"):
            a, b = (adapter[f"{name}.lora_{half}"].astype(np.float64) for half in "AB")
            a0, b0 = (init[f"{name}.init_lora_{half}"].astype(np.float64) for half in "AB")
            w[name + ".weight"] = w[name + ".weight"] + scale * (b @ a - b0 @ a0)

    write("pissa.safetensors", adapter)
    write("pissa-init.safetensors", init)
    return merge


def shards(file, tensors, function):
    def merge(w, scale):
        for key, m in tensors.items():
            name = key.rsplit(".", 1)[0].replace("base_model.model.", "") + ".weight"
            w[name] = function(w[name], m.astype(np.float64), scale)

    write(file + ".safetensors", tensors)
    return merge


def make_shards():
    """MiSS and Bone under all of their names. Ranks that do not divide the columns are allowed for MiSS."""
    first = values(C, 4)
    return {
        "miss": shards("miss", {"blocks.0.att.receptance.miss": values(5, C),
                                "blocks.0.ffn.key.disha": values(4, F),
                                "blocks.0.ffn.value.bone": values(3, C)}, miss),
        "miss-peft": shards("miss-peft", {"base_model.model.blocks.0.ffn.key.miss_block": values(4, 8),
                                          "base_model.model.blocks.0.ffn.value.miss_block": values(4, C)}, miss),
        "bone": shards("bone", {"blocks.0.att.output.bone": values(4, 4, 4), "blocks.0.ffn.key.bone": values(4, 4, 4),
                                "blocks.0.ffn.value.disha": values(8, 4, 4)},
                       lambda w, m, scale: bone(w, m, scale, by_rows=False)),
        # The square matrix is told by the others, which only fit by rows.
        "bone-by-rows": shards("bone-by-rows", {"blocks.0.att.output.bone": values(4, 4, 4),
                                                "blocks.0.ffn.key.bone": values(8, 4, 4)},
                               lambda w, m, scale: bone(w, m, scale, by_rows=True)),
        "bone-peft": shards("bone-peft", {"base_model.model.blocks.0.att.output.bone_block": values(4, 4, 4)},
                            lambda w, m, scale: bone(w, m, scale, by_rows=True)),
        "bone-first": shards("bone-first", {"blocks.0.att.output.bone": first},
                             lambda w, m, scale: bone(w, m.reshape(-1, 4, 4), scale, by_rows=True)),
    }


def make_partly():
    """One pair that fits; a key without a tensor, half a pair, and a tensor of another size."""
    write("partly.safetensors", {
        "blocks.0.att.key.lora_A": values(2, C), "blocks.0.att.key.lora_B": values(C, 2),
        "blocks.7.att.key.lora_A": values(2, C), "blocks.0.att.value.lora_B": values(C, 2),
        "blocks.0.ln1.weight": values(C + 1)})


def expect(name, base, steps):
    w = {key: value.astype(np.float64) for key, value in base.items()}
    for merge, scale in steps:
        merge(w, scale)
    changed = {key: value for key, value in w.items() if not np.array_equal(value, base[key])}
    write(name + ".expected.safetensors", changed)


def main():
    os.chdir(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__)))
    base = make_base()
    write("base.safetensors", base)
    merges = {"lora": lora(base), "pissa": pissa(base), **make_shards()}
    for name, merge in merges.items():
        expect(name, base, [(merge, 1.0)])
    make_partly()
    # Several in one go, each with a scale of its own; the order matters where blocks are multiplied.
    expect("several", base, [(merges["lora"], 0.5), (merges["bone"], 2.0), (merges["pissa"], -1.0),
                             (merges["miss"], 0.25), (merges["bone-by-rows"], 0.5)])


if __name__ == "__main__":
    main()
