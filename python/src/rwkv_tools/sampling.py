"""Sampling settings as keyword arguments."""
import ctypes as c
import secrets
from typing import Optional, Sequence

import numpy as np

from . import _structs as s
from ._library import Handle, call, lib

PRESETS = ("rwkv", "llama", "hf")
_NUMBERS = ("temperature", "top_p", "top_k", "min_p", "typical", "tail_free", "top_a", "mirostat_tau",
            "mirostat_eta", "repetition_penalty", "presence_penalty", "frequency_penalty", "penalty_decay",
            "penalty_window")


def token_array(tokens: Sequence[int]):
    return (c.c_uint32 * len(tokens))(*tokens)


def sampler_options(preset: str = "rwkv", seed: Optional[int] = None, bans: Sequence[int] = (),
                    tokenizer=None, **settings) -> s.SamplerOptions:
    """Options of a preset with some settings changed; what they are: docs/sampling.md.

    seed None takes a fresh one. Unknown names are a TypeError.
    """
    if preset not in PRESETS:
        raise ValueError(f"unknown preset '{preset}': choose one of {', '.join(PRESETS)}")
    options = lib.rk_sampler_preset_options(PRESETS.index(preset))
    for name, value in settings.items():
        if name not in _NUMBERS:
            raise TypeError(f"unknown sampling setting '{name}'")
        setattr(options, name, value)
    options.seed = secrets.randbits(64) if seed is None else seed
    options.bans, options.n_bans = token_array(bans), len(bans)
    if tokenizer is not None:
        options.tokenizer = tokenizer.handle.pointer
    else:
        options.exempt_text = None  # is about texts
    return options


class Sampler:
    """Draws tokens from logits; remembers nothing but its random numbers unless told."""

    def __init__(self, n_vocab: int, **settings):
        self._n_vocab = n_vocab
        options = sampler_options(**settings)
        self._handle = Handle("rk_sampler_new", "rk_sampler_free", n_vocab, c.byref(options))
        self._seed = options.seed

    def configure(self, **settings) -> None:
        settings.setdefault("seed", self._seed)  # the same seed goes on, another one begins anew
        options = sampler_options(**settings)
        self._seed = options.seed
        call("rk_sampler_configure", self._handle.pointer, c.byref(options))

    def draw(self, logits: np.ndarray) -> int:
        values = np.ascontiguousarray(logits, dtype=np.float32)
        if values.shape != (self._n_vocab,):
            raise ValueError(f"logits have shape {values.shape}, not ({self._n_vocab},)")
        token = c.c_uint32()
        call("rk_sampler_draw", self._handle.pointer, values.ctypes.data_as(c.POINTER(c.c_float)),
             c.byref(token))
        return token.value
