"""Augmentation: examples that are changed anew at every training step, inside the compiled step.

Everything works on what the model would see, that is after scaling: a ``fill`` of 0 is then the
mean of the training part, and "edge" repeats the border of the picture, which for pictures on a
black ground is black. In evaluation nothing is changed.

Shape letters: B batch, H height, W width, C channels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from clearprop import bounds
from clearprop.errors import ConfigurationError, ShapeError, unknown_name

Array = jax.Array
Fill: TypeAlias = float | Literal["edge"]

KINDS: dict[str, type[Augmentation]] = {}
"""Every augmentation by name."""


class Augmentation(ABC):
    """A change of inputs: a pure function of a random key and a batch.

    A subclass is a frozen dataclass of plain numbers, so that a run can store it.
    """

    name: ClassVar[str]

    moves: ClassVar[bool] = False
    """Whether entries go to other places, so that targets that are the inputs do not fit."""

    def __init_subclass__(cls) -> None:
        cls.name = cls.__name__.lower()
        KINDS[cls.name] = cls

    @abstractmethod
    def __call__(self, key: Array, x: Array) -> Array:
        """Return changed inputs, of the same shape.

        Args:
            key: decides how each example is changed.
            x: (B, ...), floating.
        """

    def to_config(self) -> dict[str, object]:
        """Return name and numbers, from which `find` makes it again.

        >>> Flip().to_config()
        {'name': 'flip', 'axis': 'horizontal', 'chance': 0.5}
        """
        return {"name": self.name, **asdict(self)}  # type: ignore[call-overload]  # dataclasses


Augment: TypeAlias = "Augmentation | str | Mapping[str, object] | Sequence[object]"


def find(augment: Augment | None) -> tuple[Augmentation, ...]:
    """Return augmentations in their order, each given itself, by name or by configuration.

    Raises:
        ConfigurationError: an unknown name or option, a number out of range, or several mix-ups.

    >>> find(["flip", {"name": "shift", "pixels": 3}])
    (Flip(axis='horizontal', chance=0.5), Shift(pixels=3, fill='edge'))
    """
    if augment is None:
        return ()
    if isinstance(augment, Augmentation | str | Mapping):
        augment = [augment]
    chosen = tuple(_found(one) for one in augment)
    if sum(isinstance(one, Mixup) for one in chosen) > 1:
        raise ConfigurationError(
            "examples are mixed once", where="augment", given=repr(chosen), fix="give one Mixup"
        )
    return chosen


def _found(one: Any) -> Augmentation:
    if isinstance(one, Augmentation):
        return one
    options = {"name": one} if isinstance(one, str) else dict(one)
    name = options.pop("name", None)
    if name not in KINDS:
        raise unknown_name("augmentation", str(name), KINDS)
    known = [field.name for field in fields(KINDS[name])]  # type: ignore[arg-type]  # dataclasses
    for option in options:
        if option not in known:
            raise unknown_name("option", option, known, where=name)
    return KINDS[name](**options)


@dataclass(frozen=True)
class Shift(Augmentation):
    """Each picture moved by whole pixels, up to so many each way.

    y[i, j] = x[i + a, j + b] with a and b uniform in -pixels to pixels. Shapes (B, H, W) or
    (B, H, W, C).

    Args:
        pixels: the farthest.
        fill: what enters at the border: "edge", or a number after scaling.

    >>> x = jnp.arange(16.0).reshape(1, 4, 4)
    >>> Shift(1)(jax.random.key(1), x).shape
    (1, 4, 4)

    Source: LeCun et al. (1998); with a fill of a number it is PyTorch's padding and random crop.
    """

    pixels: int = 2
    fill: Fill = "edge"

    moves = True

    def __post_init__(self) -> None:
        bounds.whole(self.pixels, "pixels", where="Shift")
        _fillable("Shift", self.fill)

    def __call__(self, key: Array, x: Array) -> Array:
        B, H, W = _pictures("Shift", x)
        by = jax.random.randint(key, (B, 2), -self.pixels, self.pixels + 1)
        return _read(x, jnp.arange(H) + by[:, :1], jnp.arange(W) + by[:, 1:], self.fill)


@dataclass(frozen=True)
class Flip(Augmentation):
    """Each picture mirrored, or not.

    y[i, j] = x[i, W-1-j] with a chance, for "horizontal"; "vertical" turns it upside down.

    Args:
        axis: "horizontal" exchanges left and right.
        chance: of each picture to be mirrored.
    """

    axis: Literal["horizontal", "vertical"] = "horizontal"
    chance: float = 0.5

    moves = True

    def __post_init__(self) -> None:
        if self.axis not in ("horizontal", "vertical"):
            raise unknown_name("axis", str(self.axis), ["horizontal", "vertical"], where="Flip")
        bounds.chance(self.chance, "chance", where="Flip")

    def __call__(self, key: Array, x: Array) -> Array:
        (B, *_), axis = _pictures("Flip", x), 1 if self.axis == "vertical" else 2
        mirrored = jax.random.bernoulli(key, self.chance, (B,))
        return jnp.where(_over(mirrored, x), jnp.flip(x, axis), x)


@dataclass(frozen=True)
class Crop(Augmentation):
    """A window of each picture, anywhere, enlarged to the size of the whole.

    The sides of the window are a fraction of the picture's, uniform in smallest to 1; what lies
    between pixels is interpolated linearly. Shapes (B, H, W) or (B, H, W, C).

    Args:
        smallest: fraction of the smallest window.

    Source: Szegedy et al. (2015), without their change of proportions.
    """

    smallest: float = 0.8

    moves = True

    def __post_init__(self) -> None:
        bounds.chance(self.smallest, "smallest", where="Crop")

    def __call__(self, key: Array, x: Array) -> Array:
        B, H, W = _pictures("Crop", x)
        of_size, of_place = jax.random.split(key)
        side = jax.random.uniform(of_size, (B, 1), x.dtype, self.smallest, 1.0)
        corner = jax.random.uniform(of_place, (B, 2), x.dtype) * (1 - side)
        rows = corner[:, :1] * (H - 1) + side * jnp.arange(H)
        columns = corner[:, 1:] * (W - 1) + side * jnp.arange(W)
        every_row, every_column = jnp.arange(H)[None].repeat(B, 0), jnp.arange(W)[None].repeat(B, 0)
        low, part = _parted(rows)
        upper, lower = (_read(x, low + k, every_column, "edge") for k in (0, 1))
        x = upper + (lower - upper) * _over(part, x)
        low, part = _parted(columns)
        left, right = (_read(x, every_row, low + k, "edge") for k in (0, 1))
        return left + (right - left) * _over(part[:, None], x)


@dataclass(frozen=True)
class Rotate(Augmentation):
    """Each picture turned about its middle by an angle uniform in -degrees to degrees.

    What lies between pixels is interpolated linearly. Shapes (B, H, W) or (B, H, W, C).

    Args:
        degrees: the largest angle.
        fill: what enters from outside: "edge", or a number after scaling.
    """

    degrees: float = 10.0
    fill: Fill = "edge"

    moves = True

    def __post_init__(self) -> None:
        bounds.positive(self.degrees, "degrees", where="Rotate")
        _fillable("Rotate", self.fill)

    def __call__(self, key: Array, x: Array) -> Array:
        B, H, W = _pictures("Rotate", x)
        turn = jnp.deg2rad(self.degrees)
        angle = jax.random.uniform(key, (B, 1, 1), x.dtype, -turn, turn)
        down, right = jnp.arange(H)[:, None] - (H - 1) / 2, jnp.arange(W) - (W - 1) / 2
        cosine, sine = jnp.cos(angle), jnp.sin(angle)
        top, row_part = _parted(cosine * down - sine * right + (H - 1) / 2)
        left, column_part = _parted(sine * down + cosine * right + (W - 1) / 2)
        row_part, column_part = _over(row_part, x), _over(column_part, x)

        def at(rows: Array, columns: Array) -> Array:
            every = rows.clip(0, H - 1) * W + columns.clip(0, W - 1)
            pixels = jax.vmap(lambda one, places: one[places])(
                x.reshape(B, H * W, *x.shape[3:]), every.reshape(B, H * W)
            )
            inside = (rows >= 0) & (rows < H) & (columns >= 0) & (columns < W)
            return _filled(pixels.reshape(x.shape), inside, self.fill)

        upper = at(top, left) * (1 - column_part) + at(top, left + 1) * column_part
        lower = at(top + 1, left) * (1 - column_part) + at(top + 1, left + 1) * column_part
        return upper * (1 - row_part) + lower * row_part


@dataclass(frozen=True)
class Cutout(Augmentation):
    """A square of each picture painted over, anywhere; at the border a part of it.

    Args:
        size: side of the square in pixels.
        fill: with what, after scaling; 0 is the mean of the training part.

    Source: DeVries and Taylor (2017), *Improved regularization of convolutional networks with
    cutout*.
    """

    size: int = 8
    fill: float = 0.0

    def __post_init__(self) -> None:
        bounds.whole(self.size, "size", where="Cutout")

    def __call__(self, key: Array, x: Array) -> Array:
        B, H, W = _pictures("Cutout", x)
        middle = jax.random.randint(key, (B, 2), 0, jnp.array([H, W]))
        first = middle - self.size // 2
        down, right = jnp.arange(H) - first[:, :1], jnp.arange(W) - first[:, 1:]
        kept_rows, kept_columns = (((d < 0) | (d >= self.size)) for d in (down, right))
        return _filled(x, kept_rows[:, :, None] | kept_columns[:, None, :], self.fill)


@dataclass(frozen=True)
class Noise(Augmentation):
    """Normally distributed noise on every entry: y = x + deviation n with n ~ N(0, 1).

    For inputs of any shape. Scaled inputs have deviation 1, so 0.1 is a tenth of theirs.

    Args:
        deviation: of the noise.
    """

    deviation: float = 0.1

    def __post_init__(self) -> None:
        bounds.positive(self.deviation, "deviation", where="Noise")

    def __call__(self, key: Array, x: Array) -> Array:
        return x + self.deviation * jax.random.normal(key, x.shape, x.dtype)


@dataclass(frozen=True)
class Masking(Augmentation):
    """Some entries of every example removed: y = fill with a chance, else x.

    For inputs of any shape; each entry is drawn alone.

    Args:
        chance: of each entry to be removed.
        fill: what takes its place, after scaling: "lowest" is the lowest number of the batch, which
            for pictures is black; 0 is the mean of the training part.

    >>> y = Masking(0.5, fill=0.0)(jax.random.key(0), jnp.ones((4, 100)))
    >>> sorted(set(y.ravel().tolist()))
    [0.0, 1.0]

    Source: Vincent et al. (2008), *Extracting and composing robust features with denoising
    autoencoders*.
    """

    chance: float = 0.3
    fill: float | Literal["lowest"] = "lowest"

    def __post_init__(self) -> None:
        bounds.chance(self.chance, "chance", where="Masking")
        if self.fill != "lowest":
            bounds.number(self.fill, "fill", where="Masking")

    def __call__(self, key: Array, x: Array) -> Array:
        fill = x.min() if self.fill == "lowest" else self.fill
        return jnp.where(jax.random.bernoulli(key, self.chance, x.shape), fill, x)


@dataclass(frozen=True)
class SaltAndPepper(Augmentation):
    """Some entries of every example set to the lowest or the highest number of the batch.

    For inputs of any shape; each entry is drawn alone, and both numbers are equally likely.

    Args:
        chance: of each entry to be set.

    >>> y = SaltAndPepper(0.5)(jax.random.key(0), jnp.arange(3.0).repeat(100)[None])
    >>> int((y == 1).sum()) < 100 < int((y == 2).sum())
    True

    Source: Vincent et al. (2010), *Stacked denoising autoencoders*.
    """

    chance: float = 0.2

    def __post_init__(self) -> None:
        bounds.chance(self.chance, "chance", where="SaltAndPepper")

    def __call__(self, key: Array, x: Array) -> Array:
        of_places, of_colors = jax.random.split(key)
        extreme = jnp.where(jax.random.bernoulli(of_colors, 0.5, x.shape), x.max(), x.min())
        return jnp.where(jax.random.bernoulli(of_places, self.chance, x.shape), extreme, x)


class Mixing(NamedTuple):
    """How examples were mixed.

    Attributes:
        partners: int (B,), the example that was mixed in.
        fraction: of the example itself, a number.
    """

    partners: Array
    fraction: Array

    def __call__(self, values: Array) -> Array:
        """Return values (B, ...) mixed as the examples were."""
        return self.fraction * values + (1 - self.fraction) * values[self.partners]

    def targets(self, targets: Array, outputs: tuple[int, ...]) -> Array:
        """Return targets mixed; labels of classes become chances.

        Args:
            targets: (B, ...).
            outputs: shape of the model's outputs.
        """
        is_label = jnp.issubdtype(targets.dtype, jnp.integer)
        if is_label and targets.ndim == len(outputs) - 1 and outputs[-1] > 1:
            targets = jax.nn.one_hot(targets, outputs[-1])
        return self(targets.astype(jnp.promote_types(targets.dtype, jnp.float32)))


@dataclass(frozen=True)
class Mixup(Augmentation):
    """Every example mixed with another of its batch, and their targets too.

    x' = s x_i + (1 - s) x_j,  t' = s t_i + (1 - s) t_j,  s ~ Beta(alpha, alpha)

    j is a permutation of the batch and s one number for it, as in the authors' program. Inputs of
    any shape; labels become chances of the classes.

    Args:
        alpha: near 0 hardly mixes; 1 mixes uniformly.

    Source: Zhang et al. (2018), *mixup: Beyond empirical risk minimization*.
    """

    alpha: float = 0.2

    def __post_init__(self) -> None:
        bounds.positive(self.alpha, "alpha", where="Mixup")

    def mixing(self, key: Array, examples: int) -> Mixing:
        """Return how a batch is mixed."""
        of_fraction, of_partners = jax.random.split(key)
        fraction = jax.random.beta(of_fraction, self.alpha, self.alpha)
        return Mixing(jax.random.permutation(of_partners, examples), fraction)

    def __call__(self, key: Array, x: Array) -> Array:
        return self.mixing(key, len(x))(x).astype(x.dtype)


def augmented(
    augmentations: Sequence[Augmentation], key: Array, x: Array
) -> tuple[Array, Mixing | None]:
    """Return inputs changed by augmentations in their order, and how they were mixed, if at all.

    >>> x, mixing = augmented(find("noise"), jax.random.key(0), jnp.zeros((2, 3)))
    >>> x.shape, mixing
    ((2, 3), None)
    """
    mixing = None
    for place, one in enumerate(augmentations):
        own = jax.random.fold_in(key, place)
        if isinstance(one, Mixup):
            mixing = one.mixing(own, len(x))
        x = one(own, x)
    return x, mixing


def _pictures(name: str, x: Array) -> tuple[int, int, int]:
    if x.ndim not in (3, 4):
        raise ShapeError(
            "the inputs are no pictures",
            where=f"augment: {name}",
            given=f"a batch of shape {tuple(x.shape)}",
            expected="(B, height, width) or (B, height, width, channels)",
            fix="Noise, Masking, SaltAndPepper and Mixup take inputs of any shape",
        )
    return x.shape[0], x.shape[1], x.shape[2]


def _over(values: Array, x: Array) -> Array:
    return values.reshape(*values.shape, *[1] * (x.ndim - values.ndim))


def _parted(places: Array) -> tuple[Array, Array]:
    whole = jnp.floor(places)
    return whole.astype(jnp.int32), places - whole


def _filled(x: Array, kept: Array, fill: Fill) -> Array:
    return x if fill == "edge" else jnp.where(_over(kept, x), x, fill)


def _read(x: Array, rows: Array, columns: Array, fill: Fill) -> Array:
    """Return y[b, i, j] = x[b, rows[b, i], columns[b, j]]."""
    H, W = x.shape[1:3]
    near_rows, near_columns = rows.clip(0, H - 1), columns.clip(0, W - 1)
    y = jax.vmap(lambda one, i, j: one[i][:, j])(x, near_rows, near_columns)
    inside = (near_rows == rows)[:, :, None] & (near_columns == columns)[:, None, :]
    return _filled(y, inside, fill)


def _fillable(where: str, fill: Fill) -> None:
    if fill != "edge":
        bounds.number(fill, "fill", where=where)
