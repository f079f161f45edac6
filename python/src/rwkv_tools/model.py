"""RWKV(model, strategy).forward(tokens, state), shaped like the rwkv package's class."""
import ctypes as c
import os
from types import SimpleNamespace
from typing import List, Optional, Sequence, Tuple, Union

import numpy as np

from . import _structs as s
from . import states
from ._library import Handle, call, lib, path_bytes

LOGITS_NONE, LOGITS_LAST, LOGITS_ALL = 0, 1, 2


def as_pointer(array: np.ndarray, kind):
    return array.ctypes.data_as(c.POINTER(kind))


class RWKV:
    """A model of any version of RWKV.

    model: any weights file that the library reads: .pth, .safetensors, a model file. As in the rwkv package
        the ending may be left out for a .pth file.
    strategy: "cpu fp32", "cpu fp16", "cpu Q5_1", ...; "cpu" keeps the types of the file.
    threads: 0 means physical cores.

    An object is for one thread at a time; `clone()` gives another one on the same weights.
    """

    def __init__(self, model: Union[str, "os.PathLike[str]"], strategy: str = "cpu", verbose: bool = False,
                 threads: int = 0):
        path = os.fspath(model)
        if not os.path.exists(path) and os.path.exists(path + ".pth"):
            path += ".pth"
        self._threads = threads
        self._pool = self._new_pool()
        options = s.ModelOptions(strategy=strategy.encode(), pool=self._pool.pointer)
        self._model = Handle("rk_model_open", "rk_model_close", path_bytes(path), c.byref(options))
        self.info = lib.rk_model_describe(self._model.pointer).contents
        self.strategy_text = strategy
        self._describe(path)
        self._open_context()
        if verbose:
            print(f"{path}: {self.version}, {self.info.strategy.decode()}, "
                  f"{self.info.weight_bytes / 2**20:.1f} MiB")

    def _new_pool(self) -> Handle:
        return Handle("rk_pool_new", "rk_pool_free", c.byref(s.PoolOptions(self._threads, False)))

    def _describe(self, path: str) -> None:
        dims = self.info.dims
        self.path = path
        self.version = self.info.arch_name.decode()
        self.n_vocab, self.n_embd, self.n_layer = dims.n_vocab, dims.n_embd, dims.n_layer
        self.n_head, self.head_size, self.n_ffn = dims.n_head, dims.head_size, dims.n_ffn
        self.args = SimpleNamespace(
            MODEL_NAME=path.removesuffix(".pth") if hasattr(path, "removesuffix") else path,
            strategy_string=self.strategy_text, n_layer=dims.n_layer, n_embd=dims.n_embd, n_att=dims.n_embd,
            n_ffn=dims.n_ffn, n_head=dims.n_head, head_size=dims.head_size, vocab_size=dims.n_vocab)
        place = SimpleNamespace(device="cpu", atype=np.float32, wtype=self.info.strategy.decode(),
                                stream=False)
        self.strategy = [place] * (dims.n_layer + 1)

    def _open_context(self) -> None:
        options = s.ContextOptions(pool=self._pool.pointer)
        self._context = Handle("rk_context_new", "rk_context_free", self._model.pointer, c.byref(options),
                               keeps=(self._pool,))
        self._state = Handle("rk_state_new", "rk_state_free", self._model.pointer, 1)
        self._scratch = self._empty_views()

    def clone(self) -> "RWKV":
        """Another object on the same weights, for another thread."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._pool = other._new_pool()
        other._open_context()
        return other

    def _empty_views(self) -> states.State:
        flat = np.empty(self.info.state_floats, dtype=np.float32)
        return states.from_flat(flat, self.n_layer, self.n_embd, self.n_head, self.head_size)

    def _export(self, state: states.State) -> None:
        call("rk_state_export", self._state.pointer, 0, as_pointer(state.flat, c.c_float), state.flat.size)

    def empty_state(self) -> states.State:
        """The state before the first token (a model's own tuned state, where it has one)."""
        call("rk_state_clear", self._state.pointer, 0)
        state = self._empty_views()
        self._export(state)
        return state

    def load_state(self, path) -> states.State:
        """A state file, or a tuned initial state (.pth)."""
        call("rk_state_load", self._state.pointer, 0, path_bytes(path))
        state = self._empty_views()
        self._export(state)
        return state

    def save_state(self, state: Sequence[np.ndarray], path) -> None:
        self._import(state)
        call("rk_state_save", self._state.pointer, 0, path_bytes(path))

    def _import(self, state) -> None:
        flat = states.collect(state, self._scratch)
        call("rk_state_import", self._state.pointer, 0, as_pointer(flat, c.c_float), flat.size)

    def forward(self, tokens: Union[int, Sequence[int]], state: Optional[List[np.ndarray]],
                full_output: bool = False) -> Tuple[np.ndarray, List[np.ndarray]]:
        """Logits after the tokens (float32, [n_vocab]; [n_tokens, n_vocab] with full_output), and the state.

        state None begins with the empty one. A state that is given is updated in place and returned.
        """
        ids = np.atleast_1d(np.asarray(tokens, dtype=np.int64))
        if ids.ndim != 1 or ids.size == 0:
            raise ValueError("tokens is one token or a list of at least one")
        if ids.min() < 0 or ids.max() >= self.n_vocab:
            bad = ids[(ids < 0) | (ids >= self.n_vocab)][0]
            raise ValueError(f"token {bad} is outside of the vocabulary of {self.n_vocab}")
        if state is None:
            state = self.empty_state()
        else:
            self._import(state)
        logits = np.empty((ids.size, self.n_vocab) if full_output else self.n_vocab, dtype=np.float32)
        ids = ids.astype(np.uint32)
        call("rk_eval", self._context.pointer, self._state.pointer, as_pointer(ids, c.c_uint32), ids.size,
             LOGITS_ALL if full_output else LOGITS_LAST, as_pointer(logits, c.c_float))
        self._give_back(state)
        return logits, state

    def _give_back(self, state) -> None:
        if isinstance(state, states.State):
            self._export(state)
            return
        self._export(self._scratch)
        for i, view in enumerate(self._scratch):
            state[i] = view.copy()
