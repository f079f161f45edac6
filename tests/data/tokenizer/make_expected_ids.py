#!/usr/bin/env python3
"""Writes what the Python packages make of sample.txt: sample_world_ids.txt (package rwkv) and
sample_20B_ids.txt (package tokenizers), beside this script.

usage: make_expected_ids.py DIR    (DIR has the files that scripts/get-tokenizers fetches)
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent.parent / "python"))

import check_tokenizers  # noqa: E402


def write_ids(path, ids):
    rows = [" ".join(map(str, ids[i:i + 20])) for i in range(0, len(ids), 20)]
    path.write_text("\n".join(rows) + "\n", encoding="ascii")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    sample = (HERE / "sample.txt").read_bytes().decode()  # line ends are part of the text
    world = check_tokenizers.package_world(folder / check_tokenizers.WORLD)
    write_ids(HERE / "sample_world_ids.txt", world(sample))
    old = check_tokenizers.package_bpe(folder / check_tokenizers.OLD)
    write_ids(HERE / "sample_20B_ids.txt", old(sample))


if __name__ == "__main__":
    main()
