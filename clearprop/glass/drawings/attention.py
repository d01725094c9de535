"""Attention maps: how much each place of a sequence attends to each other place, head by head.

Shape letters: B examples, G heads, T queries, S keys, R rows and Q columns of a feature map.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from clearprop import models, nn
from clearprop.autodiff import layer_path, observe
from clearprop.autodiff.tape import AnyOperation, capturing
from clearprop.data import Vocabulary
from clearprop.errors import ModelError, ShapeError, unknown_name
from clearprop.glass.drawings.choice import Batch, Examples, one_example, ready
from clearprop.glass.drawings.tiles import bare
from clearprop.glass.style import Drawing, axes_grid, drawn, rising
from clearprop.glass.wording import visible
from clearprop.models.attentive_decoder import AttentiveDecoder

Names = Vocabulary | Sequence[str] | Mapping[str, "Vocabulary | Sequence[str]"] | None

MOST_NAMED = 40
"""Places of a sequence whose names can still be read on an axis."""


def attention_of(model: nn.Module, x: Examples) -> dict[str, NDArray[np.float64]]:
    """Return the weights of every attention in one pass, by the layer's path: (B, G, T, S).

    The pass itself averaged its values with these weights, in evaluation, with its masks. The
    second call of a layer has the name ``path#2``.

    Args:
        model: with values.
        x: examples as the model takes them.

    Raises:
        ModelError: the model has no values.

    >>> model = nn.Sequential([nn.MultiHeadAttention(8, 2, causal=True)]).init(0)
    >>> {path: w.shape for path, w in attention_of(model, np.ones((1, 5, 8), np.float32)).items()}
    {'layers.0': (1, 2, 5, 5)}
    """
    ready(model)
    found = _attended(model, jax.tree.map(np.asarray, x))
    return {path: np.asarray(weights, np.float64) for path, weights in found.items()}


@partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
def _attended(model: nn.Module, x: Examples) -> dict[str, jax.Array]:
    found: dict[str, jax.Array] = {}
    calls: Counter[str] = Counter()

    def keep(path: str, weights: jax.Array) -> None:
        calls[path] += 1
        name = f"{path}#{calls[path]}" if calls[path] > 1 else path
        # A layer of one head has no axis of heads.
        found[name] = weights.reshape(weights.shape[0], -1, *weights.shape[-2:])

    def watch(row: AnyOperation, inputs: object, outputs: Any, parameters: object) -> None:
        # A loop's body is traced, not run: it has no values to look at.
        if row.name == "attend" and capturing.get() is None and outputs[1].ndim > 2:
            keep(layer_path.get(), outputs[1])

    def listen(path: str, module: nn.Module, inputs: tuple[Any, ...], output: object) -> None:
        if isinstance(module, AttentiveDecoder):
            keep(path, module.write(*inputs)[1])

    with observe(watch):
        nn.apply(model, x, hook=listen)
    return found


def map_of(
    model: nn.Module, x: Examples, layer: str | None, example: int = 0
) -> tuple[str, NDArray[np.float64]]:
    """Return path and weights (G, T, S) of one attention for one example.

    Raises:
        ConfigurationError: there is no such layer; the nearest is suggested.
        ModelError: the model has no attention layer, or this layer is of another kind.
    """
    found = attention_of(model, one_example(x, example, "attention maps"))
    if not found:
        raise ModelError(
            "this model has no attention layer",
            given=type(model).__name__,
            expected="a MultiHeadAttention, an Attention or an AttentiveDecoder in it",
        )
    path = next(iter(found)) if layer is None else layer
    if path in found:
        return path, found[path][0]
    if path not in nn.modules(model):
        raise unknown_name("attention layer", path, found)
    raise ModelError(
        "this layer is no attention layer",
        where=path,
        given=type(nn.layer_at(model, path)).__name__,
        expected=" or ".join(map(repr, found)),
    )


@drawn
def attention_maps(
    model: nn.Module,
    x: Examples,
    layer: str | None = None,
    *,
    vocabulary: Names = None,
    example: int = 0,
) -> Drawing:
    """Draw how much each place of a sequence attends to each other place: a map for each head.

    Rows are the places that attend, columns the places attended to; every row sums to 1. For a
    captioner the picture is drawn once for each word, and shows where the model looked for it.

    Args:
        model: with values, and with attention layers anywhere in it.
        x: inputs as the model takes them, (N, ...), or several by name.
        layer: path of an attention; the first one in the pass where None.
        vocabulary: names of the tokens: of all of them, or for each input by its name.
        example: which of the inputs.

    Raises:
        ConfigurationError: there is no such layer or example; the nearest path is suggested.
        ModelError: the model has no attention layer, or this layer is of another kind.
        ShapeError: the inputs do not fit the model.

    >>> model = models.GPT(7, 16, 8, layers=2, heads=2).init(0)
    >>> attention_maps(model, np.array([[3, 1, 2]]), vocabulary=list("abcdefg")).title
    'Attention of blocks.0.attention'
    """
    path, weights = map_of(model, x, layer, example)
    one = jax.tree.map(lambda a: np.asarray(a)[0], one_example(x, example, "attention maps"))
    rows, columns = (axis_names(one, size, path, side, vocabulary)
                     for side, size in enumerate(weights.shape[1:]))  # fmt: skip
    title = f"Attention of {path or type(model).__name__}"
    if isinstance(model, models.Captioner):
        reach = model.attention(jax.tree.map(lambda a: a[None], one)).shape[2:]
        return over_picture(weights[0].reshape(-1, *reach), one["image"], rows, title)
    look = (
        "Each row sums to 1: it shows from which places one place takes its values. On a diagonal, "
        "places attend to themselves or their neighbors; a vertical stripe is a place that all "
        "attend to; a row of one pale color attends to all places alike."
    )
    return over_tokens(weights, rows, columns, title, look)


@drawn
def over_tokens(
    weights: NDArray[np.floating],
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    caption: str,
    axes_names: tuple[str, str] = ("place that looks", "place looked at"),
) -> Drawing:
    """Draw maps (G, T, S) of attention, with names of the places along both axes.

    Args:
        weights: of each head; (T, S) is one head.
        rows: T names; empty for numbers.
        columns: S names; empty for numbers.
        title: of the drawing.
        caption: of the drawing.
        axes_names: what the rows and what the columns are.

    >>> over_tokens(np.eye(2), ["a", "b"], ["c", "d"], "Attention", "").title
    'Attention'
    """
    from matplotlib.colors import PowerNorm

    heads = weights.reshape(-1, *weights.shape[-2:])
    T, S = heads.shape[1:]
    across = min(len(heads), 4 if max(T, S) <= 12 else 2)
    down = -(-len(heads) // across)
    cell = 0.3 if len(heads) == 1 else 0.22
    wide = min(max(2.2, cell * S + 0.8), 9.0 / across)
    tall = min(max(1.8, cell * T + 0.6), 5.0)
    figure, grid = axes_grid(down, across, width=wide * across + 0.9, height=tall * down + 0.5)
    # Colors grow with the root, so that weights of a hundredth are still visible beside those of 1.
    scale = PowerNorm(0.5, 0, max(float(heads.max()), 1e-9))
    for axes in grid[len(heads) :]:
        axes.set_axis_off()
    for index, (axes, head) in enumerate(zip(grid, heads, strict=False)):
        bare(axes)
        image = axes.imshow(head, cmap=rising(), norm=scale, aspect="auto",
                            interpolation="nearest")  # fmt: skip
        if len(heads) > 1:
            axes.set_title(f"head {index}", fontsize=9, weight="normal")
        if index % across == 0:
            _name(axes.set_yticks, rows, T)
        if index >= len(heads) - across:
            _name(axes.set_xticks, columns, S, upright=max(map(len, columns), default=1) <= 2)
    figure.supylabel(axes_names[0], fontsize=10)
    figure.supxlabel(axes_names[1], fontsize=10)
    bar = figure.colorbar(image, ax=grid, label="attention", shrink=min(1.0, 2.4 / (tall * down)))
    bar.outline.set_visible(False)
    return Drawing(title, figure, caption)


def _name(
    set_ticks: Callable[..., object], names: Sequence[str], size: int, upright: bool = True
) -> None:
    """Put names on an axis; some numbers where there are no names or too many."""
    if names and size <= MOST_NAMED:
        turned = {} if upright else {"rotation": 60, "ha": "right", "rotation_mode": "anchor"}
        set_ticks(range(size), names, fontsize=8, **turned)
    else:
        step = max(1, -(-size // 8))
        set_ticks(range(0, size, step), range(0, size, step), fontsize=8)


@drawn
def over_picture(
    weights: NDArray[np.floating], image: NDArray[np.generic], words: Sequence[str], title: str
) -> Drawing:
    """Draw a picture once for each word, darkened where the network looked for that word.

    Args:
        weights: (T, R, Q).
        image: (height, width, channels).
        words: T names.
        title: of the drawing.

    >>> over_picture(np.ones((2, 1, 2)) / 2, np.ones((8, 16, 1)), ["a", "b"], "Where").title
    'Where'
    """
    height, width = image.shape[:2]
    figure, axes = axes_grid(
        len(weights), 1, width=5.0, height=(5.0 * height / width + 0.3) * len(weights),
    )  # fmt: skip
    frame = (-0.5, width - 0.5, height - 0.5, -0.5)
    names = list(words) or [str(i) for i in range(len(weights))]
    for axis, name, seen in zip(axes, names, weights, strict=True):
        bare(axis)
        axis.imshow(image.mean(axis=-1), cmap="gray_r", extent=frame)
        axis.imshow(seen, cmap="YlOrBr", alpha=0.55, extent=frame, interpolation="bilinear")
        axis.set_ylabel(name, rotation=0, ha="right", va="center")
    return Drawing(
        title,
        figure,
        "The same picture once for each word; dark places show where the network looked when it "
        "wrote that word.",
    )


def axis_names(one: Batch, size: int, path: str, side: int, vocabulary: Names) -> list[str]:
    """Return names of the places along one axis of a map; none where the places are not tokens.

    Of several inputs by name, the names come from the input that is as long as the axis. Where
    source and target both are, the source names the places of an encoder and of a decoder's memory.

    Args:
        one: inputs of one example, an array or several by name.
        size: T of the rows or S of the columns.
        path: of the attention.
        side: 0 for the rows, 1 for the columns.
        vocabulary: names of the tokens.

    Raises:
        ShapeError: a token has no name.
    """
    parts = dict(one) if isinstance(one, Mapping) else {"": one}
    fitting = [
        name
        for name, part in parts.items()
        if part.ndim == 1 and len(part) == size and part.dtype.kind in "iu"
    ]
    if "segments" in fitting and len(fitting) > 1:
        fitting.remove("segments")
    if not fitting:
        return []
    reading = path.startswith("encoder") or (
        side == 1 and ("memory" in path or (path.startswith("decoder") and "blocks" not in path))
    )
    name = fitting[0]
    if len(fitting) > 1 and {"source", "target"} <= set(fitting):
        name = "source" if reading else "target"
    known = vocabulary.get(name) if isinstance(vocabulary, Mapping) else vocabulary
    if known is None:
        return [str(token) for token in parts[name]]
    tokens = known.tokens if isinstance(known, Vocabulary) else known
    if parts[name].size and not 0 <= parts[name].min() <= parts[name].max() < len(tokens):
        raise ShapeError(
            "a token of the input has no name in the vocabulary",
            where=name or None,
            given=f"token {parts[name].max()}",
            expected=f"0 to {len(tokens) - 1}",
            fix='vocabulary={"source": ..., "target": ...} where each input has its own',
        )
    return [shown(tokens[int(token)]) for token in parts[name]]


def shown(token: str) -> str:
    """Return a token as it is shown on an axis, with signs for white space.

    >>> shown(" "), shown(chr(10)), shown("word")
    ('␣', '⏎', 'word')
    """
    return visible(token)
