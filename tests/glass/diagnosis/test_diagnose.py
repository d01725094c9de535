"""Findings are ranked, causes come before their consequences, and the text contains everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from clearprop.data import Splits
from clearprop.errors import ConfigurationError
from clearprop.glass.diagnosis import Finding, diagnose
from clearprop.glass.diagnosis.diagnose import ranked
from clearprop.glass.diagnosis.kinds import KINDS
from clearprop.glass.diagnosis.rules import RULES
from clearprop.nn import initializers
from clearprop.training import Run
from tests.glass.diagnosis.conftest import Parts, network


def made(kind: str, weight: float, grade: Any = "fault") -> Finding:
    return Finding("", {"x": 1.0}, "It is so.", "pass", weight, grade, kind)


def test_every_kind_has_a_rule_and_a_reason() -> None:
    assert {rule.kind for rule in RULES} == set(KINDS)
    for kind in KINDS.values():
        assert len(kind.reason) > 60
        assert set(kind.explains) <= set(KINDS)


def test_a_consequence_of_a_fault_becomes_a_note() -> None:
    found = ranked([made("underfitting", 0.9), made("dead_units", 0.7),
                    made("class_imbalance", 0.8)])  # fmt: skip
    assert [(f.kind, f.grade) for f in found] == [
        ("class_imbalance", "fault"), ("dead_units", "fault"), ("underfitting", "note"),
    ]  # fmt: skip
    assert found[-1].follows == "dead_units"
    assert "It may well follow from: dead units." in str(found[-1])


def test_a_note_explains_nothing() -> None:
    found = ranked([made("underfitting", 0.9), made("dead_units", 0.3, "note")])
    assert [f.grade for f in found] == ["fault", "note"]


def test_the_text_holds_evidence_reason_and_fix(digits: Parts) -> None:
    model = network(64, 32, 10, bias_init=initializers.constant(-30.0)).init(0)
    found = diagnose(model, digits[0])
    text = " ".join(str(found).split())
    finding = found.findings[0]
    assert found.summary.startswith("1 fault")
    for part in (finding.sentence, finding.reason, finding.fix.splitlines()[0]):
        assert " ".join(part.split()) in text
    assert "Not looked for, because a model alone does not say how it was trained: " in text


def test_other_objects_cannot_be_diagnosed() -> None:
    with pytest.raises(ConfigurationError, match="cannot be diagnosed"):
        diagnose(3)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="no data to diagnose with"):
        diagnose(network(2, 2), "iris")  # type: ignore[arg-type]


def test_a_folder_says_what_the_run_says(trained: Callable[..., Run], iris: Splits) -> None:
    run = trained()
    assert run.folder is not None
    assert str(diagnose(run.folder, iris)) == str(diagnose(run, iris))
    without = diagnose(run.folder)
    assert without.skipped["leaking_duplicates"] == "the training examples were not given"


def test_other_data_is_not_mistaken_for_the_training_part(
    trained: Callable[..., Run], iris: Splits
) -> None:
    x, y, run = np.asarray(iris.train.inputs), np.asarray(iris.train.targets), trained()
    assert "labels_shuffled" in diagnose(run, (x, y)).checked
    assert "labels_shuffled" in diagnose(run, (x[::2], y[::2])).skipped
