"""What a notebook shows of a run, an evaluation, a diagnosis and the answer of `why`."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clearprop as cp
from clearprop.data import Splits
from clearprop.training import Run


class Words(HTMLParser):
    """The text of a page, and whether its tags are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.open = "", 0

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.open += 1

    def handle_endtag(self, tag: str) -> None:
        self.open -= 1

    def handle_startendtag(self, tag: str, attributes: Any) -> None:
        pass

    def handle_data(self, text: str) -> None:
        self.text += text


def words(value: Any) -> str:
    page = Words()
    page.feed(value._repr_html_())
    assert page.open == 0
    return page.text


@pytest.fixture(scope="module")
def iris() -> Splits:
    return cp.data.load("iris").split(dev=0.2, test=0.0)


@pytest.fixture(scope="module")
def run(iris: Splits) -> Run:
    return cp.fit(cp.models.MLP((4, 8, 3)), iris, epochs=3, progress=False)


def test_a_run(run: Run) -> None:
    text = words(run)
    assert "Run of MLP" in text
    assert f"{100 * run.history.training_error[-1]:.2f} %" in text
    assert run._repr_html_().count("<svg") == 2


def test_a_run_with_an_own_loss() -> None:
    x = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    own = cp.fit(cp.nn.Linear(2, 1), (x, x[:, :1]), loss=lambda y, t: (y - t) ** 4, epochs=2,
                 progress=False)  # fmt: skip
    assert own._repr_html_().count("<svg") == 2


def test_an_evaluation(run: Run, iris: Splits) -> None:
    assert iris.dev is not None
    text = words(run.evaluate(iris.dev))
    assert "virginica" in text
    assert "30" in text


def test_a_diagnosis_and_a_why(run: Run, iris: Splits) -> None:
    found = cp.diagnose(run, iris)
    assert found.summary in words(found)
    for finding in found:
        assert finding.sentence in words(found)
    x = iris.preprocessor.scaled(np.asarray(iris.train.inputs[:8]))
    why = cp.explain(run.model, x, iris.train.targets[:8]).why("layers.0.weight")
    assert "layers.0.weight: its error signal is" in words(why)
    assert why.reason in words(why)


def test_a_run_writes_its_report(run: Run, iris: Splits, tmp_path: Path) -> None:
    page = run.report(iris, tmp_path / "report.html", title="Three flowers")
    assert "Three flowers" in page.read_text(encoding="utf-8")


def test_what_print_shows_is_short() -> None:
    x, y = np.eye(4, dtype=np.float32), np.arange(4) % 2
    run = cp.fit(cp.nn.Linear(4, 2), x, y, dev=(x, y), metrics="f1", epochs=3, progress=False)
    assert repr(run.history).startswith("<History of 3 epochs, at the end: objective ")
    assert f"f1 {run.history.metrics['f1'][-1]:.4g}>" in repr(run.history)
    found = run.evaluate((x, y), metrics="f1")
    assert repr(found).startswith("<Evaluation of 4 examples: error rate ")
    assert f"accuracy {found.accuracy:.4g}" in repr(found)
    assert repr(found).endswith(f"f1 {found.metrics['f1']:.4g}>")
    assert "f1" in words(found)
    nothing = cp.fit(cp.nn.Linear(4, 2), x, y, epochs=0, progress=False)
    assert repr(nothing.history) == "<History of no epoch>"
