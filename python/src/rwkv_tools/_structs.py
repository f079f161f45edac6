"""The C structures of include/rk that Python fills in or reads.

`tests/test_structs.py` compares sizes and offsets with what the compiler says.
"""
import ctypes as c


class Error(c.Structure):
    _fields_ = [("code", c.c_int), ("system_errno", c.c_int), ("message", c.c_char * 512)]


class Progress(c.Structure):
    FUNCTION = c.CFUNCTYPE(c.c_bool, c.c_void_p, c.c_uint64, c.c_uint64)
    _fields_ = [("report", FUNCTION), ("user", c.c_void_p)]


class Dims(c.Structure):
    _fields_ = [(name, c.c_size_t)
                for name in ("n_vocab", "n_embd", "n_layer", "n_ffn", "n_head", "head_size")]


class ModelInfo(c.Structure):
    _fields_ = [("path", c.c_char_p), ("arch", c.c_int), ("arch_name", c.c_char_p), ("dims", Dims),
                ("dtype", c.c_int), ("n_parameters", c.c_uint64), ("weight_bytes", c.c_uint64),
                ("embedding_bytes", c.c_uint64), ("state_floats", c.c_size_t), ("strategy", c.c_char_p),
                ("placement", c.c_char_p)]


class ModelOptions(c.Structure):
    _fields_ = [("strategy", c.c_char_p), ("pool", c.c_void_p), ("progress", Progress),
                ("rwkv5_group_norm_eps", c.c_float), ("vram_bytes", c.c_uint64)]


class PoolOptions(c.Structure):
    _fields_ = [("n_threads", c.c_size_t), ("pin", c.c_bool)]


class ContextOptions(c.Structure):
    _fields_ = [("pool", c.c_void_p), ("max_chunk", c.c_size_t)]


class Text(c.Structure):
    _fields_ = [("bytes", c.c_char_p), ("length", c.c_size_t)]


class FilterChain(c.Structure):
    _fields_ = [("filters", c.c_int * 8), ("count", c.c_size_t)]


class SamplerOptions(c.Structure):
    _fields_ = [
        ("temperature", c.c_double), ("top_p", c.c_double), ("seed", c.c_uint64),
        ("top_k", c.c_size_t), ("min_p", c.c_double), ("typical", c.c_double),
        ("tail_free", c.c_double), ("top_a", c.c_double), ("mirostat_tau", c.c_double),
        ("mirostat_eta", c.c_double), ("chain", FilterChain), ("repetition_penalty", c.c_double),
        ("presence_penalty", c.c_double), ("frequency_penalty", c.c_double),
        ("penalty_decay", c.c_double), ("penalty_window", c.c_size_t), ("penalty_scope", c.c_int),
        ("biases", c.c_void_p), ("n_biases", c.c_size_t),
        ("bans", c.POINTER(c.c_uint32)), ("n_bans", c.c_size_t),
        ("exempt", c.POINTER(c.c_uint32)), ("n_exempt", c.c_size_t),
        ("tokenizer", c.c_void_p), ("exempt_text", c.c_char_p),
        ("banned_texts", c.POINTER(Text)), ("n_banned_texts", c.c_size_t),
    ]


TextFunction = c.CFUNCTYPE(c.c_bool, c.c_void_p, c.POINTER(c.c_char), c.c_size_t)


class GenerateOptions(c.Structure):
    _fields_ = [
        ("max_tokens", c.c_size_t), ("text", TextFunction), ("user", c.c_void_p),
        ("token", c.c_void_p), ("n_top", c.c_size_t),
        ("stops", c.POINTER(Text)), ("n_stops", c.c_size_t),
        ("stop_tokens", c.POINTER(c.c_uint32)), ("n_stop_tokens", c.c_size_t),
        ("ignore_end_of_text", c.c_bool), ("progress", Progress), ("slice", c.c_size_t),
    ]


class GenerateResult(c.Structure):
    _fields_ = [
        ("n_prompt_tokens", c.c_size_t), ("n_drawn_tokens", c.c_size_t),
        ("prompt_seconds", c.c_double), ("draw_seconds", c.c_double),
        ("stopped_by_caller", c.c_bool), ("end", c.c_int), ("stop", c.c_size_t),
        ("n_withdrawn", c.c_size_t),
    ]


# Name in the C headers -> structure here, for the test.
C_NAMES = {
    "rk_error": Error, "rk_progress": Progress, "rk_dims": Dims, "rk_model_info": ModelInfo,
    "rk_model_options": ModelOptions, "rk_pool_options": PoolOptions,
    "rk_context_options": ContextOptions, "rk_text": Text, "rk_filter_chain": FilterChain,
    "rk_sampler_options": SamplerOptions, "rk_generate_options": GenerateOptions,
    "rk_generate_result": GenerateResult,
}
