"""Writes and reads PyTorch's zip checkpoints with the standard library and numpy alone (no torch).

Only what the tests need: one dictionary of contiguous tensors, float32, float16 or bfloat16.
"""

import io
import pickle
import pickletools  # noqa: F401  (python -m pickletools shows what was written)
import zipfile

import numpy as np


def bfloat16_bits(values):
    """float array -> uint16 array, rounded to nearest even."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def bfloat16_values(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


STORAGES = {"fp32": "FloatStorage", "fp16": "HalfStorage", "bf16": "BFloat16Storage"}


def encode(values, dtype):
    if dtype == "bf16":
        return bfloat16_bits(values).astype("<u2").tobytes()
    return np.ascontiguousarray(values).astype({"fp32": "<f4", "fp16": "<f2"}[dtype]).tobytes()


def rounded(values, dtype):
    """What a reader gets back, as float64."""
    if dtype == "bf16":
        return bfloat16_values(bfloat16_bits(values)).astype(np.float64)
    return np.asarray(values).astype({"fp32": np.float32, "fp16": np.float16}[dtype]).astype(np.float64)


class _Global:
    """Stands for a function or class of torch while pickling."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class _Pickler(pickle._Pickler):
    """The pure Python pickler, taught to write globals, persistent ids and calls that need no torch."""

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, _Global):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, _Tensor):
            self.save(_Global("torch._utils", "_rebuild_tensor_v2"))
            self.save(obj.arguments())
            self.write(pickle.REDUCE)
        elif isinstance(obj, _Storage):
            self.save(obj.persistent_id())
            self.write(pickle.BINPERSID)
        else:
            super().save(obj, save_persistent_id)


class _Storage:
    def __init__(self, key, dtype, count):
        self.key, self.dtype, self.count = key, dtype, count

    def persistent_id(self):
        return ("storage", _Global("torch", STORAGES[self.dtype]), self.key, "cpu", self.count)


class _OrderedDict:
    def __reduce__(self):
        return _Global("collections", "OrderedDict"), ()


class _Tensor:
    def __init__(self, storage, shape):
        self.storage, self.shape = storage, shape

    def arguments(self):
        strides, step = [], 1
        for size in reversed(self.shape):
            strides.insert(0, step)
            step *= size
        # storage, offset, size, stride, requires_grad, backward hooks (an empty OrderedDict in torch's files)
        return (self.storage, 0, tuple(self.shape), tuple(strides), False, {})


def write(path, tensors, dtype, root=None, prefix="archive"):
    """tensors: name -> array. root: wrap them in a dictionary under this key."""
    table, blobs = {}, []
    for index, (name, values) in enumerate(tensors.items()):
        values = np.asarray(values)
        storage = _Storage(str(index), dtype, values.size)
        table[name] = _Tensor(storage, values.shape)
        blobs.append(encode(values, dtype))
    stream = io.BytesIO()
    _Pickler(stream, protocol=2).dump({root: table} if root else table)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        def member(name, data):
            info = zipfile.ZipInfo(f"{prefix}/{name}", (1980, 1, 1, 0, 0, 0))
            archive.writestr(info, data)
        member("data.pkl", stream.getvalue())
        member("byteorder", b"little")
        for index, blob in enumerate(blobs):
            member(f"data/{index}", blob)
        member("version", b"3\n")
