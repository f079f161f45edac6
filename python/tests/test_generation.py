import numpy as np
import pytest

from rwkv_tools import PIPELINE, PIPELINE_ARGS, Sampler, Session
from rwkv_tools.pipeline import whole_characters

PROMPT = "Once upon a time"


def test_pipeline_generates_the_same_text_for_a_seed(demo):
    args = PIPELINE_ARGS(temperature=1.0, top_p=0.7, token_stop=[0])
    texts = [PIPELINE(demo, seed=7).generate(PROMPT, 40, args) for _ in range(2)]
    assert texts[0] == texts[1] and len(texts[0]) == 40
    assert PIPELINE(demo, seed=8).generate(PROMPT, 40, args) != texts[0]


def test_callback_gets_the_text(demo):
    pieces = []
    text = PIPELINE(demo, seed=1).generate(PROMPT, 30, callback=pieces.append)
    assert "".join(pieces) == text


def test_greedy_is_the_argmax(demo):
    pipeline = PIPELINE(demo)
    logits, _ = demo.forward(list(PROMPT.encode()), None)
    for _ in range(5):
        assert pipeline.sample_logits(logits, temperature=1.0, top_p=0) == logits.argmax()
        assert pipeline.sample_logits(logits, temperature=0, top_p=0.5) == logits.argmax()


def test_sampling_follows_the_packages_rule():
    """Frequencies of many draws against the rule: top_p on the untempered distribution, then temperature."""
    logits = np.log(np.array([0.5, 0.25, 0.15, 0.06, 0.04], dtype=np.float32))
    sampler = Sampler(5, seed=3, temperature=2.0, top_p=0.8, presence_penalty=0, frequency_penalty=0)
    n = 20000
    counts = np.bincount([sampler.draw(logits) for _ in range(n)], minlength=5)
    kept = np.array([0.5, 0.25, 0.15, 0, 0]) ** 0.5
    expected = kept / kept.sum()
    assert counts[3] == counts[4] == 0
    error = np.sqrt(expected[:3] * (1 - expected[:3]) / n)
    assert (np.abs(counts[:3] / n - expected[:3]) < 5 * error).all()


def test_bans_and_stops(demo):
    pipeline = PIPELINE(demo, seed=5)
    assert "e" not in pipeline.generate(PROMPT, 60, PIPELINE_ARGS(token_ban=[ord("e")]))
    text = pipeline.generate(PROMPT, 200, PIPELINE_ARGS(token_stop=[ord(".")]))
    assert "." not in text and len(text) < 200


def test_session_stops_at_strings_and_takes_them_back(demo):
    session = Session(demo, seed=2)
    assert session.feed(PROMPT) == len(PROMPT)
    text = session.generate(300, stops=[". "])
    assert text.end == "stop_string" and ". " not in text and text.n_tokens <= len(text.encode())
    kept = session.state
    other = Session(demo, seed=2)
    other.feed(PROMPT + text)
    for a, b in zip(other.state, kept):
        assert np.abs(a - b).max() < 1e-3


def test_session_in_pieces_is_session_in_one(demo, tmp_path):
    whole = Session(demo, seed=4)
    whole.feed(PROMPT)
    expected = whole.generate(60)
    parts = Session(demo, seed=4)
    parts.feed(PROMPT)
    first = parts.generate(25, flush=False)
    parts.save(tmp_path / "session")
    again = Session(demo, seed=99)
    again.load(tmp_path / "session")
    assert first + again.generate(35) == expected
    assert first.end == "length"


def test_session_state_can_be_exchanged(demo):
    session = Session(demo, seed=4, top_p=0)
    session.feed(PROMPT)
    kept = session.state
    a = session.generate(20)
    session.state = kept
    session.feed("")
    logits, _ = demo.forward(list(PROMPT.encode()), None)
    session.reset()
    session.feed(PROMPT)
    assert session.generate(20) == a
    assert a[0].encode()[0] == logits.argmax()


def test_callback_ends_and_exceptions_pass(demo):
    session = Session(demo, seed=4)
    session.feed(PROMPT)
    assert session.generate(50, callback=lambda piece: False).end == "callback"

    def fail(piece):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        session.generate(50, callback=fail)


def test_unknown_settings_are_named(demo):
    with pytest.raises(TypeError, match="temprature"):
        Session(demo, temprature=1)
    with pytest.raises(ValueError, match="gpt"):
        Session(demo, preset="gpt")
    with pytest.raises(ValueError, match="temperature"):
        Session(demo, temperature=-1)


def test_whole_characters():
    data = "aé日🙂".encode()
    for cut in range(len(data) + 1):
        text, rest = whole_characters(data[:cut])
        assert text.encode() + rest == data[:cut] and "\ufffd" not in text
    assert whole_characters(b"\xff") == ("\ufffd", b"")
    assert whole_characters(b"a\xc3(") == ("a\ufffd(", b"")
