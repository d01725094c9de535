"""The places of the nodes of a drawing."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from clearprop.studio.backward.layout import DISTANCE, columns, rows


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    """Draw graphs whose nodes come after their inputs."""
    sizes = draw(st.lists(st.integers(0, 3), min_size=1, max_size=20))
    return [
        draw(st.lists(st.integers(0, i - 1), min_size=1, max_size=size, unique=True))
        if i and size
        else []
        for i, size in enumerate(sizes)
    ]


@given(graphs())
def test_nodes_stand_right_of_their_inputs_and_apart(inputs: list[list[int]]) -> None:
    column = columns(inputs)
    row = rows(inputs, column, len(inputs) - 1)
    assert min(row) == 0
    for node, sources in enumerate(inputs):
        assert all(column[source] < column[node] for source in sources)
    for i, j in itertools.combinations(range(len(inputs)), 2):
        assert column[i] != column[j] or abs(row[i] - row[j]) >= DISTANCE - 1e-9


def test_an_operation_stands_in_the_middle_of_its_inputs() -> None:
    inputs: list[list[int]] = [[], [], [], [0, 1], [3, 2]]
    column = columns(inputs)
    assert column == [0, 0, 1, 1, 2]
    assert rows(inputs, column, 4) == [0.0, 1.0, 2.0, 0.5, 1.25]
