"""Operators on signals: Fourier transforms and their windows."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from clearprop.autodiff import lift
from clearprop.interop.onnx.graph import dtype_named
from clearprop.interop.onnx.node import OnnxNode
from clearprop.interop.onnx.rows.elementwise import TYPES
from clearprop.interop.onnx.running import allowed
from clearprop.interop.onnx.table import row


def _window(a: float, b: float, c: float) -> Any:
    def computed(node: OnnxNode, size: Any) -> Any:
        n = int(node.known(size, "the length").reshape(-1)[0])
        length = n if node.integer("periodic", 1) else n - 1
        t = np.arange(n) / max(length, 1)
        values = a - b * np.cos(2 * math.pi * t) + c * np.cos(4 * math.pi * t)
        return values.astype(dtype_named(TYPES[node.integer("output_datatype", 1)]))

    return computed


row("HannWindow", known=(0,))(_window(0.5, 0.5, 0.0))
row("HammingWindow", known=(0,))(_window(25 / 46, 21 / 46, 0.0))
row("BlackmanWindow", known=(0,))(_window(0.42, 0.5, 0.08))


@row("MelWeightMatrix", known=(0, 1, 2, 3, 4))
def _mel_weights(node: OnnxNode, bands: Any, length: Any, rate: Any, low: Any, high: Any) -> Any:
    number, size, samples = (
        int(node.known(v, "the matrix of weights").reshape(-1)[0]) for v in (bands, length, rate)
    )
    first, last = (float(node.known(v, "the frequency").reshape(-1)[0]) for v in (low, high))
    places = np.linspace(_mel(first), _mel(last), number + 2, endpoint=False)
    bins = ((size + 1) * (700 * (10 ** (places / 2595) - 1)) / samples).astype(int)
    table = np.zeros((size // 2 + 1, number))
    for i in range(number):
        left, middle, right = bins[i : i + 3]
        if middle == left:
            table[middle, i] = 1
        else:
            for j in range(left, middle + 1):
                table[j, i] = (j - left) / (middle - left)
        for j in range(middle, right):
            table[j, i] = (right - j) / (right - middle)
    return table.astype(dtype_named(TYPES[node.integer("output_datatype", 1)]))


def _mel(frequency: float) -> float:
    return 2595 * math.log10(1 + frequency / 700)


def _transformed(x: Any, size: int, axis: int, inverse: bool, one_sided: bool) -> Any:
    """Return the discrete Fourier transform, with real and imaginary parts on the last axis."""
    dtype = jnp.asarray(x).dtype
    wide = jnp.asarray(x).astype(allowed(np.float64))
    if one_sided and inverse:
        real = jnp.fft.irfft(wide[..., 0] + 1j * wide[..., 1], size, axis)
        return real[..., None].astype(dtype)
    values = wide[..., 0] + (1j * wide[..., 1] if wide.shape[-1] == 2 else 0)
    found = jnp.fft.ifft(values, size, axis) if inverse else jnp.fft.fft(values, size, axis)
    if one_sided:
        found = jnp.take(found, np.arange(size // 2 + 1), axis)
    return jnp.stack([found.real, found.imag], -1).astype(dtype)


@row("DFT", known=(1, 2))
def _dft(node: OnnxNode, x: Any, length: Any = None, axis: Any = None) -> Any:
    if node.version >= 20:
        along = -2 if axis is None else int(node.known(axis, "the axis").reshape(-1)[0])
    else:
        along = node.integer("axis", 1)
    along %= len(x.shape)
    inverse, one_sided = bool(node.integer("inverse", 0)), bool(node.integer("onesided", 0))
    if length is not None:
        size = int(node.known(length, "the length").reshape(-1)[0])
    else:
        size = 2 * (x.shape[along] - 1) if inverse and one_sided else x.shape[along]

    def computed(x: Any) -> Any:
        return _transformed(x, size, along, inverse, one_sided)

    return lift(computed)(x)


@row("STFT", known=(1, 3))
def _stft(node: OnnxNode, x: Any, step: Any, window: Any = None, length: Any = None) -> Any:
    hop = int(node.known(step, "the step").reshape(-1)[0])
    size = (
        window.shape[0] if length is None else int(node.known(length, "the length").reshape(-1)[0])
    )
    number = (x.shape[1] - size) // hop + 1
    places = np.arange(number)[:, None] * hop + np.arange(size)
    one_sided = bool(node.integer("onesided", 1))

    def computed(x: Any, window: Any) -> Any:
        frames = jnp.asarray(x)[:, places]
        if frames.ndim == 3:
            frames = frames[..., None]
        frames = frames if window is None else frames * jnp.asarray(window)[:, None]
        return _transformed(frames, size, 2, False, one_sided)

    return lift(computed)(x, window)
