"""Several continuations of one text, from one state that is computed once.

usage: stories.py MODEL PROMPT [COUNT]
"""
import sys

from rwkv_tools import RWKV, Session

if len(sys.argv) < 3:
    sys.exit(__doc__)
model = RWKV(sys.argv[1])
count = int(sys.argv[3]) if len(sys.argv) > 3 else 3
for seed in range(count):
    session = Session(model, seed=seed, temperature=1.0, top_p=0.8)
    if seed == 0:
        session.feed(sys.argv[2][:-1])
        warm = session.state  # everything but the last character, which is fed again
    else:
        session.state = warm
    session.feed(sys.argv[2][-1:])
    print(f"--- {seed}\n{sys.argv[2]}", end="")
    text = session.generate(200, stops=["\n\n"], callback=lambda piece: print(piece, end="", flush=True))
    print(f"\n({text.n_tokens} tokens, {text.end})")
