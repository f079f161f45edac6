#!/usr/bin/env python3
"""Expected probabilities of the sampler's filters and presets, computed with numpy in double precision.

Written from the rules in docs/sampling.md and from what the rwkv package, llama.cpp and Hugging Face's
transformers are known to do; it shares nothing with the library. Output: expected.txt beside this script, one
case after another:

    case NAME
    set KEY VALUE...       any number of these: an option of rk_sampler_options
    accept TOKEN...        tokens that came before, in order; may be missing
    logits VALUE...        float32, "-inf" bans
    p VALUE...             what is left of each token

usage: make_expected.py
"""

import os

import numpy as np

RWKV, LLAMA, HF = "rwkv", "llama", "hf"
ORDER = {
    RWKV: ["top_p", "top_k", "typical", "tail_free", "min_p", "top_a", "temperature", "mirostat_tau"],
    LLAMA: ["top_k", "tail_free", "typical", "top_p", "min_p", "top_a", "temperature", "mirostat_tau"],
    HF: ["temperature", "top_k", "top_p", "min_p", "typical", "tail_free", "top_a", "mirostat_tau"],
}
DEFAULTS = {
    RWKV: dict(temperature=1.0, top_p=0.85, presence_penalty=0.2, frequency_penalty=0.2, penalty_decay=0.996),
    LLAMA: dict(temperature=0.8, top_k=40, top_p=0.95, min_p=0.05, penalty_window=64),
    HF: dict(temperature=1.0, top_k=50, top_p=1.0),
}


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / e.sum()


def keep(p, mask):
    q = np.where(mask, p, 0.0)
    return q / q.sum()


def top_p(p, value):
    if value >= 1:
        return p
    down = np.sort(p)[::-1]
    cutoff = down[np.argmax(np.cumsum(down) >= value)]
    return keep(p, p >= cutoff)


def top_k(p, k):
    if k == 0 or k >= np.count_nonzero(p):
        return p
    order = np.argsort(-p, kind="stable")  # of equal ones the first
    mask = np.zeros(len(p), bool)
    mask[order[:k]] = True
    return keep(p, mask)


def min_p(p, value):
    return keep(p, p >= value * p.max())


def top_a(p, value):
    return keep(p, (p >= value * p.max() ** 2) | (p == p.max()))


def typical(p, mass):
    if not 0 < mass < 1:
        return p
    with np.errstate(divide="ignore", invalid="ignore"):
        surprise = -np.log(p)
        entropy = np.nansum(np.where(p > 0, p * surprise, 0.0))
        distance = np.where(p > 0, np.abs(surprise - entropy), np.inf)
    order = np.argsort(distance, kind="stable")
    last = np.argmax(np.cumsum(p[order]) >= mass)
    return keep(p, distance <= distance[order[last]])


def tail_free(p, z):
    alive = p[p > 0]
    if not 0 < z < 1 or len(alive) < 3:
        return p
    down = np.sort(alive)[::-1]
    bends = np.abs(np.diff(np.diff(down)))
    if bends.sum() == 0:
        return p
    within = np.cumsum(bends / bends.sum()) <= z
    n = 1 + int(np.argmin(within)) if not within.all() else len(down) - 1
    return keep(p, p >= down[n - 1])


def temperature(p, t):
    if t == 0:
        return keep(np.ones_like(p), p == p.max())
    with np.errstate(divide="ignore"):
        return softmax(np.log(p) / t)


def mirostat(p, tau):
    mu = 2 * tau
    with np.errstate(divide="ignore"):
        return keep(p, (-np.log2(p) <= mu) | (p == p.max()))


FILTERS = dict(top_p=top_p, top_k=top_k, min_p=min_p, top_a=top_a, typical=typical, tail_free=tail_free,
               temperature=temperature, mirostat_tau=mirostat)


def penalized(logits, accepted, s):
    """Each token that came: repetition first, then presence and decayed frequency."""
    out = logits.astype(np.float64)
    window = int(s.get("penalty_window", 0))
    tokens = accepted[-window:] if window else accepted
    exempt = set(s.get("exempt", []))
    decay = s.get("penalty_decay", 1.0)
    for token in sorted(set(tokens)):
        count = 0.0
        for age, other in enumerate(reversed(tokens)):
            if other == token and token not in exempt:
                count += decay**age
        r = s.get("repetition_penalty", 1.0)
        out[token] = out[token] / r if out[token] > 0 else out[token] * r
        out[token] -= s.get("presence_penalty", 0.0) + count * s.get("frequency_penalty", 0.0)
    return out


def probabilities(logits, accepted, preset, s):
    x = logits.astype(np.float64).copy()
    for token, bias in s.get("bias", []):
        x[token] += bias
    x = penalized(x, accepted, s)
    for token in s.get("bans", []):
        x[token] = -np.inf
    p = softmax(x)
    for name in s.get("chain", ORDER[preset]):
        name = "mirostat_tau" if name == "mirostat" else name
        value = s.get(name, 0.0)
        off = value == 0 and name not in ("temperature", "top_p")
        if not off:
            p = FILTERS[name](p, value)
    return p


def vectors():
    rng = np.random.default_rng(20240615)
    yield "wide", rng.normal(0, 3, 24).astype(np.float32)
    yield "flat", rng.normal(0, 0.4, 20).astype(np.float32)
    ties = (np.round(rng.normal(0, 1.5, 18) * 2) / 2).astype(np.float32)
    yield "ties", ties
    banned = rng.normal(0, 2, 16).astype(np.float32)
    banned[[1, 5, 6, 11]] = -np.inf
    yield "banned", banned


def settings():
    """name, preset, changes of its defaults, tokens that came"""
    none = dict(temperature=1.0, top_p=1.0, presence_penalty=0.0, frequency_penalty=0.0, penalty_decay=1.0)
    for value in (0.0, 0.2, 0.5, 0.85, 0.97, 1.0):
        yield f"top_p {value}", RWKV, none | dict(top_p=value), []
    for value in (1, 2, 5, 11, 100):
        yield f"top_k {value}", RWKV, none | dict(top_k=value), []
    for value in (0.02, 0.1, 0.5, 1.0):
        yield f"min_p {value}", RWKV, none | dict(min_p=value), []
    for value in (0.1, 0.6, 3.0):
        yield f"top_a {value}", RWKV, none | dict(top_a=value), []
    for value in (0.1, 0.4, 0.8, 0.95):
        yield f"typical {value}", RWKV, none | dict(typical=value), []
    for value in (0.1, 0.5, 0.9, 0.98):
        yield f"tail_free {value}", RWKV, none | dict(tail_free=value), []
    for value in (0.0, 0.3, 1.0, 2.5):
        yield f"temperature {value}", RWKV, none | dict(temperature=value), []
    for value in (0.4, 1.0, 2.0, 5.0):
        yield f"mirostat {value}", RWKV, none | dict(mirostat_tau=value), []
    came = [3, 7, 3, 2, 9, 3, 7, 0, 12]
    yield "presence", RWKV, none | dict(presence_penalty=0.7), came
    yield "frequency", RWKV, none | dict(frequency_penalty=0.4), came
    yield "decay", RWKV, none | dict(presence_penalty=0.3, frequency_penalty=0.5, penalty_decay=0.8), came
    yield "exempt", RWKV, none | dict(presence_penalty=0.3, frequency_penalty=0.5, penalty_decay=0.9,
                                      exempt=[3, 12]), came
    yield "window", RWKV, none | dict(presence_penalty=0.3, frequency_penalty=0.5, penalty_decay=0.9,
                                      penalty_window=4), came
    yield "repetition", RWKV, none | dict(repetition_penalty=1.3), came
    yield "negative penalties", RWKV, none | dict(presence_penalty=-0.3, frequency_penalty=-0.2), came
    yield "bias", RWKV, none | dict(bias=[(2, 1.5), (4, -2.0), (2, 0.25)]), []
    yield "bans", RWKV, none | dict(bans=[0, 3, 8]), []
    yield "preset rwkv", RWKV, {}, came
    yield "preset rwkv, hot", RWKV, dict(temperature=1.5, top_p=0.6, top_k=6), came
    yield "preset rwkv, greedy", RWKV, dict(temperature=0.0), came
    yield "preset llama", LLAMA, {}, came
    yield "preset llama, narrow", LLAMA, dict(top_k=6, top_p=0.8, typical=0.9, repetition_penalty=1.1,
                                              frequency_penalty=0.2), came
    yield "preset hf", HF, {}, came
    yield "preset hf, hot", HF, dict(temperature=1.7, top_k=9, top_p=0.9, repetition_penalty=1.2), came
    yield "preset hf, all", HF, dict(temperature=0.7, top_k=12, top_p=0.9, min_p=0.03, typical=0.9), came
    yield "chain", RWKV, none | dict(temperature=2.0, top_p=0.7, min_p=0.2,
                                     chain=["temperature", "min_p", "top_p"]), []
    yield "chain without temperature", RWKV, none | dict(temperature=2.0, top_k=3, chain=["top_k"]), []


def text(values):
    return " ".join("-inf" if v == -np.inf else f"{v:.9g}" for v in values)


def main():
    lines = []
    for name, preset, changes, came in settings():
        s = DEFAULTS[preset] | changes
        for kind, logits in vectors():
            p = probabilities(logits, came, preset, s)
            lines.append(f"case {name}, {kind}")
            lines.append(f"set preset {preset}")
            for key, value in changes.items():
                if key == "bias":
                    lines.extend(f"set bias {t} {b:g}" for t, b in value)
                elif key in ("bans", "exempt"):
                    lines.extend(f"set {key} {t}" for t in value)
                elif key == "chain":
                    lines.append("set chain " + ";".join(value))
                else:
                    lines.append(f"set {key} {value!r}")
            if came:
                lines.append("accept " + " ".join(map(str, came)))
            lines.append("logits " + text(logits))
            lines.append("p " + text(p))
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "expected.txt")
    with open(path, "w", encoding="ascii") as f:
        f.write("\n".join(lines) + "\n")


main()
