"""Tokenizers: bytes, World, byte-pair encoding."""
import ctypes as c
from typing import List, Optional, Sequence

import numpy as np

from ._library import Handle, call, lib, path_bytes


class Tokenizer:
    """The tokenizer for a vocabulary of n_vocab tokens (0: any).

    path: a vocabulary file, a folder of them, or "bytes"; None looks beside model_path and in
    $RWKV_TOKENIZER (docs/tokenizers.md).
    """

    def __init__(self, path: Optional[str] = None, n_vocab: int = 0, model_path: Optional[str] = None):
        self.handle = Handle("rk_tokenizer_find", "rk_tokenizer_close", n_vocab, path_bytes(model_path),
                             path_bytes(path))
        self.name = lib.rk_tokenizer_name(self.handle.pointer).decode()

    def encode_bytes(self, text: bytes) -> List[int]:
        tokens, count = c.POINTER(c.c_uint32)(), c.c_size_t()
        call("rk_tokenizer_encode", self.handle.pointer, text, len(text), c.byref(tokens), c.byref(count))
        try:
            return np.ctypeslib.as_array(tokens, (count.value,)).tolist() if count.value else []
        finally:
            lib.rk_tokens_free(c.byref(tokens))

    def encode(self, text: str) -> List[int]:
        return self.encode_bytes(text.encode("utf-8"))

    def token_bytes(self, token: int) -> bytes:
        length = c.c_size_t()
        at = lib.rk_tokenizer_decode(self.handle.pointer, token, c.byref(length))
        return c.string_at(at, length.value) if length.value else b""

    def decode_bytes(self, tokens: Sequence[int]) -> bytes:
        return b"".join(self.token_bytes(token) for token in tokens)

    def decode(self, tokens: Sequence[int]) -> str:
        """Bytes that are no UTF-8 become U+FFFD; decode_bytes keeps them."""
        return self.decode_bytes(tokens).decode("utf-8", "replace")


__all__ = ["Tokenizer"]
