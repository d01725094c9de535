"""Whether all numbers are finite, and the search for the first of a pass that is not.

A training step that broke is computed again, operation by operation, and searched; `explain`
searches its own pass with the same two functions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from clearprop.autodiff import Operation, layer_path, observe
from clearprop.data import Batch
from clearprop.nn.recording import Recording, recorded
from clearprop.training.algorithm import (
    Array,
    Arrays,
    Differentiable,
    TrainState,
    batch_mean,
)
from clearprop.training.nonfinite_mends import (
    KEEPS,
    TOO_FAR,
    Computed,
    Scales,
    asked,
    mend,
)

N = TypeVar("N")

FILL = "fill or drop what is missing: x = np.nan_to_num(x)"
NEW_VALUES = "give the model new values: init(seed) of the model as it was built"
IN_UPDATE = "the update"
LOOK = "cp.explain(error.run.model, x, y, loss) shows every number of such a pass"


def all_finite(tree: object) -> bool:
    """Say whether every floating array of a tree is finite throughout."""
    return bool(finite(tree))


@jax.jit
def finite(tree: object) -> Array:
    """Return in a program whether every floating array of a tree is finite throughout."""
    floating = [x for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.floating)]
    return functools.reduce(
        jnp.logical_and, [jnp.isfinite(x).all() for x in floating], jnp.ones((), bool)
    )


WAYS = {"forward": "going forward, ", "backward": "going back, ", "": ""}


@dataclass(frozen=True)
class Origin:
    """Where the first number that is not finite comes from.

    Attributes:
        place: name of the node, or path of the layer.
        way: "forward" or "backward", the pass in which it was computed; "" for neither.
        reason: what happened there.
        mend: what to do about it; "" where it is not known.
    """

    place: str
    way: str
    reason: str
    mend: str = ""

    @property
    def cause(self) -> str:
        """The reason, and in which pass it happened."""
        return WAYS[self.way] + self.reason


def first_forward(last: N, broken_sources: Callable[[N], list[N]]) -> N:
    """Return the operation from which a value that is not finite comes.

    The search goes from the value back through its sources that are not finite. So an operation
    whose infinite output does not reach the value, such as a mask, is not blamed.

    Args:
        last: the operation whose output is not finite.
        broken_sources: returns the operations with outputs that are not finite among those that an
            operation reads, the oldest first.

    >>> first_forward(5, {5: [3, 4], 4: [], 3: [1], 1: []}.__getitem__)
    1
    """
    while sources := broken_sources(last):
        # The oldest of several: the others may be broken because of it.
        last = sources[0]
    return last


def first_backward(
    backward: Iterable[N], arrived: Callable[[N], bool], passed: Callable[[N], bool]
) -> N | None:
    """Return the first operation that gets finite error signals and passes on one that is not.

    Args:
        backward: the operations in the order of the backward pass.
        arrived: says whether the error signals of an operation's outputs are finite.
        passed: says whether what an operation passes to its inputs is finite.
    """
    return next((node for node in backward if arrived(node) and not passed(node)), None)


def find_origin(
    algorithm: Differentiable,
    state: TrainState,
    frozen: Arrays,
    batch: Batch,
    key: Array,
    part: int | None = None,
) -> Origin:
    """Compute one step again, uncompiled, and return where its first infinite or NaN value arose.

    Args:
        algorithm: what is learned.
        state: before the step.
        frozen: parameters that are not trained.
        batch: the examples of the step.
        key: of the run.
        part: the number of the micro-batch that the examples are; None for a whole batch.
    """
    x = algorithm.inputs(batch.inputs)
    if (bad := _broken(x)) is not None:
        return Origin("the batch", "", f"its inputs hold {_sort(bad)}", FILL)
    before = {**state.parameters, **state.statistics, **frozen}
    for path, array in before.items():
        if _broken(array) is not None:
            return Origin(path, "", f"it holds {_sort(array)} before the step", NEW_VALUES)
    taken = int(state.step)
    advice = _Advice(taken, Scales(_largest(x), _largest(batch.targets)))
    forward, step_key = _Forward(advice), jax.random.fold_in(key, state.step)
    if part is not None:
        step_key = jax.random.fold_in(step_key, part)
    state = algorithm.prepared(state, frozen, batch, step_key)
    with observe(forward), recorded() as recording:
        learned = recording.variables(state.parameters)
        passed = algorithm.forward(learned, state, frozen, batch, step_key)
        losses, _ = algorithm.measure(passed.outputs, passed.targets)
        objective = batch_mean(losses, batch)
    value = recording.value(objective)
    if not _is_finite(value):
        return forward.origin(value)
    recording.sweep(objective, passed=True)
    names = {recording.place(box): name for name, box in learned.items()}
    found = _backward(recording, names, forward)
    if found is not None:
        return found
    if forward.first_broken() is not None:  # it reaches neither the loss nor a gradient
        return forward.origin(value)
    return Origin(
        IN_UPDATE,
        "",
        "loss and gradients are finite, so the optimizer's step went too far",
        TOO_FAR,
    )


class _Advice(NamedTuple):
    """What decides which mend helps, besides the operation.

    Attributes:
        taken: steps before this one.
        scales: of its examples.
    """

    taken: int
    scales: Scales

    def without_operation(self) -> str:
        """Return the mend where the operation is not known."""
        return TOO_FAR if self.taken else LOOK


@dataclass(frozen=True)
class _InPass(Computed):
    """An operation of the forward pass, and the last loop before it."""

    loop: str


class _Forward:
    """An observer that keeps every operation of a forward pass.

    Args:
        advice: what decides which mend helps.
    """

    def __init__(self, advice: _Advice) -> None:
        self.advice = advice
        self._operations: list[_InPass] = []
        self._by_output: dict[int, int] = {}
        self._loop = ""

    def __call__(
        self,
        row: Operation[..., object],
        inputs: Sequence[object],
        output: object,
        parameters: Mapping[str, object],
    ) -> None:
        layer, parts = _layer(layer_path.get()), jax.tree.leaves(output)
        if any(isinstance(part, jax.core.Tracer) for part in parts):
            self._loop = layer
            return
        for part in parts:  # an operation may return its input as it is
            self._by_output.setdefault(id(part), len(self._operations))
        self._operations.append(_InPass(row.name, layer, inputs, output, parameters, self._loop))

    def origin(self, value: Array) -> Origin:
        """Return where a value comes from that is not finite."""
        last = self._by_output.get(id(value), self.first_broken())
        if last is None:
            said = f"the loss is {_sort(value)}"
            return Origin(_layer(""), "forward", said, self.advice.without_operation())
        first = self._operations[first_forward(last, self._broken_sources)]
        bad = _broken(first.inputs)
        if first.loop and bad is not None:  # no operation computed it: it came out of the loop
            said = f"a loop gave {_sort(bad)}"
            return Origin(first.loop, "forward", said, self.advice.without_operation())
        if bad is not None and (earlier := self.first_broken()) is not None:
            # A plain JAX function stands between, which nobody sees: the first of all is to blame.
            first = self._operations[earlier]
        said = f"{first.name} gave {_sort(_broken(first.output))}"
        return Origin(first.layer, "forward", said, self.mend(first))

    def mend(self, broken: Computed) -> str:
        """Return what to do about an operation with a number that is not finite."""
        maker = self._maker(asked(broken))
        return mend(broken, maker, self.advice.taken, self.advice.scales)

    def _maker(self, values: Sequence[object]) -> Computed | None:
        """Return the operation from which the first known of some values comes."""
        found, before = None, len(self._operations)
        while True:
            numbers = (self._by_output.get(id(part)) for part in jax.tree.leaves(list(values)))
            # An operation may return its input as it is, and then it seems to come from itself.
            number = next((n for n in numbers if n is not None and n < before), None)
            if number is None:
                return found
            found, before = self._operations[number], number
            if found.name not in KEEPS:
                return found
            values = found.inputs

    def first_broken(self) -> int | None:
        """Return the number of the first operation with an output that is not finite."""
        outputs = (computed.output for computed in self._operations)
        return next((i for i, out in enumerate(outputs) if _broken(out) is not None), None)

    def _broken_sources(self, number: int) -> list[int]:
        inputs = jax.tree.leaves(self._operations[number].inputs)
        sources = {self._by_output.get(id(part), number) for part in inputs}
        return sorted(
            i for i in sources if i < number and _broken(self._operations[i].output) is not None
        )


def _backward(
    recording: Recording, names: dict[tuple[int, int] | None, str], forward: _Forward
) -> Origin | None:
    nodes, errors, passed = recording.tape.nodes, recording.errors, recording.passed

    def sent(number: int) -> list[Array]:
        inputs = range(len(nodes[number].inputs))
        return [passed[number, i] for i in inputs if (number, i) in passed]

    first = first_backward(
        reversed(range(len(nodes))),
        lambda n: all(_is_finite(errors.get((n, k))) for k in range(len(nodes[n].outputs))),
        lambda n: _broken(sent(n)) is None,
    )
    if first is not None and (operation := nodes[first].operation) is not None:
        text = f"{operation.name} passed on {_sort(_broken(sent(first)))}"
        node = nodes[first]
        broken = Computed(operation.name, node.layer, node.inputs, node.outputs[0], node.parameters)
        return Origin(_layer(node.layer), "backward", text, forward.mend(broken))
    places = [place for place, error in errors.items() if not _is_finite(error)]
    if not places:
        return None
    place = max(places)  # finite parts whose sum overflows
    name = names.get(place, "the loss")
    said = f"its gradient is {_sort(errors[place])}"
    return Origin(name, "backward", said, forward.advice.without_operation())


def _largest(values: object) -> float:
    """Return the largest absolute value of the floating-point arrays of a tree."""
    arrays = [jnp.asarray(leaf) for leaf in jax.tree.leaves(values)]
    kinds = [a for a in arrays if a.size and jnp.issubdtype(a.dtype, jnp.floating)]
    return max((float(jnp.abs(a).max()) for a in kinds), default=0.0)


def _layer(path: str) -> str:
    return path or "the model itself, or its loss"


def _broken(values: object) -> Array | None:
    """Return the first array in a tree that holds a value that is not finite, or None."""
    return next((part for part in jax.tree.leaves(values) if not _is_finite(part)), None)


def _is_finite(value: object) -> bool:
    # Inside a loop there are no values yet; what comes out of the loop is looked at.
    if isinstance(value, jax.core.Tracer) or not hasattr(value, "dtype"):
        return True
    if not jnp.issubdtype(value.dtype, jnp.floating):
        return True
    return bool(jnp.isfinite(jnp.asarray(value)).all())


def _sort(value: object) -> str:
    return "NaN" if bool(jnp.isnan(jnp.asarray(value)).any()) else "an infinite value"
