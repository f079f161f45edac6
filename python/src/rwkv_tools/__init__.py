"""RWKV language models on the CPU: numpy in, numpy out, no PyTorch.

    from rwkv_tools import RWKV, PIPELINE
    model = RWKV("model.pth", "cpu fp32")
    logits, state = model.forward([1, 2, 3], None)
"""
from ._library import RWKVError, lib
from .model import RWKV
from .pipeline import PIPELINE, PIPELINE_ARGS
from .sampling import Sampler
from .session import Generated, Session
from .tokenizer import Tokenizer

__version__ = lib.rk_version().decode()
__all__ = ["RWKV", "PIPELINE", "PIPELINE_ARGS", "Session", "Generated", "Sampler", "Tokenizer", "RWKVError"]
