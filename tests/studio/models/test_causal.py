"""Which models read no later place, so that a text can be filled up behind its end."""

from __future__ import annotations

from typing import Any

import pytest

from clearprop import models, nn
from clearprop.studio.models.causal import is_causal
from clearprop.studio.models.sequence import sequence_frame
from tests.studio.models.conftest import ALPHABET, of_text, read


def recurrent(layer: nn.Module | None = None) -> Any:
    model: Any = models.RecurrentLanguageModel(
        len(ALPHABET), cell="gru", embedding_features=3, hidden_size=4, layers=2, dropout=0.1
    )
    return model if layer is None else nn.replace_layer(model, "recurrent", layer)


def gpt(**options: Any) -> Any:
    return models.GPT(len(ALPHABET), 10, 8, layers=2, heads=2, **options)


def test_the_language_models_of_the_library() -> None:
    assert is_causal(recurrent())
    for positions in ("learned", "sinusoidal", "rotary"):
        options: dict[str, Any] = {"norm": "rms", "dropout": 0.1, "tied": False, "padding": 0}
        assert is_causal(gpt(positions=positions, key_value_heads=1, **options))


class Own(models.RecurrentLanguageModel):
    """It could do anything before and after."""


class OwnGRU(nn.GRU):
    """It could read from the end."""


def test_what_may_read_a_later_place_is_no_such_model() -> None:
    both = nn.GRU(3, 2, bidirectional=True)
    others = [
        Own(len(ALPHABET)),
        recurrent(both),
        recurrent(OwnGRU(3, 4)),
        nn.replace_layer(gpt(), "blocks.1.attention", nn.MultiHeadAttention(8, 2)),
        nn.replace_layer(gpt(), "blocks.0.feedforward_norm", nn.BatchNorm(8)),
        nn.replace_layer(gpt(), "blocks.0.feedforward.activation", nn.Activation(lambda x: x)),
        nn.GRU(3, 4),
    ]
    assert not any(map(is_causal, others))


@pytest.mark.parametrize(
    "model",
    [
        recurrent(nn.GRU(3, 2, bidirectional=True)),
        nn.replace_layer(gpt(), "blocks.1.attention", nn.MultiHeadAttention(8, 2)),
    ],
    ids=["bidirectional", "full attention"],
)
def test_room_has_no_influence_where_later_places_have_some(model: nn.Module) -> None:
    network = of_text(model)
    wanted: dict[str, Any] = {"text": "abc def", "position": 4, "target": 3}
    tight, roomy = (network.seen(**wanted, roomy=is_roomy) for is_roomy in (False, True))
    assert roomy.glass.objective == tight.glass.objective
    header = read(sequence_frame(roomy)).header
    assert header["tokens"] == read(sequence_frame(tight)).header["tokens"]
