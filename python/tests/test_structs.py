"""The ctypes structures are laid out as the compiler lays out those of the headers."""
import os
import shutil
import subprocess

import pytest

from rwkv_tools import _structs


@pytest.mark.skipif(shutil.which(os.environ.get("CC", "cc")) is None, reason="no C compiler")
def test_layout_is_the_compilers(root, tmp_path):
    lines = []
    for name, structure in _structs.C_NAMES.items():
        lines.append(f'printf("{name} size %zu\\n", sizeof({name}));')
        for field, *_ in structure._fields_:
            lines.append(f'printf("{name} {field} %zu\\n", offsetof({name}, {field}));')
    source = tmp_path / "layout.c"
    source.write_text("#include <stddef.h>\n#include <stdio.h>\n#include <rk/generate.h>\n"
                      "int main(void) {\n" + "\n".join(lines) + "\nreturn 0;\n}\n")
    program = tmp_path / "layout"
    subprocess.run([os.environ.get("CC", "cc"), "-std=c17", f"-I{root}/include", source, "-o", program],
                   check=True)
    said = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    expected = []
    import ctypes
    for name, structure in _structs.C_NAMES.items():
        expected.append(f"{name} size {ctypes.sizeof(structure)}")
        expected += [f"{name} {field} {getattr(structure, field).offset}" for field, *_ in structure._fields_]
    assert said.splitlines() == expected
