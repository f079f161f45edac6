import copy
import threading

import numpy as np
import pytest

from rwkv_tools import RWKV, RWKVError, Tokenizer

CHECK_PROMPT = b"Once upon a time, "  # models/demo/check_demo.py
TEXT = b"Once upon a time, the old "


def test_logits_are_those_of_the_expected_file(demo, root, demo_path):
    name = "demo-rwkv7-expected-logits.bin" if "rwkv7" in demo_path else "demo-expected-logits.bin"
    expected = np.fromfile(root / "models" / "demo" / name, dtype=np.float32)
    logits, _ = demo.forward(list(CHECK_PROMPT), None)
    assert np.abs(logits - expected).max() < 1e-4


def test_chunks_and_full_output_agree(demo):
    whole, state = demo.forward(list(TEXT), None, full_output=True)
    assert whole.shape == (len(TEXT), 256)
    other = None
    for token, row in zip(TEXT, whole):
        logits, other = demo.forward(token, other)
        assert np.abs(logits - row).max() < 1e-4
    for a, b in zip(state, other):
        assert np.abs(a - b).max() < 1e-4


def test_every_version_has_the_lists_of_the_package(versions):
    for path in versions:
        model = RWKV(path, "cpu fp32", threads=1)
        logits, state = model.forward([1, 2, 3], None)
        per_layer = 5 if model.version == "RWKV-4" else 3
        assert len(state) == per_layer * model.n_layer
        assert len(model.strategy) == model.n_layer + 1
        assert model.args.n_layer == model.n_layer and model.args.vocab_size == model.n_vocab
        for i, array in enumerate(state):
            matrix = per_layer == 3 and i % 3 == 1
            head = (model.n_head, model.head_size, model.head_size)
            assert array.shape == (head if matrix else (model.n_embd,))
            assert array.base is not None  # a view
        assert logits.dtype == np.float32 and logits.shape == (model.n_vocab,)


def test_state_is_updated_in_place_and_deepcopy_parts_it(demo):
    _, state = demo.forward(list(TEXT), None)
    kept = copy.deepcopy(state)
    first, returned = demo.forward([65, 66], state)
    assert returned is state
    assert any((a != b).any() for a, b in zip(kept, state))
    again, _ = demo.forward([65, 66], kept)
    assert (first == again).all()


def test_plain_lists_of_arrays_are_states_too(demo):
    _, state = demo.forward(list(TEXT), None)
    plain = [np.array(array) for array in state]
    expected, _ = demo.forward([65], state)
    logits, plain = demo.forward([65], plain)
    assert (logits == expected).all()
    for a, b in zip(plain, state):
        assert (a == b).all()


def test_replaced_items_count(demo):
    _, state = demo.forward(list(TEXT), None)
    expected, _ = demo.forward([65], demo.empty_state())
    for i, array in enumerate(demo.empty_state()):
        state[i] = np.array(array)
    logits, _ = demo.forward([65], state)
    assert (logits == expected).all()


def test_a_tail_state_is_the_last_input(demo):
    """att_xx after one token does not depend on the token before it in layer 0."""
    _, a = demo.forward([65, 66], None)
    _, b = demo.forward([67, 66], None)
    assert (a[0] == b[0]).all()
    assert (a[1] != b[1]).any()


def test_save_and_load(demo, tmp_path):
    _, state = demo.forward(list(TEXT), None)
    expected = [np.array(array) for array in state]
    demo.save_state(state, tmp_path / "state")
    for a, b in zip(demo.load_state(tmp_path / "state"), expected):
        assert (a == b).all()


@pytest.mark.parametrize("tokens", [[], [256], [-1], [[1, 2]], 1000])
def test_bad_tokens(demo, tokens):
    with pytest.raises(ValueError):
        demo.forward(tokens, None)


def test_bad_state_and_bad_file(demo, tmp_path):
    with pytest.raises(ValueError, match="arrays, not 2"):
        demo.forward([1], [np.zeros(3), np.zeros(3)])
    with pytest.raises(FileNotFoundError):
        RWKV(tmp_path / "missing.pth", "cpu fp32")
    (tmp_path / "page.pth").write_text("<!DOCTYPE html><html></html>")
    with pytest.raises(RWKVError, match="HTML"):
        RWKV(tmp_path / "page.pth")
    with pytest.raises(RWKVError):
        RWKV(demo.path, "cpu fp17")


def test_threads_run_side_by_side(demo):
    """Clones on the same weights, each in a thread of its own, agree with one."""
    expected, _ = demo.forward(list(TEXT), None)
    results = [None] * 3

    def work(i):
        model = demo.clone()
        for _ in range(5):
            results[i], _ = model.forward(list(TEXT), None)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        assert (result == expected).all()


def test_tokenizer_bytes():
    tokenizer = Tokenizer("bytes")
    assert tokenizer.encode("aé") == [97, 0xC3, 0xA9]
    assert tokenizer.decode([97, 0xC3, 0xA9]) == "aé"
    assert tokenizer.decode_bytes([0xC3]) == b"\xc3"
    assert tokenizer.decode([0xC3]) == "\ufffd"
    assert tokenizer.encode("") == []
