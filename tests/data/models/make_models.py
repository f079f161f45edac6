#!/usr/bin/env python3
"""Makes the small models of this folder, with what the float64 reference computes from them.

    python3 tests/data/models/make_models.py      (needs numpy)

For every model <name>:
    <name>.pth           seeded random checkpoint
    <name>.tokens.json   96 random tokens
    <name>.logits.f32    logits after every token, [96, n_vocab], little-endian float32
    <name>.state.f32     the state after the last token, in the flat layout of docs/numerics.md
    <name>.logits.eps1e-5.f32, <name>.state.eps1e-5.f32
                         RWKV-5 only: the same with the group norm's eps as in rwkv.cpp

and v6-state.pth, v7-state.pth: tuned initial states with known values; v6-with-state.pth: the model and its
tuned state in one file.

Sizes are odd on purpose: widths that are no multiple of 32, heads of 20, 24 and 32, ranks of 4 to 40, a
vocabulary of 12. Weights are drawn so that the residual stream stays of order one, decays run from almost none
to almost complete forgetting within a token, and every low-rank branch contributes.
"""

import json
import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "reference"))

import pth_file  # noqa: E402
from rwkv_reference import LN_X_EPS, LN_X_EPS_RWKV_CPP_V5, RWKV  # noqa: E402

LENGTH = 96
# name: version, layers, n_embd, head size, ffn width, vocabulary, type, seed
MODELS = {
    "v4": ("4", 2, 64, 0, 160, 48, "bf16", 4),
    "v4-96": ("4", 2, 40, 0, 72, 12, "fp32", 3),
    "v5.1": ("5.1", 2, 48, 24, 96, 40, "fp32", 7),
    "v5.1g": ("5.1g", 2, 64, 32, 96, 40, "bf16", 6),
    "v5.2": ("5.2", 2, 64, 32, 96, 40, "bf16", 4),
    "v6": ("6", 2, 60, 20, 100, 40, "bf16", 4),
    "v7": ("7", 3, 64, 32, 128, 40, "bf16", 1),
    "v7-v0": ("7+v0", 2, 48, 24, 96, 40, "bf16", 8),
    "v7-sorted": ("7", 3, 64, 32, 128, 40, "bf16", 1),  # v7's tensors by ascending name
}


class Draw:
    """Seeded random tensors."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def matrix(self, rows, cols, gain=1.0):
        return self.rng.standard_normal((rows, cols)) * gain / np.sqrt(cols)

    def adapter(self, rows, cols, gain):
        """Used as row vector @ matrix: scaled by the number of rows."""
        return self.rng.standard_normal((rows, cols)) * gain / np.sqrt(rows)

    def around(self, center, spread, *shape):
        return center + spread * self.rng.standard_normal(shape)

    def between(self, low, high, *shape):
        return self.rng.uniform(low, high, shape)

    def ramp(self, low, high, *shape):
        """Values from low to high in shuffled order: every speed occurs."""
        x = np.linspace(low, high, int(np.prod(shape)))
        self.rng.shuffle(x)
        return x.reshape(shape)


class Model:
    """Draws the tensors of one model, in the order in which training code registers them."""

    def __init__(self, version, n_layer, c, head, ffn, vocab, seed):
        self.version, self.c, self.n, self.f = version, c, head, ffn
        self.h = c // head if head else 0
        self.d, self.out = Draw(seed), {}
        self.out["emb.weight"] = self.d.around(0.0, 0.5, vocab, c)
        block = {"4": self.block_v4, "5": self.block_v5, "6": self.block_v6, "7": self.block_v7}[version[0]]
        for i in range(n_layer):
            b = f"blocks.{i}."
            self.norm(b + "ln1")
            self.norm(b + "ln2")
            if i == 0:
                self.norm(b + "ln0")
            block(b + "att.", b + "ffn.", i)
        self.norm("ln_out")
        self.out["head.weight"] = self.d.matrix(vocab, c, 2.0)

    def norm(self, name):
        self.out[name + ".weight"] = self.d.around(1.0, 0.15, self.c)
        self.out[name + ".bias"] = self.d.around(0.0, 0.1, self.c)

    def projections(self, a, names, k_gain=1.0):
        for name in names:
            gain = {"key": k_gain, "output": 0.7}.get(name, 1.0)
            self.out[f"{a}{name}.weight"] = self.d.matrix(self.c, self.c, gain)

    def channel_mixing(self, f, prefix="time_mix_"):
        for q in "kr":
            self.out[f + prefix + q] = self.d.between(0.0, 1.0, 1, 1, self.c)
        self.out[f + "key.weight"] = self.d.matrix(self.f, self.c)
        self.out[f + "receptance.weight"] = self.d.matrix(self.c, self.c)
        self.out[f + "value.weight"] = self.d.matrix(self.c, self.f, 0.7)

    def block_v4(self, a, f, _layer):
        self.out[a + "time_decay"] = self.d.ramp(-7.0, 3.0, self.c)
        self.out[a + "time_first"] = self.d.around(-1.0, 1.0, self.c)
        for q in "kvr":
            self.out[a + "time_mix_" + q] = self.d.between(0.0, 1.0, 1, 1, self.c)
        self.projections(a, ["key", "value", "receptance", "output"], k_gain=2.0)
        self.channel_mixing(f)

    def block_v5(self, a, f, layer):
        gate = self.version != "5.1"
        for q in "kvrg" if gate else "kvr":
            self.out[a + "time_mix_" + q] = self.d.between(0.0, 1.0, 1, 1, self.c)
        if self.version == "5.2":
            self.out[a + "time_decay"] = self.d.ramp(-6.0, 1.5, self.h, self.n)
            self.out[a + "time_faaaa"] = self.d.around(0.3, 0.5, self.h, self.n)
        else:
            self.out[a + "time_decay"] = np.array([-5.0 + 1.3 * layer, 0.8 - 0.9 * layer])
            self.out[a + "time_first"] = self.d.around(-1.0, 0.7, self.h)
        self.projections(a, ["receptance", "key", "value", "output"] + ["gate"] * gate, k_gain=0.5)
        self.norm(a + "ln_x")
        self.channel_mixing(f)

    def block_v6(self, a, f, _layer):
        mix, decay = 4, 12
        for q in "xwkvrg":
            self.out[a + "time_maa_" + q] = self.d.between(0.0, 1.0, 1, 1, self.c)
        self.out[a + "time_maa_w1"] = self.d.adapter(self.c, 5 * mix, 0.8)
        self.out[a + "time_maa_w2"] = np.stack([self.d.adapter(mix, self.c, 0.4) for _ in range(5)])
        self.out[a + "time_decay"] = self.d.ramp(-6.0, 1.0, 1, 1, self.c)
        self.out[a + "time_decay_w1"] = self.d.adapter(self.c, decay, 1.0)
        self.out[a + "time_decay_w2"] = self.d.adapter(decay, self.c, 1.0)
        self.out[a + "time_faaaa"] = self.d.around(0.3, 0.5, self.h, self.n)
        self.projections(a, ["receptance", "key", "value", "output", "gate"], k_gain=0.5)
        self.norm(a + "ln_x")
        self.channel_mixing(f, "time_maa_")

    def block_v7(self, a, f, layer):
        ranks = {"w": 16, "a": 12, "v": 8, "g": 40}
        bias = {"w": lambda: self.d.ramp(-7.0, 3.0, 1, 1, self.c), "a": lambda: self.d.around(0.0, 0.7, 1, 1, self.c),
                "v": lambda: self.d.around(0.5, 0.5, 1, 1, self.c)}
        for q in "rwkvag":
            self.out[a + "x_" + q] = self.d.between(0.0, 1.0, 1, 1, self.c)
        for q in "wavg":
            if q == "v" and layer == 0 and not self.version.endswith("+v0"):
                continue
            self.out[f"{a}{q}1"] = self.d.adapter(self.c, ranks[q], 1.0)
            self.out[f"{a}{q}2"] = self.d.adapter(ranks[q], self.c, 2.0 if q == "g" else 1.0)
            if q in bias:
                self.out[f"{a}{q}0"] = bias[q]()
        self.out[a + "k_k"] = self.d.around(0.8, 0.2, 1, 1, self.c)
        self.out[a + "k_a"] = self.d.around(1.0, 0.2, 1, 1, self.c)
        self.out[a + "r_k"] = self.d.around(0.0, 0.15, self.h, self.n)
        self.projections(a, ["receptance", "key", "value", "output"], k_gain=0.7)
        self.norm(a + "ln_x")
        self.out[f + "x_k"] = self.d.between(0.0, 1.0, 1, 1, self.c)
        self.out[f + "key.weight"] = self.d.matrix(self.f, self.c)
        self.out[f + "value.weight"] = self.d.matrix(self.c, self.f, 0.5)


def make(name):
    version, n_layer, c, head, ffn, vocab, dtype, seed = MODELS[name]
    weights = Model(version, n_layer, c, head, ffn, vocab, seed).out
    if name.endswith("-sorted"):
        weights = dict(sorted(weights.items()))
    stem = os.path.join(HERE, name)
    pth_file.write(stem + ".pth", weights, dtype)
    tokens = np.random.default_rng(seed + 1).integers(0, vocab, LENGTH).tolist()
    with open(stem + ".tokens.json", "w") as f:
        json.dump(tokens, f)
        f.write("\n")
    tensors = {k: pth_file.rounded(v, dtype) for k, v in weights.items()}
    for suffix, eps in (("", LN_X_EPS), (".eps1e-5", LN_X_EPS_RWKV_CPP_V5)):
        if suffix and version[0] != "5":
            continue
        model = RWKV(tensors, eps)
        logits, state = model.run(tokens)
        logits.astype("<f4").tofile(f"{stem}.logits{suffix}.f32")
        model.pack_state(state).astype("<f4").tofile(f"{stem}.state{suffix}.f32")
    print(f"{name}: RWKV-{model.label}, {sum(v.size for v in weights.values())} parameters, "
          f"logits of deviation {logits.std():.2f}")


def tuned_state(name):
    """Known values, with which a transposition shows: 100 layer + 10 head + i + j / 100 at [head][i][j]."""
    _, n_layer, c, head, *_ = MODELS[name]
    i, j = np.meshgrid(np.arange(head), np.arange(head), indexing="ij")
    return {f"blocks.{layer}.att.time_state":
            np.stack([100.0 * layer + 10.0 * h + i + j / 100.0 for h in range(c // head)])
            for layer in range(n_layer)}


def make_states():
    for name in ("v6", "v7"):
        pth_file.write(os.path.join(HERE, name + "-state.pth"), tuned_state(name), "fp32")
    version, n_layer, c, head, ffn, vocab, _, seed = MODELS["v6"]
    weights = Model(version, n_layer, c, head, ffn, vocab, seed).out
    pth_file.write(os.path.join(HERE, "v6-with-state.pth"), {**weights, **tuned_state("v6")}, "fp32")


if __name__ == "__main__":
    for model_name in MODELS:
        make(model_name)
    make_states()
