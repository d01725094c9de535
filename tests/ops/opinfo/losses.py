"""Mappings of losses. PyTorch's classes are the second axis, clearprop's the last one."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from clearprop import ops
from tests.ops.opinfo.table import NotExpressible, maps, reduced


def _classes_last(x: Any) -> Any:
    return ops.moveaxis(x, 1, -1) if len(x.shape) > 1 else x


def _are_classes(target: Any) -> bool:
    return target.dtype.kind in "iu"


def _weighted_mean(losses: Any, weights: Any, reduction: str) -> Any:
    """Weight each example; PyTorch's mean divides by the sum of these weights."""
    losses = losses * weights
    if reduction == "mean":
        return ops.sum(losses) / ops.sum(weights)
    return reduced(losses, reduction)


def _weights_of(target: Any, weight: Any, ignore_index: int) -> tuple[Any, Any]:
    """Return the classes, 0 where they are ignored, and the weight of each example."""
    counted = target != ignore_index
    target = jnp.where(counted, target, 0)
    weights = 1.0 if weight is None else ops.take(weight, target)
    return target, ops.where(counted, weights, 0.0)


@maps("nn.functional.cross_entropy", uses="softmax_cross_entropy")
def _cross_entropy(
    logits: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    if label_smoothing:
        raise NotExpressible("smoothed targets of one loss operation")
    logits = _classes_last(logits)
    if _are_classes(target):
        target, weights = _weights_of(target, weight, ignore_index)
        losses = ops.softmax_cross_entropy(logits, target)
        return _weighted_mean(losses, weights, reduction)
    target = _classes_last(target)
    losses = ops.softmax_cross_entropy(logits, target if weight is None else target * weight)
    return reduced(losses, reduction)


@maps("nn.functional.linear_cross_entropy", uses=("softmax_cross_entropy", "matmul"))
def _linear_cross_entropy(
    x: Any,
    linear_weight: Any,
    target: Any,
    *,
    linear_bias: Any = None,
    weight: Any = None,
    options: Any = None,
    **named: Any,
) -> Any:
    features, *rest, inputs = linear_weight.shape
    flat = ops.reshape(linear_weight, (-1, inputs))
    logits = ops.matmul(x, ops.transpose(flat))
    if linear_bias is not None:
        logits = logits + ops.reshape(linear_bias, -1)
    logits = ops.reshape(logits, (*x.shape[:-1], features, *rest))
    if _are_classes(target):  # PyTorch takes the weights of classes as constants
        weight = ops.stop_gradient(weight)
    return _cross_entropy(logits, target, weight, **named)


@maps("nn.functional.nll_loss", uses="take_along_axis")
def _nll_loss(
    logs: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    logs = _classes_last(logs)
    target, weights = _weights_of(target, weight, ignore_index)
    picked = ops.take_along_axis(logs, target[..., None], axis=-1)
    return _weighted_mean(-ops.squeeze(picked, -1), weights, reduction)


@maps("nn.functional.ctc_loss", uses=("ctc_loss", "log_softmax"))
def _ctc_loss(
    logs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    if targets.ndim == 1:
        raise NotExpressible("labels of all examples in one row")
    # PyTorch's steps are the first axis, and its mean divides by the labels of each example.
    # Its rule returns the error of the logits; log_softmax does not change log-probabilities.
    lengths = jnp.asarray(target_lengths)
    logs = ops.log_softmax(ops.moveaxis(logs, 0, 1))
    losses = ops.ctc_loss(logs, targets, jnp.asarray(input_lengths), lengths, blank)
    if zero_infinity:
        losses = ops.where(losses < jnp.inf, losses, 0.0)
    return reduced(losses / jnp.maximum(lengths, 1) if reduction == "mean" else losses, reduction)


@maps("nn.functional.kl_div", uses="kl_divergence")
def _kl_div(logs: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    # PyTorch takes log q and p, entry by entry; clearprop takes p and q, and sums over classes.
    p = ops.exp(target) if log_target else target
    entries = ops.kl_divergence(ops.expand_dims(p, -1), ops.expand_dims(ops.exp(logs), -1))
    if reduction == "batchmean":
        return ops.sum(entries) / logs.shape[0]
    return reduced(entries, reduction)


@maps("nn.functional.binary_cross_entropy", uses="log_loss")
def _binary_cross_entropy(y: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Any:
    losses = ops.log_loss(y, target)
    return reduced(losses if weight is None else losses * weight, reduction)


@maps("nn.functional.binary_cross_entropy_with_logits", uses="sigmoid_binary_cross_entropy")
def _binary_cross_entropy_with_logits(
    logits: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    if pos_weight is not None:
        raise NotExpressible("a weight of the positive examples")
    losses = ops.sigmoid_binary_cross_entropy(logits, target)
    return reduced(losses if weight is None else losses * weight, reduction)


@maps("nn.functional.mse_loss", uses="squared_error")
def _mse_loss(y: Any, target: Any, *, reduction: str = "mean") -> Any:
    return reduced(2 * ops.squared_error(y, target), reduction)


@maps("nn.functional.l1_loss", uses="abs")
def _l1_loss(y: Any, target: Any, *, reduction: str = "mean") -> Any:
    return reduced(ops.abs(y - target), reduction)


@maps("nn.functional.soft_margin_loss", uses="softplus")
def _soft_margin_loss(y: Any, target: Any, *, reduction: str = "mean") -> Any:
    return reduced(ops.softplus(-target * y), reduction)


@maps("nn.functional.hinge_embedding_loss", uses=("where", "maximum"))
def _hinge_embedding_loss(
    y: Any, target: Any, margin: float = 1.0, *, reduction: str = "mean"
) -> Any:
    apart = ops.where(target == 1, 0.0, ops.maximum(margin - y, 0.0))
    return reduced(apart + ops.where(target == -1, 0.0, y), reduction)
