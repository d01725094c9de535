"""The recipe ``autoencoder``: a short code from which each example can be made again.

Shape letters: N examples, C size of the code.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from pydantic import Field

from clearprop import models, nn
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.glass.drawings.codes import picture_rows
from clearprop.glass.style import Drawing
from clearprop.glass.wording import count
from clearprop.recipes import codes
from clearprop.recipes.codes import Numbers
from clearprop.recipes.configuration import Count, Listed, PositiveFraction, Rate
from clearprop.recipes.recipe import Activation, FitOptions, NetworkRecipe, ScheduleName
from clearprop.training import History
from clearprop.training.augmentation import Augmentation, Masking, Noise, SaltAndPepper

NoiseName = Literal["none", "gaussian", "masking", "salt-and-pepper"]

ACROSS = 12
"""Pictures in a row of a drawing."""

ON_MAP = 2000
"""Examples whose codes are drawn on the map."""


class AutoencoderRecipe(NetworkRecipe):
    """An autoencoder on Fashion-MNIST by default, with a code of 32 numbers.

    Its error on the test part is compared with that of principal component analysis with as many
    numbers. Where the examples have classes, logistic regression on the codes is compared with
    logistic regression on the principal components. The classes are not used in training.

    Attributes:
        network: "dense"; "convolutional", for pictures; or "tied": dense, the decoder has the
            transposed weights of the encoder.
        code_size: numbers of the code.
        hidden_sizes: units of the hidden layers of the encoder of dense networks; the decoder has
            them backwards.
        channels: of the convolutions of the encoder; each halves height and width.
        activation: of the hidden units.
        noise: that is put on the inputs and not on the targets, so that the network learns to
            remove it: "none", "gaussian", "masking" (entries become the lowest number), or
            "salt-and-pepper" (entries become the lowest or the highest number).
        noise_level: the deviation of Gaussian noise on inputs of deviation 1; otherwise the
            fraction of the entries that change.

    >>> AutoencoderRecipe.of({"code_size": "8", "noise": "masking"}).code_size
    8
    """

    preferred: ClassVar[tuple[str, ...]] = ("fashion-mnist", "mnist", "digits")
    small_steps: ClassVar[int] = 5_000

    learning_rate: Rate = 0.002
    schedule: ScheduleName = "one-cycle"
    network: Literal["dense", "convolutional", "tied"] = "dense"
    code_size: Count = 32
    hidden_sizes: Annotated[tuple[Count, ...], Listed] = (256,)
    channels: Annotated[tuple[Count, ...], Listed, Field(min_length=1)] = (16, 32)
    activation: Activation = "relu"
    noise: NoiseName = "none"
    noise_level: PositiveFraction = 0.3

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set whose targets are its inputs.

        Raises:
            DataError: its inputs are no array of numbers.
        """
        return dataset.reconstruction()

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return the network for examples of this shape."""
        shape = preprocessor.encoded_shape
        if self.network == "convolutional":
            return models.ConvolutionalAutoencoder(
                shape, self.code_size, self.channels, activation=self.activation
            )
        dense = models.TiedAutoencoder if self.network == "tied" else models.DenseAutoencoder
        return dense(shape, self.code_size, self.hidden_sizes, activation=self.activation)

    def corruption(self) -> Augmentation | None:
        """Return what puts the noise on inputs; None for no noise."""
        match self.noise:
            case "gaussian":
                return Noise(self.noise_level)
            case "masking":
                return Masking(self.noise_level)
            case "salt-and-pepper":
                return SaltAndPepper(self.noise_level)
        return None

    def fit_options(self) -> FitOptions:
        """Return the arguments of `fit` other than data, model, loss and optimizer."""
        return {**super().fit_options(), "augment": self.corruption()}

    def measures(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        """Return errors and accuracies on the test part, with those of PCA and of the noise."""
        if splits.test is None:
            return {}
        network: Any = model
        x, unit = codes.prepared(splits.test, splits.preprocessor), codes.unit(splits.preprocessor)
        size = count(self.code_size, "number")
        found = {"reconstruction RMSE": error_of(codes.in_batches(network, x), x, unit)}
        linear = codes.principal(splits, self.code_size)
        if linear is not None:
            found[f"reconstruction RMSE of PCA, {size}"] = error_of(rebuilt(linear, x), x, unit)
        corruption = self.corruption()
        if corruption is not None:
            noisy = self.noisy(corruption, x)
            found["RMSE of noisy inputs"] = error_of(noisy, x, unit)
            found["RMSE after de-noising"] = error_of(codes.in_batches(network, noisy), x, unit)
            if linear is not None:
                found["RMSE after de-noising by PCA"] = error_of(rebuilt(linear, noisy), x, unit)
        ways = {"the code": lambda x: codes.in_batches(network.encode, x)}
        if linear is not None:
            ways["PCA"] = lambda x: linear.code(x.reshape(len(x), -1))
        for name, code in ways.items():
            accuracy = codes.linear_accuracy(code, splits)
            if accuracy is not None:
                found[f"logistic regression on {name}, accuracy"] = accuracy
        return found

    def noisy(self, corruption: Augmentation, x: Numbers) -> Numbers:
        """Return examples with noise, the same at every call."""
        return np.asarray(corruption(jax.random.key(self.seed), jnp.asarray(x)))

    def remarks(self, model: nn.Module, history: History, splits: Splits) -> list[str]:
        """Return how short the code is."""
        numbers = count(int(np.prod(splits.train.input_shape)), "number")
        return [f"{count(self.code_size, 'number')} stand for the {numbers} of an example"]

    def drawings(self, model: nn.Module, history: History, splits: Splits) -> list[Drawing]:
        """Return inputs beside reconstructions, with the noise between them, and the map."""
        if splits.test is None or not codes.has_pictures(splits):
            return []
        network: Any = model
        x = codes.prepared(splits.test, splits.preprocessor, ON_MAP)
        drawings = self._rows(network, x[:ACROSS], splits)
        if self.code_size > 1:
            found = codes.in_batches(network.encode, x)
            drawings.append(codes.drawn_map(found, x, splits.test, splits, ON_MAP))
        return drawings

    def _rows(self, network: Any, x: Numbers, splits: Splits) -> list[Drawing]:
        made, corruption = codes.in_batches(network, x), self.corruption()
        shown = {"input": x, "reconstruction": made}
        drawings = [
            picture_rows(
                [codes.as_pictures(one, splits) for one in shown.values()], list(shown),
                "Inputs and reconstructions",
                "Examples of the test part, and what the decoder makes of their codes of "
                f"{count(self.code_size, 'number')}. Details that are missing in the lower row are "
                "not in the code.",
            )
        ]  # fmt: skip
        if corruption is not None:
            noisy = self.noisy(corruption, x)
            shown = {"noisy": noisy, "de-noised": codes.in_batches(network, noisy), "clean": x}
            drawings.append(
                picture_rows(
                    [codes.as_pictures(one, splits) for one in shown.values()], list(shown),
                    "Noisy, de-noised and clean pictures",
                    f"Noise ({self.noise}, {self.noise_level:g}) that the network has not seen, "
                    "on examples of the test part. The network gets the upper row alone.",
                )
            )  # fmt: skip
        return drawings


def error_of(made: Numbers, x: Numbers, unit: float) -> float:
    """Return the root mean square error of reconstructions, in the units of kept inputs."""
    return unit * codes.root_mean_square(made - x)


def rebuilt(linear: codes.Principal, x: Numbers) -> Numbers:
    """Return what principal component analysis makes of examples (N, ...)."""
    return linear.again(linear.code(x.reshape(len(x), -1))).reshape(x.shape)
