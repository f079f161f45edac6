"""States as the rwkv package shows them: a list of arrays, in its order.

RWKV-4 has five arrays a layer: att_xx, aa, bb, pp, ffn_xx, each [n_embd]. RWKV-5, 6 and 7 have three:
att_xx [n_embd], the matrices [n_head, head_size, head_size], ffn_xx [n_embd]. All are views of one
float32 array, `flat`, in the order of the library (docs/numerics.md).
"""
import copy
from typing import List

import numpy as np


class State(list):
    """A list of numpy views. Arrays may be changed in place, and items may be replaced."""

    def __init__(self, flat: np.ndarray, views: List[np.ndarray]):
        super().__init__(views)
        self.flat = flat
        self._views = views

    def collect(self) -> np.ndarray:
        """The flat form, with what was put in the place of a view copied into it."""
        for i, (item, view) in enumerate(zip(self, self._views)):
            if item is not view:
                view[...] = np.asarray(item, dtype=np.float32).reshape(view.shape)
                self[i] = view
        return self.flat

    def __deepcopy__(self, memo):
        flat = self.collect().copy()
        memo[id(self)] = copied = State(flat, _views(flat, self._shape))
        copied._shape = self._shape
        return copied

    def clone(self) -> "State":
        return copy.deepcopy(self)


def _views(flat: np.ndarray, shape) -> List[np.ndarray]:
    n_layer, n_embd, n_head, head_size = shape
    views = []
    for layer in flat.reshape(n_layer, -1):
        ffn_xx, att_xx, rest = layer[:n_embd], layer[n_embd:2 * n_embd], layer[2 * n_embd:]
        if n_head == 0:
            inner = list(rest.reshape(3, n_embd))
        else:
            inner = [rest.reshape(n_head, head_size, head_size)]
        views += [att_xx, *inner, ffn_xx]
    return views


def from_flat(flat: np.ndarray, n_layer: int, n_embd: int, n_head: int, head_size: int) -> State:
    """A state over `flat`, which it keeps. n_head 0: RWKV-4."""
    shape = (n_layer, n_embd, n_head, head_size)
    state = State(flat, _views(flat, shape))
    state._shape = shape
    return state


def collect(state, template: State) -> np.ndarray:
    """The flat form of any list of arrays in this order."""
    if isinstance(state, State) and state.flat.size == template.flat.size:
        return state.collect()
    if len(state) != len(template):
        raise ValueError(f"a state of this model has {len(template)} arrays, not {len(state)}")
    for view, item in zip(template, state):
        view[...] = np.asarray(item, dtype=np.float32).reshape(view.shape)
    return template.flat
