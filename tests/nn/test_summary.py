"""Summaries: shapes, parameters and operations, without computing values."""

import jax.numpy as jnp
import pytest

from clearprop import models, nn, ops
from clearprop.errors import ShapeError


def test_lenet5_is_the_papers_size():
    summary = nn.summary(models.LeNet5(), (28, 28, 1))
    by_path = {layer.path: layer for layer in summary.layers}
    assert summary.parameters == 61_706
    assert {path: by_path[path].parameters for path in ("conv1", "conv2", "hidden1", "output")} == {
        "conv1": 156,
        "conv2": 2_416,
        "hidden1": 48_120,
        "output": 850,
    }
    assert by_path["conv1"].output_shape == (28, 28, 6)
    assert by_path["pool2"].output_shape == (5, 5, 16)
    # a multiply-add is two operations; the bias adds one for each output
    assert by_path["conv1"].operations == 28 * 28 * 6 * (2 * 25 + 1)
    assert by_path["conv2"].operations == 10 * 10 * 16 * (2 * 25 * 6 + 1)
    assert by_path["activation"].calls == 4


def test_summary_needs_no_values_and_changes_nothing():
    model = nn.Sequential([nn.Linear(3, 2), nn.BatchNorm(2)])
    assert nn.summary(model, (3,)).parameters == 8 + 4
    assert nn.summary(model.init(0), (3,)) == nn.summary(model, (3,))


def test_summary_names_the_layer_where_shapes_do_not_fit():
    model = nn.Sequential([nn.Linear(3, 2), "relu", nn.Linear(5, 2)])
    with pytest.raises(ShapeError) as caught:
        nn.summary(model, (3,))
    assert caught.value.where == "layers.2 (Linear)"


def test_summary_of_words():
    model = nn.Sequential([nn.Embedding(100, 8), nn.Flatten(), nn.Linear(32, 2)])
    summary = nn.summary(model, (4,), dtype=jnp.int32)
    assert [layer.output_shape for layer in summary.layers] == [(2,), (4, 8), (32,), (2,)]
    assert summary.parameters == 800 + 66


def test_parameters_outside_any_called_layer_are_counted():
    class Scaled(nn.Module):
        weights: dict

        def __call__(self, x):
            return x * self.weights["gain"]

    gain = nn.Parameter((3,), nn.initializers.ones)
    assert nn.summary(Scaled({"gain": gain}), (3,)).parameters == 3


def test_a_loop_counts_as_many_steps_as_it_has():
    class Recurrent(nn.Module):
        weight: jnp.ndarray

        def __call__(self, x):
            start = jnp.zeros((x.shape[0], 4))
            return ops.scan(
                lambda h, row: (row + h @ self.weight, None), start, x.transpose(1, 0, 2)
            )[0]

    model = Recurrent(nn.Parameter((4, 4), nn.initializers.zeros))
    assert nn.summary(model, (10, 4)).operations == 10 * (2 * 4 * 4 + 4)


def test_inputs_by_name_and_layers_that_return_their_state() -> None:
    model = models.Captioner((8, 24, 1), 14, channels=(8, 16), hidden_size=16)
    shape = {"image": (8, 24, 1), "words": (5,)}
    summary = nn.summary(model, shape, dtype={"image": jnp.float32, "words": jnp.int32})
    assert summary.layers[0].output_shape == (5, 14)
    assert "input words" in str(summary)
    language = models.RecurrentLanguageModel(9, cell="rnn", hidden_size=7)
    rows = {layer.path: layer for layer in nn.summary(language, (4,), dtype=jnp.int32).layers}
    assert rows["recurrent"].output_shape == (4, 7)
