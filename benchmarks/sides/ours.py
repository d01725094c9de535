"""clearprop: `fit` as a user calls it, after `configure_cpu`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import jax.numpy as jnp

from benchmarks.configurations import Configuration
from benchmarks.material import Material
from benchmarks.turns import Passed
from clearprop import configure_cpu, nn, optim, tree
from clearprop.algorithms import Adversarial
from clearprop.models import (
    GPT,
    MLP,
    DenseAutoencoder,
    LeNet5,
    dcgan,
    generate,
    mlp_gan,
    small_resnet,
)
from clearprop.nn.fields import Array
from clearprop.training import EpochDone, Event, fit

WITHOUT_END = 1_000_000_000


def train(material: Material, passed: Passed) -> None:
    """Train without end."""
    _train(material, passed, lambda model, _: model)


def train_imported(material: Material, passed: Passed) -> None:
    """Train without end what was written as ONNX and read again."""
    from clearprop.interop import onnx

    def imported(model: nn.Module, examples: Array) -> nn.Module:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            onnx.save(model, path, examples)
            return onnx.load(path)

    _train(material, passed, imported)


def _train(
    material: Material, passed: Passed, carried: Callable[[nn.Module, Array], nn.Module]
) -> None:
    configure_cpu()
    configuration = material.configuration
    model = model_of(configuration).init(0)
    arrays = [array for pair in material.weights for array in pair]
    # Of these networks the material has no biases that are not zero, and no normalizations.
    paths = [path for path in nn.parameters(model) if not _is_left(path, configuration)]
    if configuration.network == "lstm":
        (W, bias), (U, _), (V, out) = material.weights
        arrays = [W, U, bias, V, out]
    if configuration.network in ("gpt", "writer", "resnet20", "gan", "dcgan"):
        arrays = [weight for weight, _ in material.weights]
    model = tree.replace(
        model, {path: jnp.asarray(x) for path, x in zip(paths, arrays, strict=True)}
    )
    if configuration.network == "writer":
        _write(model, material, passed)
    if configuration.network in ("gan", "dcgan"):
        _play(model, material, passed)
    model = carried(model, jnp.asarray(material.inputs[: configuration.batch_size]))
    losses = {"gpt": "sequence_cross_entropy", "autoencoder": "mean_squared_error"}
    own = material.inputs if configuration.network == "autoencoder" else material.targets
    fit(
        model,
        (material.inputs, own),
        loss=losses.get(configuration.network, "cross_entropy"),
        optimizer=configuration.optimizer,
        learning_rate=configuration.learning_rate,
        epochs=WITHOUT_END,
        batch_size=configuration.batch_size,
        dev=0,
        on_event=FirstOfCall(passed),
    )


def model_of(configuration: Configuration) -> nn.Module:
    """Return the network of a configuration, without values."""
    if configuration.network == "lenet5":
        return LeNet5(activation=configuration.activation)
    if configuration.network == "resnet20":
        return small_resnet(20, channels=1)
    if configuration.network == "mlp":
        return MLP(configuration.sizes, activation=configuration.activation)
    if configuration.network == "autoencoder":
        features, hidden, code, *_ = configuration.sizes
        return DenseAutoencoder((features,), code, (hidden,), activation=configuration.activation)
    if configuration.network == "gan":
        noise, *hidden, features = configuration.sizes
        return mlp_gan(features, noise=noise, hidden=tuple(hidden))
    if configuration.network == "dcgan":
        noise, width = configuration.sizes
        return dcgan(28, noise=noise, width=width)
    if configuration.network == "lstm":
        return LastStep(*configuration.sizes[1:])
    vocabulary, context, width, layers, heads = configuration.sizes
    return GPT(
        vocabulary,
        context,
        width,
        layers=layers,
        heads=heads,
        activation=configuration.activation,
    )


class LastStep(nn.Module):
    """Classes from what an LSTM shows at the last step."""

    lstm: nn.LSTM
    output: nn.Linear

    def __init__(self, features: int, units: int, classes: int) -> None:
        self.lstm = nn.LSTM(features, units)
        self.output = nn.Linear(units, classes)

    def __call__(self, x: Array) -> Array:
        return self.output(self.lstm(x)[:, -1])


def _is_left(path: str, configuration: Configuration) -> bool:
    bare = configuration.network in ("gpt", "writer", "resnet20", "gan", "dcgan")
    return bare and (path.endswith("bias") or "norm" in path)


def _play(model: nn.Module, material: Material, passed: Passed) -> None:
    """Train the two players of a GAN without end."""
    configuration = material.configuration
    fit(
        model,
        (material.inputs, material.targets),
        algorithm=Adversarial(),
        optimizer=optim.adam(configuration.learning_rate, beta1=0.5, beta2=0.999),
        epochs=WITHOUT_END,
        batch_size=configuration.batch_size,
        dev=0,
        on_event=FirstOfCall(passed),
    )


def _write(model: nn.Module, material: Material, passed: Passed) -> None:
    """Continue the beginning of the text by the likeliest characters, again and again."""
    length = material.configuration.steps_per_pass
    prompt = jnp.asarray(material.inputs[:1, : material.configuration.sizes[1] - length])
    while True:
        text = generate(model, prompt, length)
        passed(float(text.mean()))


class FirstOfCall:
    """Reads a run's events; lets a turn end only at the first pass of a compiled call.

    A call may make many passes, whose events then come all at once, each with an equal share of the
    call's seconds. Turns that begin and end right after a first one count calls whole.

    Args:
        passed: is told of every pass.
    """

    def __init__(self, passed: Passed) -> None:
        self._passed = passed
        self._seconds: float | None = None

    def __call__(self, event: Event) -> None:
        """Read an event."""
        if isinstance(event, EpochDone):
            is_first = event.seconds != self._seconds
            self._seconds = event.seconds
            self._passed(event.objective, may_pause=is_first)
