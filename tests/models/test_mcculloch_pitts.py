from __future__ import annotations

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop import nn
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.models import McCullochPitts
from clearprop.models.mcculloch_pitts import GATES
from clearprop.nn.structure import from_structure, to_structure

TABLES = {
    "and": [0, 0, 0, 1],
    "or": [0, 1, 1, 1],
    "not": [1, 0],
    "x1 and not x2": [0, 0, 1, 0],
}


def table(inputs: int) -> np.ndarray:
    return np.array(list(itertools.product((0, 1), repeat=inputs)), np.float32)


@pytest.mark.parametrize("form", ["threshold", "bias"])
@pytest.mark.parametrize("gate", GATES)
def test_truth_tables(gate: str, form: str) -> None:
    neuron = McCullochPitts.gate(gate, form)  # type: ignore[arg-type]
    np.testing.assert_array_equal(neuron(table(len(neuron.weights))), TABLES[gate])


def test_every_gate_has_its_table() -> None:
    assert set(GATES) == set(TABLES)


numbers = st.floats(-4, 4, width=32).filter(lambda x: x == 0 or abs(x) > 1e-30)


@given(st.integers(1, 4).flatmap(lambda m: st.tuples(st.lists(numbers, min_size=m, max_size=m),
                                                     numbers, st.booleans())))  # fmt: skip
def test_both_forms_agree_on_all_inputs(drawn: tuple[list[float], float, bool]) -> None:
    weights, threshold, inhibits = drawn
    silent = (0,) if inhibits else ()
    neuron = McCullochPitts([0.0] * inhibits + weights[inhibits:], threshold, inhibitory=silent)
    inputs = table(len(weights))
    np.testing.assert_array_equal(neuron(inputs), neuron.in_form("bias")(inputs))


@given(
    st.lists(st.integers(-3, 3), min_size=2, max_size=4),
    st.integers(-4, 4),
    st.sets(st.integers(0, 1)),
)
def test_inhibition_can_be_weighed_instead(
    weights: list[int], threshold: int, silent: set[int]
) -> None:
    plain = [0 if i in silent else w for i, w in enumerate(weights)]
    neuron = McCullochPitts(plain, threshold, inhibitory=sorted(silent))
    inputs = table(len(weights))
    np.testing.assert_array_equal(neuron(inputs), neuron.weighed()(inputs))


def test_one_inhibitory_input_silences_all() -> None:
    neuron = McCullochPitts((5, 5, 0), 1, inhibitory=(2,))
    np.testing.assert_array_equal(neuron(table(3)), [0, 0, 1, 0, 1, 0, 1, 0])


def test_nothing_is_learned_and_all_is_saved() -> None:
    neuron = McCullochPitts.gate("and")
    assert nn.parameters(neuron) == {}
    again = from_structure(to_structure(neuron))
    assert (again.weights, again.bias, again.form) == ((1, 1), -2, "threshold")


def test_what_it_refuses() -> None:
    with pytest.raises(ShapeError, match="one entry for each input"):
        McCullochPitts.gate("and")(jnp.ones((2, 3)))
    with pytest.raises(ConfigurationError, match="unknown gate 'xor'"):
        McCullochPitts.gate("xor")
    with pytest.raises(ConfigurationError, match="no such input"):
        McCullochPitts((1, 1), 1, inhibitory=(2,))
    with pytest.raises(ConfigurationError, match="is not weighed"):
        McCullochPitts((1, 1), 1, inhibitory=(1,))
    with pytest.raises(ConfigurationError, match="unknown form"):
        McCullochPitts((1, 1), 1, form="biased")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="needs an input"):
        McCullochPitts((), 1)
