"""Sizes that differ from call to call: the same graph, written for several of them, is compared.

What is a number in one graph and another one in the next depends on a size. The dependence has to
be one of a few laws, such as ``a B + c``; then nodes that compute it take the place of the number.
A law is found from two graphs and checked on the others.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from clearprop.errors import ModelError
from clearprop.interop.onnx.export.writer import GraphWriter, WrittenNode, every_node
from clearprop.interop.onnx.graph import HostArray

FREE_SIZES = (5, 3, 7, 11, 13)
"""Sizes for which a graph is written: small ones, for which all convolutions are alike."""

FIX = "dynamic_axes={} fixes all sizes to those of the example"


@dataclass(frozen=True)
class Law:
    """How a number depends on sizes: ``scale * p + rest``, or ``scale / (p + below) + rest``.

    Attributes:
        sizes: names of the sizes whose product is p; none for a fixed number.
        scale: of the product.
        rest: the summand.
        below: the summand under the line; None where p is not under a line.
    """

    sizes: tuple[str, ...]
    scale: Fraction
    rest: Fraction
    below: Fraction | None = None

    def at(self, product: Fraction) -> Fraction:
        """Return the number for a product of sizes."""
        if self.below is None:
            return self.scale * product + self.rest
        return self.scale / (product + self.below) + self.rest


def law_of(numbers: Sequence[float], sizes: Sequence[Mapping[str, int]]) -> Law | None:
    """Return the law by which numbers come from sizes; None where none of the laws holds.

    >>> law_of([11, 7, 15], [{"n": 5}, {"n": 3}, {"n": 7}])
    Law(sizes=('n',), scale=Fraction(2, 1), rest=Fraction(1, 1), below=None)
    """
    if all(n == numbers[0] or n != n for n in numbers):
        return Law((), Fraction(0), Fraction(0))
    if not all(np.isfinite(n) for n in numbers):
        return None
    names = sorted(sizes[0])
    products = [*((n,) for n in names), *itertools.combinations_with_replacement(names, 2)]
    values = [Fraction(float(n)) for n in numbers]
    whole = all(n.denominator == 1 for n in values)
    for product in products:
        terms = [_product(each, product) for each in sizes]
        other = next((i for i in range(1, len(terms)) if terms[i] != terms[0]), None)
        if other is None:
            continue
        pair = (terms[0], terms[other]), (values[0], values[other])
        for law in _candidates(product, *pair, whole):
            if all(_near(law.at(t), n, whole) for t, n in zip(terms, values, strict=True)):
                return law
    return None


def _product(sizes: Mapping[str, int], names: Sequence[str]) -> Fraction:
    made = Fraction(1)
    for name in names:
        made *= sizes[name]
    return made


Pair = tuple[Fraction, Fraction]


def _line(terms: Pair, values: Pair) -> Pair:
    """Return slope and intercept of the line through two points."""
    slope = (values[0] - values[1]) / (terms[0] - terms[1])
    return slope, values[0] - slope * terms[0]


def _candidates(names: tuple[str, ...], terms: Pair, values: Pair, whole: bool) -> Iterator[Law]:
    """Yield the laws with one product that two numbers obey."""
    scale, rest = _line(terms, values)
    if whole:
        if scale.denominator == 1:
            yield Law(names, scale, rest)
        return
    # Such numbers were rounded to 24 bits or more; a law has simple numbers.
    yield Law(names, _simple(scale), _simple(rest))
    scale, rest = _line((1 / terms[0], 1 / terms[1]), values)
    yield Law(names, _simple(scale), _simple(rest), Fraction(0))
    for rest in (Fraction(0), Fraction(1)):  # such as n / (n - 1) = 1 + 1 / (n - 1)
        if rest not in values:
            turned = _line(terms, (1 / (values[0] - rest), 1 / (values[1] - rest)))
            slope, summand = (Fraction(round(n)) for n in turned)
            if slope:
                yield Law(names, 1 / slope, rest, summand / slope)


def _simple(number: Fraction) -> Fraction:
    return number.limit_denominator(10**5)


def _near(predicted: Fraction, number: Fraction, whole: bool) -> bool:
    if whole:
        return predicted == number
    return abs(float(predicted - number)) <= 3e-7 * abs(float(number))


def merged(
    writers: Sequence[GraphWriter],
    sizes: Sequence[Mapping[str, int]],
    sources: Mapping[str, tuple[str, int]],
) -> GraphWriter:
    """Return the graph that holds for all sizes, from one graph for each of some sizes.

    Args:
        writers: with the same nodes.
        sizes: by name, one mapping for each graph.
        sources: for each size an input and its axis.

    Raises:
        ModelError: the graphs differ in more than numbers, or a number obeys no law.
    """
    _compare([w.nodes for w in writers])
    first = writers[0]
    reading = {name: node for node in every_node(first.nodes) for name in node.inputs}
    changed: dict[str, list[HostArray]] = {}
    used = {name for node in every_node(first.nodes) for name in node.inputs}
    for name in first.constants:
        arrays = [w.constants.get(name) for w in writers]
        if any(a is None for a in arrays):
            raise _frozen(name, "a constant that other sizes do not have")
        known: list[HostArray] = [a for a in arrays if a is not None]
        if name in used and not all(_same(known[0], a) for a in known[1:]):
            changed[name] = known
    made = GraphWriter(first.opset)
    made.constants = {k: v for k, v in first.constants.items() if k not in changed}
    made.counted_as(first)
    made.path = "sizes"
    builder = _Sizes(made, sizes, sources)
    for name, values in changed.items():
        builder.compute(name, values, reading.get(name))
    made.nodes += first.nodes
    return made


def _same(a: HostArray, b: HostArray) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _frozen(where: str, what: str) -> ModelError:
    return ModelError(
        "the graph holds for the sizes of the example alone",
        where=where,
        given=what,
        fix=FIX,
    )


def _compare(lists: Sequence[Sequence[WrittenNode]]) -> None:
    for nodes in itertools.zip_longest(*lists):
        first = nodes[0]
        for other in nodes[1:]:
            if first is None or other is None or not _alike(first, other):
                place = (first or other).name
                raise _frozen(place, "other nodes are computed for other sizes")
        names = [set(node.graphs) for node in nodes]
        for name in names[0]:
            _compare([node.graphs[name].nodes for node in nodes])


def _alike(a: WrittenNode, b: WrittenNode) -> bool:
    return (
        a.operator == b.operator
        and a.inputs == b.inputs
        and a.outputs == b.outputs
        and a.attributes.keys() == b.attributes.keys()
        and all(_equal(a.attributes[k], b.attributes[k]) for k in a.attributes)
        and a.graphs.keys() == b.graphs.keys()
    )


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return _same(a, b)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return tuple(a) == tuple(b)
    return bool(a == b)


class _Sizes:
    """Writes the nodes that compute sizes, and numbers that depend on them."""

    def __init__(
        self,
        w: GraphWriter,
        sizes: Sequence[Mapping[str, int]],
        sources: Mapping[str, tuple[str, int]],
    ) -> None:
        self.w, self.sizes, self.sources = w, sizes, sources
        self.read: dict[str, str] = {}

    def size(self, name: str) -> str:
        """Return a size, (1,) with 64 bits."""
        if name not in self.read:
            source, axis = self.sources[name]
            self.w.path = "sizes"
            shape = self.w.node("Shape", source)
            self.read[name] = self.w.node("Gather", shape, self.w.ints([axis]), axis=0)
        return self.read[name]

    def compute(self, name: str, arrays: Sequence[HostArray], reader: WrittenNode | None) -> None:
        """Write what gives the value of a constant for any sizes, under the constant's name."""
        first = arrays[0]
        if len({a.shape for a in arrays}) > 1:
            self._expand(name, arrays)
            return
        laws = [
            law_of(numbers, self.sizes)
            for numbers in zip(*(a.ravel() for a in arrays), strict=True)
        ]
        if any(law is None for law in laws):
            raise _frozen(name, f"{first.ravel()[:8].tolist()} for the example")
        known = [law for law in laws if law is not None]
        if (
            reader is not None
            and reader.operator == "Reshape"
            and self._left_open(name, first, known)
        ):
            return
        total = self._sum(first, known)
        if first.ndim != 1:
            total = self.w.node("Reshape", total, self.w.ints(first.shape))
        self._named(total, name)

    def _named(self, value: str, name: str) -> None:
        """Give a value that was just computed the name of the constant whose place it takes."""
        self.w.nodes.append(WrittenNode("Identity", f"{name}/Identity", [value], [name], {}))

    def _left_open(self, name: str, shape: HostArray, laws: Sequence[Law]) -> bool:
        """Leave a size open that a Reshape finds by itself, if it is the only one."""
        moving = [i for i, law in enumerate(laws) if law.sizes]
        if len(moving) != 1 or (shape == -1).any() or (np.delete(shape, moving) == 0).any():
            return False
        opened = shape.copy()
        opened[moving[0]] = -1
        self.w.constants[name] = opened
        return True

    def _sum(self, first: HostArray, laws: Sequence[Law]) -> str:
        w = self.w
        dtype = first.dtype
        exact: Any = np.int64 if dtype.kind in "iu" else dtype
        flat = first.ravel()
        fixed = [
            n if not law.sizes else float(law.rest) if dtype.kind == "f" else int(law.rest)
            for n, law in zip(flat, laws, strict=True)
        ]
        total = w.constant(fixed, exact)
        kinds = list(dict.fromkeys((law.sizes, law.below) for law in laws if law.sizes))
        for names, below in kinds:
            scales = [
                law.scale if (law.sizes, law.below) == (names, below) else Fraction(0)
                for law in laws
            ]
            factor = w.constant([float(s) if dtype.kind == "f" else int(s) for s in scales], exact)
            product = self.size(names[0])
            for name in names[1:]:
                product = w.node("Mul", product, self.size(name))
            if exact != np.int64:
                product = w.cast(product, exact)
            if below:
                product = w.node("Add", product, w.constant([float(below)], exact))
            part = w.node("Mul" if below is None else "Div", factor, product)
            total = w.node("Add", total, part)
        return total if np.dtype(exact) == dtype else w.cast(total, dtype)

    def _expand(self, name: str, arrays: Sequence[HostArray]) -> None:
        """Write a constant whose shape depends on sizes: equal entries, or 0, 1, 2 and so on."""
        entries = {entry for a in arrays for entry in a.ravel().tolist()}
        counts = all(np.array_equal(a.ravel(), np.arange(a.size)) for a in arrays)
        if (len(entries) != 1 and not counts) or len({a.ndim for a in arrays}) != 1:
            raise _frozen(name, f"an array of shape {arrays[0].shape} for the example")
        shapes = [np.array(a.shape, np.int64) for a in arrays]
        laws = [law_of(n, self.sizes) for n in zip(*shapes, strict=True)]
        if any(law is None for law in laws):
            raise _frozen(name, f"an array of shape {arrays[0].shape} for the example")
        shape = self._sum(shapes[0], [law for law in laws if law is not None])
        if counts:
            whole = self.w.node("ReduceProd", shape, keepdims=0)
            ends = self.w.constant(0, np.int64), whole, self.w.constant(1, np.int64)
            numbers = self.w.cast(self.w.node("Range", *ends), arrays[0].dtype)
            self._named(self.w.node("Reshape", numbers, shape), name)
            return
        value = self.w.constant(entries.pop(), arrays[0].dtype)
        self._named(self.w.node("Expand", value, shape), name)


def sizes_to_try(names: Sequence[str]) -> list[dict[str, int]]:
    """Return the sizes for which a graph is written, which differ in every name.

    >>> sizes_to_try(["batch"])
    [{'batch': 5}, {'batch': 3}, {'batch': 7}, {'batch': 11}]
    """
    if not names:
        return [{}]
    count = 4 if len(names) == 1 else 5
    return [
        {
            name: FREE_SIZES[(i * (place + 1) + place) % len(FREE_SIZES)]
            for place, name in enumerate(names)
        }
        for i in range(count)
    ]


def symbol_for(
    numbers: Sequence[int], sizes: Sequence[Mapping[str, int]], unnamed: Iterator[str]
) -> int | str:
    """Return a size of an output: a number, the name of a size, or a new name."""
    if len(set(numbers)) == 1:
        return int(numbers[0])
    for name in sizes[0]:
        if all(n == each[name] for n, each in zip(numbers, sizes, strict=True)):
            return name
    return next(unnamed)
