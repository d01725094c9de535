"""The study ``find-rate``: which learning rates suit the network and the data of a recipe."""

from __future__ import annotations

import shlex
from typing import Annotated

from clearprop.glass.learning_rates import learning_rates
from clearprop.recipes.catalog import RECIPES
from clearprop.recipes.choice import DataChoice
from clearprop.recipes.configuration import Count, OptionalCount, OrNone, Rate, one_of
from clearprop.recipes.experiment import prepare
from clearprop.recipes.recipe import OptimizerName
from clearprop.recipes.study import Findings, Study
from clearprop.training.range_test import range_test


def _of_one_run() -> list[str]:
    return [
        name for name, entry in RECIPES.items() if entry.kind.endswith("Recipe") and not entry.needs
    ]


class FindRateStudy(Study):
    """Train for some steps while the learning rate rises, and draw the loss at each rate.

    Attributes:
        recipe: the recipe whose network is trained.
        data: as in the recipe.
        optimizer: its name, as for the recipe; none takes that of the recipe.
        batch_size: examples of a step; none takes that of the recipe.
        lowest: the first learning rate.
        highest: the last learning rate.
        steps: how many, at least 10.
    """

    recipe: Annotated[str, one_of("recipe", _of_one_run)] = "mlp"
    data: DataChoice = DataChoice()
    optimizer: Annotated[OptimizerName | None, OrNone] = None
    batch_size: OptionalCount = None
    lowest: Rate = 1e-6
    highest: Rate = 10.0
    steps: Count = 100

    def carry_out(self, progress: bool = True) -> Findings:
        """Carry out the range test, and draw it."""
        chosen = {"optimizer": self.optimizer, "batch_size": self.batch_size}
        values = {key: value for key, value in chosen.items() if value is not None}
        data = self.data.model_dump(exclude_unset=True)
        experiment = prepare(self.recipe, {**values, "data": data, "seed": self.seed})
        found = range_test(experiment.config(), self.lowest, self.highest, self.steps)
        lines = [
            f"data: {experiment.data_line}",
            f"{self.recipe}: {len(found.rates)} steps with rates from {found.rates[0]:.2g} to "
            f"{found.rates[-1]:.2g}",
        ]
        measures = {}
        if found.lowest is None or found.steepest is None or found.suggested is None:
            lines.append("the loss did not fall at any of these rates")
        else:
            lines += [
                f"the loss falls fastest at {found.steepest:.2g}",
                f"it is lowest at          {found.lowest:.2g}",
                f"suggested                {found.suggested:.2g}",
                self._command(found.suggested),
            ]
            measures = {
                "steepest": found.steepest,
                "lowest": found.lowest,
                "suggested": found.suggested,
            }
        return Findings(lines, measures, [learning_rates(found)])

    def _command(self, rate: float) -> str:
        """Return the command that trains the recipe with a rate, as it can be pasted."""
        data = f" --data {shlex.quote(str(self.data.name))}" if self.data.name else ""
        chosen = {"optimizer": self.optimizer, "batch_size": self.batch_size}
        options = [f" --set {key}={value}" for key, value in chosen.items() if value is not None]
        return f"clearprop train {self.recipe}{data}{''.join(options)} --set learning_rate={rate:g}"
