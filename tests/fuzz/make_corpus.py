#!/usr/bin/env python3
"""Makes the seeds of the fuzz targets, and the fixtures that targets need beside their input.

    python3 tests/fuzz/make_corpus.py

Everything comes from tests/data/zoo or is written byte by byte here; the standard library suffices. Files in corpus/ whose names begin with "regression-" are findings of the past: they are
kept. Each seed is smaller than 4 KB.
"""

import io
import json
import pathlib
import struct
import zipfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent / "data"
CORPUS = HERE / "corpus"
FIXTURES = HERE / "fixtures"
MOST = 4095


class Random:
    """A small generator that gives the same numbers everywhere."""

    def __init__(self, seed):
        self.state = seed

    def uniform(self, low, high):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return low + (high - low) * (self.state >> 11) / 2**53


def floats(values):
    return struct.pack(f"<{len(values)}f", *values)


def halves(values):
    return struct.pack(f"<{len(values)}e", *values)


# --- Pickles and PyTorch files.


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value):
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -2**31 <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    size = value.bit_length() // 8 + 1
    return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)


def numbers(values):
    return b"(" + b"".join(number(v) for v in values) + b"t"


def glob(module, name):
    return f"c{module}\n{name}\n".encode()


def storage(kind, key, count, module="torch", view=None):
    items = text("storage") + glob(module, kind) + text(key) + text("cpu") + number(count)
    return b"(" + items + (view if view is not None else b"") + b"tQ"


def tensor(source, shape, strides, offset=0, tail=b"\x89)", function="_rebuild_tensor_v2"):
    arguments = source + number(offset) + numbers(shape) + numbers(strides) + tail
    return glob("torch._utils", function) + b"(" + arguments + b"tR"


def dictionary(items):
    return b"}(" + b"".join(text(key) + value for key, value in items) + b"u"


def pickle(value, protocol=2):
    return bytes([0x80, protocol]) + value + b"."


def archive(members, method=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as out:
        for name, data in members:
            out.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, method)
    return stream.getvalue()


def pth(tensors, method=zipfile.ZIP_STORED):
    """tensors: (name, shape, values): a checkpoint of float32 tensors."""
    items, members = [], []
    for index, (name, shape, values) in enumerate(tensors):
        strides, step = [], 1
        for size in reversed(shape):
            strides.insert(0, step)
            step *= size
        items.append((name, tensor(storage("FloatStorage", str(index), len(values)), shape, strides)))
        members.append((f"a/data/{index}", floats(values)))
    return archive([("a/data.pkl", pickle(dictionary(items)))] + members, method)


# The storages "0" to "7" that fuzz_pickle.c puts beside its input, in bytes.
FLOATS_6 = storage("FloatStorage", "0", 6)
HALVES_24 = storage("HalfStorage", "1", 24)


def pickles():
    """Good values of every kind; wrong ones come from the zoo."""
    matrix = tensor(FLOATS_6, [2, 3], [3, 1])
    yield "small", pickle(dictionary([("w", matrix)]))
    yield "transposed", pickle(dictionary([("w", tensor(FLOATS_6, [3, 2], [1, 3]))]))
    yield "offset", pickle(dictionary([("w", tensor(FLOATS_6, [2], [2], 1))]))
    yield "scalar", pickle(dictionary([("w", tensor(FLOATS_6, [], [], 5))]))
    yield "empty-tensor", pickle(dictionary([("w", tensor(storage("FloatStorage", "7", 0), [0, 3], [3, 1]))]))
    yield "expanded", pickle(dictionary([("w", tensor(FLOATS_6, [50, 6], [0, 1]))]))
    kinds = [("HalfStorage", "1", 24), ("BFloat16Storage", "4", 8), ("DoubleStorage", "2", 12),
             ("LongStorage", "3", 32), ("IntStorage", "0", 6), ("ShortStorage", "5", 4),
             ("CharStorage", "6", 2), ("ByteStorage", "3", 256)]
    yield "types", pickle(dictionary([(kind, tensor(storage(kind, key, n), [n], [1])) for kind, key, n in kinds]))
    yield "bool", pickle(dictionary([("b", tensor(storage("BoolStorage", "6", 2), [2], [1]))]))
    yield "shared", pickle(dictionary([("a", tensor(FLOATS_6, [3], [1])), ("b", tensor(FLOATS_6, [3], [1], 3))]))
    untyped = storage("UntypedStorage", "1", 48, "torch.storage")
    yield "untyped-v3", pickle(dictionary([("w", tensor(
        untyped, [24], [1], tail=b"\x89)" + glob("torch", "float16"), function="_rebuild_tensor_v3"))]))
    yield "v1", pickle(dictionary([("w", tensor(FLOATS_6, [6], [1], tail=b"", function="_rebuild_tensor"))]))
    parameter = glob("torch._utils", "_rebuild_parameter") + b"(" + matrix + b"\x88)tR"
    yield "parameter", pickle(dictionary([("w", parameter)]))
    from_type = (glob("torch._tensor", "_rebuild_from_type_v2") + b"(" + glob("torch._utils", "_rebuild_tensor_v2")
                 + glob("my.package", "Tensor") + b"(" + FLOATS_6 + number(0) + numbers([6]) + numbers([1])
                 + b"\x89)t}tR")
    yield "from-type", pickle(dictionary([("w", from_type)]))
    inner = dictionary([("module.a", matrix), ("module.b", tensor(HALVES_24, [24], [1]))])
    yield "wrapped", pickle(dictionary([
        ("epoch", number(3)), ("lr", b"G" + struct.pack(">d", 1e-4)), ("state_dict", inner),
        ("optimizer", dictionary([("param_groups", b"](}e"), ("state", b"}")]))]))
    ordered = glob("collections", "OrderedDict") + b")R" + b"(" + text("w") + matrix + b"u" + b"}" \
        + text("_metadata") + b"}sb"
    yield "ordered", pickle(ordered)
    yield "memo", pickle(b"}q\x00X\x01\x00\x00\x00wq\x01" + matrix + b"q\x02s0h\x00X\x01\x00\x00\x00vh\x02s")
    yield "object", pickle(dictionary([
        ("w", matrix), ("config", glob("my.package", "Config") + b")\x81}" + text("n") + number(2**70) + b"sb"),
        ("size", glob("torch", "Size") + b"(K\x02K\x03t\x85R"), ("old", b"(I1\nL12L\nF2.5\nS'x'\nV\\u0041\nI01\nl"),
        ("set", b"\x8f(K\x01K\x02\x90"), ("frozen", b"(K\x01\x91"), ("bytes", b"C\x02ab"), ("none", b"N")]))
    yield "protocol-4", b"\x80\x04\x95" + struct.pack("<Q", 15) + b"}\x94\x8c\x01w\x94K\x01s\x8c\x01v\x94" + b"0."
    yield "stack-global", pickle(
        b"}\x8c\x01w\x8c\x0ctorch._utils\x8c\x12_rebuild_tensor_v2\x93(" + FLOATS_6 + number(0) + numbers([6])
        + numbers([1]) + b"\x89)tRs", 4)


def legacy(value, keys, storages, little=True):
    out = pickle(number(0x1950a86a20f9469cfc6c)) + pickle(number(1001))
    machine = [("protocol_version", number(1001)), ("little_endian", b"\x88" if little else b"\x89")]
    out += pickle(dictionary(machine)) + pickle(value)
    out += pickle(b"](" + b"".join(text(key) for key in keys) + b"e")
    for count, data in storages:
        out += struct.pack("<q" if little else ">q", count) + data
    return out


def legacy_files():
    # Storages may be views of others: (key, offset, count), or None.
    whole, half = storage("FloatStorage", "k", 6, view=b"N"), storage("HalfStorage", "l", 4, view=b"N")
    value = dictionary([("w", tensor(whole, [2, 3], [3, 1])), ("h", tensor(half, [4], [1], tail=b"\x89)"))])
    data = [(6, floats([1, 2, 3, 4, 5, 6])), (4, halves([1, 2, 3, 4]))]
    yield "two-storages", legacy(value, ["k", "l"], data)
    yield "big-endian", legacy(dictionary([("w", tensor(whole, [6], [1]))]), ["k"],
                               [(6, struct.pack(">6f", 1, 2, 3, 4, 5, 6))], False)
    view = storage("FloatStorage", "k", 6, view=b"(" + text("v") + number(2) + number(3) + b"t")
    yield "view", legacy(dictionary([("w", tensor(view, [3], [1]))]), ["k"], data[:1])


# --- safetensors.


def safetensors(entries, metadata=None, header_pad=0, raw_header=None):
    """entries: (name, dtype, shape, data)."""
    header, body = {}, b""
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, dtype, shape, data in entries:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    encoded = raw_header or json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * header_pad
    return struct.pack("<Q", len(encoded)) + encoded + body


def safetensors_files():
    six = floats([1, 2, 3, 4, 5, 6])
    yield "one", safetensors([("w", "F32", [2, 3], six)])
    yield "types", safetensors([("a", "F16", [3], halves([1, 2, 3])), ("b", "BF16", [1], b"\x80\x3f"),
                                ("c", "F64", [1], bytes(8)), ("d", "I64", [], bytes(8)), ("e", "U8", [2], b"ab"),
                                ("f", "BOOL", [1], b"\1"), ("g", "I32", [1], bytes(4)), ("h", "I16", [1], bytes(2)),
                                ("i", "I8", [1], b"\xff")])
    yield "metadata", safetensors([("w", "F32", [6], six)], {"format": "pt", "note": "\u00e4"}, 5)
    yield "empty-tensor", safetensors([("w", "F32", [0, 3], b""), ("v", "F32", [6], six)])
    yield "escapes", safetensors([("a\\\"/\u20ac\n", "F32", [6], six)])
    entry = b'{"dtype":"F32","shape":[6],"data_offsets":[%d,%d]}'
    yield "overlap", safetensors([], raw_header=b'{"a":' + entry % (0, 24) + b',"b":' + entry % (0, 24) + b"}") + six
    yield "gap", safetensors([], raw_header=b'{"a":' + entry % (8, 32) + b"}") + six + bytes(8)
    yield "beyond", safetensors([], raw_header=b'{"a":' + entry % (0, 24) + b"}") + six[:8]
    yield "twice", safetensors([], raw_header=b'{"a":' + entry % (0, 24) + b',"a":' + entry % (24, 48) + b"}") + six * 2
    yield "wraps", safetensors([], raw_header=b'{"a":{"dtype":"F32","shape":[4294967296,4294967296],'
                                              b'"data_offsets":[0,0]}}')
    yield "no-object", safetensors([], raw_header=b"[1,2]")
    yield "deep", safetensors([], raw_header=b'{"a":' + b"[" * 1200 + b"]" * 1200 + b"}")
    yield "cut", safetensors([("w", "F32", [6], six)])[:40]


def shard_parts():
    six = floats([1, 2, 3, 4, 5, 6])
    yield "part-1.safetensors", safetensors([("a", "F32", [6], six), ("b", "F16", [2], halves([1, 2]))])
    yield "part-2.safetensors", safetensors([("c", "F32", [2, 3], six)])
    yield "part-3.pth", pth([("d", [2], [1, 2])])


def shard_indices():
    def index(places, **more):
        return json.dumps({"weight_map": places, **more}, separators=(",", ":")).encode()

    one, two, three = (name for name, _ in shard_parts())
    whole = {"a": one, "b": one, "c": two, "d": three}
    yield "whole", index(whole, metadata={"total_size": 60})
    yield "two-parts", index({"a": one, "b": one, "c": two})
    yield "one-missing", index({"a": one, "c": two})
    yield "in-another-part", index({"a": two, "b": one, "c": two})
    yield "no-such-part", index({"a": "none.safetensors"})
    yield "way-up", index({"a": "../part-1.safetensors"})
    yield "itself", index({"a": "model.index.json"})
    yield "no-map", b'{"architectures":["Rwkv5ForCausalLM"]}'
    yield "no-text", b'{"weight_map":{"a":1}}'
    part = dict(shard_parts())[two]
    yield "with-part", index({"c": two}) + b"\0" + part
    yield "with-cut-part", index({"c": two}) + b"\0" + part[:50]
    yield "same-name-in-two", index({"a": one, "b": one}) + b"\0" + dict(shard_parts())[one]


# --- Model files.

FP32, FP16 = 0, 1


def record(name, shape, kind, data):
    """shape: as PyTorch says it; files have it the other way round."""
    head = struct.pack("<iii", len(shape), len(name), kind) + struct.pack(f"<{len(shape)}i", *reversed(shape))
    return head + name.encode() + data


def model_file(version, header, records):
    n_vocab, n_embd, n_layer, kind = header
    return struct.pack("<IIiiii", 0x67676d66, version, n_vocab, n_embd, n_layer, kind) + b"".join(records)


# Bytes of a block of each type; None: 16 values instead of 32.
BLOCKS = {100: {2: 20, 3: 24, 4: 24, 5: (16, 10), 6: (16, 12), 7: 22, 8: 24, 9: 36},
          101: {2: 18, 3: 20, 7: 22, 8: 24, 9: 34}}


def model_files():
    for version, blocks in BLOCKS.items():
        records = []
        for kind, size in blocks.items():
            per_block, size = size if isinstance(size, tuple) else (32, size)
            data = bytes((i * 89 + 7) % 256 for i in range(2 * size))
            records.append(record(f"type-{kind}", [1, 2 * per_block], kind, data))
        yield f"blocks-v{version}", model_file(version, (4, 32, 1, 2), records)
    small = [record("emb.weight", [4, 2], FP16, halves(range(8))), record("ln", [2], FP32, floats([1, 2]))]
    yield "v100", model_file(100, (4, 2, 1, FP16), small)
    yield "v101", model_file(101, (4, 2, 1, FP16), small)
    yield "three-sizes", model_file(101, (4, 2, 1, FP32), [record("x", [2, 1, 3], FP32, floats(range(6)))])
    # Before April 2023 the sizes were in PyTorch's order.
    march = struct.pack("<iiiii", 2, 10, FP16, 4, 2) + b"emb.weight" + halves(range(8))
    yield "march", model_file(100, (4, 2, 1, FP16), [march])
    yield "twice", model_file(101, (4, 2, 1, FP16), small + small)
    yield "cut", model_file(101, (4, 2, 1, FP16), small)[:-3]
    yield "huge", model_file(101, (4, 2, 1, FP16), [record("x", [2**31 - 1, 2**31 - 1, 2**31 - 1], FP32, b"")])
    yield "k-quants", model_file(101, (4, 2, 1, 12), [record("x", [1, 256], 12, bytes(144))])


class Tiny:
    """Tensors of a very small model: 8 channels, one head, one layer."""

    C, F, RANK = 8, 8, 1

    def __init__(self, version, n_vocab=4, seed=1):
        self.random, self.tensors, self.V = Random(seed), [], n_vocab
        self.add("emb.weight", [self.V, self.C], FP16)
        self.norm("blocks.0.ln1")
        self.norm("blocks.0.ln2")
        self.norm("blocks.0.ln0")
        getattr(self, "block_" + version.replace(".", "_"))("blocks.0.att.", "blocks.0.ffn.")
        self.norm("ln_out")
        self.add("head.weight", [self.V, self.C], FP16)

    def add(self, name, shape, kind=FP32, low=-1.0, high=1.0):
        count = 1
        for size in shape:
            count *= size
        self.tensors.append((name, shape, kind, [self.random.uniform(low, high) for _ in range(count)]))

    def norm(self, name):
        self.add(name + ".weight", [self.C], low=0.8, high=1.2)
        self.add(name + ".bias", [self.C], low=-0.1, high=0.1)

    def squares(self, prefix, *names):
        for name in names:
            self.add(f"{prefix}{name}.weight", [self.C, self.C], FP16)

    def channel_mixing(self, f, mix="time_mix_"):
        self.add(f + mix + "k", [1, 1, self.C], low=0)
        self.add(f + mix + "r", [1, 1, self.C], low=0)
        self.add(f + "key.weight", [self.F, self.C], FP16)
        self.add(f + "value.weight", [self.C, self.F], FP16)
        self.squares(f, "receptance")

    def block_4(self, a, f):
        self.add(a + "time_decay", [self.C], low=-2.0, high=-0.1)
        self.add(a + "time_first", [self.C])
        for q in "kvr":
            self.add(a + "time_mix_" + q, [1, 1, self.C], low=0)
        self.squares(a, "key", "value", "receptance", "output")
        self.channel_mixing(f)

    def block_5_2(self, a, f):
        for q in "kvrg":
            self.add(a + "time_mix_" + q, [1, 1, self.C], low=0)
        self.add(a + "time_decay", [1, 8, 1], low=0.1)
        self.add(a + "time_faaaa", [1, 8, 1])
        self.squares(a, "receptance", "key", "value", "output", "gate")
        self.norm(a + "ln_x")
        self.channel_mixing(f)

    def block_6(self, a, f):
        r, c = self.RANK, self.C
        for q in "xwkvrg":
            self.add(a + "time_maa_" + q, [1, 1, c], low=0)
        self.add(a + "time_maa_w1", [5 * r, c])
        self.add(a + "time_maa_w2", [5, c, r])
        self.add(a + "time_decay", [1, 8, 1], low=-6)
        self.add(a + "time_decay_w1", [r, c])
        self.add(a + "time_decay_w2", [c, r])
        self.add(a + "time_faaaa", [1, 8, 1])
        self.squares(a, "receptance", "key", "value", "output", "gate")
        self.norm(a + "ln_x")
        self.channel_mixing(f, "time_maa_")

    def block_7(self, a, f):
        r, c = self.RANK, self.C
        self.add(a + "x_rwkvag", [6, 1, c], low=0)
        for q in "wag":
            self.add(f"{a}{q}1", [r, c], FP16)
            self.add(f"{a}{q}2", [c, r], FP16)
            if q != "g":
                self.add(f"{a}{q}0", [1, 1, c])
        for q in ("k_k", "k_a"):
            self.add(a + q, [1, 1, c])
        self.add(a + "r_k", [1, c])
        self.squares(a, "receptance", "key", "value", "output")
        self.norm(a + "ln_x")
        self.add(f + "x_k", [1, 1, c])
        self.add(f + "key.weight", [self.F, c], FP16)
        self.add(f + "value.weight", [c, self.F], FP16)

    def file(self, version=101, kind=FP16):
        def encode(of, values):
            return halves(values) if of == FP16 else floats(values)

        drop_ones = version == 100  # which has two sizes at most
        records = []
        for name, shape, of, values in self.tensors:
            if drop_ones:
                shape = [size for size in shape if size != 1] or [1]
            of = of if kind == FP16 else FP32
            records.append(record(name, shape, of, encode(of, values)))
        return model_file(version, (self.V, self.C, 1, kind), records)

    def find(self, name):
        return next(values for found, _, _, values in self.tensors if found == name)


def models():
    yield "rwkv4-v101", Tiny("4").file()
    yield "rwkv4-v100", Tiny("4").file(100)
    yield "rwkv5-v101", Tiny("5.2").file()
    yield "rwkv6-v101", Tiny("6").file()
    yield "rwkv7-v101", Tiny("7").file()
    yield "rwkv4-fp32", Tiny("4").file(101, FP32)
    yield "rwkv4-cut", Tiny("4").file()[:1500]
    # Matrices of one block a row.
    wide = Tiny("4")
    wide_records = [record(n, [32 if s == 8 else s for s in shape], FP32, b"") for n, shape, _, _ in wide.tensors]
    yield "without-data", model_file(101, (4, 32, 1, 2), wide_records[:3])


# --- State files and adapters of the fixture tiny-rwkv6.bin.


def fingerprint(model):
    def crc(kind):
        names = ("blocks.0.ln0", "blocks.0.ln1", "blocks.0.ln2", "ln_out")
        return zlib.crc32(b"".join(floats(model.find(f"{name}.{kind}")) for name in names))

    return crc("weight") << 32 | crc("bias")


def state_files():
    model = Tiny("6")
    n_floats = 2 * 8 + 8 * 8
    draw = Random(3)
    values = [draw.uniform(-1, 1) for _ in range(n_floats)]

    def state(values, version=1, arch=2, embd=8, mark=fingerprint(model)):
        data = floats(values)
        head = struct.pack("<8sIIIIIIQQI12x", b"rkstate\n", version, arch, 1, embd, 1, 8, n_floats, mark,
                           zlib.crc32(data))
        return head + data

    yield "good", state(values)
    yield "nan", state([float("nan")] + values[1:])
    yield "other-version", state(values, version=2)
    yield "other-sizes", state(values, embd=16)
    yield "other-model", state(values, mark=1)
    yield "cut", state(values)[:200]
    yield "header-alone", state(values)[:64]
    wrong = bytearray(state(values))
    wrong[-1] ^= 1
    yield "wrong-checksum", bytes(wrong)
    square = [i / 8 for i in range(64)]
    yield "tuned", pth([("blocks.0.att.time_state", [1, 8, 8], square)])
    yield "tuned-safetensors", safetensors([("blocks.0.att.time_state", "F32", [1, 8, 8], floats(square))])
    yield "tuned-wrong-shape", safetensors([("blocks.0.att.time_state", "F32", [8, 8], floats(square))])
    yield "tuned-infinite", safetensors([("blocks.0.att.time_state", "F16", [1, 8, 8], b"\0\x7c" * 64)])


def logits_files():
    """As of tokens 0, 1, 2, 3, 2, 1 in one passage of the fixture, with any predictions."""
    tokens, passage = struct.pack("<6I", 0, 1, 2, 3, 2, 1), struct.pack("<QQ", 6, 1)

    def row(i, codes=None, loss=1.25, best=None):
        best = i % 4 if best is None else best
        codes = codes or [65535 if k == best else 1000 * i + k for k in range(4)]
        head, body = struct.pack("<dI", loss, best), struct.pack("<4H", *codes)
        return head + struct.pack("<I", zlib.crc32(body, zlib.crc32(head))) + body

    def file(rows, version=1, n_vocab=4, n_rows=None, mark=fingerprint(Tiny("6")), protocol=b"p", source=b"s"):
        tail = struct.pack("<QQQQIIII", n_vocab, len(rows) if n_rows is None else n_rows, mark, 6, zlib.crc32(tokens),
                           zlib.crc32(passage), len(protocol), len(source)) + protocol + source
        tail += bytes(-(16 + len(tail)) % 64)
        return struct.pack("<8sII", b"rklogit\n", version, zlib.crc32(tail)) + tail + b"".join(rows)

    rows = [row(i) for i in range(5)]
    yield "good", file(rows)
    yield "other-version", file(rows, version=2)
    yield "other-model", file(rows, mark=1)
    yield "other-vocabulary", file(rows, n_vocab=5)
    yield "huge-vocabulary", file(rows, n_vocab=1 << 63)
    yield "huge-rows", file(rows, n_rows=1 << 62)
    yield "too-few-rows", file(rows[:3])
    yield "long-texts", file(rows, protocol=b"x" * 1000, source=b"y" * 1000)
    yield "longer-texts", file(rows, protocol=b"x" * 1001)
    yield "cut", file(rows)[:-1]
    yield "header-alone", file([])
    yield "codes-zero", file([row(i, [65535, 0, 0, 0], best=0) for i in range(5)])
    yield "no-largest", file([row(i, [1, 2, 3, 4]) for i in range(5)])
    yield "best-outside", file([row(i, best=4) for i in range(5)])
    yield "loss-nan", file([row(i, loss=float("nan")) for i in range(5)])
    wrong = bytearray(file(rows))
    wrong[-1] ^= 1
    yield "wrong-checksum", bytes(wrong)


def token_files():
    """A byte for the share of the first file, the .npy or .idx file, the .bin file."""
    def both(first, second=b""):
        total = len(first) + len(second)
        share = next(s for s in range(256) if total * s // 255 >= len(first))
        return bytes([share]) + first + bytes(total * share // 255 - len(first)) + second

    def npy(kind, shape, data, order="False", version=1):
        head = f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
        length = struct.pack("<H" if version == 1 else "<I", len(head))
        return b"\x93NUMPY" + bytes([version, 0]) + length + head + data

    def index(sizes=(2, 0, 3), pointers=(0, 4, 4), boundaries=(0, 1, 3), version=1, kind=8, n=None, m=None):
        head = b"MMIDIDX\0\0" + struct.pack("<QBQQ", version, kind, len(sizes) if n is None else n,
                                            len(boundaries) if m is None else m)
        return (head + struct.pack(f"<{len(sizes)}i", *sizes) + struct.pack(f"<{len(pointers)}q", *pointers)
                + struct.pack(f"<{len(boundaries)}q", *boundaries))

    ids = struct.pack("<6H", 1, 2, 3, 65535, 5, 6)
    yield "npy", both(npy("<u2", "(6,)", ids))
    yield "npy-rows", both(npy("<u2", "(2, 3)", ids))
    yield "npy-version-2", both(npy(">u2", "(6,)", ids, version=2))
    yield "npy-bytes", both(npy("|u1", "(12,)", ids))
    yield "npy-negative", both(npy("<i2", "(6,)", ids))
    yield "npy-i8", both(npy("<i8", "(1,)", b"\0\0\0\0\1\0\0\0"))
    yield "npy-fortran", both(npy("<u2", "(2, 3)", ids, order="True"))
    yield "npy-floats", both(npy("<f2", "(6,)", ids))
    yield "npy-huge", both(npy("<u2", "(9223372036854775807, 9223372036854775807)", ids))
    yield "npy-no-columns", both(npy("<u2", "(9223372036854775807, 0)", b""))
    yield "pair", both(index(), ids[:10])
    yield "pair-of-32-bits", both(index((1,), (4,), (0, 1), kind=4), struct.pack("<2i", 7, 70000))
    yield "pair-of-floats", both(index(kind=6), ids)
    yield "pair-version-2", both(index(version=2), ids)
    yield "pair-huge", both(index(n=1 << 60, m=1 << 61), ids)
    yield "pair-beyond", both(index(pointers=(0, 4, 1 << 62)), ids)
    yield "pair-negative", both(index(sizes=(2, -1, 3)), ids)
    yield "pair-backwards", both(index(boundaries=(3, 1, 0)), ids)
    yield "pair-cut", both(index()[:40], ids)
    yield "neither", both(b"some text", ids)


def adapters():
    draw = Random(5)

    def row(n):
        return floats([draw.uniform(-1, 1) for _ in range(n)])

    key_a = ("blocks.0.att.key.lora_A", "F32", [2, 8], row(16))
    key_b = ("blocks.0.att.key.lora_B", "F32", [8, 2], row(16))
    yield "pair", safetensors([key_a, key_b])
    yield "half-a-pair", safetensors([key_a])
    yield "weight", safetensors([("blocks.0.ffn.value.weight.lora_A", "F32", [1, 8], row(8)),
                                 ("blocks.0.ffn.value.weight.lora_B", "F32", [8, 1], row(8))])
    yield "replacement", safetensors([("blocks.0.ln1.weight", "F32", [8], row(8)),
                                      ("blocks.0.att.output.weight", "F16", [8, 8], halves([0.5] * 64))])
    yield "both", safetensors([key_a, key_b, ("blocks.0.att.key.weight", "F32", [8, 8], row(64))])
    yield "embedding", safetensors([("emb.lora_A", "F32", [1, 8], row(8)), ("emb.lora_B", "F32", [4, 1], row(4))])
    yield "wrong-shape", safetensors([("blocks.0.att.key.lora_A", "F32", [1, 8], row(8)),
                                      ("blocks.0.att.key.lora_B", "F32", [1, 8], row(8))])
    yield "no-such-tensor", safetensors([("blocks.7.att.key.weight", "F32", [1], row(1))])
    yield "infinite", safetensors([("blocks.0.ln1.bias", "F16", [8], b"\0\x7c" * 8)])
    yield "pth", pth([("blocks.0.att.key.lora_A", [1, 8], [0.5] * 8), ("blocks.0.att.key.lora_B", [8, 1], [2.0] * 8)])
    yield "alpha", safetensors([key_a, key_b], {"alpha": "4", "rank": "2"})
    yield "peft", safetensors([("base_model.model.blocks.0.att.key.lora_A.weight", "F32", [2, 8], row(16)),
                               ("base_model.model.blocks.0.att.key.lora_B.weight", "F32", [8, 2], row(16))])
    yield "miss", safetensors([("blocks.0.att.key.miss", "F32", [3, 8], row(24)),
                               ("blocks.0.att.value.miss_block", "F32", [2, 4], row(8))])
    yield "bone", safetensors([("blocks.0.att.key.bone", "F32", [4, 2, 2], row(16)),
                               ("blocks.0.att.value.bone_block", "F32", [2, 4, 4], row(32)),
                               ("blocks.0.att.output.bone", "F32", [8, 2], row(16))])
    yield "initial", safetensors([key_a, key_b, ("blocks.0.att.key.init_lora_A", "F32", [1, 8], row(8)),
                                  ("blocks.0.att.key.init_lora_B", "F32", [8, 1], row(8))])
    yield "turned", safetensors([("blocks.0.att.time_maa_w2", "F32", [5, 1, 8], row(40)),
                                 ("blocks.0.att.time_maa_w1", "F32", [8, 5], row(40)),
                                 ("blocks.0.att.time_decay_w1.lora_A", "F32", [1, 1], row(1)),
                                 ("blocks.0.att.time_decay_w1.lora_B", "F32", [8, 1], row(8))])


# --- Session files of the fixture tiny-rwkv6-bytes.bin, and templates of chats.


def sampler_memory(counts=(), window=(), tail=b"", seed=5, counter=2, size=4):
    """counts: (token, times, decayed count); window: (token, counted)."""
    out = b"rksm" + struct.pack("<IQQQdIIQII", 1, 256, seed, counter, 0.0, 0, size, len(counts), len(window), len(tail))
    out += b"".join(struct.pack("<IId", *entry) for entry in counts)
    out += b"".join(struct.pack("<IB", *entry) for entry in window) + tail
    return out + struct.pack("<I", zlib.crc32(out))


def session(state, sampler, logits=b"", held=b"", stream=b"", offset=0, point=None, n_vocab=256, mark=None):
    """point: (state, logits, sampler, offset, tokens as (id, end))."""
    flags = (1 if logits else 0) | (2 if point else 0)
    p_state, p_logits, p_sampler, p_offset, tokens = point or (b"", b"", b"", 0, ())
    body = state + logits + sampler + held + stream + p_state + p_logits + p_sampler
    body += b"".join(struct.pack("<IQ", *token) for token in tokens)
    mark = fingerprint(Tiny("6", 256)) if mark is None else mark
    tail = struct.pack("<IIIIQQQQQQQQQQ16x", 2, 1, 8, flags, n_vocab, 80, mark, len(sampler), len(held),
                       len(stream), offset, len(tokens), len(p_sampler), p_offset) + body
    return b"rksessn\n" + struct.pack("<II", 1, zlib.crc32(tail)) + tail


def sessions():
    draw = Random(9)

    def row(n):
        return floats([draw.uniform(-1, 1) for _ in range(n)])

    state, logits, memory = row(80), row(256), sampler_memory()
    full = sampler_memory([(97, 2, 1.9), (98, 1, 1.0)], [(97, 1), (98, 1), (97, 1)], b"aba")
    yield "without-logits", session(state, memory)
    yield "with-logits", session(state, full, logits, offset=3)
    point = (row(80), row(256), memory, 1, ((97, 2), (98, 3)))
    yield "with-point", session(state, full, logits, b"ab", offset=3, point=point)
    yield "in-a-character", session(state, full, logits, stream=b"\xc3", offset=3)
    yield "point-leads-elsewhere", session(state, full, logits, b"ab", offset=4, point=point)
    yield "window-not-counted", session(state, sampler_memory([(97, 1, 1.0)], [(97, 1), (97, 1)]), logits)
    yield "other-window", session(state, sampler_memory(size=8))
    yield "other-model", session(state, memory, mark=7)
    yield "other-vocabulary", session(state, memory, n_vocab=4)
    yield "nan", session(floats([float("nan")]) + row(79), memory)
    yield "cut", session(state, memory)[:300]
    wrong = bytearray(session(state, memory))
    wrong[-1] ^= 1
    yield "wrong-checksum", bytes(wrong)


def templates():
    yield "small", b'turn = "{text}"\n'
    yield "whole", (b"# a comment\n" b'begin = "Two people talk.\\n\\n"       # what a conversation begins with\n'
                    b'system = "System: {text}\\n\\n"\nturn = "User: {text}\\n\\nAssistant:"\nanswer_begin = " <think"\n'
                    b'answer_end = "\\n\\n"\nstop = "\\n\\n"\nstop = "\\nUser:"\nempty_lines = "keep"\n')
    yield "no-turn", b'begin = "x"\n'
    yield "text-twice", b'turn = "{text}{text}"\n'
    yield "turn-twice", b'turn = "{text}"\nturn = "{text}"\n'
    yield "unknown-key", b'turns = "{text}"\n'
    yield "unknown-escape", b'turn = "{text}\\x41"\n'
    yield "open-quote", b'turn = "{text}\n'
    yield "no-utf8", b'turn = "{text}\xff"\n'
    yield "many-stops", b'turn = "{text}"\n' + b'stop = "x"\n' * 17
    yield "crlf", b'turn = "{text}"\r\nstop = "x"\r\n'


# --- Files.


def vocabularies():
    folder = DATA / "tokenizer"
    world = (folder / "tiny_world.txt").read_bytes()
    yield "world", world
    yield "world-windows", world.replace(b"\n", b"\r\n")
    yield "world-huge-id", b"4294967296 'a' 1\n"
    yield "world-escapes", b"1 '\\x4" + world
    bpe = json.loads((folder / "tiny_bpe.json").read_text(encoding="utf-8"))

    def compact():
        return json.dumps(bpe, ensure_ascii=False, separators=(",", ":")).encode()
    yield "bpe", compact()
    bpe["model"]["merges"] = [merge.split(" ") for merge in bpe["model"]["merges"]]
    bpe["normalizer"] = None
    yield "bpe-pairs", compact()
    bpe["model"]["type"] = "Unigram"
    yield "unigram", compact()


def from_zoo(*patterns):
    for pattern in patterns:
        for path in sorted((DATA / "zoo").glob(pattern)):
            if path.stat().st_size <= MOST:
                yield path.stem.replace("_", "-"), path.read_bytes()


def zoo_pickles():
    seen = set()
    for name, data in from_zoo("*.pth"):
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as opened:
                record_name = next(n for n in opened.namelist() if n.split("/")[-1] == "data.pkl")
                content = opened.read(record_name)
        except (zipfile.BadZipFile, StopIteration, NotImplementedError, OSError, ValueError, zlib.error):
            continue  # damaged on purpose: a seed of the target zip
        if content not in seen and content:
            seen.add(content)
            yield name, content


ZIP_SAMPLES = (
    "protocol_2", "views_bf16", "zip64", "descriptor", "comment*", "prefix_*", "no_byteorder", "pickle_last",
    "deflate*", "big_endian", "name_with_nul", "prepended", "trailing*", "record_*", "duplicate_record", "empty",
    "truncated*", "no_pickle", "other_zip", "wrong_crc_*", "method_unknown", "directory_count", "text", "gguf")


def zips():
    yield from from_zoo(*(pattern + ".pth" for pattern in ZIP_SAMPLES))
    small = pickle(dictionary([("w", tensor(FLOATS_6, [2, 3], [3, 1]))]))
    members = [("a/data.pkl", small), ("a/byteorder", b"little"), ("a/data/0", floats(range(6))), ("a/version", b"3\n")]
    yield "deflated-small", archive(members, zipfile.ZIP_DEFLATED)
    yield "big-endian", archive([members[0], ("a/byteorder", b"big"), members[2]])
    yield "torchscript", archive(members + [("a/constants.pkl", b"\x80\x02).")])
    yield "deflated-zeros", archive([
        ("a/data.pkl", pickle(dictionary([("w", tensor(storage("ByteStorage", "0", 1 << 20), [1 << 20], [1]))]))),
        ("a/data/0", bytes(1 << 20))], zipfile.ZIP_DEFLATED)


# --- What embed keeps: statistics, probes, vectors.


def vector_stats(means, squares, count=5, key=b"vectors", n_columns=None, version=1):
    n = len(means) if n_columns is None else n_columns
    tail = struct.pack("<QQI4x", n, count, len(key)) + key
    tail += struct.pack(f"<{len(means)}d", *means) + struct.pack(f"<{len(squares)}d", *squares)
    return b"rkstats\n" + struct.pack("<II", version, zlib.crc32(tail)) + tail


def all_vector_stats():
    yield "good", vector_stats([1, -2, 0.5], [4, 0, 1e-3])
    yield "of-one-row", vector_stats([1, -2, 0.5], [0, 0, 0], 1)
    yield "of-no-row", vector_stats([1, -2, 0.5], [0, 0, 0], 0)
    yield "other-key", vector_stats([1, -2, 0.5], [4, 0, 1], key=b"other vectors")
    yield "empty-key", vector_stats([1, -2, 0.5], [4, 0, 1], key=b"")
    yield "other-width", vector_stats([1, 2], [4, 0])
    yield "wrong-count", vector_stats([1, -2, 0.5], [4, 0, 1], n_columns=2**60)
    yield "nan", vector_stats([float("nan"), -2, 0.5], [4, 0, 1])
    yield "negative", vector_stats([1, -2, 0.5], [4, -1, 1])
    yield "huge", vector_stats([1e300, -2, 0.5], [1e308, 0, 1])
    yield "version", vector_stats([1, -2, 0.5], [4, 0, 1], version=2)
    yield "cut", vector_stats([1, -2, 0.5], [4, 0, 1])[:50]


def probe(**changes):
    fields = {"schema": 1, "kind": "ridge", "vectors": "vectors", "columns": 3, "rows": 40, "accuracy": 0.9,
              "standard_error": 0.05, "most_common": 0.5, "strength": 0.1, "classes": ["no", "yes"],
              "bias": [0.25], "weights": [[1, -0.5, 2e-3]]}
    fields.update(changes)
    return json.dumps({key: value for key, value in fields.items() if value is not None}).encode()


def probes():
    yield "good", probe()
    yield "three-classes", probe(classes=["a", "b", "\u00e9\n"], bias=[0, 1, -1], weights=[[1, 2, 3]] * 3)
    yield "other-vectors", probe(vectors="others")
    yield "other-width", probe(columns=4)
    yield "too-wide", probe(columns=2**40)
    yield "one-class", probe(classes=["a"])
    yield "many-classes", probe(classes=["a"] * 500)
    yield "no-weights", probe(weights=None)
    yield "short-weights", probe(weights=[[1, 2]])
    yield "infinite", probe(weights=[[1, 2, 1e39]])
    yield "null", probe(accuracy="x")
    yield "nested", b"[" * 900
    yield "no-object", b"[1]"


def npy(dictionary, data=b"", version=1):
    length = struct.pack("<H" if version == 1 else "<I", len(dictionary))
    return b"\x93NUMPY" + bytes([version, 0]) + length + dictionary + data


def npys():
    def array(kind, shape, order="False"):
        return f"{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    yield "floats", npy(array("<f4", "(2, 3)"), floats([1, 2, 3, 4, 5, 6]))
    yield "halves", npy(array("<f2", "(2, 3)"), halves([1, 2, 3, 4, 5, 6]), 2)
    yield "no-rows", npy(array("<f4", "(0, 3)"), b"", 3)
    yield "doubles", npy(array("<f8", "(1, 1)"), bytes(8))
    yield "one-dimension", npy(array("<f4", "(6,)"), bytes(24))
    yield "fortran", npy(array("<f4", "(2, 3)", "True"), bytes(24))
    yield "huge", npy(array("<f4", "(4611686018427387905, 4)"), bytes(16))
    yield "short", npy(array("<f4", "(2, 3)"), bytes(23))
    yield "no-dictionary", npy(b"")
    yield "integers", npy(array("<u2", "(4,)"), bytes(8))


def imatrix_archive(arrays, method=zipfile.ZIP_STORED):
    """arrays: name -> (type, shape, data)."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, (kind, shape, data) in arrays.items():
            header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
            member = zipfile.ZipInfo(name + ".npy", (1980, 1, 1, 0, 0, 0))
            archive.writestr(member, npy(header, data), method)
    return stream.getvalue()


def imatrices():
    squares = ("<f4", "(4,)", floats([1, 0, 2.5, 4]))
    cosines = ("<f2", "(4, 4)", halves([1, 0, .5, -.5, 0, 1, 0, 0, .5, 0, 1, .25, -.5, 0, .25, 1]))
    yield "squares", imatrix_archive({"a": squares})
    yield "all", imatrix_archive({"a": squares, "a:tokens": ("<u8", "()", struct.pack("<Q", 9)),
                                  "a:correlations": cosines, "b": squares}, zipfile.ZIP_DEFLATED)
    yield "doubles", imatrix_archive({"a": ("<f8", "(2,)", struct.pack("<2d", 1, 1e300))})
    yield "huge-shape", imatrix_archive({"a": ("<f4", "(16777216,)", floats([1]))})
    yield "bomb", imatrix_archive({"a": ("<f4", "(65536,)", bytes(4 * 65536))}, zipfile.ZIP_DEFLATED)
    yield "too-correlated", imatrix_archive({"a": squares, "a:correlations": ("<f2", "(4, 4)", halves([9] * 16))})
    yield "only-correlations", imatrix_archive({"a:correlations": cosines})
    yield "no-header", imatrix_archive({"a": ("|O", "(2,)", bytes(16))})

    def record(name, calls, values):
        return struct.pack("<i", len(name)) + name + struct.pack("<ii", calls, len(values)) + floats(values)
    two = struct.pack("<i", 2) + record(b"blk.0.ffn_up.weight", 3, [3, 6, 0]) + record(b"x", 0, [1])
    yield "dat", two + struct.pack("<ii", 3, 4) + b"text"
    yield "dat-without-end", two
    yield "dat-twice", struct.pack("<i", 2) + record(b"x", 1, [1]) + record(b"x", 1, [1])
    yield "dat-many", struct.pack("<i", 2**31 - 1) + record(b"x", 1, [1])
    yield "dat-negative", struct.pack("<i", 1) + record(b"x", -1, [1])
    yield "dat-large", struct.pack("<i", 1) + record(b"x", 2**31 - 1, [3e38])


def strategies():
    """What strategies are, and what they are not."""
    words = {
        "cpu": "cpu fp32", "split": "cuda fp16i8 *20 -> cpu fp32", "two-gpus": "cuda:0 fp16 *2 -> cuda:1 fp16",
        "streamed": "cuda fp16i8 *2+", "as-fit": "cuda fp16 +", "automatic": "auto Q4_0",
        "three": "cuda:0 fp16i8 *1 -> cuda:1 fp16 *0+ -> cpu fp32 *1", "no-blanks": "cpu->cpu*1->cpu *9->cpu",
        "two-streams": "cuda + -> cuda:1 +", "long-number": "cpu fp32 *99999999999999999999",
        "arrow-twice": "cpu -> -> cpu", "zero-byte": "cpu \0 fp32", "elsewhere": "cuda:63 *1 -> mps",
        "too-many": "->".join(["cpu"] * 17),
    }
    return [(name, word.encode()) for name, word in words.items()] + [("no-utf8", b"\xff\xfe cpu")]


def main():
    corpora = {
        "adapter": adapters(),
        "chat_template": templates(),
        "imatrix": imatrices(),
        "legacy": list(legacy_files()) + list(from_zoo("legacy_*.pth", "call_legacy.pth", "call_in_magic.pth",
                                                       "call_plain.pth")),
        "logits_file": logits_files(),
        "model": models(),
        "model_file": list(model_files()),
        "npy": npys(),
        "pickle": list(pickles()) + [("zoo-" + name, data) for name, data in zoo_pickles()],
        "probe": probes(),
        "safetensors": safetensors_files(),
        "session": sessions(),
        "sharded": shard_indices(),
        "state_file": state_files(),
        "strategy": strategies(),
        "token_file": token_files(),
        "tokenizer": vocabularies(),
        "vector_stats": all_vector_stats(),
        "zip": zips(),
    }
    total = 0
    for target, seeds in corpora.items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            if not old.name.startswith("regression-"):
                old.unlink()
        for name, data in seeds:
            assert len(data) <= MOST, (target, name, len(data))
            (folder / name).write_bytes(data)
        sizes = [path.stat().st_size for path in folder.iterdir()]
        total += sum(sizes)
        print(f"{target:12} {len(sizes):4} inputs {sum(sizes):7} bytes")
    FIXTURES.mkdir(exist_ok=True)
    (FIXTURES / "tiny-rwkv6.bin").write_bytes(Tiny("6").file())
    (FIXTURES / "tiny-rwkv6-bytes.bin").write_bytes(Tiny("6", 256).file())
    for name, data in shard_parts():
        (FIXTURES / name).write_bytes(data)
    print(f"{total} bytes")


if __name__ == "__main__":
    main()
