"""What Hugging Face calls the layers of GPT-2, BERT and ResNet, and their configurations.

Each layout has a configuration, which is read from ``config.json``, a model of `clearprop.models`
for it, and the names of PyTorch's layers by our paths, for `load_state_dict`. The weights of GPT-2
are not transposed in its files, and those of query, key and value are one array: `of_gpt2` brings
them into the form of the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeAlias

import numpy as np
from pydantic import Field

from clearprop.errors import CheckpointError, ConfigurationError
from clearprop.interop.huggingface.folder import CONFIG, FolderSettings, refuse_unless
from clearprop.interop.pytorch.layers import ATTENTION, Numbers
from clearprop.models import BERT, GPT, ResNet
from clearprop.models.resnet import BasicBlock, Bottleneck

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
}
"""Our name of each activation of transformers; it has others, which are refused."""


Rate: TypeAlias = Annotated[float, Field(ge=0, lt=1)]
Epsilon: TypeAlias = Annotated[float, Field(gt=0, lt=1)]


class GPT2Settings(FolderSettings):
    """The configuration of GPT-2; what a file does not say has the value of transformers."""

    vocab_size: int = 50257
    n_positions: int = 1024
    n_embd: int = 768
    n_layer: int = 12
    n_head: int = 12
    n_inner: Annotated[int, Field(gt=0)] | None = None
    activation_function: str = "gelu_new"
    resid_pdrop: Rate = 0.1
    embd_pdrop: Rate = 0.1
    attn_pdrop: Rate = 0.1
    layer_norm_epsilon: Epsilon = 1e-5
    scale_attn_weights: bool = True
    scale_attn_by_inverse_layer_idx: bool = False
    add_cross_attention: bool = False
    tie_word_embeddings: bool = True


class BERTSettings(FolderSettings):
    """The configuration of BERT; likewise."""

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: Rate = 0.1
    attention_probs_dropout_prob: Rate = 0.1
    classifier_dropout: Rate | None = None
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: Epsilon = 1e-12
    pad_token_id: int | None = 0
    position_embedding_type: str = "absolute"
    is_decoder: bool = False
    add_cross_attention: bool = False
    tie_word_embeddings: bool = True
    pruned_heads: dict[str, list[int]] = Field(default_factory=dict)


class ResNetSettings(FolderSettings):
    """The configuration of ResNet; likewise."""

    num_channels: int = 3
    embedding_size: int = 64
    hidden_sizes: tuple[int, ...] = (256, 512, 1024, 2048)
    depths: tuple[int, ...] = (3, 4, 6, 3)
    layer_type: str = "bottleneck"
    hidden_act: str = "relu"
    downsample_in_first_stage: bool = False
    downsample_in_bottleneck: bool = False


def activation(name: str, folder: Path) -> str:
    """Return our name of an activation.

    Raises:
        ConfigurationError: there is none here.
    """
    if name not in ACTIVATIONS:
        raise ConfigurationError(
            "this activation of transformers is none of clearprop's",
            where=str(folder / CONFIG),
            given=repr(name)[:40],
            expected=f"one of {', '.join(ACTIVATIONS)}",
        )
    return ACTIVATIONS[name]


def one_rate(asked: float | None, rates: tuple[float, ...], folder: Path) -> float:
    """Return the rate of dropout, of which a model here has one.

    Raises:
        ConfigurationError: the configuration has several, and none was asked for.
    """
    if asked is not None:
        return asked
    if len(set(rates)) > 1:
        raise ConfigurationError(
            "the configuration has several rates of dropout, and the model here has one",
            where=str(folder / CONFIG),
            given=", ".join(map(str, rates)),
            fix=f"load(folder, dropout={rates[0]})",
        )
    return rates[0]


def check_depth(layers: int, arrays: Mapping[str, Numbers], folder: Path) -> None:
    """Check that there can be so many layers, before one is made.

    Raises:
        CheckpointError: there are more layers than arrays.
    """
    if layers > len(arrays):
        raise CheckpointError(
            "the weights are not those of the configuration",
            where=str(folder / CONFIG),
            given=f"{layers} layers, and {len(arrays)} arrays in the weights",
        )


def gpt(
    settings: GPT2Settings, arrays: Mapping[str, Numbers], folder: Path, dropout: float | None
) -> GPT:
    """Return a GPT of a configuration, without values."""
    refuse_unless(
        settings,
        folder,
        scale_attn_weights=True,
        scale_attn_by_inverse_layer_idx=False,
        add_cross_attention=False,
    )
    check_depth(settings.n_layer, arrays, folder)
    rates = (settings.resid_pdrop, settings.embd_pdrop, settings.attn_pdrop)
    return GPT(
        settings.vocab_size,
        settings.n_positions,
        settings.n_embd,
        layers=settings.n_layer,
        heads=settings.n_head,
        hidden=settings.n_inner,
        activation=activation(settings.activation_function, folder),
        epsilon=settings.layer_norm_epsilon,
        dropout=one_rate(dropout, rates, folder),
        tied=settings.tie_word_embeddings,
    )


def gpt_names(layers: int, tied: bool) -> dict[str, str]:
    """Return the names of GPT-2's layers by our paths; `of_gpt2` makes some of them."""
    names = {"embedding": "wte", "positions": "wpe", "norm": "ln_f", "output": "lm_head"}
    for i in range(layers):
        ours, theirs = f"blocks.{i}", f"h.{i}"
        names |= {
            f"{ours}.attention_norm": f"{theirs}.ln_1",
            f"{ours}.feedforward_norm": f"{theirs}.ln_2",
            f"{ours}.attention.output": f"{theirs}.attn.c_proj",
            f"{ours}.feedforward.hidden": f"{theirs}.mlp.c_fc",
            f"{ours}.feedforward.output": f"{theirs}.mlp.c_proj",
        }
        names |= {f"{ours}.attention.{part}": f"{theirs}.attn.{part}" for part in ATTENTION}
    if tied:
        del names["output"]
    return names


def of_gpt2(arrays: Mapping[str, Numbers], tied: bool) -> dict[str, Numbers]:
    """Return the arrays of GPT-2 as those of linear layers of PyTorch."""
    found: dict[str, Numbers] = {}
    for name, array in arrays.items():
        name = name.removeprefix("transformer.")
        layer, _, kind = name.rpartition(".")
        if name.endswith((".attn.bias", ".attn.masked_bias")):
            continue  # the causal mask
        if tied and name == "lm_head.weight":
            continue  # the rows of the embedding once more
        is_matrix = name.startswith("h.") and kind == "weight" and array.ndim == 2
        turned = array.T if is_matrix else array
        if layer.endswith(".attn.c_attn") and not len(turned) % 3:
            parts = zip(ATTENTION, np.split(turned, 3), strict=True)
            at = layer.removesuffix("c_attn")
            found |= {f"{at}{part}.{kind}": x for part, x in parts}
        else:
            found[name] = turned
    return found


def bert(
    settings: BERTSettings,
    arrays: Mapping[str, Numbers],
    folder: Path,
    dropout: float | None,
    pooled: bool,
) -> BERT:
    """Return a BERT of a configuration, without values."""
    refuse_unless(
        settings,
        folder,
        position_embedding_type="absolute",
        is_decoder=False,
        add_cross_attention=False,
        pruned_heads={},
    )
    check_depth(settings.num_hidden_layers, arrays, folder)
    rates = (settings.hidden_dropout_prob, settings.attention_probs_dropout_prob)
    return BERT(
        settings.vocab_size,
        settings.max_position_embeddings,
        settings.hidden_size,
        layers=settings.num_hidden_layers,
        heads=settings.num_attention_heads,
        hidden=settings.intermediate_size,
        dropout=one_rate(dropout, rates, folder),
        activation=activation(settings.hidden_act, folder),
        pooled=pooled,
        padding=settings.pad_token_id,
        segments=settings.type_vocab_size,
        epsilon=settings.layer_norm_eps,
    )


def bert_names(bert: BERT, ours: str = "") -> dict[str, str]:
    """Return the names of BERT's layers by our paths below ``ours``."""
    embeddings = {"words": "word_embeddings", "positions": "position_embeddings"}
    embeddings |= {"segments": "token_type_embeddings", "norm": "LayerNorm"}
    names = {f"{ours}{name}": f"embeddings.{theirs}" for name, theirs in embeddings.items()}
    if bert.pooler is not None:
        names[f"{ours}pooler"] = "pooler.dense"
    for i in range(len(bert.blocks)):
        at, theirs = f"{ours}blocks.{i}", f"encoder.layer.{i}"
        names |= {f"{at}.attention.{part}": f"{theirs}.attention.self.{part}" for part in ATTENTION}
        names |= {
            f"{at}.attention.output": f"{theirs}.attention.output.dense",
            f"{at}.attention_norm": f"{theirs}.attention.output.LayerNorm",
            f"{at}.feedforward.hidden": f"{theirs}.intermediate.dense",
            f"{at}.feedforward.output": f"{theirs}.output.dense",
            f"{at}.feedforward_norm": f"{theirs}.output.LayerNorm",
        }
    return names


def of_bert(arrays: Mapping[str, Numbers]) -> dict[str, Numbers]:
    """Return the arrays of BERT without the prefix of a model with a head, by their later names."""
    earlier = {"gamma": "weight", "beta": "bias"}
    found = {}
    for name, array in arrays.items():
        layer, _, kind = name.removeprefix("bert.").rpartition(".")
        if not name.endswith("embeddings.position_ids"):
            found[f"{layer}.{earlier.get(kind, kind)}"] = array
    return found


def resnet(
    settings: ResNetSettings, arrays: Mapping[str, Numbers], folder: Path, classes: int
) -> ResNet:
    """Return a residual network of a configuration, without values."""
    # With another activation transformers uses it at some places and ReLU at others.
    refuse_unless(
        settings,
        folder,
        hidden_act="relu",
        downsample_in_first_stage=False,
        downsample_in_bottleneck=False,
    )
    check_depth(sum(settings.depths), arrays, folder)
    kinds = {"basic": (BasicBlock, 1), "bottleneck": (Bottleneck, 4)}
    if settings.layer_type not in kinds:
        refuse_unless(settings, folder, layer_type="bottleneck")
    block, spread = kinds[settings.layer_type]
    widths = [size // spread for size in settings.hidden_sizes]
    if [spread * width for width in widths] != list(settings.hidden_sizes):
        refuse_unless(settings, folder, hidden_sizes=tuple(spread * width for width in widths))
    refuse_unless(settings, folder, embedding_size=widths[0] if widths else 0)
    return ResNet(block, settings.depths, widths, channels=settings.num_channels, classes=classes)


def resnet_names(model: ResNet) -> dict[str, str]:
    """Return the names of the layers of a residual network by our paths."""
    names = {
        "conv": "embedder.embedder.convolution",
        "norm": "embedder.embedder.normalization",
    }
    for i, stage in enumerate(model.stages):
        for j, block in enumerate(stage):
            ours, theirs = f"stages.{i}.layers.{j}", f"encoder.stages.{i}.layers.{j}"
            for k in range(3 if isinstance(block, Bottleneck) else 2):
                names[f"{ours}.conv{k + 1}"] = f"{theirs}.layer.{k}.convolution"
                names[f"{ours}.norm{k + 1}"] = f"{theirs}.layer.{k}.normalization"
            if getattr(block, "shortcut", None) is not None:
                names[f"{ours}.shortcut.layers.0"] = f"{theirs}.shortcut.convolution"
                names[f"{ours}.shortcut.layers.1"] = f"{theirs}.shortcut.normalization"
    return names
