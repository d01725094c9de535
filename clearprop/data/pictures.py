"""Folders of pictures, one subfolder for each class, read when a batch needs them if they are many.

Shape letters: N pictures, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clearprop.data.dataset import STREAM_LIMIT_BYTES, Dataset
from clearprop.data.sources import Indices, size_in_bytes
from clearprop.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
)
GRAY_MODES = frozenset(("1", "L", "LA"))

# Pillow reads 16 bits a pixel as I;16, and those of some formats and versions as I.
SIXTEEN_BIT_MODES = frozenset(("I;16", "I;16L", "I;16B", "I;16N"))
SIXTEEN_BIT_FORMATS = frozenset(("PNG", "PPM"))

# Cameras write these; to ask any other format for its orientation would decode the whole picture.
ORIENTED_FORMATS = frozenset(("JPEG", "MPO", "TIFF", "WEBP"))
EXIF_ORIENTATION = 0x0112
TURNED = frozenset((5, 6, 7, 8))


@dataclass(frozen=True)
class PictureFiles:
    """Picture files as rows, bytes (N, H, W, C), each decoded when it is asked for.

    Args:
        paths: the files.
        size: height and width that every picture is brought to.
        channels: 1 for gray, 3 for color.
    """

    paths: tuple[Path, ...]
    size: tuple[int, int]
    channels: int

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
            pictures[position] = read_picture(self.paths[int(row)], self.size, self.channels)
        return pictures


def load_pictures(
    folder: Path,
    *,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    stream: bool | None = None,
) -> Dataset:
    """Return a folder of pictures, ``folder/class/picture.png``, bytes (N, H, W, C).

    With subfolders ``train`` and ``test`` that hold the classes, ``test`` is the official part.

    Args:
        folder: the folder.
        size: height and width, or one number for both, that every picture is stretched to; by
            default all pictures must be of one size already.
        channels: 1 for gray, 3 for color; by default gray if every picture is.
        stream: True to decode pictures batch by batch, False to decode all now; by default they are
            decoded now if they fit into 2 GiB.

    Raises:
        ConfigurationError: a size or number of channels that no picture can have.
        DataError: no classes, an empty class, a damaged picture, or sizes that differ.
    """
    size = _checked_size(size)
    if channels not in (None, 1, 3):
        raise ConfigurationError(
            "a picture has 1 channel (gray) or 3 (color)", given=f"channels={channels}"
        )
    parts = [folder / "train", folder / "test"]
    has_test = all(part.is_dir() for part in parts) and not _pictures_in(parts[0])
    root = parts[0] if has_test else folder
    classes = _classes(root)
    _check_classes(root, classes)
    paths, labels = _listed(root, classes)
    size, channels = _common_form(paths, size, channels)
    names = tuple(classes)
    test = None
    if has_test:
        strange = sorted(set(_classes(parts[1])) - set(classes))
        if strange:
            raise DataError(
                "a class of the test part is not in the training part",
                where=str(parts[1] / strange[0]),
                expected=f"one of {', '.join(classes)}",
            )
        present = [name for name in classes if (parts[1] / name).is_dir()]
        test_paths, test_labels = _listed(parts[1], present)
        renumber = np.array([classes.index(name) for name in present])
        _common_form(test_paths, size, channels)
        test = _dataset(
            f"{folder.name} (test)",
            PictureFiles(test_paths, size, channels),
            renumber[test_labels],
            names,
            stream=stream,
        )
    files = PictureFiles(paths, size, channels)
    return _dataset(folder.name, files, labels, names, stream=stream, test=test)


def read_picture(path: Path, size: tuple[int, int], channels: int) -> NDArray[np.uint8]:
    """Return one picture upright, bytes (H, W, C); of 16 bits a pixel the upper 8 are kept.

    Raises:
        DataError: the file is missing or no whole picture, or has 32 bits or floats a pixel.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as picture:
            oriented = picture.format in ORIENTED_FORMATS
            upright = ImageOps.exif_transpose(picture) if oriented else picture
            if _checked_depth(path, picture) == 16:
                # Pillow would cut all above 255 off instead of leaving the low bits out.
                upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
            plain = upright.convert("L" if channels == 1 else "RGB")
            if (plain.height, plain.width) != size:
                plain = plain.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            return np.asarray(plain, np.uint8).reshape(*size, channels)
    except DataError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _damaged(path, error) from error


def read_inputs(path: Path, shape: Sequence[int]) -> NDArray[np.uint8]:
    """Return a picture file, or all of a folder in the order of their names, bytes (N, H, W, C).

    Raises:
        DataError: there is no picture, or one is damaged.
    """
    paths = _pictures_in(path) if path.is_dir() else [path]
    if not paths:
        raise DataError("there is no picture in this folder", where=str(path))
    height, width, channels = shape
    return PictureFiles(tuple(paths), (height, width), channels)[np.arange(len(paths))]


def _dataset(
    name: str,
    files: PictureFiles,
    labels: NDArray[np.integer],
    class_names: tuple[str, ...],
    *,
    stream: bool | None,
    test: Dataset | None = None,
) -> Dataset:
    decode_now = size_in_bytes(files) <= STREAM_LIMIT_BYTES if stream is None else not stream
    return Dataset(
        name=name,
        inputs=files[np.arange(len(files))] if decode_now else files,
        targets=labels,
        task="classification",
        class_names=class_names,
        source="a folder of pictures",
        test=test,
        stream=stream,
    )


def _checked_size(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    height, width = (size, size) if isinstance(size, int) else size
    if height < 1 or width < 1:
        raise ConfigurationError(
            "a picture is at least one pixel high and wide",
            given=f"size={size}",
            fix="size=32, or size=(height, width)",
        )
    return height, width


def _classes(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.is_dir() and p.name[0] not in "._")


def _check_classes(folder: Path, classes: Sequence[str]) -> None:
    if len(classes) < 2:
        raise DataError(
            "there is only one class" if classes else "there are no classes",
            where=str(folder),
            given=f"subfolders: {', '.join(classes) or 'none'}",
            expected="a subfolder of pictures for each of two classes or more",
            fix="put the pictures of each class into a subfolder of the class's name",
        )


def _listed(root: Path, classes: Sequence[str]) -> tuple[tuple[Path, ...], NDArray[np.int32]]:
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
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
    return sorted(
        p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.name[0] not in "._"
    )


def _common_form(
    paths: Sequence[Path], size: tuple[int, int] | None, channels: int | None
) -> tuple[tuple[int, int], int]:
    """Return the size and channels that all pictures share, from their headers alone."""
    first = size
    all_gray = True
    for path in paths:
        own_size, gray = _form(path)
        all_gray = all_gray and gray
        first = first or own_size
        if size is None and own_size != first:
            raise DataError(
                "pictures differ in size",
                where=str(path),
                given=f"{own_size[0]} x {own_size[1]} pixels (height x width)",
                expected=f"{first[0]} x {first[1]}, as the first picture has",
                fix=f"stretch all to one size: size=({first[0]}, {first[1]})",
            )
    return first or (0, 0), channels or (1 if all_gray else 3)


def _form(path: Path) -> tuple[tuple[int, int], bool]:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            height, width = picture.height, picture.width
            if picture.format in ORIENTED_FORMATS and _orientation(picture) in TURNED:
                height, width = width, height
            gray = _checked_depth(path, picture) == 16 or picture.mode in GRAY_MODES
            return (height, width), gray
    except DataError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _damaged(path, error) from error


def _checked_depth(path: Path, picture: Image.Image) -> int:
    """Return the bits of a channel, 8 or 16."""
    if picture.mode in SIXTEEN_BIT_MODES:
        return 16
    if picture.mode == "I" and picture.format in SIXTEEN_BIT_FORMATS:
        return 16
    if picture.mode in ("I", "F"):
        raise DataError(
            "which numbers of the picture are black and white is not known",
            where=str(path),
            given="whole numbers of 32 bits" if picture.mode == "I" else "floating-point numbers",
            expected="8 or 16 bits a pixel and channel",
            fix="scale it to 0..255 and save it with 8 bits, or give the arrays as a .npz file",
        )
    return 8


def _orientation(picture: Image.Image) -> int:
    return int(picture.getexif().get(EXIF_ORIENTATION, 1))


def _damaged(path: Path, error: BaseException) -> DataError:
    return DataError(
        "the picture cannot be read",
        where=str(path),
        given=str(error),
        fix="replace the file, or remove it",
    )
