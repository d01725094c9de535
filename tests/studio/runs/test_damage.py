"""Whatever the files of a run hold, the studio answers: with numbers that agree, or with words."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from clearprop.errors import ClearpropError
from clearprop.studio.runs.damage import DamageCheck
from tests.studio.runs.conftest import Shelf

MUTANTS = 120


def mutated(content: bytes, random: np.random.Generator) -> bytes:
    """Return a content that is cut off, has other bits, or some bytes twice."""
    kind = random.integers(4)
    place = int(random.integers(len(content) + 1))
    if kind == 0:
        return content[:place]
    if kind == 1:
        return content + content[place:]
    if kind == 2:
        return b"" if random.random() < 0.2 else content[:place] + content[place + 1 :]
    changed = bytearray(content)
    for _ in range(int(random.integers(1, 4))):
        if changed:
            changed[int(random.integers(len(changed)))] ^= 1 << int(random.integers(8))
    return bytes(changed)


def ask_everything(shelf: Shelf) -> list[Exception]:
    """Ask whatever the page asks of a run; return the errors in words."""
    told: list[Exception] = []
    service = shelf.service
    (summary,) = service.changes().runs
    assert summary.state
    msgspec.json.encode(service.changes())
    detail = service.detail("xor")

    def ask(question: Any) -> None:
        try:
            found = question()
            if not isinstance(found, bytes):
                msgspec.json.encode(found)  # a name that is no UTF-8 would fail here
        except ClearpropError as error:
            told.append(error)

    ask(lambda: detail)
    ask(lambda: service.curves("xor"))
    ask(lambda: service.damage("xor"))
    ask(lambda: service.compare(["xor", "xor"]))
    ask(lambda: service.diagnosis("xor", with_data=False))
    for film in detail.films:
        if film.kind != "pass":
            for name in film.names[:2] or [""]:
                for step in (film.steps[0], film.steps[-1]):
                    ask(lambda f=film.kind, s=step, n=name: service.frame("xor", f, s, of=n))
    return told


def test_no_damage_leads_to_a_bug(shelf: Shelf) -> None:
    folder = shelf.put("xor")
    random = np.random.default_rng(0)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    told = 0
    for _ in range(MUTANTS):
        file = files[int(random.integers(len(files)))]
        whole = file.read_bytes()
        file.write_bytes(mutated(whole, random))
        told += bool(ask_everything(shelf))
        file.write_bytes(whole)
    assert told
    service = shelf.service
    assert service.changes().runs[0].state == "finished"
    assert service.damage("xor") == []


@pytest.mark.parametrize("kind", ["digits", "som"])
def test_every_flipped_bit_of_a_state_is_found(shelf: Shelf, kind: str) -> None:
    folder = shelf.put(kind)
    check, place = DamageCheck(), shelf.library.reader(kind).place
    assert check(place) == []
    file = sorted((folder / "snapshots").iterdir())[1]
    content = file.read_bytes()
    for position in (3, 40, len(content) // 2, len(content) - 2):
        changed = bytearray(content)
        changed[position] ^= 4
        file.write_bytes(changed)
        (told,) = check(place)
        assert told.startswith(f"snapshots/{file.name}: ")
        file.write_bytes(content)
        assert check(place) == []


@pytest.mark.parametrize(
    "results",
    ["", "[]", "{", '{"accuracy": "high"}', '{"accuracy": NaN, "error": 0.5, "big": 1e999}', "3"],
)
def test_results_of_any_form(shelf: Shelf, results: str) -> None:
    folder = shelf.put("xor")
    (folder / "results.json").write_text(results)
    found = shelf.service.detail("xor").results
    assert all(one.value is None or np.isfinite(one.value) for one in found)


@pytest.mark.parametrize(
    "changes",
    [
        {"parent": {"folder": "../../etc", "step": 3, "changed": {}}},
        {"parent": {"folder": "/", "step": 0, "changed": None}},
        {"parent": {"folder": "xor", "step": 1, "changed": {}}},
        {"notes": {"recipe": {"name": "<b>xor</b>", "values": {}}}},
        {"notes": {"recipe": [1, 2]}},
        {"notes": {"recipe": {"name": 3, "values": 4}}},
        {"algorithm": {"name": "self_organizing"}},
        {"algorithm": {"name": ["x"]}},
        {"model": {"structure": {"class": "os.system"}, "parameters": {}}},
        {"model": {"structure": None, "parameters": {"w": [[2, 2], "float32"]}}},
        {"preprocessor": {"input_shape": "x", "parts": 3}},
        {"optimizer": {"name": "chain", "parts": [{"name": "average_parameters"}]}},
        {"data": {"name": "\udce9"}},
        {"model": {"structure": {"class": "\udce9"}, "parameters": {"\udce9": [[2], "x"]}}},
        {"notes": {"recipe": {"name": "\udce9", "values": {"\udce9": "\udce9"}}}},
        {"settings": {"monitor": "\udce9"}, "loss": "\udce9", "machine": None},
    ],
)
def test_a_configuration_with_other_values(shelf: Shelf, changes: dict[str, Any]) -> None:
    folder = shelf.put("xor")
    config = json.loads((folder / "config.json").read_text())
    del config["checksum"]
    (folder / "config.json").write_text(json.dumps({**config, **changes}))
    ask_everything(shelf)
    for film in shelf.service.detail("xor").films:
        name = film.names[0] if film.names else ""
        with contextlib.suppress(ClearpropError):
            shelf.service.frame("xor", film.kind, film.steps[-1], of=name)


def test_a_folder_that_goes_while_it_is_looked_at(shelf: Shelf) -> None:
    folder: Path = shelf.put("xor")
    reader = shelf.library.reader("xor")
    for file in sorted(folder.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    folder.rmdir()
    assert shelf.service.changes().runs == []
    assert DamageCheck()(reader.place) == []
