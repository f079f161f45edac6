#!/usr/bin/env python3
"""Makes the files of this folder: what people point a converter at instead of a checkpoint, and
checkpoints whose weights lie elsewhere than usual. Standard library only; the same bytes every time.

    make_foreign.py [FOLDER]
"""
import io
import json
import pathlib
import pickle
import random
import struct
import sys
import types
import zipfile

# --- PyTorch's names, so that Python's own pickle module writes what torch.save does.

torch = types.ModuleType("torch")
torch._utils = types.ModuleType("torch._utils")


def _rebuild_tensor_v2(*arguments):
    raise NotImplementedError


_rebuild_tensor_v2.__module__ = "torch._utils"
torch._utils._rebuild_tensor_v2 = _rebuild_tensor_v2
for kind in ("FloatStorage", "HalfStorage", "ByteStorage"):
    setattr(torch, kind, type(kind, (), {"__module__": "torch", "__qualname__": kind}))
sys.modules.update({"torch": torch, "torch._utils": torch._utils})


class Storage:
    def __init__(self, kind, key, count):
        self.id = ("storage", getattr(torch, kind), str(key), "cpu", count)


class Tensor:
    """A contiguous tensor of given values: struct's code for the elements, torch's storage class."""

    kinds = {"f": "FloatStorage", "e": "HalfStorage", "B": "ByteStorage"}

    def __init__(self, values, shape, code="f"):
        self.values, self.shape, self.code = values, tuple(shape), code

    def bytes(self):
        return struct.pack(f"<{len(self.values)}{self.code}", *self.values)

    def __reduce__(self):
        strides, step = [], 1
        for size in reversed(self.shape):
            strides.insert(0, step)
            step *= size
        storage = Storage(self.kinds[self.code], self.key, len(self.values))
        return _rebuild_tensor_v2, (storage, 0, self.shape, tuple(strides), False, {})


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return value.id if isinstance(value, Storage) else None


def find_tensors(value):
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from find_tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from find_tensors(item)


def add(archive, name, data):
    info = zipfile.ZipInfo("archive/" + name, date_time=(1980, 1, 1, 0, 0, 0))
    archive.writestr(info, data)


def save(path, value, **others):
    """As torch.save; `others` are further records, "/" written as "__"."""
    tensors = list(find_tensors(value))
    for key, tensor in enumerate(tensors):
        tensor.key = key
    text = io.BytesIO()
    Pickler(text, protocol=2).dump(value)
    with zipfile.ZipFile(path, "w") as archive:
        add(archive, "data.pkl", text.getvalue())
        add(archive, "byteorder", "little")
        for tensor in tensors:
            add(archive, f"data/{tensor.key}", tensor.bytes())
        for name, data in others.items():
            add(archive, name.replace("__", "/").replace("_pkl", ".pkl"), data)
        add(archive, "version", "3\n")


def save_safetensors(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        begin = len(data)
        data += tensor.bytes()
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


# --- Contents.

WIDTH, HIDDEN, VOCABULARY = 4, 8, 6


def rwkv4(seed):
    """A complete RWKV-4 model of one layer, as small as one can be."""
    generator = random.Random(seed)
    c, f, v = (WIDTH,), (HIDDEN, WIDTH), (VOCABULARY, WIDTH)
    mix, square = (1, 1, WIDTH), (WIDTH, WIDTH)
    shapes = {"emb.weight": v, "blocks.0.ln0.weight": c, "blocks.0.ln0.bias": c}
    layer = {"ln1.weight": c, "ln1.bias": c, "ln2.weight": c, "ln2.bias": c,
             "att.time_decay": c, "att.time_first": c,
             "att.time_mix_k": mix, "att.time_mix_v": mix, "att.time_mix_r": mix,
             "att.key.weight": square, "att.value.weight": square,
             "att.receptance.weight": square, "att.output.weight": square,
             "ffn.time_mix_k": mix, "ffn.time_mix_r": mix, "ffn.key.weight": f,
             "ffn.receptance.weight": square, "ffn.value.weight": f[::-1]}
    shapes.update({"blocks.0." + name: shape for name, shape in layer.items()})
    shapes.update({"ln_out.weight": c, "ln_out.bias": c, "head.weight": v})
    model = {}
    for name, shape in shapes.items():
        n = 1
        for size in shape:
            n *= size
        model[name] = Tensor([generator.uniform(-1, 1) for _ in range(n)], shape)
    return model


def under(prefix, model):
    return {prefix + name: tensor for name, tensor in model.items()}


def ones(*shape, code="f"):
    n = 1
    for size in shape:
        n *= size
    return Tensor([1] * n, shape, code)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)

    # A model as it is, and the same one where a converter has to be told to look.
    save(folder / "plain.pth", rwkv4(1))
    save(folder / "nested.pth", {"step": 7, "student": rwkv4(1), "teacher": rwkv4(2)})
    save(folder / "prefixed.pth", {**under("student.net.", rwkv4(1)), "loss": ones(1)})

    # Training states without weights.
    moments = {"step": 3, "exp_avg": ones(2), "exp_avg_sq": ones(2)}
    groups = [{"lr": 1e-4, "params": [0]}]
    save(folder / "optimizer.pth", {"state": {0: moments}, "param_groups": groups})
    save(folder / "deepspeed_optim_states.pt",
         {"optimizer_state_dict": {"fp32_flat_groups": [ones(4)], "zero_stage": 2},
          "ds_version": "0.9.0"})

    # What the rwkv package makes of a checkpoint for a strategy with 8-bit weights.
    converted = {"emb.weight": ones(VOCABULARY, WIDTH, code="e"),
                 "blocks.0.ln1.weight": ones(WIDTH, code="e")}
    for name in ("att.key.weight", "ffn.key.weight"):
        converted["blocks.0." + name] = ones(WIDTH, WIDTH, code="B")
        for part in ("mx", "rx", "my", "ry"):
            converted[f"blocks.0.{name}_{part}"] = ones(WIDTH, code="e")
    converted.update({"_strategy": "cuda fp16i8", "_rescale_layer": 6, "_version": 0.7})
    save(folder / "strategy.pth", converted)

    # A TorchScript program.
    save(folder / "script.pt", {"w": ones(2)}, constants_pkl=b"\x80\x02).",
         code____torch_____py="class Model(Module):\n  pass\n")

    # Adapters of other programs.
    save_safetensors(folder / "peft.safetensors", {
        f"base_model.model.blocks.0.att.key.lora_{half}.weight": ones(2, 2) for half in "AB"})

    # Names of the transformers package, and of flash-linear-attention.
    save(folder / "hugging_face.pth", hugging_face(rwkv4(1)))
    save_safetensors(folder / "fla.safetensors", {
        "model.embeddings.weight": ones(VOCABULARY, WIDTH),
        "model.layers.0.attn.w_lora.lora.0.weight": ones(2, WIDTH),
        "lm_head.weight": ones(VOCABULARY, WIDTH)})


def hugging_face(model):
    renamings = [("emb.", "rwkv.embeddings."), ("ln_out.", "rwkv.ln_out."),
                 ("blocks.", "rwkv.blocks."), (".ln0.", ".pre_ln."), (".att.", ".attention."),
                 (".ffn.", ".feed_forward."), ("_mix_k", "_mix_key"), ("_mix_v", "_mix_value"),
                 ("_mix_r", "_mix_receptance")]
    out = {}
    for name, tensor in model.items():
        for old, new in renamings:
            name = name.replace(old, new)
        out[name] = tensor
    return out


if __name__ == "__main__":
    main()
