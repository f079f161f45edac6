"""Finds librwkv, declares its functions and turns its errors into exceptions.

ctypes gives up the interpreter lock during every call, so other threads run while a model computes.
"""
import ctypes as c
import ctypes.util
import os
from pathlib import Path
from typing import Optional

from . import _structs as s

class RWKVError(Exception):
    """What the library reports; the message names file, place and numbers."""


# Status codes of rk/error.h -> the kind of exception that Python programs expect.
_KINDS = {1: MemoryError, 3: OSError, 6: FileNotFoundError, 10: OSError}
_classes: dict = {}


def _exception(status: int, error: s.Error) -> RWKVError:
    """An RWKVError that is of the expected kind as well: a missing file is a FileNotFoundError."""
    kind = _KINDS.get(status, ValueError)
    if kind is OSError and error.system_errno != 0:
        kind = type(OSError(error.system_errno, ""))
    made = _classes.setdefault(kind, type("RWKV" + kind.__name__, (RWKVError, kind), {}))
    exception = made(error.message.decode("utf-8", "replace"))
    if issubclass(kind, OSError):
        exception.errno = error.system_errno or None
    return exception


_handle = c.POINTER(c.c_void_p)
_u32 = c.POINTER(c.c_uint32)
_f32 = c.POINTER(c.c_float)
_error = c.POINTER(s.Error)

# name: (result, arguments). c_int results are status codes and checked.
_STATUS = c.c_int
_FUNCTIONS = {
    "rk_version": (c.c_char_p, []),
    "rk_pool_new": (_STATUS, [_handle, c.POINTER(s.PoolOptions), _error]),
    "rk_pool_free": (None, [_handle]),
    "rk_model_open": (_STATUS, [_handle, c.c_char_p, c.POINTER(s.ModelOptions), _error]),
    "rk_model_close": (None, [_handle]),
    "rk_model_describe": (c.POINTER(s.ModelInfo), [c.c_void_p]),
    "rk_context_new": (_STATUS, [_handle, c.c_void_p, c.POINTER(s.ContextOptions), _error]),
    "rk_context_free": (None, [_handle]),
    "rk_state_new": (_STATUS, [_handle, c.c_void_p, c.c_size_t, _error]),
    "rk_state_free": (None, [_handle]),
    "rk_state_clear": (_STATUS, [c.c_void_p, c.c_size_t, _error]),
    "rk_state_export": (_STATUS, [c.c_void_p, c.c_size_t, _f32, c.c_size_t, _error]),
    "rk_state_import": (_STATUS, [c.c_void_p, c.c_size_t, _f32, c.c_size_t, _error]),
    "rk_state_load": (_STATUS, [c.c_void_p, c.c_size_t, c.c_char_p, _error]),
    "rk_state_save": (_STATUS, [c.c_void_p, c.c_size_t, c.c_char_p, _error]),
    "rk_eval": (_STATUS, [c.c_void_p, c.c_void_p, _u32, c.c_size_t, c.c_int, _f32, _error]),
    "rk_tokenizer_find": (_STATUS, [_handle, c.c_size_t, c.c_char_p, c.c_char_p, _error]),
    "rk_tokenizer_close": (None, [_handle]),
    "rk_tokenizer_name": (c.c_char_p, [c.c_void_p]),
    "rk_tokenizer_encode": (_STATUS, [c.c_void_p, c.c_char_p, c.c_size_t, c.POINTER(_u32),
                                      c.POINTER(c.c_size_t), _error]),
    "rk_tokens_free": (None, [c.POINTER(_u32)]),
    "rk_tokenizer_decode": (c.c_void_p, [c.c_void_p, c.c_uint32, c.POINTER(c.c_size_t)]),
    "rk_sampler_preset_options": (s.SamplerOptions, [c.c_int]),
    "rk_sampler_new": (_STATUS, [_handle, c.c_size_t, c.POINTER(s.SamplerOptions), _error]),
    "rk_sampler_free": (None, [_handle]),
    "rk_sampler_configure": (_STATUS, [c.c_void_p, c.POINTER(s.SamplerOptions), _error]),
    "rk_sampler_draw": (_STATUS, [c.c_void_p, _f32, _u32, _error]),
    "rk_session_new": (_STATUS, [_handle, c.c_void_p, c.c_void_p, c.POINTER(s.SamplerOptions),
                                 _error]),
    "rk_session_free": (None, [_handle]),
    "rk_session_clear": (_STATUS, [c.c_void_p, _error]),
    "rk_session_feed": (_STATUS, [c.c_void_p, c.c_char_p, c.c_size_t, c.POINTER(s.GenerateOptions),
                                  c.POINTER(c.c_size_t), _error]),
    "rk_session_generate": (_STATUS, [c.c_void_p, c.POINTER(s.GenerateOptions),
                                      c.POINTER(s.GenerateResult), _error]),
    "rk_session_flush": (c.c_bool, [c.c_void_p, s.TextFunction, c.c_void_p]),
    "rk_session_state": (c.c_void_p, [c.c_void_p]),
    "rk_session_sampler": (c.c_void_p, [c.c_void_p]),
    "rk_session_state_changed": (None, [c.c_void_p]),
    "rk_session_save": (_STATUS, [c.c_void_p, c.c_char_p, _error]),
    "rk_session_load": (_STATUS, [c.c_void_p, c.c_char_p, _error]),
}


def _candidates():
    """Where the library may be: named, in the wheel, in the system."""
    named = os.environ.get("RWKV_LIBRARY")
    if named:
        yield named
        return
    bundled = Path(__file__).parent / "lib" / "librwkv.so"
    if bundled.exists():
        yield str(bundled)
    yield "librwkv.so.0"
    found = ctypes.util.find_library("rwkv")
    if found:
        yield found


def _load() -> c.CDLL:
    reasons = []
    for path in _candidates():
        try:
            library = c.CDLL(path)
            library.rk_version  # another project's librwkv.so has no such function
            return library
        except (OSError, AttributeError) as reason:
            reasons.append(str(reason))
    raise ImportError("librwkv was not found; set RWKV_LIBRARY to its path (" + "; ".join(reasons) + ")")


def _declare(library: c.CDLL) -> None:
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments


lib = _load()
_declare(lib)


def call(name: str, *arguments) -> None:
    """Calls a function that returns a status; raises what it reports."""
    error = s.Error()
    status = getattr(lib, name)(*arguments, c.byref(error))
    if status != 0:
        raise _exception(status, error)


def path_bytes(path) -> Optional[bytes]:
    return None if path is None else os.fsencode(path)


class Handle:
    """An object of the library that is freed with its Python object."""

    def __init__(self, make: str, free: str, *arguments, keeps=()):
        self._free = getattr(lib, free)
        self._keeps = keeps  # what the object borrows lives as long as it does
        self.pointer = c.c_void_p()
        call(make, c.byref(self.pointer), *arguments)

    def __del__(self):
        if getattr(self, "pointer", None):
            self._free(c.byref(self.pointer))
