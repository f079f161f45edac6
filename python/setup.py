"""Builds the shared library with CMake and puts it into the wheel.

The version is the project's, from the CMakeLists.txt beside this folder. `scripts/build-wheel` adds the
libraries that librwkv needs itself, so that the wheel needs nothing but numpy.
"""
import re
import shutil
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution
from wheel.bdist_wheel import bdist_wheel

ROOT = Path(__file__).resolve().parent.parent


def version():
    text = (ROOT / "CMakeLists.txt").read_text()
    return re.search(r"project\(rwkv-tools VERSION ([0-9.]+)", text).group(1)


class BuildWithLibrary(build_py):
    def run(self):
        super().run()
        if self.editable_mode:
            return
        build = Path(self.build_lib).resolve().parent / "cmake"
        subprocess.run(["cmake", "-S", ROOT, "-B", build, "-DCMAKE_BUILD_TYPE=Release",
                        "-DRWKV_TESTS=OFF", "-DRWKV_BENCH=OFF"], check=True)
        subprocess.run(["cmake", "--build", build, "--target", "rwkv", "--parallel"], check=True)
        target = Path(self.build_lib) / "rwkv_tools" / "lib"
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(build / "lib" / "librwkv.so", target / "librwkv.so")


class BinaryDistribution(Distribution):
    def has_ext_modules(self):
        return True


class AnyPython(bdist_wheel):
    """The library does not know Python: one wheel serves all its versions."""

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


setup(version=version(), distclass=BinaryDistribution,
      cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": AnyPython})
