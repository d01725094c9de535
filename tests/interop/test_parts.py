"""The parts of `clearprop.interop` are imported when they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import clearprop as cp


def test_a_part_is_imported_with_its_first_use() -> None:
    code = (
        "import sys, clearprop as cp; cp.interop; "
        "assert 'clearprop.interop.pytorch' not in sys.modules; "
        "cp.interop.pytorch.load_state_dict; cp.interop.huggingface.load; cp.interop.tensorboard"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert {"huggingface", "pytorch", "sklearn", "tensorboard"} <= set(cp.interop.__all__)
    with pytest.raises(AttributeError) as refused:
        cp.interop.pytroch  # noqa: B018 - the attribute is what is asked for
    assert "cp.interop.pytorch" in str(refused.value)
