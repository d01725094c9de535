"""The recipe ``fine-tune``: a network of an ONNX file learns the classes of other pictures.

Shape letters: H height, W width, C channels.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field

from clearprop import nn
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.catalog import is_named
from clearprop.errors import ConfigurationError
from clearprop.interop.onnx import OnnxModel, load
from clearprop.interop.onnx.classifying import Adapted, adapted
from clearprop.interop.onnx.pictures import picture_input, takes_bytes, with_pixels_as_floats
from clearprop.recipes.choice import DataChoice
from clearprop.recipes.configuration import Listed, OptionalName, Rate
from clearprop.recipes.pictures import check_pictures
from clearprop.recipes.recipe import FitOptions, NetworkRecipe, Patterns, ScheduleName

BYTE = 255
"""Pictures are bytes; mean and deviation are given for a scale from 0 to 1."""

UNSCALED = ((0.0,), (1 / BYTE,))
"""Mean and deviation that leave pixels as they are, for a network that takes bytes."""

SCALED = (
    "get mean 0 and deviation 1 over the training part; where the network learned from pixels of "
    "another scale, --set mean=... --set std=... (0 and 1 for pixels from 0 to 1)"
)
"""What is said where the scaling of the pixels is not that of the file."""


class FineTuneRecipe(NetworkRecipe):
    """A network that was trained elsewhere learns the classes of a folder of pictures.

    The pictures are brought to the size and the channels that the file declares. A Softmax at the
    end is left out, and where the number of classes is another one, a new layer takes the place of
    the last one; `clearprop train` prints what was changed. A network that takes bytes gets pixels
    from 0 to 255, and one that takes (N, pixels) gets pictures of one channel row by row.

    Attributes:
        file: of ONNX; ``clearprop train --from FILE`` gives it.
        freeze: patterns of parameters that are not trained, such as features.*;
            ``clearprop train --freeze PATTERN`` gives it.
        output: the name of the output that gives the classes, where the file has several.
        mean: what is subtracted from pixels between 0 and 1, one number or one for each channel;
            with std it replaces the usual scaling (mean 0, deviation 1 over the training part).
        std: what they are divided by afterwards.

    >>> FineTuneRecipe.of({"freeze": "features.*", "mean": "0.5", "std": "0.25"}).mean
    (0.5,)
    """

    preferred: ClassVar[tuple[str, ...]] = ()
    passes: ClassVar[int] = 5
    small_steps: ClassVar[int] = 500
    most_epochs: ClassVar[int] = 30

    file: OptionalName = None
    freeze: Patterns = ()
    output: OptionalName = None
    mean: Annotated[tuple[float, ...], Listed] = ()
    std: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Listed] = ()
    learning_rate: Rate = 0.001
    schedule: ScheduleName = "one-cycle"

    def dataset(self) -> tuple[Dataset, str]:
        """Return the pictures, those of a folder in the size and channels of the file.

        Raises:
            ConfigurationError: no file or no data is given, or the data is no pictures.
            ModelError: the file takes no pictures.
        """
        if self.file is None or self.data.name is None:
            raise ConfigurationError(
                f"fine-tune needs {'the file of a network' if self.file is None else 'pictures'}",
                where="fine-tune",
                fix=f"clearprop train --from {self.file or 'model.onnx'} --data FOLDER",
            )
        given = self.data.options()
        if not _is_folder(self.data):
            return self.loaded()
        if "size" in given and "channels" in given:
            return self.loaded()
        network = with_pixels_as_floats(self.network(), str(self.file))
        wanted = picture_input(network, str(self.file), flattened=True)
        of_file = {"size": wanted.size, "channels": wanted.channels}
        return self.loaded(**{**of_file, **given})

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set, which must hold pictures in classes."""
        check_pictures(dataset, "fine-tune")
        return dataset

    def suited(self, dataset: Dataset) -> Self:
        """Return the recipe with the whole path of its file, and with the scaling of its pixels.

        Raises:
            ConfigurationError: the network takes bytes, and another scaling is asked for, or the
                pictures are no bytes.
        """
        if self.file is None:
            return self
        changed: dict[str, object] = {"file": str(Path(self.file).resolve())}
        # Later commands read the scaling from the run, also where the file is gone.
        if Path(self.file).is_file() and takes_bytes(self.network()):
            self._check_bytes(dataset)
            changed |= {"mean": UNSCALED[0], "std": UNSCALED[1]}
        return self.model_copy(update=changed)

    def _check_bytes(self, dataset: Dataset) -> None:
        given = (self.mean, self.std)
        if given not in (((), ()), UNSCALED):
            raise ConfigurationError(
                "the network takes the bytes of pictures and scales them itself",
                where=str(self.file),
                given=f"mean={self.mean}, std={self.std}",
                fix="leave mean and std out",
            )
        if dataset.inputs.dtype != "uint8":
            raise ConfigurationError(
                "the network takes the bytes of pictures",
                where=dataset.name,
                given=f"pictures of {dataset.inputs.dtype}",
                expected="pictures of uint8, such as a folder of them",
            )

    def settled_data(self, dataset: Dataset) -> DataChoice:
        """Return the choice that finds the same pictures again, also without the file."""
        found = super().settled_data(dataset)
        if not _is_folder(found):
            return found
        height, width, channels = dataset.input_shape
        return found.model_copy(update={"size": (height, width), "channels": channels})

    def split(self, dataset: Dataset) -> Splits:
        """Return training, development and test part, scaled by `mean` and `std` where given.

        Raises:
            ConfigurationError: only one of them is given, for other channels, or not for bytes.
        """
        splits = super().split(dataset)
        if not self.mean and not self.std:
            return splits
        preprocessor, channels = splits.preprocessor, dataset.input_shape[-1]
        lengths = {len(self.mean), len(self.std)}
        if not lengths <= {1, channels} or preprocessor.kind != "bytes":
            raise ConfigurationError(
                "mean and std are given together, for pictures of bytes",
                where=dataset.name,
                given=f"{len(self.mean)} and {len(self.std)} numbers, pictures of "
                f"{preprocessor.kind} with {channels} channels",
                expected=f"1 number or {channels} for each",
                fix="--set mean=0.5 --set std=0.5",
            )
        known = replace(
            preprocessor,
            center=tuple(BYTE * value for value in _each(self.mean, channels)),
            spread=tuple(BYTE * value for value in _each(self.std, channels)),
        )
        parts = {
            name: None if part is None else replace(part, preprocessor=known)
            for name, part in (("dev", splits.dev), ("test", splits.test))
        }
        train = replace(splits.train, preprocessor=known)
        return replace(splits, train=train, **parts, preprocessor=known)

    def network(self) -> OnnxModel:
        """Return the network of the file.

        Raises:
            DataError: the file is missing, or no ONNX model.
        """
        path = Path(self.file or "")
        changed = path.stat().st_mtime_ns if path.is_file() else 0
        return _loaded(str(path), changed)

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return the network with its values; a new last layer has none yet."""
        return self._adapted(preprocessor, outputs).model

    def told(self, preprocessor: Preprocessor, outputs: int) -> list[tuple[str, str]]:
        """Return what was changed in the network of the file."""
        changes = self._adapted(preprocessor, outputs).changes
        rows = [("from", str(self.file)), *(("change", line) for line in changes)]
        if not self.mean and not self.std:
            rows.append(("pixels", SCALED))
        return rows

    def fit_options(self) -> FitOptions:
        """Return the arguments of `fit` other than data, model, loss and optimizer."""
        return {**super().fit_options(), "freeze": self.freeze}

    def _adapted(self, preprocessor: Preprocessor, outputs: int) -> Adapted:
        return adapted(
            self.network(),
            preprocessor.encoded_shape,
            outputs,
            where=str(self.file),
            output=self.output,
        )


def _is_folder(choice: DataChoice) -> bool:
    name = choice.name
    return name is not None and not is_named(name) and Path(name).is_dir()


def _each(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return values * channels if len(values) == 1 else values


@functools.lru_cache(maxsize=1)
def _loaded(path: str, changed: int) -> OnnxModel:
    """Return the network of a file, which is read once as long as it does not change."""
    return load(path)
