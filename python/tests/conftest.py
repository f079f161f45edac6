"""Tests run against the library that RWKV_LIBRARY names, or that of the installed package.

RWKV_ROOT: the root of the source tree, with the demo models.
"""
import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("RWKV_ROOT", Path(__file__).resolve().parents[2]))


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session", params=["demo-rwkv4.pth", "demo-rwkv7.pth"])
def demo_path(request):
    return str(ROOT / "models" / "demo" / request.param)


@pytest.fixture(scope="session")
def demo(demo_path):
    from rwkv_tools import RWKV
    return RWKV(demo_path, "cpu fp32", threads=1)


@pytest.fixture(scope="session")
def versions():
    """Small models of every version."""
    folder = ROOT / "tests" / "data" / "models"
    return [str(folder / f"{name}.pth") for name in ("v4", "v5.2", "v6", "v7")]
