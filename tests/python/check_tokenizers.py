#!/usr/bin/env python3
"""Compares the library's tokenizers with the Python packages that made the vocabularies usable:
ids of the World vocabulary with package rwkv's own class, those of 20B_tokenizer.json with package
tokenizers, on a megabyte of text in more than twelve scripts and on every single character.

usage: check_tokenizers.py LIBRWKV.so [--mebibytes N] [--seed S]

The vocabulary files are looked for in $RWKV_TOKENIZER, a directory (scripts/get-tokenizers DIR).
Exit code 77: a package or a file is missing, and so nothing was compared with it.
"""

import argparse
import ctypes
import importlib.util
import os
import pathlib
import random
import sys
import unicodedata

SAMPLE = pathlib.Path(__file__).parent.parent / "data" / "tokenizer" / "sample.txt"
WORLD, OLD = "rwkv_vocab_v20230424.txt", "20B_tokenizer.json"


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("errno", ctypes.c_int), ("message", ctypes.c_char * 512)]


class Tokenizer:
    """One rk_tokenizer."""

    def __init__(self, library, path):
        self.library, self.handle = library, ctypes.c_void_p()
        error = Error()
        if library.rk_tokenizer_load(ctypes.byref(self.handle), os.fsencode(path), ctypes.byref(error)):
            sys.exit(f"rk_tokenizer_load: {error.message.decode()}")
        library.rk_tokenizer_decode.restype = ctypes.POINTER(ctypes.c_char)

    def encode(self, data):
        ids, count, error = ctypes.POINTER(ctypes.c_uint32)(), ctypes.c_size_t(), Error()
        if self.library.rk_tokenizer_encode(self.handle, data, ctypes.c_size_t(len(data)), ctypes.byref(ids),
                                            ctypes.byref(count), ctypes.byref(error)):
            sys.exit(f"rk_tokenizer_encode: {error.message.decode()}")
        result = ids[: count.value]
        self.library.rk_tokens_free(ctypes.byref(ids))
        return result

    def decode(self, ids):
        length, parts = ctypes.c_size_t(), []
        for token in ids:
            text = self.library.rk_tokenizer_decode(self.handle, ctypes.c_uint32(token), ctypes.byref(length))
            parts.append(text[: length.value])
        return b"".join(parts)


def mutations(sample, size, generator):
    """At least `size` bytes of text: the sample's paragraphs as they are, then changed at random."""
    paragraphs = [p for p in sample.split("\n\n") if p]
    alphabet = sorted(set(sample))
    blanks = [" ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", " \n ", "\u00a0", "\u3000", "\u180e", " " * 30]
    texts = [sample]
    total = len(sample.encode())
    while total < size:
        text = list(generator.choice(paragraphs))
        for _ in range(generator.randrange(1 + len(text) // 4)):
            at = generator.randrange(len(text))
            change = generator.randrange(6)
            if change == 0:
                text[at] = generator.choice(alphabet)
            elif change == 1:
                text[at] = generator.choice(blanks)
            elif change == 2:
                text[at] *= generator.randrange(2, 9)
            elif change == 3:
                text[at] = ""
            elif change == 4:
                other = generator.randrange(len(text))
                text[at], text[other] = text[other], text[at]
            else:
                text[at] = unicodedata.normalize(generator.choice(["NFD", "NFKD", "NFC"]), text[at])
        text = "".join(text)
        texts.append(text)
        total += len(text.encode())
    return texts


def is_settled(character):
    """Do all versions of Unicode agree about it? Each side has its own, and package tokenizers orders marks
    by tables that are older than some marks."""
    category = unicodedata.category(character)
    old = unicodedata.ucd_3_2_0
    return category not in ("Cs", "Cn") and old.combining(character) == unicodedata.combining(character)


def random_characters(count, generator):
    """Texts of characters from everywhere, marks in any order among them."""
    marks = [chr(c) for c in range(0x300, 0x370)] + ["\u3099", "\u0323", "\u1161", "\u11a8", "\u093c", "\u200d"]
    texts = []
    for _ in range(count):
        text = []
        for _ in range(generator.randrange(1, 60)):
            code = generator.choice([0x80, 0x800, 0x3100, 0x10000, 0x20000, 0x30000])
            code = generator.randrange(code)
            kind = generator.randrange(4)
            if kind == 0:
                text.append(generator.choice(marks))
            elif kind == 1:
                text.append(generator.choice(" \n\t'st"))
            elif is_settled(chr(code)):
                text.append(chr(code))
        texts.append("".join(text))
    return texts


def every_character():
    """Each character between letters, digits, blanks and punctuation. Those that are not assigned in the
    Unicode version of both sides may be letters to one of them, and are left out."""
    for code in range(0x110000):
        if 0xD800 <= code < 0xE000 or unicodedata.category(chr(code)) == "Cn":
            continue
        yield f"a{chr(code)}1 {chr(code)}{chr(code)}.{chr(code)} \n {chr(code)} b"


def compare(name, ours, theirs, texts):
    """theirs(text) -> ids. Prints the first few differences; returns whether there was none."""
    n_texts = n_bytes = n_tokens = differences = 0
    for text in texts:
        data = text.encode()
        found, expected = ours.encode(data), theirs(text)
        n_texts, n_bytes, n_tokens = n_texts + 1, n_bytes + len(data), n_tokens + len(found)
        if found != expected:
            differences += 1
            if differences <= 5:
                first = next((i for i, (a, b) in enumerate(zip(found, expected)) if a != b),
                             min(len(found), len(expected)))
                print(f"{name}: token {first} of {text[:60]!r}: {found[first:first + 4]} instead of "
                      f"{expected[first:first + 4]}, after {ours.decode(found[:first])[-20:]!r}")
    print(f"{name}: {n_texts} texts, {n_bytes} bytes, {n_tokens} tokens, {differences} texts differ")
    return differences == 0


def check_round_trip(name, ours, generator):
    """Bytes that are hardly text at all, without those that 20B has no tokens for, and without the lead bytes
    of characters that normalization form C changes."""
    for _ in range(500):
        data = bytes(b for b in generator.randbytes(generator.randrange(20000)) if b < 0xc0 or b == 0xee or 0xf0 < b < 0xf5)
        if ours.decode(ours.encode(data)) != data:
            print(f"{name}: {data[:40]!r}... does not come back")
            return False
    return True


def package_world(path):
    """The class of package rwkv, from its file alone: the package itself would load torch."""
    package = importlib.util.find_spec("rwkv")
    if package is None or package.origin is None:
        return None
    source = pathlib.Path(package.origin).parent / "rwkv_tokenizer.py"
    spec = importlib.util.spec_from_file_location("rwkv_tokenizer", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.TRIE_TOKENIZER(str(path)).encode


def package_bpe(path):
    try:
        import tokenizers
    except ImportError:
        return None
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    return lambda text: tokenizer.encode(text).ids


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library")
    parser.add_argument("--mebibytes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=20230424)
    options = parser.parse_args()
    folder = os.environ.get("RWKV_TOKENIZER", "")
    if not os.path.isdir(folder):
        print("skipped: RWKV_TOKENIZER is no directory (scripts/get-tokenizers DIR)")
        return 77

    library = ctypes.CDLL(options.library)
    print(f"seed {options.seed}")
    generator = random.Random(options.seed)
    # Line ends are part of the text.
    sample = SAMPLE.read_bytes().decode()
    texts = mutations(sample, int(options.mebibytes * (1 << 20)), generator) + random_characters(2000, generator)
    failed = skipped = False
    for name, file, package in [("World", WORLD, package_world), ("20B", OLD, package_bpe)]:
        path = os.path.join(folder, file)
        theirs = package(path) if os.path.isfile(path) else None
        if theirs is None:
            print(f"{name}: {file} or the Python package to compare with is missing")
            skipped = True
            continue
        ours = Tokenizer(library, path)
        failed |= not compare(f"{name}, text", ours, theirs, texts)
        failed |= not compare(f"{name}, every character", ours, theirs, every_character())
        failed |= not check_round_trip(name, ours, generator)
    return 1 if failed else 77 if skipped else 0


if __name__ == "__main__":
    sys.exit(main())
