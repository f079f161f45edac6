#!/usr/bin/env python3
"""Computes the figures of a comparison anew, with NumPy, out of the saved logits of both models, and holds
those that perplexity printed against them.

usage: check_against_numpy.py PERPLEXITY MODEL TEXT FOLDER

The logits go to FOLDER, which must exist. Reads the files as docs/formats.md describes them, and nothing else.
Exit code 77 where NumPy is missing.
"""
import json
import struct
import subprocess
import sys
import zlib

try:
    import numpy as np
except ImportError:
    print("skipped: NumPy is missing")
    sys.exit(77)

TOLERANCE = 1e-4  # relative


def run(program, *arguments):
    done = subprocess.run([program, *arguments, "--json", "--quiet"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{arguments}: exit code {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)["results"][0]


class LogitsFile:
    """A file of logits: losses, best tokens, and log-probabilities in double precision."""

    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        fields = struct.unpack_from("<8sIIQQQQIIII", data)
        magic, version, checksum, n_vocab, n_rows, self.fingerprint, _, self.tokens, _, n_protocol, n_source = fields
        assert magic == b"rklogit\n" and version == 1
        size = (64 + n_protocol + n_source + 63) // 64 * 64
        assert checksum == zlib.crc32(data[16:size])
        self.protocol = data[64:64 + n_protocol].decode()
        self.source = data[64 + n_protocol:64 + n_protocol + n_source].decode()
        row_bytes = (16 + 2 * n_vocab + 7) // 8 * 8
        assert len(data) == size + n_rows * row_bytes
        rows = np.frombuffer(data, np.uint8, offset=size).reshape(n_rows, row_bytes)
        for row in rows:
            stored = int.from_bytes(row[12:16].tobytes(), "little")
            assert stored == zlib.crc32(row[16:].tobytes(), zlib.crc32(row[:12].tobytes()))
        self.losses = rows[:, :8].copy().view("<f8")[:, 0]
        self.best = rows[:, 8:12].copy().view("<u4")[:, 0]
        codes = rows[:, 16:16 + 2 * n_vocab].copy().view("<u2").astype(np.float64)
        logits = 4 * np.log(np.where(codes > 0, codes, 0.25) / 65535)
        self.log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def figures(base, model):
    """What perplexity --base prints, from the definitions."""
    n = len(model.losses)
    divergence = (np.exp(base.log_p) * (base.log_p - model.log_p)).sum(axis=1)
    change = model.losses - base.losses
    p_change = np.exp(-model.losses) - np.exp(-base.losses)
    same = (model.best == base.best).astype(np.float64)
    error = lambda values: values.std(ddof=1) / np.sqrt(n)
    ppl, base_ppl = np.exp(model.losses.mean()), np.exp(base.losses.mean())
    return {
        "tokens": n,
        "loss": model.losses.mean(),
        "loss_error": error(model.losses),
        "perplexity": ppl,
        "perplexity_error": ppl * error(model.losses),
        "base_loss": base.losses.mean(),
        "base_perplexity": base_ppl,
        "loss_change": change.mean(),
        "loss_change_error": error(change),
        "perplexity_change": ppl - base_ppl,
        "perplexity_change_error": error(ppl * model.losses - base_ppl * base.losses),
        "kl": divergence.mean(),
        "kl_error": error(divergence),
        # Half of all places differ by less than a step of the saved codes: no median.
        "kl_95": np.percentile(divergence, 95),
        "kl_99": np.percentile(divergence, 99),
        "kl_99_9": np.percentile(divergence, 99.9),
        "kl_max": divergence.max(),
        "same_token": same.mean(),
        "same_token_error": error(same),
        "probability_change": p_change.mean(),
        "probability_change_error": error(p_change),
        "probability_change_rms": np.sqrt((p_change ** 2).mean()),
    }


def main():
    program, model, text, folder = sys.argv[1:]
    base_file, model_file = folder + "/base.logits", folder + "/q4_0.logits"
    run(program, model, "-f", text, "--save-logits", base_file)
    run(program, model, "-f", text, "--types", "Q4_0", "--save-logits", model_file)
    beside = run(program, model, "-f", text, "--types", "Q4_0", "--base", model)
    saved = run(program, model, "-f", text, "--types", "Q4_0", "--kl-base", base_file)
    expected = figures(LogitsFile(base_file), LogitsFile(model_file))

    failed = False
    print(f"{'':26} {'NumPy':>14} {'side by side':>14} {'difference':>10} {'saved base':>14} {'difference':>10}")
    for key, value in expected.items():
        # Percentiles are single predictions, in which a saved file loses more than in a mean.
        limit = 2e-3 if key.startswith("kl_9") or key == "kl_max" else TOLERANCE
        differences = [abs(found[key] - value) / abs(value) for found in (beside, saved)]
        print(f"{key:26} {value:14.8g} {beside[key]:14.8g} {differences[0]:10.1e} {saved[key]:14.8g} "
              f"{differences[1]:10.1e}{'' if max(differences) <= limit else '  FAILED'}")
        failed = failed or not max(differences) <= limit
    sys.exit(1 if failed else 0)


main()
