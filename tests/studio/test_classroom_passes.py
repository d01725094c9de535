"""The backward passes of the classroom file: what is kept, and how it marks answers."""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Collection
from typing import Any

import msgspec
import numpy as np
import pytest

from clearprop.glass.equations.mistakes import KINDS
from clearprop.glass.equations.numbers import significant
from clearprop.glass.equations.sheet import Sheet
from clearprop.studio.backward.answers import sheet_for, trace_for
from clearprop.studio.backward.flow import Flow
from clearprop.studio.backward.messages import (
    NamedPage,
    PassTrace,
    SentLayer,
    SentNetwork,
    TraceWish,
)
from clearprop.studio.backward.sheets import marked
from clearprop.studio.backward.sources import solution
from clearprop.studio.playground.network import HIDDEN_ACTIVATIONS, output_of
from tests.studio import dense
from tools.studio_passes import PASSES, TARGET, kept_passes, key_of

ENTRY = "src/classroom/passes/index.ts"


def computed(cases: list[dict[str, Any]]) -> list[Any]:
    return dense.computed(cases, ENTRY, "passes_driver.mjs")


def test_the_lectures_pages_are_kept_with_their_keys() -> None:
    """What stands in the sources of the page is what the library works out."""
    found = json.loads(zlib.decompress(TARGET.read_bytes()))
    alike(found, json.loads(msgspec.json.encode(kept_passes())), "python -m tools.studio_passes")
    assert [page["name"] for page in found["pages"]] == ["gate", "2-2-1"]
    gate, network = found["passes"]
    assert len(gate["traces"]) == PASSES
    assert len(network["traces"]) == 2 * PASSES  # as neurons and gate by gate
    for page in found["passes"]:
        gaps = {line["gap"] for part in page["sheet"]["parts"] for line in part["lines"]}
        assert gaps == {line["gap"] for line in page["key"]}
        for one in page["traces"]:
            trace = msgspec.convert(one["trace"], PassTrace)
            asked = {question.gap for step in trace.steps for question in step.questions}
            assert asked == {line["gap"] for line in one["key"]} - {0}
    assert network["traces"][2]["trace"]["number"] == 2


STRANGE = ["x", "nan", "inf", "-inf", "0,5", "1e-3", " .7 ", "1 2", "−0.3", ".", "0.5.", "+2", "_"]


def attempts(sheet: Sheet, random: np.random.Generator, digits: int) -> dict[str, str]:
    """Return answers of a student: most are right, some are mistaken in the usual ways."""
    values = [line.value for line in sheet.lines() if math.isfinite(line.value)]
    found = {}
    for line in sheet.lines():
        if not line.gap or random.random() < 0.1:
            continue
        value = line.value
        chance = random.random()
        if chance < 0.12:
            value = -value
        elif chance < 0.2:
            value *= float(random.choice([2.0, 0.5]))
        elif chance < 0.3:
            value = float(random.choice(values))
        elif chance < 0.38:
            value *= 1 + float(random.normal(0, 0.003))
        elif chance < 0.43:
            value += float(random.normal(0, 0.3))
        text = significant(value, int(random.integers(1, digits + 1)))
        if random.random() < 0.05:
            text = str(
                random.choice(["x", "nan", "inf", "0,5", "1e-3", " .7 ", "1 2", "−0.3", "."])
            )
        found[str(line.gap)] = text
    return found


def mistaken(sheet: Sheet, digits: int) -> list[dict[str, str]]:
    """Return single wrong answers, each a plausible combination of the numbers of the sheet."""
    lines = list(sheet.lines())
    found = []
    for line in lines:
        if line.formula is None:
            continue
        near = {line.value * 0.25, line.value * 3, line.value + 1, line.value - 0.5}
        near |= {line.value * other.value for other in lines if math.isfinite(other.value)}
        near |= {line.value / other.value for other in lines if other.value}
        found += [{str(line.gap): significant(value, digits + 2)} for value in near]
    return found


SOURCES = [
    NamedPage("gate"),
    NamedPage("2-2-1"),
    NamedPage("network", 3),
    NamedPage("gate", 7),
    NamedPage("3-2-1", 5),
]


@pytest.mark.parametrize("source", SOURCES, ids=lambda one: f"{one.name}-{one.seed}")
def test_answers_get_the_marks_of_the_library(source: NamedPage) -> None:
    random = np.random.default_rng(source.seed or 0)
    found = solution(source, 4)
    flow = Flow.of(found, None)
    cases, expected = [], []
    for sheet in (found.sheet, flow.sheet()):
        given = [attempts(sheet, random, 5) for _ in range(30)] + mistaken(sheet, 4)[:400]
        cases.append({"kind": "marks", "key": key_of(sheet), "answers": given, "digits": 4})
        expected.append(json.loads(msgspec.json.encode([marked(sheet, one) for one in given])))
    seen = set()
    for case, own, known in zip(cases, computed(cases), expected, strict=True):
        for answers, a, b in zip(case["answers"], own, known, strict=True):
            for one, other in zip(a["answers"], b["answers"], strict=True):
                assert one == other, answers
            assert a == b
            seen |= {(mark["verdict"], mark["kind"]) for mark in a["answers"]}
    assert {"right", "carried", "wrong"} <= {verdict for verdict, _ in seen}
    kinds = {kind for _, kind in seen} - {""}
    assert kinds <= set(KINDS)
    assert len(kinds) >= 5


# --- the network of the playground ---------------------------------------------------------------

NUMBER = re.compile(r"(?<![A-Za-z_\d])\d+(?:\.\d+)?(?:e-?\d+)?")
POWER = re.compile(r"<mn>[^<]*</mn><mo>·</mo><msup><mn>10</mn><mrow>.*?</mrow></msup>")

SAME_LOSSES = {
    "squared_error": "two classes",
    "binary_squared_error": "two classes",
    "binary_cross_entropy": "two classes",
    "cross_entropy": "several classes",
}
"""The losses that are a single operation of the library; of others the page shows fewer steps."""


def sent_network(random: np.random.Generator, hidden: list[str], loss: str) -> SentNetwork:
    task = SAME_LOSSES.get(loss, "two classes")
    output = output_of(loss, task, 3 if task == "several classes" else 2)
    features = int(random.integers(1, 4))
    before, layers = features, []
    for units, activation in [
        *((int(random.integers(1, 4)), name) for name in hidden),
        (output.units, output.activation),
    ]:
        weight = random.normal(0, 0.8, (before, units)).round(4)
        bias = random.normal(0, 0.3, units).round(4)
        layers.append(
            SentLayer(tuple(map(tuple, weight.tolist())), tuple(bias.tolist()), activation)
        )
        before = units
    target = float(random.integers(output.units if output.units > 1 else 2))
    return SentNetwork(
        tuple(layers),
        tuple(random.uniform(-3, 3, features).round(4).tolist()),
        2 * target - 1 if output.coding == "signs" else target,
        loss,
        0.3,
        tuple(["x1", "x2^2", "sin(x1)"][:features]),
    )


OWN = {"column", "row", "without", "details", "intro"}
"""What the page says of its own of a network's pass: it shows no gates."""


def alike(one: Any, other: Any, where: str, but: Collection[str] = ()) -> None:
    """Assert that two answers differ at most in the last digit of their numbers."""
    if isinstance(other, dict):
        assert set(one) == set(other), where
        for key in set(other).difference(but):
            alike(one[key], other[key], f"{where}.{key}", but)
    elif isinstance(other, list):
        assert len(one) == len(other), where
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            alike(a, b, f"{where}[{i}]", but)
    elif isinstance(other, float):
        assert one == pytest.approx(other, rel=1e-6, abs=1e-7), where
    elif isinstance(other, str):
        texts = [POWER.sub("<mn>0</mn>", text) for text in (one, other)]
        assert NUMBER.sub("#", texts[0]) == NUMBER.sub("#", texts[1]), where
        numbers = [[float(x) for x in NUMBER.findall(text)] for text in texts]
        np.testing.assert_allclose(*numbers, rtol=2e-3, atol=1e-12, err_msg=where)
    else:
        assert one == other, where


def compare_passes(cases: list[tuple[SentNetwork, int]]) -> None:
    """Compare the passes of networks with those of the library, and their exercises."""
    asked = [
        {"kind": "network", "sent": msgspec.to_builtins(sent), "digits": 4, "number": number}
        for sent, number in cases
    ]
    for (sent, number), found in zip(cases, computed(asked), strict=True):
        wish = TraceWish(sent, detail="neurons", number=number)
        known = json.loads(msgspec.json.encode(trace_for(wish, None)))
        alike(found["trace"], known, "trace", OWN)
        if number == 1:
            known = json.loads(msgspec.json.encode(sheet_for(sent, 4, None)))
            alike(found["exercise"]["sheet"]["parts"], known["parts"], "sheet")
            flow = Flow.of(solution(sent, 4), "neurons")
            alike(found["key"], json.loads(json.dumps(key_of(flow.sheet()))), "key")


# No error signal passes a binary step, and the library leaves out what none reaches.
SMOOTH = sorted(set(HIDDEN_ACTIVATIONS) - {"binary_step"})


@pytest.mark.parametrize("loss", sorted(SAME_LOSSES))
def test_the_pass_of_a_network_is_that_of_the_library(loss: str) -> None:
    random = np.random.default_rng(2)
    compare_passes([(sent_network(random, ["tanh"], loss), 2)])


def test_the_exercise_of_a_network_is_that_of_the_library() -> None:
    random = np.random.default_rng(3)
    compare_passes([(sent_network(random, ["relu", "gelu"], "squared_error"), 1)])


@pytest.mark.slow
def test_the_passes_of_all_networks_are_those_of_the_library() -> None:
    random = np.random.default_rng(4)
    hidden = [random.choice(SMOOTH, depth).tolist() for depth in (0, 1, 2, 3)]
    cases = [
        (sent_network(random, names, loss), number)
        for loss in SAME_LOSSES
        for names in hidden
        for number in (1, 2)
    ]
    cases += [(sent_network(random, [name], "squared_error"), 1) for name in SMOOTH]
    compare_passes(cases)
