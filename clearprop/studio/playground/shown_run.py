"""One run of the playground as the page shows it: trained, changed by hand, drawn and explained.

Shape letters: N examples, F features, I inputs of a layer, O its units, G cells along a side of a
heat map.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop.errors import ConfigurationError, unknown_name
from clearprop.studio.frames import pack
from clearprop.studio.playground.forks import changes
from clearprop.studio.playground.formulas import Explainer
from clearprop.studio.playground.heat import HeatMaps
from clearprop.studio.playground.messages import Explained, Network, PageConfigured, PageExamples
from clearprop.studio.playground.prepared import Prepared
from clearprop.studio.playground.probe import ExampleNumbers, probe
from clearprop.studio.playground.script import EditedNumber, LeftByFork, SingleExample, WorkLog
from clearprop.studio.playground.script import script_of as written
from clearprop.studio.watched_run import WatchedRun
from clearprop.training import LiveRun

STILL_MEASURED = frozenset({"optimizer", "batch_size", "epochs"})
"""What a fork can change while the numbers of the last epoch stay those of its network."""


@dataclass(eq=False)
class ShownRun(WatchedRun):
    """A live run of the playground, and what the page knows of it.

    Attributes:
        prepared: the settings and what they come down to.
        log: what was done by hand.
        parent: of a fork: the run that it left.
        left_at: of a fork: the step at which it left its parent.
        example: the chosen one, a row of all examples.
        is_warm_alone: whether a step with a single example is compiled.
    """

    prepared: Prepared
    log: WorkLog
    parent: int | None = None
    left_at: int | None = None
    example: int = 0
    is_warm_alone: bool = field(default=False, kw_only=True)

    @classmethod
    def begun(cls, number: int, prepared: Prepared) -> ShownRun:
        """Return a run at step 0; its programs are compiled side by side.

        Raises:
            ClearpropError: what `fit` says of the settings.
        """
        maps = HeatMaps(prepared.settings.features, prepared.layers)
        with ThreadPoolExecutor(1) as pool:
            drawn = pool.submit(_compile_pictures, prepared, maps)
            live = LiveRun(prepared.config)
            drawn.result()
        return cls(number, live, prepared, WorkLog(prepared))

    def fork(self, number: int, prepared: Prepared) -> ShownRun:
        """Return a run that leaves this one here, with other settings.

        Raises:
            ConfigurationError: a fork cannot change these settings, or nothing is left to train.
        """
        changed = changes(self.prepared, prepared)
        step = self.live.step
        live = self.live.fork(step, **changed)
        log = self.log.left(step, LeftByFork(prepared, tuple(changed)))
        holds = self.changed_at is None and STILL_MEASURED.issuperset(changed)
        return ShownRun(
            number,
            live,
            prepared,
            log,
            self.number,
            step,
            self.example,
            seconds=self.seconds,
            last=self.last if holds else None,
        )

    # --- what is done to it ----------------------------------------------------------------------

    def back(self, step: int) -> None:
        """Return to the kept state nearest to a step."""
        super().back(step)
        self.log.forget_from(self.live.step)

    @property
    def _more(self) -> str:
        return "; a fork can train more of them"

    def choose(self, example: int) -> None:
        """Choose the example whose numbers are shown.

        Raises:
            ConfigurationError: there is none of this number.
        """
        count = len(self.prepared.points)
        if not 0 <= example < count:
            raise ConfigurationError(
                "there is no such example",
                where="example",
                given=str(example),
                expected=f"0 to {count - 1}",
            )
        self.example = example

    def step_with_example(self) -> None:
        """Take a step in which the chosen example is the whole batch.

        Raises:
            ConfigurationError: it belongs to the test part.
            NonFiniteError: a number is not finite after the step, which is not taken then.
        """
        if self.example >= self.prepared.points.training:
            raise ConfigurationError(
                "the chosen example belongs to the test part, and the network does not learn from "
                "that",
                where="example",
                given=f"example {self.example}",
                expected=f"an example of the training part, 0 to "
                f"{self.prepared.points.training - 1}",
                fix="choose an example of the training part",
            )
        self.live.step_with([self.example])
        self.is_warm_alone = True
        self.log.add(self.live.step, SingleExample(self.example))

    def edit(self, path: str, index: tuple[int, ...], value: float) -> None:
        """Give one weight or bias another value.

        Raises:
            ConfigurationError: there is no such weight.
        """
        own = self.live.parameters
        if path not in own:
            raise unknown_name("weight", path, own, where="edit")
        changed = np.array(own[path])
        if len(index) != changed.ndim or any(
            i >= n for i, n in zip(index, changed.shape, strict=True)
        ):
            raise ConfigurationError(
                "there is no such weight",
                where=path,
                given=f"index {list(index)}",
                expected=f"an index into the shape {list(changed.shape)}",
            )
        changed[index] = value
        self.live.change({path: jnp.asarray(changed)})
        self.log.add(self.live.step, EditedNumber(path, index, value))

    @property
    def changed_at(self) -> int | None:
        """The step of the last change by hand after the last epoch; None without one."""
        measured = 0 if self.last is None else self.last.step
        own = self.log.deeds[self.log.inherited :]
        return max((step for step, _ in own if step >= measured), default=None)

    # --- what is shown of it ---------------------------------------------------------------------

    def configured(self) -> PageConfigured:
        """Return what the page has to know of the run before its first picture."""
        prepared, points = self.prepared, self.prepared.points
        examples = PageExamples(
            points.training,
            len(points) - points.training,
            points.class_names,
            points.axes,
            points.low,
            points.high,
            points.about,
        )
        network = Network(prepared.settings.features, prepared.layers, self._explainer.of_loss())
        return PageConfigured(
            prepared.settings,
            network,
            examples,
            self.steps_per_epoch,
            self.prepared.loss.error_name,
            self.number,
            self.parent,
            self.left_at,
        )

    @functools.cached_property
    def _explainer(self) -> Explainer:
        prepared = self.prepared
        settings = prepared.settings
        return Explainer(settings.features, prepared.layers, settings.loss, prepared.output)

    @functools.cached_property
    def _maps(self) -> HeatMaps:
        return HeatMaps(self.prepared.settings.features, self.prepared.layers)

    @property
    def numbers(self) -> ExampleNumbers:
        """The numbers of the chosen example."""
        prepared = self.prepared
        example = prepared.example(self.example)
        return probe(self.live.model, example, prepared.settings.loss, prepared.layers)

    @property
    def target(self) -> float:
        """The target of the chosen example, as the loss takes it."""
        return float(np.ravel(self.prepared.example(self.example)[1])[0])

    def picture(self, *, first: bool = False) -> bytes:
        """Return a frame of the run as it is now.

        Its header has run, step, epoch, example, seconds of training, ``loss`` and ``target`` of
        the chosen example (the target as the loss takes it), and objective, training_error,
        test_error and test_objective of the last epoch, null before the first. ``changed_at`` is
        the step of a change by hand after that epoch, which those numbers do not know; else null.

        Its arrays, for the layers k = 0, 1, ... of which the last is the output: ``weight.k``
        (I, O), ``bias.k`` (O,), and of the chosen example ``preactivation.k``, ``value.k``,
        ``error.k`` = dE/dvalue, ``delta.k`` = dE/dpreactivation, (O,) each, ``weight_gradient.k``
        (I, O), ``bias_gradient.k`` (O,); ``heat.k`` and ``limit.k``, see `Heat`; ``input`` and
        ``input_error`` (F,).

        Args:
            first: whether it is the first after `PageConfigured`. It has also ``feature_heat``
                (F, G, G), ``feature_limit`` (F,), ``points`` (N, 2), the training part first, and
                ``targets`` (N,), the numbers of the classes or of a regression.
        """
        numbers, last = self.numbers, self.last
        fields = {
            "run": self.number,
            "step": self.live.step,
            "epoch": self.live.position.epoch,
            "example": self.example,
            "loss": float(numbers.loss),
            "target": self.target,
            "seconds": self.seconds,
            "first": first,
            "objective": last.objective if last else None,
            "training_error": last.training_error if last else None,
            "test_error": last.development_error if last else None,
            "test_objective": last.development_objective if last else None,
            "changed_at": self.changed_at,
        }
        return pack("picture", fields, dict(self._arrays(numbers, first)))

    def _arrays(self, numbers: ExampleNumbers, first: bool) -> Iterator[tuple[str, NDArray[Any]]]:
        yield "input", numbers.input
        yield "input_error", numbers.input_error
        maps = self._maps.of(self.live.model)
        weights = self._weights()
        for k, (of_layer, heat) in enumerate(zip(numbers.layers, maps, strict=True)):
            yield f"weight.{k}", weights[k][0]
            yield f"bias.{k}", weights[k][1]
            for name in ("preactivation", "value", "error", "delta"):
                yield f"{name}.{k}", getattr(of_layer, name)
            for name in ("weight_gradient", "bias_gradient"):
                yield f"{name}.{k}", getattr(of_layer, name)
            yield f"heat.{k}", heat.codes
            yield f"limit.{k}", heat.limit
        if first:
            points = self.prepared.points
            yield "feature_heat", self._maps.features.codes
            yield "feature_limit", self._maps.features.limit
            yield "points", points.places
            yield "targets", points.targets.astype(np.float32)

    def _weights(self) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        own = self.live.parameters
        return [
            (np.asarray(own[layer.weight]), np.asarray(own[layer.bias]))
            for layer in self.prepared.layers
        ]

    def explained(self, layer: int, unit: int) -> Explained:
        """Return the formulas of a unit with the numbers of the chosen example.

        Raises:
            ConfigurationError: there is no such unit.
        """
        layers = self.prepared.layers
        if not (0 <= layer < len(layers) and 0 <= unit < layers[layer].units):
            raise ConfigurationError(
                "there is no such unit",
                where="explain",
                given=f"unit {unit} of layer {layer}",
                expected=f"layers with {', '.join(str(one.units) for one in layers)} units",
            )
        place = self.prepared.points.places[self.example]
        forward, backward = self._explainer.explained(
            layer, unit, place, self.target, self._weights(), self.numbers
        )
        return Explained(layer, unit, self.live.step, self.example, forward, backward)

    def script(self) -> str:
        """Return the Python that makes the run as it is now."""
        return written(self.log, self.live.step, self.steps_per_epoch)


def _compile_pictures(prepared: Prepared, maps: HeatMaps) -> None:
    """Compile the pictures of a network while its steps are compiled elsewhere."""
    model = prepared.config.model.init(prepared.settings.seed)
    probe(model, prepared.example(0), prepared.settings.loss, prepared.layers)
    maps.of(model)
