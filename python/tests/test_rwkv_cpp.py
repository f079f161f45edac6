"""A script made for rwkv.cpp's wrapper, with its import changed."""
import numpy as np
import pytest

from rwkv_tools import RWKV
from rwkv_tools.rwkv_cpp import rwkv_cpp_model, rwkv_cpp_shared_library




def test_eval_gives_the_librarys_logits(demo, demo_path):
    library = rwkv_cpp_shared_library.load_rwkv_shared_library()
    model = rwkv_cpp_model.RWKVModel(library, demo_path, thread_count=1)
    assert (model.n_vocab, model.n_embed, model.n_layer) == (256, demo.n_embd, demo.n_layer)
    state, logits = None, None
    for token in b"Once upon":
        logits, state = model.eval(token, state, state, logits, use_numpy=True)
    direct = RWKV(demo_path, "cpu", threads=1)
    expected, s = direct.forward(list(b"Once upo"), None)
    expected, s = direct.forward([ord("n")], s)
    assert np.abs(logits - expected).max() < 1e-3
    sequence, _ = model.eval_sequence(list(b"Once upon"), None)
    chunks, _ = model.eval_sequence_in_chunks(list(b"Once upon"), None, chunk_size=2)
    assert np.abs(sequence - logits).max() < 1e-3 and np.abs(chunks - logits).max() < 1e-3
    model.free()
    with pytest.raises(ValueError, match="freed"):
        model.eval(1, None)


def test_wrong_buffers_and_files(demo_path, tmp_path):
    library = rwkv_cpp_shared_library.load_rwkv_shared_library()
    with pytest.raises(ValueError):
        rwkv_cpp_model.RWKVModel(library, str(tmp_path / "missing.bin"))
    model = rwkv_cpp_model.RWKVModel(library, demo_path, thread_count=1)
    with pytest.raises(ValueError, match="state_in"):
        model.eval(1, np.zeros(3, dtype=np.float32))
    with pytest.raises(ValueError, match="logits_out"):
        model.eval(1, None, logits_out=np.zeros(256, dtype=np.float64))
    assert "kernels" in library.rwkv_get_system_info_string()
