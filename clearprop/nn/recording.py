"""The recording of one pass: its tape, the call of every layer, and every error signal.

Everything that looks inside a pass uses a `Recording`: `summary`, the recordings of a training, the
search for the first number that is not finite, `capture` and `explain`.

Shape letters: B examples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

import jax
import jax.numpy as jnp

from clearprop import ops, tree
from clearprop.autodiff import Tape, Traced, Value, sweep
from clearprop.autodiff.misuse import teach_misuse
from clearprop.autodiff.sweep import Place
from clearprop.autodiff.transforms import Variables
from clearprop.errors import ModelError, ShapeError
from clearprop.nn.fields import Array
from clearprop.nn.losses import Loss, find_loss
from clearprop.nn.module import Module, apply, forward_pass, is_initialized, parameters

Tree = TypeVar("Tree")
LossLike = str | Loss | Callable[[Array, Array], Array]
"""The name of a loss, a `Loss`, or a function (outputs, targets) -> value of E."""


@dataclass(frozen=True)
class Objective:
    """An objective that calls the model in its own way, in place of a loss of outputs and targets.

    Attributes:
        losses: takes the model, inputs and targets as the model takes them, and a random key;
            returns the losses (B,), whose mean is E.
    """

    losses: Callable[[Module, object, object, Array | None], Array]


@dataclass(frozen=True, eq=False)
class LayerCall:
    """One call of one layer.

    Attributes:
        path: of the layer; the model itself has ``""``.
        kind: the layer's class, or the name of the activation that it applies.
        number: which call of the layer in this pass it is, from 1.
        output: an array, or a tree of arrays where a layer has several.
    """

    path: str
    kind: str
    number: int
    output: object

    def name(self, root: str) -> str:
        """Return the layer's path, or ``root`` for the model; a later call as ``path#2``."""
        path = self.path or root
        return path if self.number == 1 else f"{path}#{self.number}"


class Recording:
    """One recorded pass, and its error signals after `sweep`.

    It is a hook for `nn.apply`, which calls it after every layer. `recorded` makes one, and closes
    its tape at the end of the pass.

    Attributes:
        tape: every operation on a boxed value.
        calls: of all layers, in the order in which the calls ended: inner layers first.
        errors: dE/dvalue by (node, output) on the tape.
        passed: what a node passed to each of its inputs, by (node, input), where `sweep` keeps it.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.calls: list[LayerCall] = []
        self._times: Counter[str] = Counter()
        self.errors: dict[Place, Array] = {}
        self.passed: dict[Place, Array] = {}

    def __call__(
        self, path: str, module: object, inputs: tuple[object, ...], output: object
    ) -> None:
        """Record a call of a layer, except where a backward pass computes layers again."""
        if not self.tape.closed:
            self._times[path] += 1
            self.calls.append(LayerCall(path, layer_kind(module), self._times[path], output))

    def variables(self, values: Tree) -> Tree:
        """Return a tree with every floating-point leaf boxed, so that it gets an error signal."""
        return Variables(self.tape, values).tree

    def sweep(self, objective: Value, keep: object = None, passed: bool = False) -> None:
        """Compute the error signals dE/dvalue by one backward pass from the objective E.

        Args:
            objective: E, a scalar. If it depends on no variable, nothing is computed.
            keep: a tree of the values whose error signals are wanted; None keeps all.
            passed: whether to keep also what each node passes to each of its inputs.
        """
        if not isinstance(objective, Traced) or self.place(objective) is None:
            return
        leaves = [self.place(leaf) for leaf in jax.tree.leaves(keep)]
        wanted = None if keep is None else {place for place in leaves if place is not None}
        seed = [(objective, jnp.ones((), objective.dtype))]
        sent: dict[Place, Value] | None = {} if passed else None
        # The tape is the outermost one, so every error signal is an array.
        self.errors = cast("dict[Place, Array]", sweep(self.tape, seed, wanted, sent))
        self.passed = cast("dict[Place, Array]", sent or {})

    def place(self, value: object) -> Place | None:
        """Return (node, output) of a value on the tape; None for a constant."""
        if isinstance(value, Traced) and value.tape is self.tape:
            return value.node, value.output
        return None

    def value(self, values: Tree) -> Tree:
        """Return a tree of recorded values as plain arrays."""
        plain: Tree = jax.tree.map(lambda x: x if self.place(x) is None else x.value, values)
        return plain

    def error(self, values: Tree) -> Tree:
        """Return the error signals of a tree of values, each with the shape of its value.

        An error signal is 0 where none arrives. It is None for integers and constants.
        """
        errors: Tree = jax.tree.map(self._error, values)
        return errors

    def _error(self, value: Value) -> Array | None:
        place = self.place(value)
        if place is None:
            return None
        return self.errors[place] if place in self.errors else jnp.zeros(value.shape, value.dtype)


@contextmanager
def recorded(tape: Tape | None = None) -> Iterator[Recording]:
    """Record what is computed inside the block, and close the tape at its end.

    >>> from clearprop.nn import Linear
    >>> model = Linear(2, 1).init(0)
    >>> with recorded() as recording:
    ...     x = recording.variables(jnp.ones((1, 2)))
    ...     y = apply(model, x, hook=recording)[0].sum()
    >>> recording.sweep(y)
    >>> bool((recording.error(x) == model.weight.T).all()), recording.calls[0].kind
    (True, 'Linear')
    """
    recording = Recording(Tape() if tape is None else tape)
    try:
        with teach_misuse():
            yield recording
    finally:
        recording.tape.closed = True


@dataclass(frozen=True, eq=False)
class ModelPass:
    """The recording of a pass through a model and its loss; no error signal is computed yet.

    Attributes:
        recording: of it.
        parameters: the boxed parameters by path.
        inputs: the model's input, its floating-point arrays boxed.
        end_of_model: the number of nodes on the tape after the output of the model.
        objective: E.
    """

    recording: Recording
    parameters: dict[str, Array]
    inputs: object
    end_of_model: int
    objective: Array


def record_model(
    model: Module,
    x: object,
    y: Array,
    loss: LossLike | Objective,
    *,
    training: bool = False,
    key: Array | None = None,
    tape: Tape | None = None,
) -> ModelPass:
    """Return the recording of a pass of a model and its loss for some examples.

    Args:
        model: with values in its parameters.
        x: the input of the model: an array (B, ...), or a tree of such arrays.
        y: the targets, as the loss takes them.
        loss: the loss whose value is E, or the whole objective.
        training: whether layers behave as in training.
        key: a JAX random key, for layers that draw random numbers in training.
        tape: to record on; a new one unless given.
    """
    given = parameters(model)
    with recorded(tape) as recording:
        boxed = recording.variables(given)
        weights = {path: boxed[path] for path in given}  # JAX sorts a dict by its keys
        inputs = recording.variables(x)
        model = tree.replace(model, weights)
        if isinstance(loss, Objective):
            with forward_pass(model, training=training, key=key, hook=recording):
                objective = ops.mean(loss.losses(model, inputs, y, key))
            end = len(recording.tape.nodes)
            return ModelPass(recording, weights, inputs, end, objective)
        output, _ = apply(model, inputs, training=training, key=key, hook=recording)
        end = len(recording.tape.nodes)
        objective = find_loss(loss)(output, y)
    return ModelPass(recording, weights, inputs, end, objective)


def check_examples(model: Module, x: object) -> None:
    """Check that a model has values and that its input is a batch.

    Raises:
        ModelError: the parameters have no values yet.
        ShapeError: there are no examples, or the batch axis is missing.
    """
    if not is_initialized(model):
        raise ModelError("the parameters have no values yet", fix="model = model.init(0)")
    leaves = jax.tree.leaves(x)
    if any(leaf.ndim == 0 or not len(leaf) for leaf in leaves):
        raise ShapeError(
            "a batch of examples is needed",
            given=f"an input of shape {tuple(leaves[0].shape)}",
            fix="add the batch axis: x[None]",
        )


def layer_kind(module: object) -> str:
    """Return the kind of a layer: its class, or what it applies: an activation, an operator.

    >>> from clearprop.nn import Activation, Flatten
    >>> layer_kind(Activation("tanh")), layer_kind(Flatten())
    ('tanh', 'Flatten')
    """
    function, operator = getattr(module, "function", None), getattr(module, "operator", None)
    applied = operator if isinstance(operator, str) else getattr(function, "name", None)
    return applied or type(module).__name__
