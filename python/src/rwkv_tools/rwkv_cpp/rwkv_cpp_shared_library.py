"""RWKVSharedLibrary: the functions of rwkv.h by name, on addresses of float32 buffers."""
import ctypes as c
from typing import List, Optional

from .. import _library

QUANTIZED_FORMAT_NAMES = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0")

P_FLOAT = c.POINTER(c.c_float)
P_INT = c.POINTER(c.c_int32)

_FUNCTIONS = {
    "rwkv_set_print_errors": (None, [c.c_void_p, c.c_bool]),
    "rwkv_init_from_file": (c.c_void_p, [c.c_char_p, c.c_uint32, c.c_uint32]),
    "rwkv_gpu_offload_layers": (c.c_bool, [c.c_void_p, c.c_uint32]),
    "rwkv_eval": (c.c_bool, [c.c_void_p, c.c_uint32, P_FLOAT, P_FLOAT, P_FLOAT]),
    "rwkv_eval_sequence": (c.c_bool, [c.c_void_p, c.POINTER(c.c_uint32), c.c_size_t, P_FLOAT, P_FLOAT,
                                      P_FLOAT]),
    "rwkv_eval_sequence_in_chunks": (c.c_bool, [c.c_void_p, c.POINTER(c.c_uint32), c.c_size_t, c.c_size_t,
                                                P_FLOAT, P_FLOAT, P_FLOAT]),
    "rwkv_get_n_vocab": (c.c_size_t, [c.c_void_p]),
    "rwkv_get_n_embed": (c.c_size_t, [c.c_void_p]),
    "rwkv_get_n_layer": (c.c_size_t, [c.c_void_p]),
    "rwkv_get_state_buffer_element_count": (c.c_uint32, [c.c_void_p]),
    "rwkv_get_logits_buffer_element_count": (c.c_uint32, [c.c_void_p]),
    "rwkv_init_state": (None, [c.c_void_p, P_FLOAT]),
    "rwkv_free": (None, [c.c_void_p]),
    "rwkv_quantize_model_file": (c.c_bool, [c.c_char_p, c.c_char_p, c.c_char_p]),
    "rwkv_get_system_info_string": (c.c_char_p, []),
}


class RWKVContext:
    def __init__(self, ptr):
        self.ptr = ptr


def _floats(address: Optional[int]):
    return c.cast(c.c_void_p(address), P_FLOAT)


class RWKVSharedLibrary:
    def __init__(self, shared_library_path: Optional[str] = None):
        self.library = _library.lib if shared_library_path is None else c.CDLL(shared_library_path)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(self.library, name)
            function.restype, function.argtypes = result, arguments

    @staticmethod
    def _require(good: bool, what: str) -> None:
        if not good:
            raise ValueError(f"{what} failed, see stderr")

    def rwkv_init_from_file(self, model_file_path: str, thread_count: int, gpu_layers_count: int = 0) -> RWKVContext:
        ptr = self.library.rwkv_init_from_file(model_file_path.encode(), thread_count, gpu_layers_count)
        self._require(ptr is not None, "rwkv_init_from_file")
        return RWKVContext(ptr)

    def rwkv_gpu_offload_layers(self, ctx: RWKVContext, layer_count: int) -> bool:
        return self.library.rwkv_gpu_offload_layers(ctx.ptr, layer_count)

    def rwkv_eval(self, ctx: RWKVContext, token: int, state_in_address: Optional[int],
                  state_out_address: int, logits_out_address: int) -> None:
        self._require(self.library.rwkv_eval(ctx.ptr, token, _floats(state_in_address),
                                             _floats(state_out_address), _floats(logits_out_address)),
                      "rwkv_eval")

    def rwkv_eval_sequence(self, ctx: RWKVContext, tokens: List[int], state_in_address: Optional[int],
                           state_out_address: int, logits_out_address: int) -> None:
        self._require(
            self.library.rwkv_eval_sequence(ctx.ptr, (c.c_uint32 * len(tokens))(*tokens), len(tokens),
                                            _floats(state_in_address), _floats(state_out_address),
                                            _floats(logits_out_address)), "rwkv_eval_sequence")

    def rwkv_eval_sequence_in_chunks(self, ctx: RWKVContext, tokens: List[int], chunk_size: int,
                                     state_in_address: Optional[int], state_out_address: int,
                                     logits_out_address: int) -> None:
        self._require(
            self.library.rwkv_eval_sequence_in_chunks(
                ctx.ptr, (c.c_uint32 * len(tokens))(*tokens), len(tokens), chunk_size,
                _floats(state_in_address), _floats(state_out_address), _floats(logits_out_address)),
            "rwkv_eval_sequence_in_chunks")

    def rwkv_get_n_vocab(self, ctx: RWKVContext) -> int:
        return self.library.rwkv_get_n_vocab(ctx.ptr)

    def rwkv_get_n_embed(self, ctx: RWKVContext) -> int:
        return self.library.rwkv_get_n_embed(ctx.ptr)

    def rwkv_get_n_layer(self, ctx: RWKVContext) -> int:
        return self.library.rwkv_get_n_layer(ctx.ptr)

    def rwkv_get_state_buffer_element_count(self, ctx: RWKVContext) -> int:
        return self.library.rwkv_get_state_buffer_element_count(ctx.ptr)

    def rwkv_get_logits_buffer_element_count(self, ctx: RWKVContext) -> int:
        return self.library.rwkv_get_logits_buffer_element_count(ctx.ptr)

    def rwkv_free(self, ctx: RWKVContext) -> None:
        self.library.rwkv_free(ctx.ptr)
        ctx.ptr = None

    def rwkv_quantize_model_file(self, model_file_path_in: str, model_file_path_out: str,
                                 format_name: str) -> None:
        self._require(self.library.rwkv_quantize_model_file(model_file_path_in.encode(),
                                                            model_file_path_out.encode(),
                                                            format_name.encode()),
                      "rwkv_quantize_model_file")

    def rwkv_get_system_info_string(self) -> str:
        return self.library.rwkv_get_system_info_string().decode()


def load_rwkv_shared_library() -> RWKVSharedLibrary:
    """The library of this package; nothing has to be found or built."""
    return RWKVSharedLibrary()
