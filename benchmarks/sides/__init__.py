"""The sides: each trains one step its own way, as its documentation says it is done well.

A side is a function ``(material, passed)`` that trains without end and calls ``passed`` after every
pass. Modules are imported only in the process of their side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.configurations import Configuration
from benchmarks.material import Material
from benchmarks.turns import Passed

Train = Callable[[Material, Passed], None]

OURS = "clearprop"
GOAL = "PyTorch"


@dataclass(frozen=True)
class Side:
    """Where a side stands, and what it is.

    Attributes:
        name: in the table.
        module: under ``benchmarks.sides``.
        function: in it.
        library: the package that must be installed.
        loop: what its loop does, in a few words.
        leaves_out: configurations that it does not have, and why.
    """

    name: str
    module: str
    function: str
    library: str
    loop: str
    leaves_out: tuple[tuple[str, str], ...] = ()

    def why_not(self, configuration: Configuration) -> str | None:
        """Return why this side does not take part in a configuration, or None."""
        return dict(self.leaves_out).get(configuration.name)


ALONE = (
    ("autoencoder", "written for PyTorch alone"),
    ("resnet20", "written for PyTorch alone"),
    ("lstm", "written for PyTorch alone"),
    ("gpt", "written for PyTorch alone"),
    ("generation", "written for PyTorch alone"),
    ("gan", "written for PyTorch alone"),
    ("dcgan", "written for PyTorch alone"),
)

SIDES = (
    Side(
        OURS,
        "ours",
        "train",
        "clearprop",
        "cp.fit with its defaults: new order each pass, batches gathered on the device, loss and "
        "error of every step, check for values that are not finite, events, progress bar",
    ),
    Side(
        "clearprop, ONNX",
        "ours",
        "train_imported",
        "onnx",
        "cp.fit likewise, of the model that was written as ONNX and read again",
        (
            ("generation", "it does not learn"),
            ("gan", "its loop has two networks"),
            ("dcgan", "its loop has two networks"),
        ),
    ),
    Side(
        GOAL,
        "pytorch",
        "train_eager",
        "torch",
        "eager: new order each pass, rows of one tensor, forward, backward, optimizer with its "
        "defaults, sum of the losses",
    ),
    Side(
        "PyTorch, tuned",
        "pytorch",
        "train_tuned",
        "torch",
        "the same with the fused optimizer, and channels last where there are pictures",
    ),
    Side(
        "torch.compile",
        "pytorch",
        "train_compiled",
        "torch",
        "the tuned loop with model and loss compiled",
        (
            ("generation", "its cache grows with every token: it would compile every shape"),
            ("gan", "its loop has two losses and two optimizers"),
            ("dcgan", "its loop has two losses and two optimizers"),
        ),
    ),
    Side(
        "Flax + Optax, step",
        "flax_optax",
        "train_by_step",
        "flax",
        "one jitted call a step, its rows gathered inside from arrays on the device, state donated",
        ALONE,
    ),
    Side(
        "Flax + Optax, scan",
        "flax_optax",
        "train_by_scan",
        "flax",
        "one jitted lax.scan a pass, rows gathered inside, state donated",
        (("lenet128", "XLA convolves many times slower inside a loop: nobody trains so"), *ALONE),
    ),
    Side(
        "Keras 3 on JAX",
        "keras_jax",
        "train",
        "keras",
        "Model.fit of NumPy arrays, shuffled, without progress bar and metrics",
        ALONE,
    ),
    Side(
        "scikit-learn",
        "scikit_learn",
        "train",
        "scikit-learn",
        "MLPClassifier.partial_fit, one call a pass, shuffled; its own first weights",
        (
            ("tiny", "MLPClassifier gives two classes one logistic output: another network"),
            ("autoencoder", "MLPClassifier learns classes"),
            ("lenet128", "it has no convolutions"),
            ("resnet20", "it has no convolutions"),
            ("lstm", "it has no recurrence"),
            ("gpt", "it has no attention"),
            ("generation", "it has no attention"),
            ("gan", "it has one loss"),
            ("dcgan", "it has one loss"),
        ),
    ),
)


def find(name: str) -> Side:
    """Return a side by its name."""
    return next(side for side in SIDES if side.name == name)
