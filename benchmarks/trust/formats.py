"""The formats that are damaged: for each, small sound files and the function that reads them.

The files of a run are in `run_formats`.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROWS = 30


class Format(NamedTuple):
    """A format of files.

    Attributes:
        name: of the format.
        make: writes sound files into an empty folder.
        read: reads what is in the folder; an error of clearprop is a right answer.
    """

    name: str
    make: Callable[[Path], None]
    read: Callable[[Path], object]


def _load(file: str, folder: Path, **options: Any) -> object:
    from clearprop import data

    loaded = data.load(folder / file if file else folder, **options)
    return loaded.split(dev=0.3, test=0.0)


def _table(folder: Path, name: str, separator: str = ",", encoding: str = "utf-8") -> None:
    lines = [["area", '"color ""c"""', "built", "share", "note", "y"]]
    for row in range(ROWS):
        color = ("red", "blue", '"light, ""sky"" blue"')[row % 3]
        note = "" if row % 7 == 0 else ("short", "a longer text")[row % 2]
        share = f"{row * 1.25:.2f}"
        built = f"2024-{row % 12 + 1:02}-{row % 28 + 1:02}"
        lines.append([str(row * 17), color, built, share, note, str(row % 4 + 0.5)])
    text = "\n".join(separator.join(line) for line in lines) + "\n"
    (folder / name).write_bytes(text.encode(encoding))


def _texts(folder: Path) -> None:
    rows = [f'"{word} film, and {number}",{label}' for number, (word, label) in _words()]
    (folder / "t.csv").write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")


def _words() -> list[tuple[int, tuple[str, str]]]:
    pairs = (("good", "yes"), ("bad", "no"), ("fine", "yes"), ("poor", "no"))
    return list(enumerate(pairs * 4))


def _series(folder: Path) -> None:
    rows = [f"{1900 + row},{np.sin(row):.3f}" for row in range(ROWS)]
    (folder / "t.csv").write_text("year,value\n" + "\n".join(rows) + "\n", encoding="utf-8")


def _parquet(compression: Any, folder: Path) -> None:
    import datetime

    import polars as pl

    rows = range(ROWS)
    table = pl.DataFrame(
        {
            "area": [row * 17 for row in rows],
            "share": [None if row % 7 == 0 else row * 1.25 for row in rows],
            "color": [("red", "blue", "light blue")[row % 3] for row in rows],
            "kind": pl.Series([("a", "b")[row % 2] for row in rows], dtype=pl.Categorical),
            "built": [datetime.date(2024, row % 12 + 1, row % 28 + 1) for row in rows],
            "seen": [datetime.datetime(2024, 1, row % 28 + 1, row % 24) for row in rows],
            "new": [row % 2 == 0 for row in rows],
            "y": [row % 4 + 0.5 for row in rows],
        }
    )
    table.write_parquet(folder / "t.parquet", compression=compression, row_group_size=ROWS // 2)


def _arrays(save: Callable[..., None], folder: Path) -> None:
    random = np.random.default_rng(0)
    save(
        folder / "t.npz",
        x_train=random.integers(0, 256, (12, 5, 5), np.uint8),
        y_train=np.array(["cat", "dog", "cow"] * 4),
        x_test=random.integers(0, 256, (4, 5, 5), np.uint8),
        y_test=np.array(["cat", "dog", "cow", "cat"]),
    )


def _numbers(folder: Path) -> None:
    x = np.random.default_rng(0).normal(size=(12, 3))
    names = np.array(["a", "b", "c"])
    np.savez(folder / "t.npz", x=x, y=x.sum(axis=1), feature_names=names)


def _idx(pack: Callable[[bytes], bytes], ending: str, folder: Path) -> None:
    random = np.random.default_rng(0)
    for part, count in (("train", 12), ("t10k", 6)):
        pictures = random.integers(0, 256, (count, 4, 4), np.uint8).tobytes()
        head = struct.pack(">BBBBIII", 0, 0, 8, 3, count, 4, 4)
        labels = struct.pack(">BBBBI", 0, 0, 8, 1, count) + bytes(i % 3 for i in range(count))
        (folder / f"{part}-images-idx3-ubyte{ending}").write_bytes(pack(head + pictures))
        (folder / f"{part}-labels-idx1-ubyte{ending}").write_bytes(pack(labels))


def _text(folder: Path) -> None:
    (folder / "t.txt").write_text("The sun is à la mode. " * 12, encoding="utf-8")


def _tags(folder: Path) -> None:
    sentences = "The DET\nsun NOUN\nshines VERB\n\nIt PRON\nrains VERB\n\n" * 4
    (folder / "t.conll").write_text(sentences, encoding="utf-8")


def _folder_of_texts(folder: Path) -> None:
    for number, (word, label) in _words():
        (folder / label).mkdir(exist_ok=True)
        (folder / label / f"{number}.txt").write_text(f"a {word} film", encoding="utf-8")


def _pictures(suffix: str, mode: str, folder: Path, **options: Any) -> None:
    from PIL import Image

    random = np.random.default_rng(0)
    bands = {"L": (), "RGB": (3,), "RGBA": (4,), "P": (), "I;16": ()}[mode]
    for number in range(6):
        label = folder / ("cat", "dog")[number % 2]
        label.mkdir(exist_ok=True)
        kind: Any = np.uint16 if mode == "I;16" else np.uint8
        pixels = random.integers(0, np.iinfo(kind).max, (9, 7, *bands), kind, endpoint=True)
        picture = Image.fromarray(pixels)
        if mode == "P":
            picture = picture.convert("P")
        picture.save(label / f"{number}{suffix}", **options)


def _preprocessor(folder: Path) -> None:
    from clearprop import data
    from clearprop.data import Preprocessor

    _table(folder, "t.csv")
    table = data.load(folder / "t.csv", target="y", task="regression")
    (folder / "t.csv").unlink()
    fitted = table.split().preprocessor
    assert isinstance(fitted, Preprocessor)
    (folder / "t.json").write_text(fitted.to_json(), encoding="utf-8")


def _read_preprocessor(folder: Path) -> object:
    from clearprop.data import Preprocessor

    text = (folder / "t.json").read_bytes().decode(errors="replace")
    known = Preprocessor.from_json(text, where="t.json")
    return known.apply(np.zeros((2, *known.input_shape)))


def _table_formats() -> list[Format]:
    price = {"target": "y", "task": "regression"}
    kinds = {
        "csv": ("t.csv", ",", "utf-8"),
        "csv-semicolon": ("t.csv", ";", "utf-8-sig"),
        "csv-utf16": ("t.csv", ",", "utf-16"),
        "tsv": ("t.tsv", "\t", "utf-8"),
    }
    found = [
        Format(
            name,
            partial(_table, name=file, separator=mark, encoding=encoding),
            partial(_load, file, **price),
        )
        for name, (file, mark, encoding) in kinds.items()
    ]
    for codec in ("uncompressed", "snappy", "zstd", "lz4", "gzip", "brotli"):
        read = partial(_load, "t.parquet", **price)
        found.append(Format(f"parquet-{codec}", partial(_parquet, codec), read))
    texts = partial(_load, "t.csv", target="label", text="text")
    series = partial(_load, "t.csv", target="value", window=4)
    return [
        *found,
        Format("csv-texts", _texts, texts),
        Format("csv-series", _series, series),
    ]


def _array_formats() -> list[Format]:
    read = partial(_load, "t.npz")
    return [
        Format("npz", partial(_arrays, np.savez), read),
        Format("npz-compressed", partial(_arrays, np.savez_compressed), read),
        Format("npz-numbers", _numbers, partial(_load, "t.npz", task="regression")),
        Format("idx", partial(_idx, bytes, ""), partial(_load, "")),
        Format("idx-gz", partial(_idx, gzip.compress, ".gz"), partial(_load, "")),
    ]


def _text_formats() -> list[Format]:
    return [
        Format("txt", _text, partial(_load, "t.txt", sequence_length=8)),
        Format("conll", _tags, partial(_load, "t.conll")),
        Format("folder-of-texts", _folder_of_texts, partial(_load, "")),
    ]


def _picture_formats() -> list[Format]:
    kinds: dict[str, tuple[str, str, dict[str, Any]]] = {
        "png": (".png", "RGBA", {}),
        "png-16": (".png", "I;16", {}),
        "png-palette": (".png", "P", {"transparency": 3}),
        "jpeg": (".jpg", "RGB", {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"}),
        "jpeg-progressive": (".jpg", "L", {"progressive": True}),
        "gif": (".gif", "P", {}),
        "bmp": (".bmp", "RGB", {}),
        "tiff": (".tif", "RGB", {}),
        "tiff-deflate": (".tif", "L", {"compression": "tiff_deflate"}),
        "tiff-lzw": (".tif", "RGBA", {"compression": "tiff_lzw"}),
        "webp": (".webp", "RGB", {"quality": 80}),
        "webp-lossless": (".webp", "RGBA", {"lossless": True}),
        "ppm": (".ppm", "RGB", {}),
        "pgm": (".pgm", "L", {}),
    }
    return [
        Format(name, partial(_pictures, suffix, mode, **options), partial(_load, ""))
        for name, (suffix, mode, options) in kinds.items()
    ]


def _graph(folder: Path) -> None:
    """Write a small convolutional network, with some weights beside the file."""
    import onnx
    from onnx import helper, numpy_helper

    random = np.random.default_rng(0)

    def array(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(random.normal(size=shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["x", "conv.weight", "conv.bias"], ["a"], "conv", pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("Shape", ["b"], ["sizes"], "shape"),
        helper.make_node("Slice", ["sizes", "zero", "one"], ["batch"], "slice"),
        helper.make_node("Concat", ["batch", "rest"], ["flat"], "concat", axis=0),
        helper.make_node("Reshape", ["b", "flat"], ["c"], "reshape"),
        helper.make_node("Gemm", ["c", "head.weight"], ["y"], "head", transB=1),
    ]
    numbers = {"zero": [0], "one": [1], "rest": [-1]}
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 1, 4, 4])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 3])],
        [
            array("conv.weight", 2, 1, 3, 3),
            array("conv.bias", 2),
            array("head.weight", 3, 32),
            *(numpy_helper.from_array(np.array(v), name) for name, v in numbers.items()),
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(made, folder / "t.onnx", save_as_external_data=True, location="t.data",
              size_threshold=64)  # fmt: skip


def _read_graph(folder: Path) -> object:
    from clearprop.interop.onnx import load

    return load(folder / "t.onnx")


FORMATS: dict[str, Format] = {
    one.name: one
    for one in (
        *_table_formats(),
        *_array_formats(),
        *_text_formats(),
        *_picture_formats(),
        Format("preprocessor", _preprocessor, _read_preprocessor),
        Format("onnx", _graph, _read_graph),
    )
}
"""Every format by its name."""
