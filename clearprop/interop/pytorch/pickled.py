"""What PyTorch writes into a file as a pickle, read without unpickling.

A pickle is a program. `pickletools.genops` takes it apart and runs nothing. This reader knows the
few instructions that make containers, plain values and descriptions of tensors; it refuses every
other one, and every name but those in `TYPES` and `CALLS`. No object of a file is ever made,
imported or called.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any, NoReturn, TypeAlias

import ml_dtypes
import numpy as np

from clearprop.errors import CheckpointError

Plain: TypeAlias = object
"""What a pickle may hold: dicts, lists, tuples, plain values, and the classes of this file."""

TYPES: dict[tuple[str, str], np.dtype[Any] | None] = {
    ("torch", "DoubleStorage"): np.dtype("<f8"),
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "HalfStorage"): np.dtype("<f2"),
    ("torch", "BFloat16Storage"): np.dtype(ml_dtypes.bfloat16),
    ("torch", "LongStorage"): np.dtype("<i8"),
    ("torch", "IntStorage"): np.dtype("<i4"),
    ("torch", "ShortStorage"): np.dtype("<i2"),
    ("torch", "CharStorage"): np.dtype("i1"),
    ("torch", "ByteStorage"): np.dtype("u1"),
    ("torch", "BoolStorage"): np.dtype("?"),
    ("torch", "ComplexFloatStorage"): np.dtype("<c8"),
    ("torch", "ComplexDoubleStorage"): np.dtype("<c16"),
    ("torch", "uint16"): np.dtype("<u2"),
    ("torch", "uint32"): np.dtype("<u4"),
    ("torch", "uint64"): np.dtype("<u8"),
    ("torch", "float8_e5m2"): np.dtype(ml_dtypes.float8_e5m2),
    ("torch", "float8_e5m2fnuz"): np.dtype(ml_dtypes.float8_e5m2fnuz),
    ("torch", "float8_e4m3fn"): np.dtype(ml_dtypes.float8_e4m3fn),
    ("torch", "float8_e4m3fnuz"): np.dtype(ml_dtypes.float8_e4m3fnuz),
    ("torch", "float8_e8m0fnu"): np.dtype(ml_dtypes.float8_e8m0fnu),
    ("torch.storage", "UntypedStorage"): None,
}
"""The number types that a file may name; None for a storage whose tensors name theirs."""

LARGEST_PICKLE = 256 * 2**20
"""Bytes of a pickle that are read: a million tensors take less."""

LONGEST_NUMBER = 16
"""Bytes of a whole number that is read; the number at the start of an old file has 10."""


@dataclass(frozen=True)
class Named:
    """A name that a pickle refers to: one of `TYPES` or `CALLS`."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True)
class Storage:
    """A stretch of numbers elsewhere in the file.

    Attributes:
        key: its name in the file.
        dtype: of its numbers; None where its tensors say it.
        size: how many numbers; bytes where the type is None.
    """

    key: str
    dtype: np.dtype[Any] | None
    size: int

    @property
    def bytes(self) -> int:
        """How many bytes it has."""
        return self.size * (1 if self.dtype is None else self.dtype.itemsize)


@dataclass(frozen=True)
class Tensor:
    """The description of a tensor: the entries of a storage that it consists of.

    Entry (i, j, ...) is number ``offset + i strides[0] + j strides[1] + ...`` of the storage.
    """

    storage: Storage
    dtype: np.dtype[Any]
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def needs(self) -> int:
        """How many bytes its storage has at least; 0 for a tensor without entries."""
        if not all(self.shape):
            return 0
        pairs = zip(self.shape, self.strides, strict=True)
        return (self.offset + sum((n - 1) * step for n, step in pairs) + 1) * self.dtype.itemsize


@dataclass
class _Machine:
    """The stack and the memory of a pickle while it is read.

    Attributes:
        where: the file, for messages.
        stack: what was read and not yet used.
        marked: the stacks below the marks.
        memory: what a pickle refers to again, by number.
    """

    where: str
    stack: list[Plain] = field(default_factory=list)
    marked: list[list[Plain]] = field(default_factory=list)
    memory: dict[int, Plain] = field(default_factory=dict)

    def since_mark(self) -> list[Plain]:
        values, self.stack = self.stack, self.marked.pop()
        return values

    def refuse(self, what: str, given: str) -> NoReturn:
        raise CheckpointError(
            f"{what}, and only tensors are read",
            where=self.where,
            given=given,
            expected="tensors in dicts, such as torch.save(model.state_dict(), path) writes",
            fix="where you trust the file: load it with torch, and save its state_dict alone",
        )


def read_pickle(source: IO[bytes] | bytes, where: str) -> Plain:
    """Return what a pickle of PyTorch describes; tensors as `Tensor`.

    Args:
        source: the pickle, or a file that stands at its first byte; afterwards it stands behind it.
        where: the file, for messages.

    Raises:
        CheckpointError: the pickle asks for something that is no tensor; it is named.
        Exception: it is damaged; see `clearprop.files.content_errors`.
    """
    machine = _Machine(where)
    for opcode, argument, _ in pickletools.genops(source):
        if opcode.name == "STOP":
            (result,) = machine.stack  # a damaged one leaves more, or nothing
            if machine.marked:
                raise ValueError("a pickle that ends inside a container")
            return result
        step = _STEPS.get(opcode.name)
        if step is None:
            machine.refuse(f"the file uses the pickle instruction {opcode.name}", _shown(argument))
        step(machine, argument)
    raise ValueError("a pickle without its end")


def kind_of_plain(value: Plain) -> str:
    """Return in words what a value of a pickle is, in a few characters.

    >>> kind_of_plain([1, 2]), kind_of_plain(Named("torch", "FloatStorage"))
    ('a list', 'torch.FloatStorage')
    """
    if isinstance(value, Named):
        return str(value)
    if isinstance(value, bool | int | float | str) or value is None:
        return _shown(value)
    return f"a {type(value).__name__.lower()}"


def _shown(argument: object) -> str:
    if isinstance(argument, int) and argument.bit_length() > 64:
        return "a very large number"
    return repr(argument)[:80]


# -- the instructions -----------------------------------------------------------------------------


def _nothing(machine: _Machine, argument: Any) -> None:
    """Pass over an instruction that says only how the pickle is written."""


def _push(machine: _Machine, argument: Any) -> None:
    machine.stack.append(argument)


def _number(machine: _Machine, argument: int) -> None:
    if argument.bit_length() > 8 * LONGEST_NUMBER:
        machine.refuse("the file holds a number that is no size of a tensor", _shown(argument))
    machine.stack.append(argument)


def _mark(machine: _Machine, argument: Any) -> None:
    machine.marked.append(machine.stack)
    machine.stack = []


def _tuple(count: int) -> Callable[[_Machine, Any], None]:
    def make(machine: _Machine, argument: Any) -> None:
        if len(machine.stack) < count:
            raise ValueError("a pickle that takes more than there is")
        values = machine.stack[len(machine.stack) - count :]
        del machine.stack[len(machine.stack) - count :]
        machine.stack.append(tuple(values))

    return make


def _marked_tuple(machine: _Machine, argument: Any) -> None:
    values = machine.since_mark()
    machine.stack.append(tuple(values))


def _put(machine: _Machine, argument: int) -> None:
    machine.memory[argument] = machine.stack[-1]


def _memoize(machine: _Machine, argument: Any) -> None:
    machine.memory[len(machine.memory)] = machine.stack[-1]


def _get(machine: _Machine, argument: int) -> None:
    machine.stack.append(machine.memory[argument])


def _append(machine: _Machine, argument: Any) -> None:
    _extend(machine, [machine.stack.pop()])


def _appends(machine: _Machine, argument: Any) -> None:
    _extend(machine, machine.since_mark())


def _extend(machine: _Machine, values: list[Plain]) -> None:
    target = machine.stack[-1]
    if type(target) is not list:
        raise ValueError("a pickle that appends to what is no list")
    target.extend(values)


def _set_item(machine: _Machine, argument: Any) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    _set(machine, [key, value])


def _set_items(machine: _Machine, argument: Any) -> None:
    _set(machine, machine.since_mark())


def _set(machine: _Machine, pairs: list[Plain]) -> None:
    target = machine.stack[-1]
    if type(target) is not dict or len(pairs) % 2:
        raise ValueError("a pickle that puts entries into what is no dict")
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        # Other keys would be compared and hashed, which may take forever.
        if type(key) not in (str, int):
            machine.refuse("the file has a dict whose keys are no names", kind_of_plain(key))
        target[key] = value


def _name(machine: _Machine, argument: str) -> None:
    module, _, name = argument.partition(" ")
    _refer(machine, module, name)


def _stacked_name(machine: _Machine, argument: Any) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    _refer(machine, module, name)


def _refer(machine: _Machine, module: Plain, name: Plain) -> None:
    if type(module) is not str or type(name) is not str:
        raise ValueError("a pickle that refers to what is no name")
    if (module, name) not in TYPES and (module, name) not in CALLS:
        machine.refuse("the file refers to something that is no tensor", f"{module}.{name}"[:120])
    machine.stack.append(Named(module, name))


def _call(machine: _Machine, argument: Any) -> None:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    known = CALLS.get((function.module, function.name)) if type(function) is Named else None
    if known is None or type(arguments) is not tuple:
        machine.refuse("the file calls something", kind_of_plain(function))
    machine.stack.append(known(machine, *arguments))


def _persistent(machine: _Machine, argument: Any) -> None:
    identity = machine.stack.pop()
    match identity:
        case ("storage", Named() as kind, str(key), str(), int(size), *rest) if rest in (
            [],
            [None],
        ):
            known = (kind.module, kind.name)
            is_storage = kind.name.endswith("Storage") and known in TYPES
            if is_storage and type(size) is int and size >= 0:
                machine.stack.append(Storage(key, TYPES[known], size))
                return
    machine.refuse("the file refers to something outside of it", kind_of_plain(identity))


def _build(machine: _Machine, argument: Any) -> None:
    state = machine.stack.pop()
    # A state_dict carries the versions of its layers, which say nothing of its tensors.
    if type(machine.stack[-1]) is dict and type(state) is dict and set(state) <= {"_metadata"}:
        return
    machine.refuse("the file gives a state to an object", kind_of_plain(machine.stack[-1]))


_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME"), _nothing),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE", "BINFLOAT"), _push),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1"), _number),
    "NONE": lambda machine, _: _push(machine, None),
    "NEWTRUE": lambda machine, _: _push(machine, True),
    "NEWFALSE": lambda machine, _: _push(machine, False),
    "EMPTY_DICT": lambda machine, _: _push(machine, {}),
    "EMPTY_LIST": lambda machine, _: _push(machine, []),
    "EMPTY_TUPLE": lambda machine, _: _push(machine, ()),
    "MARK": _mark,
    "TUPLE": _marked_tuple,
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _put),
    "MEMOIZE": _memoize,
    **dict.fromkeys(("BINGET", "LONG_BINGET"), _get),
    "APPEND": _append,
    "APPENDS": _appends,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "GLOBAL": _name,
    "STACK_GLOBAL": _stacked_name,
    "REDUCE": _call,
    "BINPERSID": _persistent,
    "BUILD": _build,
}
"""The instructions that are understood, by their names in `pickletools`."""


# -- the calls ------------------------------------------------------------------------------------


def _ordered_dict(machine: _Machine, *arguments: Plain) -> Plain:
    if arguments:
        machine.refuse(
            "the file makes an OrderedDict in a way that torch.save does not", "its entries"
        )
    return {}


def _tensor(
    machine: _Machine,
    storage: Plain,
    offset: Plain,
    shape: Plain,
    strides: Plain,
    requires_grad: Plain = False,
    hooks: Plain = None,
    metadata: Plain = None,
) -> Tensor:
    if type(storage) is not Storage or storage.dtype is None:
        raise ValueError("a tensor without the type of its numbers")
    return _described(machine, storage, storage.dtype, offset, shape, strides, hooks, metadata)


def _typed_tensor(
    machine: _Machine,
    storage: Plain,
    offset: Plain,
    shape: Plain,
    strides: Plain,
    requires_grad: Plain,
    hooks: Plain,
    dtype: Plain,
    metadata: Plain = None,
) -> Tensor:
    known = TYPES.get((dtype.module, dtype.name)) if type(dtype) is Named else None
    if type(storage) is not Storage or known is None:
        raise ValueError("a tensor without the type of its numbers")
    return _described(machine, storage, known, offset, shape, strides, hooks, metadata)


def _described(
    machine: _Machine,
    storage: Storage,
    dtype: np.dtype[Any],
    offset: Plain,
    shape: Plain,
    strides: Plain,
    hooks: Plain,
    metadata: Plain,
) -> Tensor:
    if hooks:
        machine.refuse("a tensor of the file has hooks", kind_of_plain(hooks))
    if metadata:
        # Numbers that are stored conjugated or negated would be read wrong.
        named = ", ".join(map(str, metadata)) if type(metadata) is dict else kind_of_plain(metadata)
        machine.refuse("a tensor of the file is not stored as its numbers", named[:80])
    if type(shape) is not tuple or type(strides) is not tuple or len(shape) != len(strides):
        raise ValueError("a tensor whose sizes are no sizes")
    if type(offset) is not int or any(type(n) is not int for n in (*shape, *strides)):
        raise ValueError("a tensor whose sizes are no sizes")
    if min(offset, *shape, *strides, 0) < 0:
        raise ValueError("a tensor whose sizes are negative")
    tensor = Tensor(storage, dtype, offset, shape, strides)
    if tensor.needs > storage.bytes:
        raise ValueError(f"a tensor of {shape}"[:80] + f" in {storage.bytes} bytes")
    return tensor


def _parameter(machine: _Machine, data: Plain, requires_grad: Plain, hooks: Plain) -> Tensor:
    if type(data) is not Tensor:
        raise ValueError("a parameter that is no tensor")
    if hooks:
        machine.refuse("a parameter of the file has hooks", kind_of_plain(hooks))
    return data


CALLS: dict[tuple[str, str], Callable[..., Plain]] = {
    ("collections", "OrderedDict"): _ordered_dict,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor_v3"): _typed_tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
}
"""What a file may call, and what stands here in its place: functions that describe tensors."""
