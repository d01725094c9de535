"""LeNet-5 while it trains in the page: its pictures, and what is looked at in them."""

from __future__ import annotations

import contextlib
import itertools
import shlex
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.data.mnist import IDX_SETS, at_hand
from clearprop.errors import DataError
from clearprop.recipes.experiment import Experiment, prepare
from clearprop.studio.frames import pack
from clearprop.studio.models.maps import LayerMaps
from clearprop.studio.models.messages import PassRequest, SourceEntry
from clearprop.studio.models.opened import Opened
from clearprop.studio.models.passes import ViewedPass, fields_of
from clearprop.studio.models.sources import Offer, open_offer
from clearprop.studio.vision.headers import VisionShown
from clearprop.studio.vision.messages import NetworkReady, TrainSettings
from clearprop.studio.watched_run import WatchedRun
from clearprop.training import LiveRun

RECIPE = "lenet5"
TITLE = "LeNet-5, trained in the page"

_NUMBERS = itertools.count(1)


@dataclass(eq=False)
class TrainedNetwork(WatchedRun):
    """A live run of LeNet-5, with the pass that is looked at.

    Attributes:
        experiment: the recipe with its data.
        source: its id in the views of any model.
        viewed: the pass that is looked at, with the weights of the last picture.
        maps: which layers are shown.
    """

    experiment: Experiment
    source: str = field(default_factory=lambda: f"object:trained-{next(_NUMBERS)}")
    viewed: ViewedPass = field(init=False)
    maps: LayerMaps = field(init=False)
    _compiling: threading.Thread | None = field(default=None, init=False)

    @classmethod
    def begun(cls, number: int, settings: TrainSettings) -> TrainedNetwork:
        """Return a run at step 0, looking at the first example.

        Raises:
            ClearpropError: what the recipe says of the settings; or the data is not at hand.
        """
        experiment = prepared(settings)
        first = PassRequest("", example=0)
        with ThreadPoolExecutor(1) as pool:
            # Its program is compiled while that of the training steps is.
            model = experiment.model().init(settings.seed)
            viewed = pool.submit(ViewedPass.of, "live", _opened(experiment, model), first)
            live = LiveRun(experiment.config(progress=False))
            made = cls(number, live, experiment)
            made.viewed = viewed.result().again(live.model)
        made.maps = LayerMaps.of(made.viewed)
        return made

    @property
    def first_call(self) -> int:
        """A step takes as long as a picture, and the first one is compiled."""
        return 1

    def compile_end_of_epoch(self) -> None:
        """Begin to compile what the end of an epoch needs, in a thread of its own."""
        self._compiling = threading.Thread(target=self._compile, name="vision compile", daemon=True)
        self._compiling.start()

    def _compile(self) -> None:
        # What does not fit is told by the training itself.
        with contextlib.suppress(Exception):
            self.live.compile_end_of_epoch()

    def close(self) -> None:
        """Wait for what is being compiled: Python would crash if it ended in the middle of it."""
        if self._compiling is not None:
            self._compiling.join()

    def look(self, request: PassRequest) -> None:
        """Look at another input, or at another target of it.

        Raises:
            ClearpropError: there is no such example or class; or the picture cannot be read.
        """
        opened = _opened(self.experiment, self.live.model)
        self.viewed = ViewedPass.of("live", opened, request)

    def offer(self) -> Offer:
        """Return the model as it is now, to be looked at by others while this one trains on."""
        # The next step writes into the memory of these arrays.
        model = jax.tree.map(_copied, self.live.model)
        about = f"As it was after {self.live.step:,} steps."
        return Offer(TITLE, model, self.experiment.loss, data=self.experiment.splits, about=about)

    def ready(self) -> NetworkReady:
        """Return what the page has to know of the run before its first picture."""
        opened, experiment = self.viewed.opened, self.experiment
        shape = opened.picture_shape
        assert shape is not None
        error = nn.find_loss(experiment.loss).error_name
        return NetworkReady(
            run=self.number,
            source=self.source,
            settings=settings_of(experiment.recipe),
            steps_per_epoch=self.steps_per_epoch,
            error=error,
            classes=opened.classes,
            examples=len(opened),
            training=len(experiment.splits.train),
            part=opened.subject.part,
            shape=shape,
            command=command_of(experiment.recipe),
        )

    def picture(self, *, first: bool = False, is_offered: bool = False) -> bytes:
        """Return a frame of the run as it is now.

        Args:
            first: whether it is the first one of the run.
            is_offered: whether this model is offered under the id of the run.
        """
        self.viewed = viewed = self.viewed.again(self.live.model)
        last = self.last
        header = VisionShown(
            run=self.number,
            step=self.live.step,
            epoch=self.live.position.epoch,
            seconds=self.seconds,
            objective=last.objective if last else None,
            training_error=last.training_error if last else None,
            test_error=last.development_error if last else None,
            first=first,
            source=self.source if is_offered else None,
            made=viewed.shown(),
            layers=self.maps.header(viewed).layers,
        )
        arrays = {**self.maps.arrays(viewed), **self._kernels(header)}
        if first:
            arrays |= self.maps.spans
        return pack("vision", fields_of(header), arrays)

    def _kernels(self, header: VisionShown) -> dict[str, NDArray[Any]]:
        return {
            f"kernel.{k}": np.asarray(self.viewed.glass[layer.kernel].value, np.float32)
            for k, layer in enumerate(header.layers)
            if layer.kernel is not None
        }


def _copied(leaf: Any) -> Any:
    return np.array(leaf) if isinstance(leaf, jax.Array) else leaf


def _opened(experiment: Experiment, model: nn.Module) -> Opened:
    entry = SourceEntry("", "object", TITLE, "")
    return open_offer(entry, Offer(TITLE, model, experiment.loss, data=experiment.splits))


def prepared(settings: TrainSettings) -> Experiment:
    """Return the recipe with these settings and its data.

    Raises:
        ClearpropError: what the recipe says of the settings; or the data is not at hand, and
            nothing is downloaded because of a choice in a menu.
    """
    if settings.data in IDX_SETS and not at_hand(IDX_SETS[settings.data]):
        raise DataError(
            f"{settings.data} is not on this machine",
            where="data",
            fix=f"download it once, with: clearprop train {RECIPE} --data {settings.data}",
        )
    return prepare(RECIPE, _values(settings))


def _values(settings: TrainSettings) -> Mapping[str, object]:
    """Return the values of the recipe."""
    values = {name: getattr(settings, name) for name in settings.__struct_fields__}
    return {**values, "data": {"name": settings.data}}


def settings_of(recipe: Any) -> TrainSettings:
    """Return the settings that a recipe has, with the values that it chose itself."""
    others = {
        name: getattr(recipe, name) for name in TrainSettings.__struct_fields__ if name != "data"
    }
    return TrainSettings(data=recipe.data.name, **others)


def command_of(recipe: Any) -> str:
    """Return the command that trains the same network into the run folder.

    >>> command_of(prepared(TrainSettings(pooling="average")).recipe)
    'clearprop train lenet5 --data digits --set pooling=average'
    """
    plain = prepare(RECIPE, {"data": {"name": recipe.data.name}}).recipe
    changed = [
        f"{name}={getattr(recipe, name)}"
        for name in TrainSettings.__struct_fields__
        if name != "data" and getattr(recipe, name) != getattr(plain, name)
    ]
    parts = ["clearprop", "train", RECIPE, "--data", str(recipe.data.name)]
    for one in changed:
        parts += ["--set", one]
    return shlex.join(parts)
