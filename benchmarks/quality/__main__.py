"""``python -m benchmarks.quality RECIPE [--set KEY=VALUE ...]``."""

from __future__ import annotations

import argparse
import time

import torch

from benchmarks.quality import training
from benchmarks.quality.scores import scores, written
from benchmarks.quality.twins import TWINS
from clearprop.cpu import usable_cores
from clearprop.nn import parameters
from clearprop.recipes import prepare
from clearprop.recipes.configuration import assigned
from clearprop.training import predict


def main() -> None:
    """Train a recipe and its twin, and print their numbers side by side."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("recipe", choices=sorted(TWINS))
    parser.add_argument("--set", action="append", default=[], dest="values", metavar="KEY=VALUE")
    parser.add_argument("--cores", type=int, default=usable_cores())
    given = parser.parse_args()
    experiment = prepare(given.recipe, assigned(given.values))
    test, preprocessor = experiment.splits.test, experiment.splits.preprocessor
    assert test is not None
    print(f"{given.recipe} on {experiment.data_line}", flush=True)

    torch.manual_seed(experiment.recipe.seed)
    twin = TWINS[given.recipe](experiment)
    print(f"PyTorch, {sum(w.numel() for w in twin.parameters()):,} parameters", flush=True)
    began = time.monotonic()
    training.train(experiment, twin, given.cores)
    seconds = {"PyTorch": time.monotonic() - began}
    found = scores(experiment, training.outputs(experiment, twin, test))
    rows = {"PyTorch": found | written(experiment, twin)}

    size = sum(w.size for w in parameters(experiment.model()).values())
    print(f"clearprop, {size:,} parameters", flush=True)
    began = time.monotonic()
    model = experiment.train(progress=False).model
    seconds["clearprop"] = time.monotonic() - began
    ours = predict(model, preprocessor.scaled(test.inputs))
    rows["clearprop"] = scores(experiment, ours) | experiment.recipe.measures(
        model, experiment.splits
    )

    for side, numbers in rows.items():
        listed = ", ".join(f"{name} {value:.4f}" for name, value in numbers.items())
        print(f"{side:9} {listed}; trained in {seconds[side]:.0f} s")


if __name__ == "__main__":
    main()
