#!/usr/bin/env python3
"""Write input.f32 and input_rows.json beside this script (or into the folder named).

The matrix is ROWS x 256 little-endian float32, row-major.  Every row is one
stress case for block quantizers (256 values = 8 blocks of 32 = 16 blocks of 16).
The generator uses only integer arithmetic and exactly defined float64 steps
(no library random generator), so the bytes do not depend on a numpy version.
"""
import json
import math
import os
import struct
import sys

N = 256
SEED = 20230422


class Rng:
    """SplitMix64."""

    def __init__(self, seed):
        self.s = seed & 0xFFFFFFFFFFFFFFFF

    def u64(self):
        self.s = (self.s + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        z = self.s
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        return z ^ (z >> 31)

    def uniform(self):
        return (self.u64() >> 11) * (1.0 / (1 << 53))

    def normal(self):
        # Irwin-Hall sum of 12 uniforms: close to gaussian, only additions.
        return math.fsum(self.uniform() for _ in range(12)) - 6.0


def rows():
    r = Rng(SEED)

    def gauss(sigma):
        return [r.normal() * sigma for _ in range(N)]

    yield "gauss_0.02", gauss(0.02)
    yield "gauss_1", gauss(1.0)

    v = gauss(0.05)                      # one strong value per block of 32
    for b in range(N // 32):
        v[b * 32 + r.u64() % 32] *= 25.0
    yield "outliers", v

    v = gauss(1.0)                       # heavy tail: sign(x) * |x|^3
    yield "heavy_tail", [x * x * x for x in v]

    yield "zeros", [0.0] * N
    yield "const_pos", [0.37] * N
    yield "const_neg", [-0.37] * N
    yield "uniform_positive", [0.5 + r.uniform() for _ in range(N)]
    yield "uniform_negative", [-0.5 - r.uniform() for _ in range(N)]
    yield "alternating", [1.0 if i % 2 == 0 else -1.0 for i in range(N)]

    v = [0.0] * N                        # one nonzero per block, moving position
    for b in range(N // 32):
        v[b * 32 + (b * 5 + 3) % 32] = (1.5 if b % 2 == 0 else -1.5) * (b + 1)
    yield "one_hot", v

    # exact grid: integers -8..7 times a power of two, all codes used
    yield "grid", [((i * 7) % 16 - 8) * 0.125 for i in range(N)]
    # exact half steps: ties for every rounding rule (range -8 .. 7.5)
    yield "half_steps", [((i * 11) % 32 - 16) * 0.0625 for i in range(N)]
    # extremes tie in magnitude: -4 first in even blocks, +4 first in odd ones
    v = gauss(1.0)
    for b in range(N // 32):
        s = -1.0 if b % 2 == 0 else 1.0
        v[b * 32 + 2], v[b * 32 + 9] = 4.0 * s, -4.0 * s
        v[b * 32 + 18], v[b * 32 + 25] = 4.0 * s, -4.0 * s
    yield "abs_max_tie", v

    v = gauss(0.3)                       # zeros of both signs between values
    for i in range(0, N, 3):
        v[i] = -0.0 if i % 2 else 0.0
    yield "sparse_signed_zero", v

    yield "fp16_subnormal_scale", gauss(2e-6)
    yield "fp16_underflow_scale", gauss(1e-9)
    yield "large_1e5", gauss(1e5)        # minimum overflows fp16, step does not
    yield "huge_1e7", gauss(1e7)         # minimum and step overflow fp16
    yield "fp32_denormal", gauss(1e-40)  # reciprocal of the step is infinite


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    os.makedirs(out, exist_ok=True)
    names, data = [], b""
    for name, v in rows():
        assert len(v) == N
        names.append(name)
        data += struct.pack("<%df" % N, *v)
    with open(os.path.join(out, "input.f32"), "wb") as f:
        f.write(data)
    with open(os.path.join(out, "input_rows.json"), "w") as f:
        json.dump({"columns": N, "rows": names, "seed": SEED,
                   "undefined_rows": ["fp32_denormal"]}, f, indent=1)
        f.write("\n")
    print("%d rows x %d" % (len(names), N))


if __name__ == "__main__":
    main()
