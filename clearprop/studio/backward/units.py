"""The drawing of a pass as neurons: circles for units, and weights on the links between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from clearprop.glass.equations.expression import Symbol
from clearprop.glass.equations.passes import Pass
from clearprop.glass.equations.scalars import Place, Scalar, place_of
from clearprop.ops.activations import ACTIVATIONS
from clearprop.studio.backward.layout import centered
from clearprop.studio.backward.messages import PassUnit, UnitKind, UnitWire

Ends = tuple[int, int]
"""(source, user) of a link."""


@dataclass
class _Circle:
    kind: UnitKind
    nodes: list[Place]
    bias: Place | None = None


def neurons(
    run: Pass, links: Sequence[Ends], numbers: Mapping[Place, int]
) -> tuple[tuple[PassUnit, ...], tuple[UnitWire, ...]]:
    """Return the circles and the wires of a network; nothing where it is no layered network.

    A neuron is a weighted sum, with its bias and its activation. Everything behind the outputs is
    the loss.

    Args:
        run: of the network.
        links: of the pass.
        numbers: the node of each place.
    """
    circles = _circles(run)
    if circles is None:
        return (), ()
    home = {place: i for i, circle in enumerate(circles) for place in circle.nodes}
    places = {number: place for place, number in numbers.items()}
    wires = _wires(run, [(places[s], places[u]) for s, u in links], home)
    if wires is None:
        return (), ()
    return _drawn(circles, wires, numbers), tuple(
        UnitWire(
            ends[0],
            ends[1],
            None if found.weight is None else numbers[found.weight],
            tuple(found.links),
        )
        for ends, found in wires.items()
    )


def _circles(run: Pass) -> list[_Circle] | None:
    """Return the circles of a pass; None where a number belongs to none."""
    learned, outputs = run.given.learned, run.scalars.outputs
    before = _before(run.scalars, outputs)
    circles: list[_Circle] = []
    inside: dict[Place, _Circle] = {}
    loss = _Circle("loss", [])
    for scalar in run.scalars:
        place = scalar.place
        if place in learned:
            continue
        if not scalar.operation:
            kind: UnitKind = "target" if place in run.scalars.targets else "input"
            circles.append(_Circle(kind, [place]))
        elif place not in before:
            loss.nodes.append(place)
        elif scalar.operation == "matmul":
            circles.append(_Circle("neuron", [place]))
            inside[place] = circles[-1]
        else:
            around = _continued(scalar, inside, learned)
            if around is None:
                return None
            around.nodes.append(place)
            inside[place] = around
    is_layered = any(circle.kind == "neuron" for circle in circles) and loss.nodes
    return [*circles, loss] if is_layered else None


def _continued(
    scalar: Scalar, inside: Mapping[Place, _Circle], learned: Iterable[Place]
) -> _Circle | None:
    """Return the neuron that a bias or an activation belongs to, with its bias written into it."""
    sums = [place for place in scalar.numeric if place in inside]
    others = [place for place in scalar.numeric if place not in inside]
    if len(sums) != 1:
        return None
    around = inside[sums[0]]
    if around.nodes[-1] != sums[0]:
        return None
    if scalar.operation == "add" and len(others) == 1 and others[0] in learned:
        around.bias = others[0]
        return around
    return around if scalar.operation in ACTIVATIONS and not others else None


def _before(scalars: Iterable[Scalar], outputs: Iterable[Place]) -> set[Place]:
    """Return the places that the outputs depend on, and the outputs."""
    by_place = {scalar.place: scalar for scalar in scalars}
    found, waiting = set[Place](), list(outputs)
    while waiting:
        place = waiting.pop()
        if place not in found:
            found.add(place)
            waiting += by_place[place].numeric
    return found


@dataclass
class _Wire:
    links: list[int]
    weight: Place | None = None


def _wires(
    run: Pass, links: Sequence[tuple[Place, Place]], home: Mapping[Place, int]
) -> dict[Ends, _Wire] | None:
    """Return the wires by their ends; None where two weights would share one."""
    wires: dict[Ends, _Wire] = {}
    for number, (source, user) in enumerate(links):
        if source in home and home[source] != home[user]:
            wires.setdefault((home[source], home[user]), _Wire([])).links.append(number)
    scalars = {scalar.place: scalar for scalar in run.scalars}
    at = {ends: number for number, ends in enumerate(links)}
    for user, scalar in scalars.items():
        if scalar.operation != "matmul" or user not in home:
            continue
        for source, slope in scalar.slopes.items():
            if source not in home or not isinstance(slope, Symbol):
                continue
            key = place_of(slope)  # the weight is the local derivative by the source
            if key not in run.given.learned:
                continue
            wire = wires[home[source], home[user]]
            if wire.weight is not None:
                return None
            wire.weight = key
            wire.links.append(at[key, user])
    return wires


def _drawn(
    circles: Sequence[_Circle], wires: Mapping[Ends, _Wire], numbers: Mapping[Place, int]
) -> tuple[PassUnit, ...]:
    columns = [0] * len(circles)
    for _ in circles:  # the longest way to a circle has no more wires than there are circles
        for source, user in wires:
            columns[user] = max(columns[user], columns[source] + 1)
    loss = len(circles) - 1
    for i, circle in enumerate(circles):
        if circle.kind == "target":
            columns[i] = columns[loss] - 1
    order: dict[int, list[int]] = {}
    for i in sorted(range(len(circles)), key=lambda i: circles[i].kind == "target"):
        order.setdefault(columns[i], []).append(i)
    rows = centered({column: len(found) for column, found in order.items()})
    placed = {i: row for c, found in order.items() for i, row in zip(found, rows[c], strict=True)}
    return tuple(
        PassUnit(
            circle.kind,
            tuple(numbers[place] for place in circle.nodes),
            None if circle.bias is None else numbers[circle.bias],
            columns[i],
            placed[i],
        )
        for i, circle in enumerate(circles)
    )
