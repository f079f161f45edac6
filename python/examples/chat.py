"""A chat in the manner of scripts for the rwkv package: forward() and sample_logits(), the state in hand.

usage: chat.py MODEL [STRATEGY]        each line of the input is a turn
"""
import copy
import sys

import numpy as np

from rwkv_tools import PIPELINE, RWKV

USER, BOT = "User", "Assistant"
TOP_P, TEMPERATURE, PRESENCE, FREQUENCY, DECAY = 0.7, 1.0, 0.2, 0.2, 0.996
MOST_TOKENS = 120


def answer(pipeline, logits, state):
    """Prints an answer as it comes; returns its text and the state behind it."""
    counts, text, shown = {}, b"", 0
    for _ in range(MOST_TOKENS):
        for token, count in counts.items():
            logits[token] -= PRESENCE + count * FREQUENCY
        token = pipeline.sample_logits(logits, temperature=TEMPERATURE, top_p=TOP_P)
        if token == 0:
            break
        for other in counts:
            counts[other] *= DECAY
        counts[token] = counts.get(token, 0) + 1
        text += pipeline.tokenizer.token_bytes(token)
        logits, state = pipeline.model.forward([token], state)
        if b"\n\n" in text:
            break
        piece = text[shown:].decode("utf-8", "ignore")
        if "\ufffd" not in piece:
            print(piece, end="", flush=True)
            shown = len(text)
    print()
    return text.decode("utf-8", "replace").strip(), state


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    model = RWKV(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "cpu fp32")
    pipeline = PIPELINE(model)
    state = None
    for line in sys.stdin:
        turn = line.strip().replace("\r\n", "\n")
        if not turn:
            continue
        before = copy.deepcopy(state)  # to try again from: `logits, state = model.forward(..., before)`
        logits, state = model.forward(pipeline.encode(f"{USER}: {turn}\n\n{BOT}:"), state)
        assert np.isfinite(logits).all() and (before is None or before is not state)
        _, state = answer(pipeline, logits, state)


main()
