"""A plain PyTorch training loop that follows a recipe's settings."""

from __future__ import annotations

import copy
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.quality.scores import judged
from clearprop import nn
from clearprop.data import Dataset
from clearprop.recipes.experiment import Experiment
from clearprop.recipes.recipe import NetworkRecipe

Inputs = torch.Tensor | dict[str, torch.Tensor]


def train(experiment: Experiment, network: torch.nn.Module, cores: int) -> None:
    """Train a network in place: rule, rate, decay, epochs and batches are the recipe's."""
    torch.set_num_threads(cores)
    recipe = experiment.recipe
    assert isinstance(recipe, NetworkRecipe)
    if recipe.optimizer != "adam":
        raise SystemExit(f"the comparison knows adam only, and the recipe has {recipe.optimizer}")
    assert recipe.epochs is not None
    assert recipe.batch_size is not None
    x, y = inputs(experiment, experiment.splits.train), targets(experiment)
    rate = recipe.rate(experiment.steps)
    optimizer = _adam(network, recipe.weight_decay)
    longest = getattr(recipe, "clip", None)
    step, began = 0, time.monotonic()
    best = Best(recipe.patience)
    for epoch in range(recipe.epochs):
        network.train()
        total = 0.0
        for rows in torch.split(torch.randperm(len(y)), recipe.batch_size):
            for group in optimizer.param_groups:
                group["lr"] = float(rate(np.int32(step))) if callable(rate) else rate
            optimizer.zero_grad()
            loss = objective(experiment.loss, network(take(x, rows)), y[rows])
            loss.backward()
            if longest is not None:
                torch.nn.utils.clip_grad_norm_(network.parameters(), longest)
            optimizer.step()
            total += float(loss.detach()) * len(rows)
            step += 1
        spent = time.monotonic() - began
        print(f"  epoch {epoch + 1}: objective {total / len(y):.4f}, {spent:.0f} s", flush=True)
        if recipe.patience is not None and best.stops(experiment, network):
            break
    best.restore(network)


class Best:
    """The best weights by the development part, kept where a recipe has patience."""

    def __init__(self, patience: int | None) -> None:
        self.patience = patience
        self.error = float("inf")
        self.weights: dict[str, torch.Tensor] | None = None
        self.waited = 0

    def stops(self, experiment: Experiment, network: torch.nn.Module) -> bool:
        """Judge after an epoch; say whether the patience is at its end."""
        part = experiment.splits.dev
        assert part is not None
        error = judged(experiment, outputs(experiment, network, part), part)[1]
        self.waited += 1
        if error < self.error:
            self.error, self.waited = error, 0
            self.weights = copy.deepcopy(network.state_dict())
        return self.waited >= (self.patience or 0)

    def restore(self, network: torch.nn.Module) -> None:
        """Put the best weights back, if any were kept."""
        if self.weights is not None:
            network.load_state_dict(self.weights)


def outputs(experiment: Experiment, network: torch.nn.Module, part: Dataset) -> NDArray[Any]:
    """Return a trained network's outputs for a part of the data."""
    x = inputs(experiment, part)
    network.eval()
    with torch.no_grad():
        found = [network(take(x, rows)) for rows in torch.split(torch.arange(len(part)), 256)]
    return torch.cat(found).numpy()


def inputs(experiment: Experiment, part: Dataset) -> Inputs:
    """Return the inputs of a part as the model sees them."""
    scaled = experiment.splits.preprocessor.scaled(part.inputs)
    if isinstance(scaled, dict):
        return {name: torch.from_numpy(np.array(x)) for name, x in scaled.items()}
    return torch.from_numpy(np.array(scaled))


def targets(experiment: Experiment) -> torch.Tensor:
    """Return the training targets as the loss sees them."""
    raw = experiment.splits.train.targets
    preprocessor = experiment.splits.preprocessor
    if preprocessor.target_center:
        raw = np.asarray(preprocessor.scaled_targets(raw))
    return torch.from_numpy(np.array(raw))


def take(x: Inputs, rows: torch.Tensor) -> Inputs:
    """Return some rows of the inputs."""
    return {name: part[rows] for name, part in x.items()} if isinstance(x, dict) else x[rows]


def objective(loss: str, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the mean of a loss over a batch, as `clearprop.nn` defines it."""
    match loss:
        case "cross_entropy":
            classes = outputs.shape[-1]
            flat = outputs.reshape(-1, classes), targets.reshape(-1).long()
            return torch.nn.functional.cross_entropy(*flat)
        case "sequence_cross_entropy":
            values = torch.nn.functional.cross_entropy(
                outputs.transpose(1, 2), targets.long(), ignore_index=-1, reduction="none"
            )
            counted = (targets >= 0).sum(1).clamp(min=1)
            return (values.sum(1) / counted).mean()
        case "squared_error":
            return 0.5 * (outputs - targets).square().flatten(1).sum(1).mean()
        case "mean_squared_error":
            return (outputs - targets).square().mean()
    raise SystemExit(f"the comparison does not know the loss {nn.find_loss(loss).name}")


def _adam(network: torch.nn.Module, decay: float) -> torch.optim.Optimizer:
    matrices = [w for w in network.parameters() if w.ndim >= 2]
    others = [w for w in network.parameters() if w.ndim < 2]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1.0)
