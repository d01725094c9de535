"""Texts from a language model, generated token by token with a state.

Shapes: B texts, T tokens of a prompt, V tokens of the vocabulary, L tokens at most.
"""

from __future__ import annotations

import functools
from typing import Generic, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from clearprop import backend
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.models.search import State
from clearprop.nn.fields import Array


class LanguageModel(Protocol[State]):
    """A model that `generate` can use: a tree of arrays that continues from a state."""

    def begin(self, batch: int, length: int | None = None) -> State:
        """Return the state before the first token, with room for ``length`` tokens."""

    def __call__(self, tokens: Array, state: State) -> tuple[Array, State]:
        """Return logits (B, T, V) after each token, and the state after the last."""


def choose(
    logits: Array,
    key: Array | None = None,
    *,
    temperature: float | Array = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Array:
    """Draw the next token of each row: p = softmax(logits / temperature) over the likely ones.

    ``top_k`` keeps the k likeliest tokens, ``top_p`` the smallest set of the likeliest tokens
    whose probabilities, after temperature and ``top_k``, sum to at least p. Their
    probabilities are then normalized. Without a key, or with ``top_k=1``, the likeliest token is
    taken.

    Shapes: logits (..., V); the result is int32 (...,).

    >>> logits = jnp.log(jnp.array([0.5, 0.3, 0.2]))
    >>> draws = [int(choose(logits, jax.random.key(i), top_p=0.7)) for i in range(20)]
    >>> int(choose(logits)), sorted(set(draws))
    (0, [0, 1])

    Source: top-k from Fan et al. (2018), top-p from Holtzman et al. (2020).
    """
    if key is None or top_k == 1:
        return jnp.argmax(logits, axis=-1).astype(jnp.int32)
    logits = logits.astype(jnp.float32) / temperature
    if top_k is None and top_p is None:
        return jax.random.categorical(key, logits).astype(jnp.int32)
    V = logits.shape[-1]
    best, words = jax.lax.top_k(logits, V if top_k is None else min(top_k, V))
    if top_p is not None:
        probabilities = jax.nn.softmax(best)
        # The likeliest token always stays: the sum before it is 0.
        before = jnp.cumsum(probabilities, axis=-1) - probabilities
        best = jnp.where(before < top_p, best, -jnp.inf)
    drawn = jax.random.categorical(key, best)[..., None]
    return jnp.take_along_axis(words, drawn, axis=-1)[..., 0].astype(jnp.int32)


def generate(
    model: LanguageModel[State],
    prompt: Array,
    length: int,
    *,
    seed: int | Array | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    stop: int | None = None,
) -> Array:
    """Continue each prompt by ``length`` tokens, with a model that keeps a state.

    The prompt is read at once, then a compiled loop writes token after token. The same seed gives
    the same text; without one the likeliest token is taken at each step.

    Args:
        model: see `LanguageModel`; `GPT` is one.
        prompt: int32 (B, T), at least one token.
        length: L, how many tokens to add.
        seed: a number or a random key.
        temperature: divides the logits; 0 takes the likeliest token.
        top_k: see `choose`.
        top_p: see `choose`.
        stop: the token that ends a text; all tokens after it are the same token.

    Returns:
        int32 (B, T + L): the prompts and what follows them.

    Raises:
        ShapeError: the prompt is empty, or prompt and new tokens are longer than the context.
        ConfigurationError: a number is out of its range.

    >>> from clearprop.models.gpt import GPT
    >>> model = GPT(65, 16, 8, layers=1, heads=2).init(0)
    >>> text = generate(model, jnp.array([[1, 2, 3]]), 5, seed=0, top_k=10)
    >>> text.shape, text[0, :3].tolist()
    ((1, 8), [1, 2, 3])
    """
    _check(length, temperature, top_k, top_p)
    prompt = jnp.asarray(prompt, jnp.int32)
    if prompt.ndim != 2 or not prompt.size:
        raise ShapeError(
            "the prompt needs at least one token",
            where="generate",
            given=f"prompt {prompt.shape}",
            expected="(batch, tokens)",
        )
    if length == 0:
        return prompt
    key = None if seed is None else backend.key(seed)
    if temperature == 0:
        key, temperature = None, 1.0
    texts: Array = _generate(model, prompt, key, temperature, length, top_k, top_p, stop)
    return texts


class _Writing(NamedTuple, Generic[State]):
    """The state of a generation: tokens (B, T + L), how many are written, the last of them."""

    tokens: Array
    written: Array
    last: Array
    ended: Array
    state: State


@functools.partial(jax.jit, static_argnames=("length", "top_k", "top_p", "stop"))
def _generate(
    model: LanguageModel[State],
    prompt: Array,
    key: Array | None,
    temperature: Array,
    length: int,
    top_k: int | None,
    top_p: float | None,
    stop: int | None,
) -> Array:
    B, T = prompt.shape
    first = jnp.zeros((), jnp.int32)

    def write(logits: Array, now: _Writing[State]) -> _Writing[State]:
        step_key = None if key is None else jax.random.fold_in(key, now.written)
        word = choose(logits[:, -1], step_key, temperature=temperature, top_k=top_k, top_p=top_p)
        if stop is not None:
            word = jnp.where(now.ended, stop, word)
        tokens = jax.lax.dynamic_update_slice(now.tokens, word[:, None], (first, now.written))
        ended = now.ended if stop is None else now.ended | (word == stop)
        return now._replace(tokens=tokens, written=now.written + 1, last=word, ended=ended)

    def go_on(now: _Writing[State]) -> _Writing[State]:
        logits, state = model(now.last[:, None], now.state)
        return write(logits, now._replace(state=state))

    # The model does not read the last token, so the state needs no room for it.
    logits, state = model(prompt, model.begin(B, T + length - 1))
    rest = jnp.full((B, length), 0 if stop is None else stop, jnp.int32)
    begun = _Writing(
        jnp.concatenate([prompt, rest], axis=1),
        jnp.asarray(T, jnp.int32),
        prompt[:, -1],
        jnp.zeros(B, bool),
        state,
    )
    written = jax.lax.while_loop(
        lambda now: (now.written < T + length) & ~now.ended.all(), go_on, write(logits, begun)
    )
    return written.tokens


def _check(length: int, temperature: float, top_k: int | None, top_p: float | None) -> None:
    if length < 0:
        raise ConfigurationError("length must be 0 or more", given=f"length={length}")
    if not temperature >= 0:
        raise ConfigurationError("temperature must be 0 or more", given=str(temperature))
    if top_k is not None and top_k < 1:
        raise ConfigurationError("top_k must be 1 or more", given=str(top_k))
    if top_p is not None and not 0 < top_p <= 1:
        raise ConfigurationError("top_p must be in (0, 1]", given=str(top_p))
