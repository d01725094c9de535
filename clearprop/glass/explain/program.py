"""The compiled pass: traced once for a model and shapes, and asked for the arrays of the moment.

Shape letters: B examples.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import jaxpr_as_fun

from clearprop import nn, tree
from clearprop.autodiff import Tape, Traced, sweep
from clearprop.autodiff.misuse import teach_misuse
from clearprop.autodiff.sweep import Place
from clearprop.errors import ModelError, ShapeError
from clearprop.glass.explain.graph import Builder, Graph
from clearprop.glass.explain.jacobian import product_with
from clearprop.glass.explain.summary import numbers_of
from clearprop.memory import total_memory
from clearprop.ops.conv.choice import batch_last_pays
from clearprop.ops.loop import LoopRow

PROGRAMS = 16
"""How many traced passes are kept for models, shapes and losses that come again."""

SHARE_OF_MEMORY = 0.25
"""Of the machine's memory: what the arrays of one pass may take at once."""

OPTIONS: dict[str, Any] = {}
"""What XLA is told when it compiles a pass; tests have it compile sooner rather than better."""

USUAL_MEMORY = 8 * 2**30
"""Bytes that a machine is taken to have that does not tell."""


@dataclass(frozen=True)
class Signature:
    """What makes two passes the same program with other numbers.

    Attributes:
        structure: of the tree of model, input, targets and key, static fields included.
        leaves: shape and dtype of every leaf that is an array; any other leaf by its value.
        loss: as the caller gave it.
        training: whether layers behave as in training.
        wide: whether 64-bit numbers are on.
    """

    structure: Any
    leaves: tuple[Hashable, ...]
    loss: Hashable
    training: bool
    wide: bool


@dataclass(frozen=True)
class Pass:
    """One pass as it is traced.

    Attributes:
        tape: closed.
        objective: E, boxed where it depends on a variable.
        parameters: paths in the order of the variables.
        inputs: (name, leaf) of the input, boxed where floating.
        heard: (path, output) of every layer's call.
        end_of_model: number of nodes when the model had answered.
    """

    tape: Tape
    objective: Any
    parameters: list[str]
    inputs: list[tuple[str, Any]]
    heard: list[tuple[str, Any]]
    end_of_model: int


class Program:
    """A traced pass. Arrays go in, and whatever is asked for comes out of a compiled call.

    Attributes:
        graph: the nodes and where their numbers are found.
        size: bytes of all arrays together that the pass can give.
        products: compiled products of vectors with local Jacobians, by (place, input, transposed).
        operations: names of what stands on the tape, "" for a variable.
    """

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self._is_array = [isinstance(leaf, jax.ShapeDtypeStruct) for leaf in signature.leaves]
        self.operations: list[str] = []
        graphs: list[Graph] = []

        def traced(arrays: Sequence[Any]) -> list[Any]:
            ran = self.run(arrays)
            self.operations = [n.operation.name if n.operation else "" for n in ran.tape.nodes]
            graph, found = self.graph_of(ran)
            graphs.append(graph)
            return found

        shapes = [leaf for leaf in signature.leaves if isinstance(leaf, jax.ShapeDtypeStruct)]
        closed = jax.make_jaxpr(traced)(shapes)
        self.graph = graphs[-1]
        # The same variable can stand in several slots; a slot can also be what was put in.
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
        self.sizes = [self._bytes(slot) for slot in self._first]
        for number in self.given:
            self.sizes[number] = 0
        self.size = sum(self.sizes)
        self._loops: dict[int, Callable[..., Any]] = {}
        self.products: dict[tuple[Place | None, int, bool], Callable[..., Any]] = {}
        self._compiled: dict[tuple[int, ...], Callable[..., Any]] = {}

    def is_turned(self, number: int) -> bool:
        """Say whether `arrays` gives a variable with its examples last.

        So the processor holds the pictures of a convolution with few channels: to turn them all
        around would take longer than the pass.
        """
        shape = self.graph.shapes[self._first[number]].shape
        turns = len(shape) == 4 and batch_last_pays(shape[0], shape[3])
        return turns and number not in self.given

    def _as_held(self, number: int, array: Any) -> Any:
        return jnp.transpose(array, (1, 2, 3, 0)) if self.is_turned(number) else array

    def _bytes(self, slot: int) -> int:
        shape = self.graph.shapes[slot]
        return int(shape.size * shape.dtype.itemsize)

    def run(self, arrays: Sequence[Any], tape: Tape | None = None) -> Pass:
        """Run model and loss under a tape."""
        rest = iter(arrays)
        leaves = [
            next(rest) if is_array else leaf
            for is_array, leaf in zip(self._is_array, self.signature.leaves, strict=True)
        ]
        model, x, y, key = jax.tree.unflatten(self.signature.structure, leaves)
        tape = Tape() if tape is None else tape
        heard: list[tuple[str, Any]] = []

        def listen(path: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            heard.append((path, output))

        try:
            with teach_misuse():
                weights = {path: tape.variable(w) for path, w in nn.parameters(model).items()}
                x = jax.tree.map(lambda v: tape.variable(v) if tree.is_differentiable(v) else v, x)
                boxed = tree.replace(model, weights)
                training = self.signature.training
                output, _ = nn.apply(boxed, x, training=training, key=key, hook=listen)
                end = len(tape.nodes)
                objective = nn.find_loss(self.signature.loss)(output, y)  # type: ignore[arg-type]
        finally:
            tape.closed = True
        inputs = [
            (f"input.{path}" if path else "input", leaf)
            for path, leaf in tree.flatten_with_paths(x).items()
        ]
        return Pass(tape, objective, list(weights), inputs, heard, end)

    @staticmethod
    def errors_of(ran: Pass, passed: dict[tuple[int, int], Any] | None = None) -> dict[Place, Any]:
        """Sweep a pass backward; return the error signal of every place."""
        if type(ran.objective) is not Traced:
            return {}
        one = jnp.ones((), ran.objective.dtype)
        return sweep(ran.tape, [(ran.objective, one)], passed=passed)

    @staticmethod
    def graph_of(ran: Pass) -> tuple[Graph, list[Any]]:
        """Sweep a pass backward; return its graph, and the arrays of the graph's slots."""
        passed: dict[tuple[int, int], Any] = {}
        errors = Program.errors_of(ran, passed)
        builder = Builder(
            ran.tape, errors, passed, ran.parameters, ran.inputs, ran.end_of_model, ran.objective
        )
        graph = builder.build(ran.heard)
        return graph, builder.slots.arrays

    def arrays(self, given: Sequence[Any], wanted: Sequence[int]) -> dict[int, Any]:
        """Return the arrays of some variables (see ``variable_of``), from one compiled call.

        Some have their examples last: see `is_turned`.
        """
        found = {n: given[self.given[n]] for n in wanted if n in self.given}
        rest = tuple(sorted(n for n in set(wanted) if n not in self.given))
        if rest:
            found |= zip(rest, self._call(rest)(*given), strict=True)
        return found

    def summaries(self, given: Sequence[Any]) -> Any:
        """Return every array in a few numbers, (number of variables, numbers of a summary)."""
        return self._summarize(*given)

    @functools.cached_property
    def _summarize(self) -> Callable[..., Any]:
        def all_of(*given: Any) -> Any:
            every = self._function(*given)
            return jnp.stack([numbers_of(every[slot]) for slot in self._first])

        return jax.jit(all_of, compiler_options=OPTIONS)

    def product(
        self, given: Sequence[Any], place: Place, i: int, vector: Any, transposed: bool
    ) -> Any:
        """Return a vector's product with the Jacobian of a node that is no row of the table.

        What such a node is made of belongs to one trace: the pass is traced again around it.
        """
        key = (place, i, transposed)
        if key not in self.products:
            (number, output), way = place, transposed

            def product(arrays: Sequence[Any], vector: Any) -> Any:
                node = self.run(arrays).tape.nodes[number]
                return product_with(node, output, i, vector, way)

            self.products[key] = jax.jit(product, compiler_options=OPTIONS)
        return self.products[key](given, vector)

    def through_time(self, given: Sequence[Any], number: int) -> tuple[list[Any], list[Any]]:
        """Return the states of a loop after every step and their error signals.

        Args:
            given: what goes into the pass.
            number: of the loop's node on the tape.
        """
        if number not in self._loops:

            def states(arrays: Sequence[Any]) -> tuple[list[Any], list[Any]]:
                ran = self.run(arrays)
                errors = self.errors_of(ran)
                node = ran.tape.nodes[number]
                assert isinstance(node.operation, LoopRow)
                arrived = tuple(
                    errors.get((number, k), jnp.zeros(y.shape, y.dtype))
                    for k, y in enumerate(node.outputs)
                )
                inputs = list(node.inputs)
                return node.operation.derivation.through_time(arrived, node.outputs, inputs)

            self._loops[number] = jax.jit(states, compiler_options=OPTIONS)
        found: tuple[list[Any], list[Any]] = self._loops[number](given)
        return found

    def _call(self, wanted: tuple[int, ...]) -> Callable[..., Any]:
        if wanted not in self._compiled:

            def some(*given: Any) -> list[Any]:
                every = self._function(*given)
                return [self._as_held(number, every[self._first[number]]) for number in wanted]

            self._compiled[wanted] = jax.jit(some, compiler_options=OPTIONS)
        return self._compiled[wanted]


@functools.lru_cache(PROGRAMS)
def program_of(signature: Signature) -> Program:
    """Return the program of a signature, traced the first time."""
    return Program(signature)


def prepare(
    model: nn.Module, x: Any, y: Any, loss: Any, training: bool, key: Any
) -> tuple[Program, list[Any]]:
    """Return the program for these examples, and the arrays that go into it.

    Raises:
        ModelError: the parameters have no values yet.
        ShapeError: there is no batch of examples, or it does not fit the model.
    """
    if not nn.is_initialized(model):
        raise ModelError("the parameters have no values yet", fix="model = model.init(0)")
    x, y = (jnp.asarray(v) if isinstance(v, list) else jax.tree.map(jnp.asarray, v) for v in (x, y))
    if any(leaf.ndim == 0 or not len(leaf) for leaf in jax.tree.leaves(x)):
        raise ShapeError(
            "a batch of examples is needed",
            given=f"an input of shape {tuple(jax.tree.leaves(x)[0].shape)}",
            fix="add the batch axis: x[None]",
        )
    leaves, structure = jax.tree.flatten((model, x, y, key))
    leaves = [jnp.asarray(leaf) if isinstance(leaf, float) else leaf for leaf in leaves]
    described = tuple(
        jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) if hasattr(leaf, "dtype") else leaf
        for leaf in leaves
    )
    wide = bool(jax.config.read("jax_enable_x64"))
    signature = Signature(structure, described, loss, training, wide)
    return program_of(signature), [leaf for leaf in leaves if hasattr(leaf, "dtype")]


def budget() -> int:
    """Return how many bytes the arrays of one pass may take at once.

    >>> budget() > 2**20
    True
    """
    limit = (jax.devices()[0].memory_stats() or {}).get("bytes_limit")
    return int((limit or total_memory() or USUAL_MEMORY) * SHARE_OF_MEMORY)
