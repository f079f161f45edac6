#!/usr/bin/env python3
"""Makes the other files of this folder: token ids and tasks out of the demo model's test text.

usage: make_data.py   (anywhere)
"""
import json
import pathlib
import re
import struct

HERE = pathlib.Path(__file__).parent
TEXT = (HERE / "../../../models/demo/data/test.txt").read_bytes()
STORIES = [story + b"\n\n" for story in TEXT.split(b"\n\n")[:-1]]


def npy(name, kind, shape, data):
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    head += " " * (-(10 + len(head) + 1) % 64) + "\n"
    (HERE / name).write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + data)


def pair(name, documents):
    """What the programs that prepare training data write: tokens of 16 bits, one sequence a document."""
    starts = [2 * sum(map(len, documents[:i])) for i in range(len(documents))]
    n = len(documents)
    index = b"MMIDIDX\x00\x00" + struct.pack("<QBQQ", 1, 8, n, n + 1)
    index += struct.pack(f"<{n}i", *map(len, documents)) + struct.pack(f"<{n}q", *starts)
    index += struct.pack(f"<{n + 1}q", *range(n + 1))
    (HERE / (name + ".idx")).write_bytes(index)
    tokens = [token for document in documents for token in document]
    (HERE / (name + ".bin")).write_bytes(struct.pack(f"<{len(tokens)}H", *tokens))


def lines(name, objects):
    (HERE / name).write_text("".join(json.dumps(o) + "\n" for o in objects))


def sentences(story):
    return [s + "." for s in re.findall(r"[^.]+(?=\.)", story.decode())]


def main():
    n = 1200
    npy("ids-u16.npy", "<u2", f"({n},)", struct.pack(f"<{n}H", *TEXT[:n]))
    npy("ids-i64.npy", "<i8", f"({n},)", struct.pack(f"<{n}q", *TEXT[:n]))
    npy("ids-rows.npy", "|u1", "(6, 200)", TEXT[:n])
    npy("ids-small.npy", "|u1", "(100,)", bytes(i * i % 47 for i in range(100)))
    npy("ids-outside.npy", "<i4", "(3,)", struct.pack("<3i", 65, 66, 256))
    pair("stories", STORIES[:3])
    lines("stories.jsonl", [{"text": story.decode()} for story in STORIES[:3]])
    # The last word of a story's first sentences. Without the full stop, which would be part of it.
    firsts = ["".join(sentences(story)[:4])[:-1] for story in STORIES[:40]]
    lines("lambada.jsonl", [{"text": text} for text in firsts])
    # Which name goes on with the story? The one that it began with, or one from another story.
    items = []
    for i, story in enumerate(STORIES[:40]):
        name = re.search(rb"[Hh](?:er|is|e) name was (\w+)|named (\w+)", story)
        other = re.search(rb"[Hh](?:er|is|e) name was (\w+)|named (\w+)", STORIES[i + 1])
        if not name or not other:
            continue
        right, wrong = ((m.group(1) or m.group(2)).decode() for m in (name, other))
        again = story.decode().find(" " + right, name.end() + 40)
        if right == wrong or again < 0:
            continue
        label = i % 2
        choices = [" " + right, " " + wrong] if label == 0 else [" " + wrong, " " + right]
        items.append({"context": story.decode()[:again], "choices": choices, "label": label})
    lines("choice.jsonl", items)


main()
