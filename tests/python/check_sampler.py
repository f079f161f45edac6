#!/usr/bin/env python3
"""Compares the library's sampler, preset rwkv, with the rwkv package itself: the probabilities from which
PIPELINE.sample_logits draws for random logits and settings, and those of whole generations with penalties and
bans, token after token. The draws are the package's: random numbers are the one thing that differs.

usage: check_sampler.py LIBRWKV.so [--rounds N] [--seed S]

Exit code 77: package rwkv, or what it needs (numpy, torch), is not there.
"""

import argparse
import ctypes
import os
import pathlib
import sys

N_FILTERS = 8
MODEL_TOKENS, WORLD_TOKENS = 65536, 65530  # ids from 65530 on stand for no text


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("errno", ctypes.c_int), ("message", ctypes.c_char * 512)]


class Chain(ctypes.Structure):
    _fields_ = [("filters", ctypes.c_int * N_FILTERS), ("count", ctypes.c_size_t)]


class Options(ctypes.Structure):
    """rk_sampler_options."""
    _fields_ = [("temperature", ctypes.c_double), ("top_p", ctypes.c_double), ("seed", ctypes.c_uint64),
                ("top_k", ctypes.c_size_t), ("min_p", ctypes.c_double), ("typical", ctypes.c_double),
                ("tail_free", ctypes.c_double), ("top_a", ctypes.c_double), ("mirostat_tau", ctypes.c_double),
                ("mirostat_eta", ctypes.c_double), ("chain", Chain), ("repetition_penalty", ctypes.c_double),
                ("presence_penalty", ctypes.c_double), ("frequency_penalty", ctypes.c_double),
                ("penalty_decay", ctypes.c_double), ("penalty_window", ctypes.c_size_t),
                ("penalty_scope", ctypes.c_int), ("biases", ctypes.c_void_p), ("n_biases", ctypes.c_size_t),
                ("bans", ctypes.c_void_p), ("n_bans", ctypes.c_size_t), ("exempt", ctypes.c_void_p),
                ("n_exempt", ctypes.c_size_t), ("tokenizer", ctypes.c_void_p), ("exempt_text", ctypes.c_char_p),
                ("banned_texts", ctypes.c_void_p), ("n_banned_texts", ctypes.c_size_t)]


def check(status, error):
    if status:
        sys.exit(f"the library: {error.message.decode()}")


class Sampler:
    """One rk_sampler with the preset rwkv and these settings."""

    def __init__(self, library, n_vocab, tokenizer=None, bans=(), **settings):
        self.library, self.n_vocab, self.handle = library, n_vocab, ctypes.c_void_p()
        library.rk_sampler_preset_options.restype = Options
        library.rk_sampler_probabilities.restype = ctypes.POINTER(ctypes.c_float)
        options, error = library.rk_sampler_preset_options(0), Error()
        for name, value in settings.items():
            setattr(options, name, value)
        ids = (ctypes.c_uint32 * len(bans))(*bans)
        options.bans, options.n_bans = ctypes.cast(ids, ctypes.c_void_p), len(bans)
        options.tokenizer = tokenizer
        check(library.rk_sampler_new(ctypes.byref(self.handle), ctypes.c_size_t(n_vocab), ctypes.byref(options),
                                     ctypes.byref(error)), error)

    def probabilities(self, logits):
        token, error = ctypes.c_uint32(), Error()
        pointer = logits.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        check(self.library.rk_sampler_draw(self.handle, pointer, ctypes.byref(token), ctypes.byref(error)), error)
        return np.ctypeslib.as_array(self.library.rk_sampler_probabilities(self.handle), (self.n_vocab,)).copy()

    def accept(self, token):
        error = Error()
        check(self.library.rk_sampler_accept(self.handle, ctypes.c_uint32(token), ctypes.byref(error)), error)

    def close(self):
        self.library.rk_sampler_free(ctypes.byref(self.handle))


class Comparison:
    """Counts, and describes the first few differences."""

    def __init__(self, name):
        self.name, self.n, self.at_border, self.differences = name, 0, 0, 0

    def add(self, ours, theirs, what):
        """theirs: what np.random.choice was given. The package's running sum is a float32, so where the cut is
        as near to a token's border as that can tell, one token more or less survives."""
        self.n += 1
        if np.count_nonzero((ours > 0) != (theirs > 0)) == 0:
            fine = np.allclose(ours, theirs, rtol=2e-5, atol=1e-12)
        else:
            other = np.flatnonzero((ours > 0) != (theirs > 0))
            self.at_border += 1
            fine = len(other) == 1 and max(ours[other[0]], theirs[other[0]]) < 2e-3 and len(ours) > 1000
        if not fine:
            self.differences += 1
            if self.differences <= 5:
                print(f"{self.name}: {what}: {np.count_nonzero(ours)} tokens, not {np.count_nonzero(theirs)}; "
                      f"probabilities differ by up to {np.max(np.abs(ours - theirs)):g}")

    def report(self):
        print(f"{self.name}: {self.n} draws, {self.differences} differ, {self.at_border} cut one token elsewhere")
        return self.differences == 0 and self.at_border * 20 <= self.n


class Draws:
    """np.random.choice as the package calls it: remembers the probabilities, and draws."""

    def __init__(self, generator):
        self.generator, self.given, self.chosen = generator, [], []

    def __call__(self, a, p):
        self.given.append(np.array(p, dtype=np.float64))
        self.chosen.append(int(self.generator.choice(a, p=self.given[-1] / np.sum(self.given[-1]))))
        return self.chosen[-1]


def check_draws(library, pipeline, rounds, generator):
    result = Comparison("sample_logits")
    for i in range(rounds):
        n_vocab = int(generator.choice([50, 256, 1000, MODEL_TOKENS]))
        logits = (generator.standard_normal(n_vocab) * generator.choice([0.5, 2, 5])).astype(np.float32)
        if i % 4 == 0:
            logits[generator.integers(n_vocab)] = -np.inf
        temperature = float(generator.choice([0, 0.2, 0.7, 1, 1, 1.5, 3]))
        top_p = float(generator.choice([0, 0.1, 0.3, 0.5, 0.85, 0.85, 0.95, 0.99]))
        top_k = int(generator.choice([0, 0, 1, 5, 40, 1000]))
        np.random.choice = draws = Draws(generator)
        pipeline.sample_logits(pipeline, torch.from_numpy(logits.copy()), temperature, top_p, top_k)
        sampler = Sampler(library, n_vocab, temperature=temperature, top_p=top_p, top_k=top_k, presence_penalty=0,
                          frequency_penalty=0)
        result.add(sampler.probabilities(logits), draws.given[0],
                   f"round {i}: {n_vocab} tokens, temperature {temperature}, top_p {top_p}, top_k {top_k}")
        sampler.close()
    return result.report()


class RandomModel:
    """Logits from a few tokens that come often, digits and blanks among them, so that penalties grow."""

    def __init__(self, generator, likely):
        self.generator, self.likely, self.logits = generator, likely, []

    def forward(self, tokens, state):
        logits = self.generator.standard_normal(MODEL_TOKENS).astype(np.float32)
        logits[self.likely] += 14
        logits[0] = -np.inf  # has no text in the package's tokenizer
        logits[WORLD_TOKENS:] = -np.inf  # the library never draws these
        self.logits.append(logits.copy())
        return torch.from_numpy(logits), state


def check_generations(library, package, generator):
    folder = pathlib.Path(package.__file__).parent
    tokenizer, error = ctypes.c_void_p(), Error()
    vocabulary = os.fsencode(folder / "rwkv_vocab_v20230424.txt")
    check(library.rk_tokenizer_find(ctypes.byref(tokenizer), ctypes.c_size_t(MODEL_TOKENS), None, vocabulary,
                                    ctypes.byref(error)), error)
    result = Comparison("generate")
    for i in range(12):
        likely = [33, 49, 50, 58, 10] + [int(t) for t in generator.integers(256, WORLD_TOKENS, 25)]
        arguments = package.PIPELINE_ARGS(
            temperature=float(generator.choice([0, 0.7, 1, 1.5])), top_p=float(generator.choice([0.3, 0.85, 0.95])),
            top_k=int(generator.choice([0, 20])), alpha_frequency=float(generator.choice([0.2, 0.5, 2])),
            alpha_presence=float(generator.choice([0, 0.2, 3])), alpha_decay=float(generator.choice([0.996, 0.9, 1])),
            token_ban=[likely[7], likely[8]] if i % 2 else [])
        model = RandomModel(generator, likely)
        pipeline = package.PIPELINE(model, "rwkv_vocab_v20230424")
        np.random.choice = draws = Draws(generator)
        pipeline.generate("Once", token_count=60, args=arguments)
        sampler = Sampler(library, MODEL_TOKENS, tokenizer, arguments.token_ban, temperature=arguments.temperature,
                          top_p=arguments.top_p, top_k=arguments.top_k, presence_penalty=arguments.alpha_presence,
                          frequency_penalty=arguments.alpha_frequency, penalty_decay=arguments.alpha_decay)
        for step, (logits, given, token) in enumerate(zip(model.logits, draws.given, draws.chosen)):
            result.add(sampler.probabilities(logits), given, f"text {i}, token {step}")
            sampler.accept(token)
        sampler.close()
    return result.report()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    global np, torch
    try:
        import numpy as np
        import torch
        from rwkv import utils as package
    except ImportError as reason:
        print(f"skipped: {reason}")
        return 77
    print(f"seed {options.seed}")
    generator = np.random.default_rng(options.seed)
    library = ctypes.CDLL(options.library)
    fine = check_draws(library, package.PIPELINE, options.rounds, generator)
    fine = check_generations(library, package, generator) and fine
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
