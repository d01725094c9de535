from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from clearprop import nn, ops
from clearprop.errors import CheckpointError, ModelError
from clearprop.training import load_model, predict, save


def model() -> nn.Module:
    return nn.Sequential([nn.Linear(4, 8), nn.BatchNorm(8), ops.gelu, nn.Linear(8, 3)]).init(2)


def test_a_new_process_predicts_the_same_bits(tmp_path: Path) -> None:
    x = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    save(model(), tmp_path / "model.safetensors")
    code = (
        "import sys, numpy as np; from clearprop.training import load_model, predict; "
        "folder = sys.argv[1]; "
        "outputs = predict(load_model(folder), np.load(folder + '/x.npy')); "
        "np.save(folder + '/y.npy', outputs)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert np.load(tmp_path / "y.npy").tobytes() == predict(model(), x).tobytes()


class Doubled(nn.Module):
    function: Any = nn.static()

    def __call__(self, x: Any) -> Any:
        return self.function(x)


def test_functions_of_ones_own_are_loaded_into_a_model_that_is_like_it(tmp_path: Path) -> None:
    def twice(x: Any) -> Any:
        return 2 * x

    own = nn.Sequential([nn.Linear(2, 2), Doubled(twice)]).init(1)
    save(own, tmp_path / "own.safetensors")
    with pytest.raises(CheckpointError, match="does not describe") as caught:
        load_model(tmp_path / "own.safetensors")
    assert "like=model" in str(caught.value)
    back = load_model(
        tmp_path / "own.safetensors", like=nn.Sequential([nn.Linear(2, 2), Doubled(twice)])
    )
    x = np.ones((1, 2), np.float32)
    assert predict(back, x).tobytes() == predict(own, x).tobytes()


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    save(model(), tmp_path / "m.safetensors")
    with pytest.raises(CheckpointError, match=r"layers\.0\.weight is \(4, 8\)"):
        load_model(tmp_path / "m.safetensors", like=nn.Sequential([nn.Linear(4, 9)]))


def test_files_that_are_no_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        load_model(tmp_path / "nowhere.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(CheckpointError, match="cut off or damaged"):
        load_model(tmp_path / "text.safetensors")
    save(model(), tmp_path / "m.safetensors")
    content = (tmp_path / "m.safetensors").read_bytes()
    (tmp_path / "m.safetensors").write_bytes(content[:-1])
    with pytest.raises(CheckpointError, match="cut off or damaged"):
        load_model(tmp_path / "m.safetensors")


def test_a_model_without_values_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no values yet"):
        save(nn.Linear(2, 2), tmp_path / "m.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_weights_of_other_programs_are_answered_with_what_reads_them(tmp_path: Path) -> None:
    safetensors.numpy.save_file({"weight": np.ones(2)}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="does not describe") as refused:
        load_model(tmp_path)
    assert refused.value.given == "the weights of another program"
    assert "like=model" in str(refused.value.fix)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError) as refused:
        load_model(tmp_path / "model.safetensors")
    assert refused.value.fix == f"cp.interop.huggingface.load({str(tmp_path)!r})"
    for begins in (b"PK\x03\x04", b"\x80\x02"):
        (tmp_path / "model.pt").write_bytes(begins + bytes(100))
        with pytest.raises(CheckpointError, match=r"torch\.save") as refused:
            load_model(tmp_path / "model.pt")
        assert "cp.interop.pytorch.load_state_dict(model, " in str(refused.value.fix)
