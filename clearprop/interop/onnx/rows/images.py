"""Operators on images: sizes, samples between pixels, boxes, files."""

from __future__ import annotations

import io
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import ops
from clearprop.autodiff import lift
from clearprop.interop.onnx.node import OnnxNode
from clearprop.interop.onnx.rows.elementwise import is_float
from clearprop.interop.onnx.running import plain
from clearprop.interop.onnx.table import ALL, row


@row("Upsample", known=(1,))
def _upsample(node: OnnxNode, x: Any, scales: Any = None) -> Any:
    factors = (
        list(node.floats("scales"))
        if scales is None
        else [float(s) for s in node.known(scales, "the scales").reshape(-1)]
    )
    sizes = [math.floor(n * s) for n, s in zip(x.shape, factors, strict=True)]
    mode = node.text("mode", "nearest")
    options = _Resizing(mode, "asymmetric", "floor", -0.75, False, False, 0.0)
    return _resized(x, range(len(sizes)), sizes, factors, options, None)


class _Resizing:
    """How a size is changed."""

    def __init__(
        self,
        mode: str,
        coordinates: str,
        nearest: str,
        cubic: float,
        excluded: bool,
        antialias: bool,
        outside: float,
    ) -> None:
        self.mode, self.coordinates, self.nearest = mode, coordinates, nearest
        self.cubic, self.excluded, self.antialias, self.outside = (
            cubic,
            excluded,
            antialias,
            outside,
        )


@row("Resize", known=(1, 2, 3))
def _resize(node: OnnxNode, x: Any, roi: Any = None, scales: Any = None, sizes: Any = None) -> Any:
    if node.version < 11:
        roi, scales, sizes = None, roi, None
    axes = node.ints("axes", range(len(x.shape)))
    axes = tuple(node.axis(x, axis) for axis in axes)
    factors = (
        [] if scales is None else [float(s) for s in node.known(scales, "the scales").reshape(-1)]
    )
    if factors:
        wanted = [math.floor(x.shape[a] * s) for a, s in zip(axes, factors, strict=True)]
    else:
        wanted = [int(n) for n in node.known(sizes, "the sizes").reshape(-1)]
        factors = [n / x.shape[a] for n, a in zip(wanted, axes, strict=True)]
        policy = node.text("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            factor = (min if policy == "not_larger" else max)(factors)
            factors = [factor] * len(axes)
            wanted = [math.floor(factor * x.shape[a] + 0.5) for a in axes]
    default = "asymmetric" if node.version < 11 else "half_pixel"
    options = _Resizing(
        node.text("mode", "nearest"),
        node.text("coordinate_transformation_mode", default),
        node.text("nearest_mode", "floor" if node.version < 11 else "round_prefer_floor"),
        node.number("cubic_coeff_a", -0.75),
        bool(node.integer("exclude_outside", 0)),
        bool(node.integer("antialias", 0)),
        node.number("extrapolation_value", 0.0),
    )
    box = None
    if options.coordinates == "tf_crop_and_resize":
        numbers = node.known(roi, "the region").astype(float).reshape(-1)
        box = list(zip(numbers[: len(axes)], numbers[len(axes) :], strict=True))
    return _resized(x, axes, wanted, factors, options, box)


def _resized(
    x: Any, axes: Any, sizes: list[int], factors: list[float], how: _Resizing, box: Any
) -> Any:
    """Change the size axis by axis: each is one product with a matrix of weights."""
    dtype = x.dtype
    values = x if is_float(x) else jnp.asarray(plain(x)).astype(jnp.float32)
    outside = None
    for i, (axis, size, factor) in enumerate(zip(axes, sizes, factors, strict=True)):
        n = x.shape[axis]
        if size == n and factor == 1 and box is None:
            continue
        places = _source_places(n, size, factor, how, None if box is None else box[i])
        if box is not None:
            beyond = (places < 0) | (places > n - 1)
            shape = [-1 if j == axis else 1 for j in range(len(x.shape))]
            outside = beyond.reshape(shape) if outside is None else outside | beyond.reshape(shape)
        if how.mode == "nearest":
            values = ops.take(values, _nearest(places, n, how.nearest), axis)
        else:
            table = _weights(places, n, factor, how).astype(np.dtype(values.dtype))
            values = ops.moveaxis(
                ops.matmul(ops.moveaxis(values, axis, -1), jnp.asarray(table.T)), -1, axis
            )
    if outside is not None:
        values = ops.where(outside, jnp.asarray(how.outside, values.dtype), values)
    if values.dtype == dtype:
        return values
    if not is_float(x):
        limits = np.iinfo(dtype)
        values = jnp.clip(
            jnp.rint(values) if how.mode != "nearest" else values, limits.min, limits.max
        )
    return values.astype(dtype)


def _source_places(
    n: int, size: int, factor: float, how: _Resizing, box: Any
) -> NDArray[np.float64]:
    """Return where each output lies among the inputs."""
    i = np.arange(size, dtype=float)
    mode = how.coordinates
    if mode == "asymmetric":
        return i / factor
    if mode == "align_corners":
        # The size before it is cut to a whole number decides.
        return i * (n - 1) / (n * factor - 1) if n * factor != 1 else np.zeros(size)
    if mode == "pytorch_half_pixel":
        return (i + 0.5) / factor - 0.5 if size > 1 else np.zeros(1)
    if mode == "half_pixel_symmetric":
        adjusted = size / (factor * n)
        return n / 2 * (1 - adjusted) + (i + 0.5) / factor - 0.5
    if mode == "tf_half_pixel_for_nn":
        return (i + 0.5) / factor
    if mode == "tf_crop_and_resize":
        start, end = box
        if size > 1:
            return np.array(start * (n - 1) + i * (end - start) * (n - 1) / (size - 1), float)
        return np.array([0.5 * (start + end) * (n - 1)], float)
    return (i + 0.5) / factor - 0.5


def _nearest(places: NDArray[np.float64], n: int, mode: str) -> NDArray[np.int64]:
    rounded = {
        "floor": np.floor(places),
        "ceil": np.ceil(places),
        "round_prefer_ceil": np.floor(places + 0.5),
        "round_prefer_floor": np.ceil(places - 0.5),
    }[mode]
    return np.array(np.clip(rounded, 0, n - 1), np.int64)


def _weights(
    places: NDArray[np.float64], n: int, factor: float, how: _Resizing
) -> NDArray[np.float64]:
    """Return the matrix (outputs, inputs) of a linear or cubic change of size."""
    stretch = min(factor, 1.0) if how.antialias else 1.0
    reach = (1 if how.mode == "linear" else 2) / stretch
    offsets = np.arange(math.floor(-reach) + 1, math.ceil(reach) + 1)
    base = np.floor(places)[:, None]
    columns = base + offsets
    t = np.abs((places[:, None] - columns) * stretch)
    weights = np.maximum(1 - t, 0) if how.mode == "linear" else _cubic(t, how.cubic)
    if how.excluded:
        weights = np.where((columns >= 0) & (columns < n), weights, 0)
    weights = weights / weights.sum(1, keepdims=True)
    table = np.zeros((len(places), n))
    np.add.at(
        table,
        (np.arange(len(places))[:, None], np.clip(columns, 0, n - 1).astype(int)),
        weights,
    )
    return table


def _cubic(t: Any, a: float) -> Any:
    """Return the weights of cubic convolution at distances."""
    near = (a + 2) * t**3 - (a + 3) * t**2 + 1
    far = a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a
    choose = np.where if isinstance(t, np.ndarray) else jnp.where
    return choose(t <= 1, near, choose(t < 2, far, 0))


@row("GridSample")
def _grid_sample(node: OnnxNode, x: Any, grid: Any) -> Any:
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(
        node.text("mode", "linear"), node.text("mode", "linear")
    )
    padding, corners = node.text("padding_mode", "zeros"), bool(node.integer("align_corners", 0))

    def sampled(x: Any, grid: Any) -> Any:
        sizes = x.shape[2:]
        axes = len(sizes)
        places = []
        for i, n in enumerate(sizes):
            g = grid[..., axes - 1 - i]
            places.append((g + 1) / 2 * (n - 1) if corners else ((g + 1) * n - 1) / 2)
        return _sampled(x, places, mode, padding, corners)

    return lift(sampled)(x, grid)


def _folded(place: Any, n: int, corners: bool) -> Any:
    """Reflect places at the borders until they lie inside."""
    low, high = (0.0, n - 1.0) if corners else (-0.5, n - 0.5)
    span = high - low
    if span == 0:
        return jnp.zeros_like(place)
    away = jnp.abs(place - low)
    times, rest = jnp.floor(away / span), jnp.mod(away, span)
    return jnp.where(times % 2 == 0, rest + low, high - rest)


def _pixels(x: Any, index: list[Any], padding: str, corners: bool) -> Any:
    """Read (batch, channels, *places) at whole places, which may lie outside."""
    sizes = x.shape[2:]
    inside: Any = True
    flat: Any = 0
    for place, n in zip(index, sizes, strict=True):
        if padding == "reflection":
            place = _folded(place, n, corners)
        if padding == "zeros":
            inside = inside & (place >= 0) & (place <= n - 1)
        flat = flat * n + jnp.clip(jnp.rint(place), 0, n - 1).astype(jnp.int32)
    values = x.reshape(*x.shape[:2], -1)
    shape = flat.shape
    places = jnp.broadcast_to(flat.reshape(shape[0], 1, -1), (*x.shape[:2], math.prod(shape[1:])))
    found = jnp.take_along_axis(values, places, -1).reshape(*x.shape[:2], *shape[1:])
    return jnp.where(jnp.asarray(inside)[:, None], found, 0) if padding == "zeros" else found


def _sampled(x: Any, places: list[Any], mode: str, padding: str, corners: bool) -> Any:
    if mode != "cubic":
        if padding == "border":
            places = [jnp.clip(p, 0, n - 1) for p, n in zip(places, x.shape[2:], strict=True)]
        elif padding == "reflection":
            places = [_folded(p, n, corners) for p, n in zip(places, x.shape[2:], strict=True)]
    if mode == "nearest":
        return _pixels(x, [jnp.rint(p) for p in places], padding, corners)
    offsets = (0, 1) if mode == "linear" else (-1, 0, 1, 2)
    lows = [jnp.floor(p) for p in places]
    total: Any = 0
    for number in range(len(offsets) ** len(places)):
        weight: Any = 1
        index = []
        for p, low in zip(places, lows, strict=True):
            number, i = divmod(number, len(offsets))
            place = low + offsets[i]
            t = jnp.abs(p - place)
            weight = weight * (1 - t if mode == "linear" else _cubic(t, -0.75))
            index.append(place)
        total = total + _pixels(x, index, padding, corners) * jnp.asarray(weight)[:, None]
    return total


@row("RoiAlign")
def _roi_align(node: OnnxNode, x: Any, boxes: Any, of: Any) -> Any:
    default = "half_pixel" if node.version >= 16 else "output_half_pixel"
    half = node.text("coordinate_transformation_mode", default) == "half_pixel"
    height, width = node.integer("output_height", 1), node.integer("output_width", 1)
    scale, average = node.number("spatial_scale", 1.0), node.text("mode", "avg") == "avg"
    ratio = node.integer("sampling_ratio", 0)
    if ratio <= 0:
        known = node.known(boxes, "the boxes, without a sampling_ratio,")
        if not len(known):
            return jnp.zeros((0, x.shape[1], height, width), x.dtype)
        counts = [_samples(box * scale, height, width, half) for box in known]
        parts = [
            _aligned(
                x, boxes[i : i + 1], plain(of)[i : i + 1], (height, width), n, scale, half, average
            )
            for i, n in enumerate(counts)
        ]
        return ops.concatenate(*parts, axis=0) if len(parts) > 1 else parts[0]
    return _aligned(x, boxes, plain(of), (height, width), (ratio, ratio), scale, half, average)


def _samples(box: Any, height: int, width: int, half: bool) -> tuple[int, int]:
    low = 0.0 if half else 1.0
    return (
        max(math.ceil(max(box[3] - box[1], low) / height), 1),
        max(math.ceil(max(box[2] - box[0], low) / width), 1),
    )


def _aligned(
    x: Any,
    boxes: Any,
    of: Any,
    size: tuple[int, int],
    samples: tuple[int, int],
    scale: float,
    half: bool,
    average: bool,
) -> Any:
    def computed(x: Any, boxes: Any) -> Any:
        box = boxes * scale - (0.5 if half else 0.0)
        ends = []
        for axis, (places, number) in enumerate(zip(size, samples, strict=True)):
            first, last = box[:, 1 - axis], box[:, 3 - axis]
            span = last - first if half else jnp.maximum(last - first, 1.0)
            steps = (jnp.arange(places * number) + 0.5) / number
            ends.append(first[:, None] + steps * (span / places)[:, None])
        rows, columns = ends
        maps = jnp.asarray(x)[jnp.asarray(of).astype(int)]
        height, width = x.shape[2:]
        corners = []
        for place, n in ((rows, height), (columns, width)):
            outside = (place < -1) | (place > n)
            inside = jnp.clip(place, 0, n - 1)
            low = jnp.floor(inside).astype(int)
            high = jnp.minimum(low + 1, n - 1)
            corners.append((low, high, inside - low, outside))
        (r0, r1, fr, no_r), (c0, c1, fc, no_c) = corners
        values: list[Any] = []
        for r, wr in ((r0, 1 - fr), (r1, fr)):
            for c, wc in ((c0, 1 - fc), (c1, fc)):
                read = jnp.take_along_axis(maps, r[:, None, :, None], 2)
                read = jnp.take_along_axis(read, c[:, None, None, :], 3)
                values.append(read * wr[:, None, :, None] * wc[:, None, None, :])
        keep = ~(no_r[:, None, :, None] | no_c[:, None, None, :])
        values = [jnp.where(keep, v, 0) for v in values]
        found = (
            sum(values)
            if average
            else jnp.maximum(jnp.maximum(values[0], values[1]), jnp.maximum(values[2], values[3]))
        )
        n, channels = found.shape[:2]
        cut = found.reshape(n, channels, size[0], samples[0], size[1], samples[1])
        return jnp.mean(cut, (3, 5)) if average else jnp.max(cut, (3, 5))

    return lift(computed)(x, boxes)


@row("NonMaxSuppression", known=(ALL,))
def _non_max_suppression(
    node: OnnxNode,
    boxes: Any,
    scores: Any,
    most: Any = None,
    overlap: Any = None,
    least: Any = None,
) -> Any:
    boxes, scores = node.known(boxes, "the boxes"), node.known(scores, "the scores")
    number = 0 if most is None else int(node.known(most, "the number of boxes").reshape(-1)[0])
    limit = 0.0 if overlap is None else float(node.known(overlap, "the overlap").reshape(-1)[0])
    low = None if least is None else float(node.known(least, "the score").reshape(-1)[0])
    found: list[tuple[int, int, int]] = []
    for b, of_batch in enumerate(boxes):
        corners = _corners(of_batch, node.integer("center_point_box", 0))
        for c, of_class in enumerate(scores[b]):
            kept: list[int] = []
            for i in np.argsort(-of_class, kind="stable"):
                if len(kept) >= number or (low is not None and of_class[i] <= low):
                    break
                if all(_overlap(corners[i], corners[j]) <= limit for j in kept):
                    kept.append(int(i))
            found += [(b, c, i) for i in kept]
    return np.array(found, np.int64).reshape(-1, 3)


def _corners(boxes: Any, centered: int) -> Any:
    if centered:
        x, y, w, h = boxes.T
        return np.stack([y - h / 2, x - w / 2, y + h / 2, x + w / 2], 1)
    first, second = boxes[:, :2], boxes[:, 2:]
    return np.concatenate([np.minimum(first, second), np.maximum(first, second)], 1)


def _overlap(a: Any, b: Any) -> float:
    """Return the area that two boxes share, divided by the area that they cover."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    if np.any(sides <= 0):
        return 0.0
    shared = float(np.prod(sides))
    return shared / (float(np.prod(a[2:] - a[:2])) + float(np.prod(b[2:] - b[:2])) - shared)


@row("ImageDecoder", known=(0,))
def _image_decoder(node: OnnxNode, content: Any) -> Any:
    from PIL import Image, UnidentifiedImageError

    data = node.known(content, "the file").astype(np.uint8).tobytes()
    try:
        with Image.open(io.BytesIO(data)) as image:
            pixels = np.asarray(image.convert("RGB"), np.uint8)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise node.error(f"the image cannot be decoded: {error}") from error
    kind = node.text("pixel_format", "RGB")
    if kind == "Grayscale":
        weights = np.array([0.299, 0.587, 0.114])
        return np.rint(pixels @ weights).astype(np.uint8)[..., None]
    return pixels[..., ::-1].copy() if kind == "BGR" else pixels
