#!/usr/bin/env python3
"""Measures the source code: the tables of docs/architecture.md.

usage: scripts/measure_house.py [--build]

Lengths of files and functions, the share of comments, blocks that stand in two places, public functions without a
word about them; with --build, how long everything takes to compile from nothing, in a folder of its own.

A function begins in column 0 and ends with a brace in column 0; its length includes both. A comment line has
nothing but a comment on it. A block is duplicated when 12 or more lines of code in a row, blanks and comments left out,
stand in two places; bodies of tables and lists of #include do not count.
"""
import argparse
import collections
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCOPES = {"include/rk": ["include/rk"], "lib": ["lib"], "tools": ["tools"], "bench": ["bench"],
          "tests": ["tests"], "all": ["include", "lib", "tools", "bench", "tests"]}
WINDOW = 12  # lines of a duplicated block


def sources(folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".c", ".h", ".cu", ".cuh"):
                yield path


def functions(lines):
    """(name, length) of every function body."""
    begin = None
    for i, line in enumerate(lines):
        if line.startswith("}") and begin is not None:
            if line.rstrip() == "}":
                yield name, i - begin + 1
            begin = None
        elif line[:1].isalpha() or line[:1] == "_":
            match = re.search(r"([A-Za-z_]\w*)\(", line)
            if match and not line.startswith(("typedef", "#", "struct", "enum", "Test(", "TestSuite(")) and "=" not in line:
                begin, name = i, match.group(1)
            elif line.startswith(("Test(", "TestSuite(")):
                begin, name = i, "Test"
            else:
                begin = None
        if begin is not None and line.rstrip().endswith(";") and line[:1] not in (" ", "\t") and "{" not in line:
            begin = None  # a declaration
        if begin is not None and i > begin and line[:1] == " " and line.rstrip().endswith(";") and "{" not in "".join(lines[begin:i]):
            begin = None  # a declaration of several lines


def comment_lines(lines):
    inside, count = False, 0
    for line in lines:
        text = line.strip()
        if inside:
            count += 1
            inside = "*/" not in text
        elif text.startswith("//"):
            count += 1
        elif text.startswith("/*"):
            count += 1
            inside = "*/" not in text
    return count


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def size_table():
    rows = []
    for scope, folders in SCOPES.items():
        lengths, bodies, n_comments, n_goto = {}, [], 0, 0
        for path in sources(folders):
            lines = path.read_text().split("\n")[:-1]
            lengths[path] = len(lines)
            bodies += [(length, name) for name, length in functions(lines)]
            n_comments += comment_lines(lines)
            n_goto += sum(re.search(r"\bgoto \w+;", line.split("//")[0]) is not None for line in lines)
        total = sum(lengths.values())
        longest = max(lengths, key=lengths.get)
        sizes = [length for length, _ in bodies] or [0]
        worst = max(bodies, default=(0, "-"))
        rows.append(f"| `{scope}` | {len(lengths)} | {total:,} | {statistics.median(lengths.values()):.0f} / "
                    f"{percentile(lengths.values(), 0.9)} / {lengths[longest]} (`{longest.name}`) | {len(bodies):,} | "
                    f"{statistics.median(sizes):.0f} / {percentile(sizes, 0.9)} / {worst[0]} (`{worst[1]}`) | "
                    f"{100 * n_comments / total:.0f} % | {n_goto} |")
    print("| scope | files | lines | file: median / 90 % / longest | functions | length: median / 90 % / longest | comment lines | goto |")
    print("|---|--:|--:|---|--:|---|--:|--:|")
    print("\n".join(rows))


def code_lines(path):
    """(line number, line without blanks) of what is code and no list."""
    kept = []
    for number, line in enumerate(path.read_text().split("\n"), 1):
        text = re.sub(r"//.*", "", line).strip()
        if not text or text.startswith(("#", "*", "/*", ".", '"')) or re.fullmatch(r"[{}(),;]*|[\[{&].*[,}]", text):
            continue
        kept.append((number, re.sub(r"\s+", "", text)))
    return kept


def duplicated_blocks(folders):
    """Places of equal runs of code, the longest run of each pair of files."""
    seen = collections.defaultdict(list)
    files = {path: code_lines(path) for path in sources(folders)}
    for path, lines in files.items():
        for i in range(len(lines) - WINDOW + 1):
            seen["\n".join(text for _, text in lines[i:i + WINDOW])].append((path, i))
    found = {}
    for places in seen.values():
        for a in range(len(places)):
            for b in range(a + 1, len(places)):
                (first, i), (second, j) = places[a], places[b]
                key = (first, second, i - j)
                found.setdefault(key, []).append((files[first][i][0], files[second][j][0]))
    return [(first, lines[0][0], second, lines[0][1], len(lines) + WINDOW - 1)
            for (first, second, _), lines in found.items()]


def undocumented(path):
    """Public functions that have no comment before, beside or, among functions without a blank line between, above them."""
    covered, names = False, []
    for line in path.read_text().split("\n"):
        if not line.strip():
            covered = False
        elif line.startswith("//"):
            covered = True
        else:
            match = re.match(r"[a-z].*?\b(rk_\w+|rwkv_\w+)\(", line)
            if match and not line.startswith("typedef") and not covered and "//" not in line:
                names.append(match.group(1))
    return names


def build_seconds():
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        environment = dict(os.environ, CCACHE_DISABLE="1")
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "env": environment}
        subprocess.run(["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
                        "-DRWKV_TESTS=ON", "-DRWKV_BENCH=ON", "-DRWKV_CUDA=OFF"], **quiet)
        begin = time.monotonic()
        subprocess.run(["cmake", "--build", folder], **quiet)
        return time.monotonic() - begin
    finally:
        shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", action="store_true")
    args = parser.parse_args()
    size_table()
    blocks = duplicated_blocks(SCOPES["all"])
    print(f"\nduplicated blocks of {WINDOW} or more lines of code: {len(blocks)}")
    for first, i, second, j, n in sorted(blocks, key=lambda block: -block[4]):
        print(f"  {first.relative_to(ROOT)}:{i} and {second.relative_to(ROOT)}:{j}, {n} lines")
    names = [f"{path.name}: {name}" for path in sources(["include"]) for name in undocumented(path)]
    print(f"public functions without a word about them: {len(names)}")
    for name in names:
        print("  " + name)
    if args.build:
        print(f"everything compiled from nothing: {build_seconds():.0f} s with {os.cpu_count()} processors")


if __name__ == "__main__":
    sys.exit(main())
