"""A model of a folder in one of the layouts of Hugging Face."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from clearprop import nn
from clearprop.errors import CheckpointError, ConfigurationError, unknown_name
from clearprop.files import read_json
from clearprop.interop.huggingface import layouts
from clearprop.interop.huggingface.folder import (
    CONFIG,
    checked,
    read_settings,
    read_weights,
    refuse_unless,
)
from clearprop.interop.pytorch import load_state_dict
from clearprop.interop.pytorch.layers import Numbers
from clearprop.models import BERT, GPT, MaskedWords, ResNet, SentenceEncoder, TextClassifier
from clearprop.nn.module import Module

Model = TypeVar("Model", bound=Module)

MODULES = "modules.json"
"""The file of sentence-transformers that lists what follows the model."""

_KINDS = ("gpt2", "bert", "resnet")
_STEPS = ("Transformer", "Pooling", "Normalize")
_POOLING = "pooling_mode_"


def load(
    folder: Path | str, *, architecture: str | None = None, dropout: float | None = None
) -> Module:
    """Return a model with the weights and the sizes of a folder.

    =====================================  =========================================================
    in the configuration                   here
    =====================================  =========================================================
    GPT2LMHeadModel, GPT2Model             `GPT`, whose output is that of GPT2LMHeadModel
    BertModel                              `BERT`
    BertForMaskedLM, BertForPreTraining    `MaskedWords`; the head for the next sentence is left out
    BertForSequenceClassification          `TextClassifier`
    ResNetForImageClassification           `ResNet`
    ResNetModel                            `ResNet` whose output is the mean over all places
    a folder of sentence-transformers      `SentenceEncoder`, with the mean and the length 1
    =====================================  =========================================================

    The folder holds ``config.json`` and the weights, in ``model.safetensors``,
    ``pytorch_model.bin`` (read without unpickling) or several files with an index. What changes an
    output and is not a form of the models here is refused. A token that fills short texts is
    ignored, so no attention mask is given; pictures have their channels last.

    Args:
        folder: with the files; nothing is downloaded.
        architecture: one of the table, in place of that of the configuration: "BertModel" takes the
            encoder alone.
        dropout: rate in training; None takes that of the configuration.

    Raises:
        CheckpointError: a file is missing or damaged, or the weights are not those of the
            configuration.
        ConfigurationError: the model is of a form that is not here.
    """
    folder = Path(folder)
    settings = read_settings(folder)
    is_sentence_encoder = architecture is None and (folder / MODULES).is_file()
    if is_sentence_encoder:
        _check_steps(folder)
        architecture = "BertModel"
    listed = settings.get("architectures")
    name = architecture or (listed[0] if isinstance(listed, list) and listed else "")
    if not isinstance(name, str) or name not in _LOADERS:
        raise unknown_name(
            "architecture",
            str(name)[:60],
            _LOADERS,
            where=str(folder / CONFIG),
            fix=None if name else "load(folder, architecture=...)",
        )
    if settings.get("model_type") != _kind_of(name):
        raise ConfigurationError(
            "the model is of another kind than this architecture",
            where=str(folder / CONFIG),
            given=f"model_type={settings.get('model_type')!r}"[:80] + f", architecture={name!r}",
            expected=f"model_type={_kind_of(name)!r}",
        )
    model = _LOADERS[name](FolderContent(settings, read_weights(folder), folder, dropout))
    if is_sentence_encoder and isinstance(model, BERT):
        return SentenceEncoder(model)
    return model


def _kind_of(architecture: str) -> str:
    return next(
        kind for kind in ("gpt2", "bert", "resnet") if architecture.lower().startswith(kind)
    )


def _check_steps(folder: Path) -> None:
    """Check that a folder of sentence-transformers takes the mean and makes its length 1.

    Raises:
        ConfigurationError: it does something else.
    """
    steps = read_json(folder / MODULES, CheckpointError, "the list of modules is damaged")
    rows = steps if isinstance(steps, list) else [steps]
    kinds = [row.get("type") if isinstance(row, dict) else None for row in rows]
    expected = [f"sentence_transformers.models.{step}" for step in _STEPS]
    if kinds != expected or rows[0].get("path") != "":
        raise ConfigurationError(
            "this sentence encoder has other steps than those known here",
            where=str(folder / MODULES),
            given=", ".join(map(str, kinds))[:160],
            expected=", ".join(expected),
        )
    place = str(rows[1].get("path"))
    if Path(place).name != place:
        raise ConfigurationError(
            "a step stands outside of the folder", where=str(folder / MODULES), given=place[:80]
        )
    file = folder / place / CONFIG
    pooling = read_json(file, CheckpointError, "the configuration of the pooling is damaged")
    chosen = [
        name
        for name, value in (pooling.items() if isinstance(pooling, dict) else ())
        if str(name).startswith(_POOLING) and value
    ]
    if chosen != ["pooling_mode_mean_tokens"]:
        raise ConfigurationError(
            "this sentence encoder does not take the mean of its tokens",
            where=str(file),
            given=", ".join(chosen)[:160] or "no mode",
            expected="pooling_mode_mean_tokens",
        )


class FolderContent(NamedTuple):
    """What was read of a folder, and asked for."""

    settings: Mapping[str, object]
    arrays: Mapping[str, Numbers]
    folder: Path
    dropout: float | None

    def array(self, name: str) -> Numbers:
        """Return an array that has at least one axis.

        Raises:
            CheckpointError: there is none of this name.
        """
        if name not in self.arrays or not self.arrays[name].ndim:
            raise CheckpointError(
                f"the weights have no {name!r}",
                where=str(self.folder),
                given=", ".join(list(self.arrays)[:5]),
            )
        return self.arrays[name]


def _loaded(model: Model, given: FolderContent, names: Mapping[str, str]) -> Model:
    try:
        return load_state_dict(model, given.arrays, names=names)
    except CheckpointError as error:
        error.where = str(given.folder)
        raise


def _gpt2(given: FolderContent) -> GPT:
    settings = checked(layouts.GPT2Settings, given.settings, given.folder)
    tied = settings.tie_word_embeddings
    model = layouts.gpt(settings, given.arrays, given.folder, given.dropout)
    given = given._replace(arrays=layouts.of_gpt2(given.arrays, tied))
    return _loaded(model, given, layouts.gpt_names(settings.n_layer, tied))


def _bert(
    given: FolderContent, pooled: bool | None, left_out: tuple[str, ...]
) -> tuple[BERT, layouts.BERTSettings, FolderContent]:
    """Return a BERT without values, its configuration, and its arrays without some prefixes."""
    settings = checked(layouts.BERTSettings, given.settings, given.folder)
    arrays = layouts.of_bert(given.arrays)
    if pooled is None:
        pooled = any(name.startswith("pooler.") for name in arrays)
    model = layouts.bert(settings, given.arrays, given.folder, given.dropout, pooled)
    kept = {name: x for name, x in arrays.items() if not name.startswith(left_out)}
    return model, settings, given._replace(arrays=kept)


def _encoder(given: FolderContent) -> BERT:
    model, _, given = _bert(given, None, ("cls.", "classifier."))
    return _loaded(model, given, layouts.bert_names(model))


def _masked_words(given: FolderContent) -> MaskedWords:
    head = "cls.predictions"
    left_out = f"{head}.decoder.weight", "cls.seq_relationship.", "pooler."
    bert, settings, given = _bert(given, False, left_out)
    refuse_unless(settings, given.folder, tie_word_embeddings=True)
    arrays = dict(given.arrays)
    bias = arrays.pop(f"{head}.decoder.bias", None)  # the same in files that have both
    if bias is not None:
        arrays.setdefault(f"{head}.bias", bias)
    model = MaskedWords(bert, activation=layouts.activation(settings.hidden_act, given.folder))
    names = layouts.bert_names(bert, "bert.")
    names |= {"transform": f"{head}.transform.dense", "norm": f"{head}.transform.LayerNorm"}
    return _loaded(model, given._replace(arrays=arrays), names | {"bias": f"{head}.bias"})


def _text_classifier(given: FolderContent) -> TextClassifier:
    bert, settings, given = _bert(given, True, ("cls.",))
    rate = settings.classifier_dropout
    if given.dropout is not None or rate is None:
        rate = bert.dropout.rate
    model = TextClassifier(bert, len(given.array("classifier.weight")), dropout=rate)
    return _loaded(model, given, layouts.bert_names(bert, "bert.") | {"output": "classifier"})


def _resnet(given: FolderContent) -> ResNet:
    settings = checked(layouts.ResNetSettings, given.settings, given.folder)
    classes = len(given.array("classifier.1.weight"))
    model = layouts.resnet(settings, given.arrays, given.folder, classes)
    arrays = {name.removeprefix("resnet."): x for name, x in given.arrays.items()}
    names = layouts.resnet_names(model) | {"output": "classifier.1"}
    return _loaded(model, given._replace(arrays=arrays), names)


def _resnet_trunk(given: FolderContent) -> ResNet:
    settings = checked(layouts.ResNetSettings, given.settings, given.folder)
    model = layouts.resnet(settings, given.arrays, given.folder, 1).replace(output=nn.Identity())
    arrays = {
        name.removeprefix("resnet."): x
        for name, x in given.arrays.items()
        if not name.startswith("classifier.")
    }
    return _loaded(model, given._replace(arrays=arrays), layouts.resnet_names(model))


_LOADERS: dict[str, Callable[[FolderContent], Module]] = {
    "GPT2LMHeadModel": _gpt2,
    "GPT2Model": _gpt2,
    "BertModel": _encoder,
    "BertForMaskedLM": _masked_words,
    "BertForPreTraining": _masked_words,
    "BertForSequenceClassification": _text_classifier,
    "ResNetForImageClassification": _resnet,
    "ResNetModel": _resnet_trunk,
}
"""What loads each architecture."""
