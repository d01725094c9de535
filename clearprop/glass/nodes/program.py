"""The compiled pass: traced once for a model and shapes; each call computes the wanted arrays.

Shape letters: B examples.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar, cast

import jax
import jax.numpy as jnp
from jax.extend.core import jaxpr_as_fun

from clearprop import device_memory, nn
from clearprop.autodiff import Node, Tape, vjp
from clearprop.autodiff.sweep import Place, errors_of_inputs
from clearprop.device_memory import call_size
from clearprop.glass.nodes.array_summary import numbers_of
from clearprop.glass.nodes.graph import Builder, Graph
from clearprop.memory import shown_size, total_memory
from clearprop.nn.recording import LossLike, ModelPass, Objective, check_examples, record_model
from clearprop.ops.conv.choice import batch_last_pays
from clearprop.ops.loop import LoopRow

Array = jax.Array
P = ParamSpec("P")
R = TypeVar("R")

PROGRAMS = 16
"""How many traced passes are kept for later calls with the same model, shapes and loss."""

FRACTION_OF_MEMORY = 0.25
"""The part of the machine's memory that the arrays of one pass may take at once."""

FRACTION_OF_FREE = 0.5
"""The part of the free memory that they may take; the rest is for computing them."""

OPTIONS: dict[str, bool | int | str] = {}
"""Compiler options of XLA; the tests set them to compile faster."""

USUAL_MEMORY = 8 * 2**30
"""Bytes of memory that are assumed where the machine does not say how many it has."""


@dataclass(frozen=True)
class Signature:
    """The key of a program: two passes with equal signatures differ only in their numbers.

    Attributes:
        structure: of the tree of model, input, targets and key, static fields included.
        leaves: shape and dtype of every leaf that is an array; any other leaf itself.
        loss: that of the caller, or the objective.
        training: whether layers behave as in training.
        wide: whether 64-bit numbers are on.
    """

    structure: jax.tree_util.PyTreeDef
    leaves: tuple[Hashable, ...]
    loss: LossLike | Objective
    training: bool
    wide: bool


class Program:
    """A traced pass: its compiled calls take the arrays of a pass and return the wanted ones.

    Attributes:
        graph: the nodes and the slots of their numbers.
        size: bytes of all arrays that the pass can return.
        operations: names of the operations on the tape, "" for a variable.
    """

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self._is_array = [isinstance(leaf, jax.ShapeDtypeStruct) for leaf in signature.leaves]
        self.operations: list[str] = []
        graphs: list[Graph] = []

        def traced(arrays: Sequence[Array]) -> list[Array]:
            made = self.run(arrays)
            self.operations = operations_of(made.recording.tape)
            made.recording.sweep(made.objective, passed=True)
            builder = Builder(made)
            graphs.append(builder.build())
            return builder.slots.arrays

        shapes = [leaf for leaf in signature.leaves if isinstance(leaf, jax.ShapeDtypeStruct)]
        closed = jax.make_jaxpr(traced)(shapes)
        self.graph = graphs[-1]
        # Several slots can have the same variable; a slot can also be an input of the pass.
        numbers: dict[Any, int] = {}
        self.variable_of = tuple(
            numbers.setdefault(id(v) if hasattr(v, "val") else v, len(numbers))
            for v in closed.jaxpr.outvars
        )
        firsts = {number: slot for slot, number in reversed([*enumerate(self.variable_of)])}
        self._first = [firsts[number] for number in range(len(numbers))]
        self._function = jaxpr_as_fun(closed)
        given = {v: i for i, v in enumerate(closed.jaxpr.invars)}
        self.given = {
            number: given[v]
            for v, number in numbers.items()
            if not isinstance(v, int) and v in given
        }
        shape_of = [self.graph.shapes[slot] for slot in self._first]
        self.sizes = [
            0 if number in self.given else int(shape.size * shape.dtype.itemsize)
            for number, shape in enumerate(shape_of)
        ]
        self.size = sum(self.sizes)
        self._jitted: dict[Hashable, Callable[..., Any]] = {}

    def jitted(self, key: Hashable, function: Callable[P, R]) -> Callable[P, R]:
        """Return a function compiled, or the one that was compiled before under an equal key.

        Args:
            key: equal for functions that compute the same for every example.
            function: of arrays.
        """
        if key not in self._jitted:
            self._jitted[key] = self.checked(jax.jit(function, compiler_options=OPTIONS))
        return self._jitted[key]

    def checked(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return a jitted function whose first call raises where it does not fit into the memory.

        Args:
            function: what `jax.jit` returned, always called with arrays of the same shapes.
        """
        known = False

        def call(*inputs: P.args, **options: P.kwargs) -> R:
            nonlocal known
            if not known:
                size = call_size(function, *inputs, **options)
                if size is not None:
                    self._make_room(size.new)
                known = True
            return function(*inputs, **options)

        return call

    def _make_room(self, size: int) -> None:
        """Raise unless so many bytes can be taken.

        Raises:
            ConfigurationError: they cannot.
        """
        _, x, _, _ = jax.tree.unflatten(self.signature.structure, self.signature.leaves)
        examples = jax.tree.leaves(x)[0].shape[0]
        device_memory.make_room(
            "explain",
            size,
            where="explain",
            given=lambda: (
                f"{len(self.graph.nodes):,} nodes for {examples:,} examples, whose values "
                f"and error signals take {shown_size(self.size)}"
            ),
            fix=lambda limit: (
                f"explain {max(1, examples * limit // size // 2):,} examples at once"
                if examples > 1
                else "explain a smaller model, or a shorter example"
            ),
        )

    def is_turned(self, number: int) -> bool:
        """Say whether `arrays` returns a variable with its examples on the last axis.

        In this layout the CPU computes convolutions with few channels; to transpose all of their
        pictures would take longer than the pass.
        """
        shape = self.graph.shapes[self._first[number]].shape
        turns = len(shape) == 4 and batch_last_pays(shape[0], shape[3])
        return turns and number not in self.given

    def run(self, arrays: Sequence[Array], tape: Tape | None = None) -> ModelPass:
        """Run model and loss under a tape."""
        rest = iter(arrays)
        leaves = [
            next(rest) if is_array else leaf
            for is_array, leaf in zip(self._is_array, self.signature.leaves, strict=True)
        ]
        model, x, y, key = jax.tree.unflatten(self.signature.structure, leaves)
        loss, training = self.signature.loss, self.signature.training
        return record_model(model, x, y, loss, training=training, key=key, tape=tape)

    def arrays(self, given: Sequence[Array], wanted: Sequence[int]) -> dict[int, Array]:
        """Return the arrays of some variables (see ``variable_of``), from one compiled call.

        Some have their examples on the last axis: see `is_turned`.
        """
        found = {n: given[self.given[n]] for n in wanted if n in self.given}
        rest = tuple(sorted(n for n in set(wanted) if n not in self.given))

        def some(*given: Array) -> list[Array]:
            every = self._function(*given)
            found = {number: every[self._first[number]] for number in rest}
            return [
                jnp.transpose(array, (1, 2, 3, 0)) if self.is_turned(number) else array
                for number, array in found.items()
            ]

        if rest:
            found |= zip(rest, self.jitted(rest, some)(*given), strict=True)
        return found

    def summaries(self, given: Sequence[Array]) -> Array:
        """Return every array in a few numbers, (number of variables, numbers of a summary)."""

        def all_of(*given: Array) -> Array:
            every = self._function(*given)
            return jnp.stack([numbers_of(every[slot]) for slot in self._first])

        return self.jitted("summaries", all_of)(*given)

    def product(
        self, given: Sequence[Array], place: Place, i: int, vector: Array, transposed: bool
    ) -> Array:
        """Return a vector's product with the Jacobian of a node that is not a row of the table.

        The function of such a node exists only while the pass is traced, so it is traced again.
        """

        def product(arrays: Sequence[Array], vector: Array) -> Array:
            node = self.run(arrays).recording.tape.nodes[place[0]]
            return product_with(node, place[1], i, vector, transposed)

        return self.jitted((place, i, transposed), product)(given, vector)

    def through_time(self, given: Sequence[Array], number: int) -> tuple[list[Array], list[Array]]:
        """Return the states of a loop after every step and their error signals.

        Args:
            given: the arrays that the pass takes.
            number: of the loop's node on the tape.
        """

        def states(arrays: Sequence[Array]) -> tuple[list[Array], list[Array]]:
            made = self.run(arrays)
            made.recording.sweep(made.objective)
            node, errors = made.recording.tape.nodes[number], made.recording.errors
            assert isinstance(node.operation, LoopRow)
            arrived = tuple(
                errors.get((number, k), jnp.zeros(y.shape, y.dtype))
                for k, y in enumerate(node.outputs)
            )
            inputs = list(node.inputs)
            found = node.operation.derivation.through_time(arrived, node.outputs, inputs)
            return cast("tuple[list[Array], list[Array]]", found)

        return self.jitted(("through time", number), states)(given)


@functools.lru_cache(PROGRAMS)
def program_of(signature: Signature) -> Program:
    """Return the program of a signature; it is traced the first time."""
    return Program(signature)


def prepare(
    model: nn.Module,
    x: object,
    y: object,
    loss: LossLike | Objective,
    training: bool,
    key: Array | None,
) -> tuple[Program, list[Array]]:
    """Return the program for these examples, and the arrays that it takes.

    Raises:
        ModelError: the parameters have no values yet.
        ShapeError: there is no batch of examples, or it does not fit the model.
    """
    x, y = (jnp.asarray(v) if isinstance(v, list) else jax.tree.map(jnp.asarray, v) for v in (x, y))
    check_examples(model, x)
    leaves, structure = jax.tree.flatten((model, x, y, key))
    leaves = [jnp.asarray(leaf) if isinstance(leaf, float) else leaf for leaf in leaves]
    described = tuple(
        jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) if hasattr(leaf, "dtype") else leaf
        for leaf in leaves
    )
    wide = bool(jax.config.read("jax_enable_x64"))
    signature = Signature(structure, described, loss, training, wide)
    return program_of(signature), [leaf for leaf in leaves if hasattr(leaf, "dtype")]


def product_with(node: Node, output: int, i: int, vector: Array, transposed: bool) -> Array:
    """Return the product of a vector with the Jacobian of an output by an input.

    Args:
        node: of a tape, or made for this call.
        output: which of its outputs.
        i: which of its inputs.
        vector: an error signal of the output; with ``transposed`` a change of the input.
        transposed: whether the result is the change of the output.
    """
    parents = tuple((0, 0) if k == i else None for k in range(len(node.inputs)))
    alone = dataclasses.replace(node, parents=parents)

    def pull(error: Array) -> Array:
        arrived = [error if k == output else None for k in range(len(node.outputs))]
        return cast(Array, errors_of_inputs(alone, arrived)[i])

    if not transposed:
        return pull(vector)
    # The rule is linear in its error signal, so its own pull-back is the transposed product.
    y = node.outputs[output]
    product: Array = vjp(pull, jnp.zeros(y.shape, y.dtype))[1](vector)[0]
    return product


def operations_of(tape: Tape) -> list[str]:
    """Return the names of the operations on a tape, "" for a variable."""
    return [node.operation.name if node.operation else "" for node in tape.nodes]


def budget() -> int:
    """Return how many bytes the arrays of one pass may take at once.

    >>> budget() > 2**20
    True
    """
    limit = (jax.devices()[0].memory_stats() or {}).get("bytes_limit")
    most = (limit or total_memory() or USUAL_MEMORY) * FRACTION_OF_MEMORY
    free = device_memory.free()
    return int(most if free is None else min(most, free * FRACTION_OF_FREE))
