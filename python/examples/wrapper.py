"""A script made for rwkv.cpp's Python wrapper: only its import line was changed.

usage: wrapper.py MODEL [PROMPT]
"""
import sys

import numpy as np

from rwkv_tools.rwkv_cpp import rwkv_cpp_model, rwkv_cpp_shared_library

if len(sys.argv) < 2:
    sys.exit(__doc__)
library = rwkv_cpp_shared_library.load_rwkv_shared_library()
print("System info:", library.rwkv_get_system_info_string())
model = rwkv_cpp_model.RWKVModel(library, sys.argv[1], thread_count=2)

prompt = sys.argv[2] if len(sys.argv) > 2 else "Once upon a time"
logits, state = model.eval_sequence_in_chunks(list(prompt.encode()), None, None, None, chunk_size=16,
                                              use_numpy=True)
text = prompt.encode()
for _ in range(60):
    token = int(np.argmax(logits))
    text += bytes([token])
    logits, state = model.eval(token, state, state, logits, use_numpy=True)
model.free()
print(text.decode("utf-8", "replace"))
