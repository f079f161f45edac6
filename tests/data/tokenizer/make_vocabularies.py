#!/usr/bin/env python3
"""Writes the made-up vocabularies of the unit tests beside this script: tiny_world.txt, in the form of the
World vocabulary, and tiny_bpe.json, in the form of 20B_tokenizer.json."""

import json
import pathlib

HERE = pathlib.Path(__file__).parent

# Bytes that occur in no UTF-8. Vocabularies made from text have no tokens for them.
NEVER = [0xC0, 0xC1] + list(range(0xF5, 0x100))

# Every way to write a token that Python has, after the single bytes. (id, literal)
WORLD_TOKENS = [
    (257, r"'\n\n'"),
    (258, "'th'"),
    (259, "'the'"),
    (260, "' the'"),
    (261, "' there'"),
    (262, '"it\'s"'),
    (263, r"'\'\"'"),
    (264, r"'\\\\'"),
    (265, r"'\t\r\a\b\f\v'"),
    (266, r"'\x41B'"),
    (267, r"'\101C\0'"),
    (268, r"'\u4e2d\u6587'"),
    (269, r"'\U0001f600'"),
    (270, "'日本'"),
    (271, r"b'\xe4\xb8'"),
    (272, r"b'\377\0\'x'"),
    (273, r"'\xe9'"),
    (274, "b\"'\""),  # replaces the single byte below
    (300, "'aaaaaaaaaaaaaaaa'"),
    (500, "'aaa'"),
]

# Merges in their order: what is merged first is not always what stands first.
BPE_MERGES = [
    "h e", "b c", "a b", "a bc", "ab c", "t he", "Ġ the", "Ġ Ġ", "ĠĠ ĠĠ", "e r", "' s", "l l", "1 2", "12 3",
    "Ã ©", "a a", "aa aa", "n o", "Ġ no", "Ċ Ċ", "à ¤", "à¤ ķ",
]


def byte_letters():
    """What tokenizer.json writes for each byte."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [b for b in range(256) if b not in shown]
    return {b: chr(b) for b in shown} | {b: chr(0x100 + i) for i, b in enumerate(hidden)}


def world_lines():
    for byte in range(256):
        literal = repr(chr(byte)) if byte < 0x80 else repr(bytes([byte]))
        if byte == ord("'"):
            continue
        yield f"{byte + 1} {literal} 1"
    for token, literal in WORLD_TOKENS:
        value = eval(literal)  # noqa: S307 (ours, from above)
        yield f"{token} {literal} {len(value.encode() if isinstance(value, str) else value)}"


def bpe_document():
    letters = byte_letters()
    tokens = ["<|end|>"] + [letters[b] for b in range(256) if b not in NEVER]
    for merge in BPE_MERGES:
        merged = merge.replace(" ", "")
        if merged not in tokens:
            tokens.append(merged)
    vocabulary = {token: i for i, token in enumerate(tokens)}
    n = len(tokens)
    added = [("<|end|>", 0, True, False), ("<|end|>>", n, True, False), ("   ", n + 1, False, True),
             ("     ", n + 2, False, True), ("héllo", n + 3, False, True), ("nobody", n + 4, False, True)]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "special": special, "content": content, "single_word": False, "lstrip": False,
                          "rstrip": False, "normalized": normalized} for content, i, special, normalized in added],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": byte_level,
        "post_processor": byte_level,
        "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "vocab": vocabulary, "merges": BPE_MERGES},
    }


def main():
    (HERE / "tiny_world.txt").write_text("".join(line + "\n" for line in world_lines()), encoding="utf-8")
    document = json.dumps(bpe_document(), ensure_ascii=False, indent=1)
    (HERE / "tiny_bpe.json").write_text(document + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
