"""Run the conformance tests of the library `onnx`, and write their table into docs/onnx.md.

``python -m tools.onnx_conformance`` runs every case and writes the table; with ``--check`` it
writes nothing and ends with exit code 1 where the page is not up to date.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.backend.test.loader as loader
from onnx import numpy_helper

from clearprop.interop.onnx.backend import ClearpropBackend

PAGE = Path(__file__).parents[1] / "docs" / "onnx.md"
BEGIN, END = "<!-- conformance: begin -->", "<!-- conformance: end -->"

KINDS = {
    "node": "one operator each",
    "simple": "small graphs",
    "pytorch-converted": "layers of PyTorch",
    "pytorch-operator": "operators of PyTorch",
}
"""The kinds of cases that are in the library; those of the kind "real" are downloads."""

RANDOM = "the expected numbers are those of NumPy's random generator"
FFT = "the expected numbers are rounded to float32 within the transform: 1.5e-6 off the exact ones"
HALF = "the last bit of float16, where the order of the sums differs"

NOT_PASSED = {
    "test_bernoulli": RANDOM,
    "test_bernoulli_double": RANDOM,
    "test_bernoulli_double_expanded": RANDOM,
    "test_bernoulli_expanded": RANDOM,
    "test_bernoulli_seed": RANDOM,
    "test_bernoulli_seed_expanded": RANDOM,
    "test_training_dropout": RANDOM,
    "test_training_dropout_default": RANDOM,
    "test_training_dropout_default_mask": RANDOM,
    "test_training_dropout_mask": RANDOM,
    "test_dft_inverse": FFT,
    "test_dft_inverse_opset19": FFT,
    "test_attention_4d_causal_fp16": HALF,
    "test_attention_4d_causal_fp16_expanded": HALF,
}
"""The cases that do not pass, with the reason."""


@dataclass(frozen=True)
class Result:
    """What became of a case.

    Attributes:
        name: of the case.
        kind: of the case.
        operators: in its graph.
        problem: what was wrong; None where the case passed.
        compiled: whether the whole graph was one compiled program.
    """

    name: str
    kind: str
    operators: tuple[str, ...]
    problem: str | None
    compiled: bool


def cases(kind: str) -> list[Any]:
    """Return the cases of a kind, each with a model and its inputs and outputs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(loader.load_model_tests(kind=kind))


def run(case: Any) -> Result:
    """Run a case and compare its outputs: types, shapes, and numbers within its tolerance."""
    folder = None if case.model_dir is None else Path(case.model_dir)
    model = case.model if case.model is not None else onnx.load(str(folder / "model.onnx"))
    operators = tuple(sorted({node.op_type for node in model.graph.node}))
    problem, compiled = None, False
    try:
        prepared = ClearpropBackend.prepare(model)
        sets = case.data_sets if case.data_sets is not None else _sets(model, folder)
        for inputs, outputs in sets:
            found = prepared.run([_array(value) for value in inputs])
            _compare([_array(value) for value in outputs], list(found), case.rtol, case.atol)
        compiled = prepared.session.reason is None
    except Exception as error:  # whatever goes wrong is the result
        lines = [line for line in str(error).splitlines() if line.strip()]
        problem = f"{type(error).__name__}: {lines[0] if lines else ''}"
    return Result(case.name, case.kind, operators, problem, compiled)


def _sets(model: onnx.ModelProto, folder: Path | None) -> Iterator[tuple[list[Any], list[Any]]]:
    assert folder is not None
    for path in sorted(folder.glob("test_data_set_*")):
        yield (
            [_read(path / f"input_{i}.pb", slot) for i, slot in enumerate(model.graph.input)
             if (path / f"input_{i}.pb").is_file()],
            [_read(path / f"output_{i}.pb", slot) for i, slot in enumerate(model.graph.output)],
        )  # fmt: skip


def _read(path: Path, slot: onnx.ValueInfoProto) -> Any:
    kinds = {"sequence_type": onnx.SequenceProto, "optional_type": onnx.OptionalProto}
    proto = kinds.get(slot.type.WhichOneof("value"), onnx.TensorProto)()
    proto.ParseFromString(path.read_bytes())
    return proto


def _array(value: Any) -> Any:
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, onnx.SequenceProto):
        return numpy_helper.to_list(value)
    if isinstance(value, onnx.OptionalProto):
        return numpy_helper.to_optional(value)
    return value


def _compare(expected: Sequence[Any], found: Sequence[Any], rtol: float, atol: float) -> None:
    assert len(expected) == len(found), f"{len(found)} outputs, {len(expected)} expected"
    for wanted, given in zip(expected, found, strict=True):
        if isinstance(wanted, list):
            assert isinstance(given, list), "no sequence"
            _compare(wanted, given, rtol, atol)
        elif wanted is None:
            assert given is None, "an optional value is not empty"
        else:
            _compare_arrays(np.asarray(wanted), np.asarray(given), rtol, atol)


def _compare_arrays(wanted: Any, given: Any, rtol: float, atol: float) -> None:
    assert wanted.shape == given.shape, f"shape {given.shape}, {wanted.shape} expected"
    if wanted.dtype == object or given.dtype == object:
        assert wanted.tolist() == given.tolist(), "other texts"
        return
    assert wanted.dtype == given.dtype, f"{given.dtype}, {wanted.dtype} expected"
    if wanted.dtype.kind in "iub":
        np.testing.assert_array_equal(given, wanted)
    else:
        wide = np.float64 if wanted.dtype.kind != "c" else np.complex128
        # Two units in the last place, as the library itself allows for bfloat16.
        rtol = max(rtol, 2**-6) if wanted.dtype.name == "bfloat16" else rtol
        np.testing.assert_allclose(given.astype(wide), wanted.astype(wide), rtol, atol)


def table(results: Iterable[Result]) -> str:
    """Return the table of the page, and the lists of what does not pass."""
    every = list(results)
    lines = [
        f"With onnx {onnx.__version__} (opset {onnx.defs.onnx_opset_version()}):",
        "",
        "| Cases | Passed | Of | As one compiled program |",
        "| --- | --- | --- | --- |",
    ]
    for kind, words in KINDS.items():
        of_kind = [result for result in every if result.kind == kind]
        passed = [result for result in of_kind if result.problem is None]
        compiled = sum(result.compiled for result in passed)
        lines.append(f"| {words} | {len(passed):,} | {len(of_kind):,} | {compiled:,} |")
    lines += ["", "Not passed:", "", "| Reason | Cases |", "| --- | --- |"]
    reasons: dict[str, list[str]] = defaultdict(list)
    for result in every:
        if result.problem is not None:
            reasons[NOT_PASSED.get(result.name, result.problem)].append(result.name)
    lines += [
        f"| {reason} | {', '.join(f'`{name}`' for name in sorted(names))} |"
        for reason, names in sorted(reasons.items())
    ]
    names = Counter(name for result in every if result.problem is None for name in result.operators)
    lines += ["", f"Operators in the cases that passed, {len(names)} in all:", ""]
    lines.append(", ".join(f"`{name}`" for name in sorted(names)) + ".")
    return "\n".join(lines)


def page_with(content: str, found: str) -> str:
    """Return a page in which the part between the marks is replaced.

    Raises:
        ValueError: the page has no marks.
    """
    before, begin, rest = content.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{BEGIN} ... {END} are missing")
    return f"{before}{BEGIN}\n\n{found}\n\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all cases; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.onnx_conformance", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare the page, write nothing")
    chosen = parser.parse_args(arguments)
    results = [run(case) for kind in KINDS for case in cases(kind)]
    for result in results:
        if result.problem is not None:
            print(f"{result.name}: {result.problem}")
    content = PAGE.read_text(encoding="utf-8")
    wanted = page_with(content, table(results))
    if not chosen.check:
        PAGE.write_text(wanted, encoding="utf-8")
        return 0
    if content == wanted:
        return 0
    print(f"{PAGE.name} is not up to date; run python -m tools.onnx_conformance", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
