"""Folders of pictures with one subfolder for each class; large sets are read batch by batch.

Transparent parts are put on white, unless the number of channels keeps the transparency.

Shape letters: N pictures, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clearprop.data.checks import check_at_least_one
from clearprop.data.dataset import STREAM_LIMIT_BYTES, Dataset
from clearprop.data.labels import labels_by_name
from clearprop.data.paths import check_room, listed
from clearprop.data.preprocessor import Transparency
from clearprop.data.sources import Indices, Inputs, evenly_spaced, size_in_bytes
from clearprop.errors import ConfigurationError, DataError, option
from clearprop.files import check_file, content_errors

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
)
FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM")
"""Those of Pillow that these endings stand for; others run more code on foreign bytes."""

BYTES_OF_A_PIXEL = 8
"""A decoded picture and its copy in another mode."""

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
OPAQUE = (1, 3)
GRAY_MODES = frozenset(("1", "L", "LA"))

# Pillow reads 16 bits a pixel as I;16, but as I in some formats and versions.
SIXTEEN_BIT_MODES = frozenset(("I;16", "I;16L", "I;16B", "I;16N"))
SIXTEEN_BIT_FORMATS = frozenset(("PNG", "PPM"))

# Cameras write these formats. Reading the orientation of others would decode the whole picture.
ORIENTED_FORMATS = frozenset(("JPEG", "MPO", "TIFF", "WEBP"))
EXIF_ORIENTATION = 0x0112
TURNED = frozenset((5, 6, 7, 8))

# So many pictures of a streamed set are looked at, and so many are named in a note.
SAMPLE, NAMED = 200, 3


@dataclass(frozen=True)
class PictureFiles:
    """Picture files as rows, bytes (N, H, W, C); each is decoded when it is read.

    Args:
        paths: the files.
        size: the height and width to which every picture is stretched.
        channels: 1 for gray, 2 for gray and opacity, 3 for color, 4 for color and opacity.
        transparency: what transparent parts become without an opacity: "white" or "dropped".
    """

    paths: tuple[Path, ...]
    size: tuple[int, int]
    channels: int
    transparency: Transparency = "white"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of all pictures, (N, H, W, C)."""
        return (len(self.paths), *self.size, self.channels)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Bytes."""
        return np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: Indices, /) -> NDArray[np.uint8]:
        pictures = np.empty((len(rows), *self.shape[1:]), np.uint8)
        for position, row in enumerate(rows):
            path = self.paths[int(row)]
            pictures[position] = read_picture(path, self.size, self.channels, self.transparency)
        return pictures


def load_pictures(
    folder: Path,
    *,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    stream: bool | None = None,
    transparency: Transparency = "white",
) -> Dataset:
    """Return a folder of pictures, ``folder/class/picture.png``, bytes (N, H, W, C).

    If the folder has subfolders ``train`` and ``test`` with the classes in them, ``test`` is the
    official test part.

    Args:
        folder: the folder.
        size: height and width, or one number for both, to which every picture is stretched; by
            default all pictures must have the same size already.
        channels: 1 for gray, 3 for color; by default gray if every picture is. Transparent parts
            are put on white. 2 and 4 keep the opacity, from 0 to 255, as a further channel.
        stream: True to decode pictures batch by batch, False to decode all now; by default they are
            decoded now if they fit into 2 GiB.
        transparency: that of a model, ``preprocessor.transparency``, to read pictures as in
            training.

    Raises:
        ConfigurationError: a size or number of channels that no picture can have.
        DataError: no classes, an empty class, a damaged picture, sizes that differ, or pictures
            that are all alike in one color.
    """
    sides = (size, size) if isinstance(size, int) else size
    if sides is not None:
        if len(sides) != 2:
            raise ConfigurationError(
                "size is a height and a width, or one number for both", given=f"size={size}"
            )
        check_at_least_one(str(folder), height=sides[0], width=sides[1])
    if channels is not None and channels not in MODES:
        raise ConfigurationError(
            "a picture has 1 channel (gray) or 3 (color), or 2 or 4 with its opacity",
            given=f"channels={channels}",
        )
    train, test = folder / "train", folder / "test"
    has_test = train.is_dir() and test.is_dir() and not _pictures_in(train)
    root = train if has_test else folder
    classes = _classes(root)
    if len(classes) < 2:
        raise DataError(
            "there is only one class" if classes else "there are no classes",
            where=str(root),
            given=f"subfolders: {', '.join(classes) or 'none'}",
            expected="a subfolder of pictures for each of two classes or more",
            fix="put the pictures of each class into a subfolder of the class's name",
        )
    paths, labels = _listed(root, classes)
    form, transparent = _common_form(paths, sides and (sides[0], sides[1]), channels)
    held_out = None
    if has_test:
        test_paths, test_labels = _listed(test, classes)
        _common_form(test_paths, *form)
        files = PictureFiles(test_paths, *form, transparency)
        held_out = _dataset(f"{folder.name} (test)", files, test_labels, classes, stream)
    files = PictureFiles(paths, *form, transparency)
    made = _dataset(folder.name, files, labels, classes, stream, test=held_out)
    return replace(made, notes=picture_notes(files, made.inputs, transparent, str(root)))


def read_picture(
    path: Path, size: tuple[int, int], channels: int, transparency: Transparency = "white"
) -> NDArray[np.uint8]:
    """Return one picture upright, bytes (H, W, C); the upper 8 of 16 bits a pixel are kept.

    Args:
        path: the file.
        size: height and width to stretch it to.
        channels: as in `PictureFiles`.
        transparency: as in `PictureFiles`.

    Raises:
        DataError: the file is missing or damaged, or has 32 bits or floats a pixel.
    """
    from PIL import Image, ImageOps

    with _opened(path) as picture:
        oriented = picture.format in ORIENTED_FORMATS
        upright = ImageOps.exif_transpose(picture) if oriented else picture
        if _checked_depth(path, picture) == 16:
            # Pillow would cut all values above 255 off instead of dropping the low bits.
            upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
        on_white = channels in OPAQUE and transparency == "white"
        if on_white and upright.has_transparency_data:
            upright = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
        plain = upright.convert(MODES[channels])
        if (plain.height, plain.width) != size:
            plain = plain.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        return np.asarray(plain, np.uint8).reshape(*size, channels)


def read_inputs(
    path: Path, shape: Sequence[int], transparency: Transparency = "white"
) -> NDArray[np.uint8]:
    """Return a picture file, or all of a folder in the order of their names, bytes (N, H, W, C).

    Args:
        path: a file or folder.
        shape: of a picture, (H, W, C).
        transparency: as in `PictureFiles`.

    Raises:
        DataError: there is no picture, or one is damaged.
    """
    paths = _pictures_in(path) if path.is_dir() else [path]
    if not paths:
        inside = next((one for one in listed(path) if one.is_dir()), None)
        raise DataError(
            "there is no picture in this folder",
            where=str(path),
            given=f"subfolders, such as {inside.name}" if inside is not None else None,
            fix=f"give one of them: {inside}" if inside is not None else None,
        )
    height, width, channels = shape
    files = PictureFiles(tuple(paths), (height, width), channels, transparency)
    check_room(size_in_bytes(files), path, "all its pictures")
    return files[np.arange(len(paths))]


def picture_notes(
    files: PictureFiles, inputs: Inputs, transparent: int, where: str
) -> tuple[str, ...]:
    """Return notes about transparent pictures and about pictures of one color.

    Of a streamed set a sample is looked at.

    Args:
        files: the pictures.
        inputs: their pixels, in memory or read when they are needed.
        transparent: how many have transparent parts.
        where: the folder, for an error.

    Raises:
        DataError: all pictures are alike in one color, so there is nothing to learn.
    """
    most = len(files) if isinstance(inputs, np.ndarray) else SAMPLE
    pixels = evenly_spaced(inputs, most)
    rows = np.linspace(0, len(files) - 1, len(pixels)).round().astype(np.intp)
    flat = [rows[i] for i, picture in enumerate(pixels) if (picture == picture[:1, :1]).all()]
    is_white = files.channels in OPAQUE and files.transparency == "white"
    put_on_white = transparent if is_white else 0
    keeps = option("channels", files.channels + 1) + " keeps the transparency"
    if len(flat) == len(pixels) and (pixels[:, 0, 0] == pixels[0, 0, 0]).all():
        color = ", ".join(str(value) for value in pixels[0, 0, 0])
        raise DataError(
            "every pixel of every picture has the same color, so there is nothing to learn",
            where=where,
            given=f"the color {color} in all {len(pixels):,} pictures that were looked at"
            + (f"; transparent parts of {put_on_white:,} are put on white" if put_on_white else ""),
            expected="pictures that differ",
            fix=keeps if put_on_white else "look at the files: were they saved empty?",
        )
    notes: list[str] = []
    if put_on_white:
        notes.append(
            f"{put_on_white:,} of {len(files):,} pictures have transparent parts, which are put on "
            "white; " + keeps
        )
    if flat:
        names = ", ".join(str(files.paths[row]) for row in flat[:NAMED])
        more = ", ..." if len(flat) > NAMED else ""
        notes.append(
            f"{len(flat):,} of {len(pixels):,} pictures have one color only: {names}{more}"
        )
    return tuple(notes)


def _dataset(
    name: str,
    files: PictureFiles,
    labels: NDArray[np.integer],
    classes: Sequence[str],
    stream: bool | None,
    test: Dataset | None = None,
) -> Dataset:
    decode_now = size_in_bytes(files) <= STREAM_LIMIT_BYTES if stream is None else not stream
    return Dataset(
        name=name,
        inputs=files[np.arange(len(files))] if decode_now else files,
        targets=labels,
        task="classification",
        class_names=tuple(classes),
        source="a folder of pictures",
        test=test,
        stream=stream,
    )


def _classes(folder: Path) -> list[str]:
    return [p.name for p in listed(folder) if p.is_dir() and p.name[0] not in "._"]


def _listed(root: Path, classes: Sequence[str]) -> tuple[tuple[Path, ...], NDArray[np.int32]]:
    paths: list[Path] = []
    labels: list[int] = []
    for name in _classes(root):
        (label,) = labels_by_name([name], classes, where=str(root / name))
        pictures = _pictures_in(root / name)
        if not pictures:
            raise DataError(
                "there is no picture of this class",
                where=str(root / name),
                expected=f"files that end in {', '.join(sorted(SUFFIXES))}",
                fix="add pictures, or remove the folder",
            )
        paths += pictures
        labels += [label] * len(pictures)
    return tuple(paths), np.array(labels, np.int32)


def _pictures_in(folder: Path) -> list[Path]:
    return [p for p in listed(folder) if p.suffix.lower() in SUFFIXES and p.name[0] not in "._"]


def _common_form(
    paths: Sequence[Path], size: tuple[int, int] | None, channels: int | None
) -> tuple[tuple[tuple[int, int], int], int]:
    """Return the common size and channels of all pictures, and how many are transparent.

    This is read from their headers; pictures that can be transparent are decoded.
    """
    first = size
    all_gray, transparent = True, 0
    for path in paths:
        with _opened(path) as picture:
            own_size = picture.height, picture.width
            oriented = picture.format in ORIENTED_FORMATS
            if oriented and picture.getexif().get(EXIF_ORIENTATION, 1) in TURNED:
                own_size = picture.width, picture.height
            transparent += _is_transparent(picture)
            is_gray = _checked_depth(path, picture) == 16 or picture.mode in GRAY_MODES
        all_gray = all_gray and is_gray
        first = first or own_size
        if size is None and own_size != first:
            raise DataError(
                "pictures differ in size",
                where=str(path),
                given=f"{own_size[0]} x {own_size[1]} pixels (height x width)",
                expected=f"{first[0]} x {first[1]}, the size of the first picture",
                fix=option("size", (first[0], first[1])) + " stretches all to one size",
            )
    return (first or (0, 0), channels or (1 if all_gray else 3)), transparent


def _is_transparent(picture: Image.Image) -> bool:
    """Return whether a pixel is transparent; a file may have an opacity that is full everywhere."""
    if not picture.has_transparency_data:
        return False
    opacity = np.asarray(picture.convert("RGBA"), np.uint8)[..., 3]
    return bool((opacity < 255).any())


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture; an error of Pillow becomes one that names the file."""
    from PIL import Image

    check_file(path)
    problem, fix = "the picture cannot be read", "replace the file, or remove it"
    with (
        content_errors(path, problem=problem, fix=fix),
        Image.open(path, formats=FORMATS) as picture,
    ):
        check_room(picture.width * picture.height * BYTES_OF_A_PIXEL, path, "the picture")
        yield picture


def _checked_depth(path: Path, picture: Image.Image) -> int:
    """Return the bits of a channel, 8 or 16."""
    is_wide = picture.mode == "I" and picture.format in SIXTEEN_BIT_FORMATS
    if is_wide or picture.mode in SIXTEEN_BIT_MODES:
        return 16
    if picture.mode in ("I", "F"):
        raise DataError(
            "it is not known which numbers of the picture are black and white",
            where=str(path),
            given="whole numbers of 32 bits" if picture.mode == "I" else "floating-point numbers",
            expected="8 or 16 bits a pixel and channel",
            fix="scale it to 0..255 and save it with 8 bits, or give the arrays as a .npz file",
        )
    return 8
