from __future__ import annotations

import numpy as np
import pytest

from clearprop import data, models, nn, ops
from clearprop.data.labelled_texts import labelled
from clearprop.errors import DataError, ModelError, ShapeError
from clearprop.training import evaluate, fit, predict


def test_a_prediction_is_the_models_output_whatever_the_batches() -> None:
    model = nn.Sequential([nn.Linear(3, 5), ops.tanh, nn.Linear(5, 2)]).init(0)
    x = np.random.default_rng(0).normal(size=(1300, 3)).astype(np.float32)
    outputs = predict(model, x)
    assert outputs.shape == (1300, 2)
    np.testing.assert_allclose(outputs, model(x), rtol=1e-5, atol=1e-6)
    assert predict(model, x[:0]).shape == (0, 2)


def test_the_confusion_matrix_has_truth_in_rows_and_answers_in_columns() -> None:
    outputs = np.eye(3, dtype=np.float32)[[0, 0, 1, 2, 2, 2]]
    model = nn.Linear(3, 3).init(0)
    from clearprop import tree

    model = tree.replace(model, {"weight": np.eye(3, dtype=np.float32)})
    judged = evaluate(model, (outputs, np.array([0, 1, 1, 2, 0, 2])))
    assert judged.confusion is not None
    assert judged.confusion.tolist() == [[1, 0, 1], [1, 1, 0], [0, 0, 2]]
    assert judged.error == pytest.approx(2 / 6)
    assert judged.accuracy == pytest.approx(4 / 6)


def test_one_output_answers_by_its_side() -> None:
    from clearprop import tree

    model = tree.replace(nn.Linear(1, 1).init(0), {"weight": np.ones((1, 1), np.float32)})
    x = np.array([[-1.0], [2.0], [3.0]], np.float32)
    judged = evaluate(model, (x, np.array([0, 0, 1])), "binary_cross_entropy")
    assert judged.confusion is not None
    assert judged.confusion.tolist() == [[1, 1], [0, 1]]
    assert judged.error == pytest.approx(1 / 3)


def test_an_objective_is_the_mean_over_all_examples(digits: data.Splits) -> None:
    model = nn.Sequential([nn.Flatten(), nn.Linear(64, 10)]).init(0)
    judged = evaluate(model, digits.train, preprocessor=digits.preprocessor)
    z = judged.outputs.astype(np.float64)
    z -= z.max(axis=1, keepdims=True)
    y = np.asarray(digits.train.targets)
    expected = (np.log(np.exp(z).sum(1)) - z[np.arange(len(y)), y]).mean()
    assert judged.objective == pytest.approx(expected, rel=1e-5)
    assert judged.examples == len(digits.train)
    assert judged.class_names == tuple(str(k) for k in range(10))


def test_a_model_without_values_says_so() -> None:
    with pytest.raises(ModelError, match="no values yet"):
        predict(nn.Linear(2, 2), np.ones((1, 2), np.float32))


def test_misfits_are_named() -> None:
    model = nn.Sequential([nn.Linear(2, 2)]).init(0)
    with pytest.raises(ShapeError, match=r"layers\.0"):
        predict(model, np.ones((4, 3), np.float32))
    with pytest.raises(DataError, match="out of range"):
        evaluate(model, (np.ones((2, 2), np.float32), np.array([0, 2])))


def test_a_raw_data_set_is_judged_as_its_prepared_part_is() -> None:
    raw = data.load("wine")
    splits = raw.split(dev=0.0, test=0.0)
    model = nn.Linear(13, 3).init(0)
    prepared = evaluate(model, splits.train, preprocessor=splits.preprocessor)
    judged = evaluate(model, raw, preprocessor=splits.preprocessor)
    assert judged.error == prepared.error
    assert judged.objective == pytest.approx(prepared.objective, rel=1e-5)
    some = splits.train.take(np.arange(9))
    assert evaluate(model, some, preprocessor=splits.preprocessor).examples == 9


def test_what_another_preprocessor_encoded_is_refused() -> None:
    raw = data.load("wine")
    one, other = raw.split(seed=1), raw.split(seed=2)
    with pytest.raises(DataError, match="another preprocessor"):
        evaluate(nn.Linear(13, 3).init(0), one.train, preprocessor=other.preprocessor)


def test_words_that_another_split_numbered_are_refused() -> None:
    texts = [f"{word} {word} and" for word in ("one", "two", "three", "four", "five", "six")]
    raw = labelled(texts, np.arange(len(texts)) % 2, "pairs")
    whole, half = raw.split(dev=0, test=0), raw.split(dev=0, test=0.5, seed=3)
    assert half.test is not None
    words = len(whole.preprocessor.vocabularies["inputs"])
    model = models.WordClassifier(words, 2, network="bag", embedding_features=2).init(0)
    assert half.preprocessor.vocabularies != whole.preprocessor.vocabularies
    with pytest.raises(DataError, match="another preprocessor"):
        evaluate(model, half.test, preprocessor=whole.preprocessor)
    assert evaluate(model, raw, preprocessor=whole.preprocessor).examples == len(texts)


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "binary_squared_error"])
def test_targets_of_a_class_or_not_lie_between_0_and_1(loss: str) -> None:
    model, x = nn.Linear(2, 1).init(0), np.ones((3, 2), np.float32)
    with pytest.raises(DataError, match=r"target -1 of example 1[^$]*\(y \+ 1\) / 2"):
        evaluate(model, (x, np.array([1, -1, 1])), loss)
    with pytest.raises(DataError, match="and 3 outputs, for as many classes"):
        fit(model, (x, np.array([[0.0], [2.0], [1.0]])), loss=loss, batch_size=3, progress=False)
    assert evaluate(model, (x, np.array([[0.0], [0.5], [1.0]])), loss).examples == 3
