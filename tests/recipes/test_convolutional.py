"""The recipes of convolutional networks: models, inputs and errors; a whole run of transfer."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from clearprop import nn
from clearprop.data import Dataset
from clearprop.errors import ConfigurationError
from clearprop.recipes import find_recipe, prepare
from clearprop.recipes.alexnet import AlexNetRecipe
from clearprop.recipes.pictures import brought_to, drawn_evenly, some
from clearprop.recipes.resnet20 import ResNet20Recipe
from clearprop.recipes.transfer import FROZEN, SCRATCH, WAYS, TransferStudy, parted
from clearprop.training.augmentation import Flip, Shift


def pictures(shape: tuple[int, ...], classes: int = 3) -> Dataset:
    random = np.random.default_rng(0)
    number = 12 * classes
    inputs = random.integers(0, 255, (number, *shape)).astype(np.uint8)
    return Dataset("drawn at random", inputs, np.arange(number) % classes, "classification")


@pytest.mark.parametrize(
    ("shape", "layers", "size"),
    [
        ((28, 28, 1), ["Border"], 32),
        ((8, 8, 1), ["Enlarge"], 32),
        ((9, 11, 3), ["Enlarge", "Border"], 32),
        ((28, 28, 1), ["Enlarge", "Border"], 227),
        ((227, 227, 3), [], 227),
    ],
)
def test_pictures_are_brought_to_a_size(
    shape: tuple[int, ...], layers: list[str], size: int
) -> None:
    made = brought_to(size, shape)
    assert [type(layer).__name__ for layer in made] == layers
    x = np.ones((1, *shape), np.float32)
    assert nn.Sequential(made)(x).shape[1:3] == (size, size)


def test_some_are_drawn_evenly() -> None:
    few = some(pictures((4, 4, 1)), 9, 0, 5)
    assert np.bincount(few.targets).tolist() == [3, 3, 3]
    assert len(some(pictures((4, 4, 1)), 1000, 0, 5)) == 36
    assert len(drawn_evenly(np.array([0, 0, 1]), 2, 0)) == 2


def test_resnet20_builds_the_network_for_small_and_large_pictures() -> None:
    for shape, first in (((28, 28, 1), 1), ((40, 40, 3), None)):
        recipe = ResNet20Recipe()
        splits = recipe.adapted(pictures(shape)).split(dev=0.1, test=0.1, seed=0)
        model = recipe.model(splits.preprocessor, 3)
        assert isinstance(model, nn.Sequential) == (first is not None)
        # 269,722 are for three channels and ten classes
        count = sum(w.size for w in nn.parameters(model).values())
        assert count == 269_722 - (3 - shape[-1]) * 144 - 7 * 65


def test_alexnet_takes_a_few_pictures_and_has_its_size() -> None:
    recipe = AlexNetRecipe(examples=9)
    part = recipe.adapted(pictures((28, 28, 1)))
    assert len(part) == 9
    whole = pictures((28, 28, 1))
    with_test = dataclasses.replace(whole, test=whole)
    judged = AlexNetRecipe(examples=9, test_examples=20).adapted(with_test).test
    assert judged is not None
    assert len(judged) == 20
    assert recipe.settled(400).epochs == 6
    splits = part.split(dev=0.1, test=0.1, seed=0)
    model = recipe.model(splits.preprocessor, 10)
    assert nn.summary(model, (28, 28, 1)).parameters == 60_965_224 - 2 * 96 * 121 - 990 * 4097


@pytest.mark.parametrize("name", ["resnet20", "alexnet", "transfer"])
def test_other_data_is_refused(name: str) -> None:
    table = Dataset("a table", np.ones((8, 3)), np.arange(8) % 2, "classification")
    recipe = find_recipe(name)()

    def take(dataset: Dataset) -> object:
        if isinstance(recipe, TransferStudy):
            return parted(dataset, 0.5)
        return recipe.adapted(dataset)  # type: ignore[union-attr]

    with pytest.raises(ConfigurationError, match="pictures in classes"):
        take(table)
    if name == "alexnet":
        with pytest.raises(ConfigurationError, match="larger than AlexNet's"):
            take(pictures((230, 227, 1)))
    if name == "transfer":
        with pytest.raises(ConfigurationError, match="four classes"):
            take(pictures((8, 8, 1)))


def test_classes_are_parted_and_scaled_by_those_that_are_learned() -> None:
    first, others = parted(pictures((6, 6, 1), classes=5), 0.6)
    assert (first.class_names, others.class_names) == (("0", "1", "2"), ("3", "4"))
    assert others.targets.max() == 1
    assert abs(first.inputs.mean()) < 1e-5
    assert first.inputs.std() == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_transfer_end_to_end(tmp_path: Path) -> None:
    study = TransferStudy.of({"samples": "3", "repeats": "1", "epochs": "10", "few_epochs": "100"})
    found = study.carry_out(progress=False)
    assert len(found.measures) == len(WAYS)
    accuracy = {way: found.measures[f"{way}, 3 samples, accuracy"] for way in WAYS}
    assert all(0.34 < value <= 1 for value in accuracy.values())
    assert accuracy[FROZEN] > accuracy[SCRATCH]
    study.write(tmp_path / "run", "transfer", found, report=False)
    assert (tmp_path / "run" / "figures" / "accuracy-against-samples.png").is_file()


def test_digits_are_not_mirrored_unless_told() -> None:
    values = {"data": {"name": "digits"}}
    assert prepare("resnet20", values).recipe.fit_options()["augment"] == [Shift(2)]
    told = prepare("resnet20", {**values, "mirror": True}).recipe
    assert told.fit_options()["augment"] == [Flip(), Shift(2)]
    assert ResNet20Recipe().fit_options()["augment"] == [Flip(), Shift(2)]
    assert ResNet20Recipe(augment=False).fit_options()["augment"] is None
