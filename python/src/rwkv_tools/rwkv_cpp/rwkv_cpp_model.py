"""RWKVModel(shared_library, model_path).eval(token, state), as in rwkv.cpp's wrapper."""
import os
from typing import List, Optional, Tuple

import numpy as np

from .rwkv_cpp_shared_library import RWKVSharedLibrary


def _as_array(buffer, size: int, name: str) -> np.ndarray:
    """A float32 array over the buffer's own memory, so that results can be written into it."""
    array = buffer.numpy() if hasattr(buffer, "data_ptr") else buffer
    if not isinstance(array, np.ndarray) or array.dtype != np.float32 or array.shape != (size,):
        raise ValueError(f"{name} must be a float32 array of shape ({size},)")
    if not array.flags.c_contiguous:
        raise ValueError(f"{name} must be contiguous")
    return array


class RWKVModel:
    def __init__(self, shared_library: RWKVSharedLibrary, model_path: str,
                 thread_count: int = max(1, (os.cpu_count() or 2) // 2), gpu_layer_count: int = 0, **kwargs):
        if not os.path.isfile(model_path):
            raise ValueError(f"{model_path} is not a file")
        if thread_count <= 0:
            raise ValueError("Thread count must be > 0")
        if gpu_layer_count < 0:
            raise ValueError("GPU layer count must be >= 0")
        self._library = shared_library
        self._ctx = shared_library.rwkv_init_from_file(model_path, thread_count,
                                                       kwargs.get("gpu_layers_count", gpu_layer_count))
        self._state_buffer_element_count = shared_library.rwkv_get_state_buffer_element_count(self._ctx)
        self._logits_buffer_element_count = shared_library.rwkv_get_logits_buffer_element_count(self._ctx)
        self._valid = True

    def _require_valid(self) -> None:
        if not self._valid:
            raise ValueError("Model was freed")

    def gpu_offload_layers(self, layer_count: int) -> bool:
        return self._library.rwkv_gpu_offload_layers(self._ctx, layer_count)

    @property
    def n_vocab(self) -> int:
        return self._library.rwkv_get_n_vocab(self._ctx)

    @property
    def n_embed(self) -> int:
        return self._library.rwkv_get_n_embed(self._ctx)

    @property
    def n_layer(self) -> int:
        return self._library.rwkv_get_n_layer(self._ctx)

    def _run(self, evaluate, state_in, state_out, logits_out):
        """Calls evaluate(state_in, state_out, logits_out) with addresses."""
        self._require_valid()
        n_state, n_logits = self._state_buffer_element_count, self._logits_buffer_element_count
        if state_out is None:
            state_out = np.zeros(n_state, dtype=np.float32)
        if logits_out is None:
            logits_out = np.zeros(n_logits, dtype=np.float32)
        state_from = None if state_in is None else _as_array(state_in, n_state, "state_in").ctypes.data
        evaluate(state_from, _as_array(state_out, n_state, "state_out").ctypes.data,
                 _as_array(logits_out, n_logits, "logits_out").ctypes.data)
        return logits_out, state_out

    def eval(self, token: int, state_in: Optional[np.ndarray], state_out: Optional[np.ndarray] = None,
             logits_out: Optional[np.ndarray] = None, use_numpy: bool = True) -> Tuple[np.ndarray, np.ndarray]:
        """Logits and state after the token. state_in None begins; it may be state_out as well.

        Buffers that are given are written to and returned. use_numpy changes nothing.
        """
        return self._run(lambda *buffers: self._library.rwkv_eval(self._ctx, token, *buffers),
                         state_in, state_out, logits_out)

    def eval_sequence(self, tokens: List[int], state_in: Optional[np.ndarray],
                      state_out: Optional[np.ndarray] = None, logits_out: Optional[np.ndarray] = None,
                      use_numpy: bool = True) -> Tuple[np.ndarray, np.ndarray]:
        return self._run(lambda *buffers: self._library.rwkv_eval_sequence(self._ctx, tokens, *buffers),
                         state_in, state_out, logits_out)

    def eval_sequence_in_chunks(self, tokens: List[int], state_in: Optional[np.ndarray],
                                state_out: Optional[np.ndarray] = None,
                                logits_out: Optional[np.ndarray] = None, chunk_size: int = 16,
                                use_numpy: bool = True) -> Tuple[np.ndarray, np.ndarray]:
        return self._run(
            lambda *buffers: self._library.rwkv_eval_sequence_in_chunks(self._ctx, tokens, chunk_size,
                                                                        *buffers),
            state_in, state_out, logits_out)

    def free(self) -> None:
        self._require_valid()
        self._valid = False
        self._library.rwkv_free(self._ctx)

    def __del__(self):
        if getattr(self, "_valid", False):
            self.free()
