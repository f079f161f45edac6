"""PIPELINE and PIPELINE_ARGS, shaped like those of the rwkv package."""
import os
from typing import Callable, List, Optional, Sequence

import numpy as np

from .model import RWKV
from .sampling import Sampler
from .tokenizer import Tokenizer

# Tokens whose text is part of this one pay for presence, but do not count for frequency.
_UNCOUNTED = " \t0123456789"


class PIPELINE_ARGS:
    def __init__(self, temperature: float = 1.0, top_p: float = 0.85, top_k: int = 0,
                 alpha_frequency: float = 0.2, alpha_presence: float = 0.2, alpha_decay: float = 0.996,
                 token_ban: Sequence[int] = (), token_stop: Sequence[int] = (), chunk_len: int = 256):
        self.temperature = temperature
        self.top_p = top_p
        self.top_k = top_k
        self.alpha_frequency = alpha_frequency  # as in GPT-3
        self.alpha_presence = alpha_presence
        self.alpha_decay = alpha_decay  # of the counts, with every token
        self.token_ban = list(token_ban)
        self.token_stop = list(token_stop)
        self.chunk_len = chunk_len


class PIPELINE:
    """A model with its tokenizer.

    WORD_NAME: a vocabulary file, "bytes", or the name of a usual one ("rwkv_vocab_v20230424",
        "20B_tokenizer.json"), which is then looked for beside the model and in $RWKV_TOKENIZER. None: as
        the model's size asks for.
    seed: of sample_logits; None takes a fresh one.
    """

    def __init__(self, model: RWKV, WORD_NAME: Optional[str] = None, seed: Optional[int] = None):
        self.model = model
        chosen = WORD_NAME if WORD_NAME == "bytes" or (WORD_NAME and os.path.exists(WORD_NAME)) else None
        self.tokenizer = Tokenizer(chosen, model.n_vocab, model.path)
        self._sampler = Sampler(model.n_vocab, seed=seed, presence_penalty=0, frequency_penalty=0)

    def refine_context(self, context: str) -> str:
        """Lines without blanks around them, none of them empty, after one newline."""
        lines = (line.strip("\u3000 \t\r") for line in context.strip().split("\n"))
        kept = "\n" + "\n".join(line for line in lines if line != "").strip()
        return kept if kept != "\n" else ""

    def encode(self, text: str) -> List[int]:
        return self.tokenizer.encode(text)

    def decode(self, tokens: Sequence[int]) -> str:
        return self.tokenizer.decode(tokens)

    def sample_logits(self, logits: np.ndarray, temperature: float = 1.0, top_p: float = 0.85,
                      top_k: int = 0) -> int:
        """Draws a token by the rules of the rwkv package (docs/sampling.md)."""
        self._sampler.configure(temperature=temperature, top_p=top_p, top_k=top_k, presence_penalty=0,
                                frequency_penalty=0)
        return self._sampler.draw(logits)

    def _prompt(self, tokens: List[int], state, chunk_len: int):
        logits = None
        for begin in range(0, len(tokens), chunk_len):
            logits, state = self.model.forward(tokens[begin:begin + chunk_len], state)
        return logits, state

    def generate(self, ctx: str, token_count: int = 100, args: Optional[PIPELINE_ARGS] = None,
                 callback: Optional[Callable[[str], None]] = None, state=None) -> str:
        """Continues `ctx` by up to token_count tokens. The callback gets the text in whole characters."""
        args = args or PIPELINE_ARGS()
        logits, state = self._prompt(self.encode(ctx) or [0], state, args.chunk_len)
        counts: dict = {}
        text, pending = "", b""
        for _ in range(token_count):
            logits[args.token_ban] = -np.inf
            for token, count in counts.items():
                logits[token] -= args.alpha_presence + count * args.alpha_frequency
            token = self.sample_logits(logits, args.temperature, args.top_p, args.top_k)
            if token in args.token_stop:
                break
            piece = self.tokenizer.token_bytes(token)
            for other in counts:
                counts[other] *= args.alpha_decay
            counts[token] = counts.get(token, 0) + (piece not in _UNCOUNTED.encode())
            out, pending = whole_characters(pending + piece)
            text += out
            if out and callback:
                callback(out)
            logits, state = self.model.forward([token], state)
        if pending:
            rest = pending.decode("utf-8", "replace")
            text += rest
            if callback:
                callback(rest)
        return text


def whole_characters(data: bytes):
    """(text, rest): the text of all whole characters; rest is the beginning of one that may still come true.

    Bytes that can begin or continue none become U+FFFD at once.
    """
    for keep in range(min(3, len(data)), 0, -1):
        tail = data[-keep:]
        if tail[0] >= 0xC2 and _may_continue(tail):
            return data[:-keep].decode("utf-8", "replace"), tail
    return data.decode("utf-8", "replace"), b""


def _may_continue(tail: bytes) -> bool:
    try:
        tail.decode("utf-8")
        return False
    except UnicodeDecodeError as problem:
        return problem.reason == "unexpected end of data" and problem.start == 0
