"""Answers to mistakes in modules of one's own: each with the line of the user and a mend."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from clearprop import elsewhere, user_code
from clearprop.arguments import (
    UnknownArgumentError,
    call_of,
    names_of,
    too_many,
    unknown_argument,
)
from clearprop.autodiff import mends
from clearprop.elsewhere import UnknownAttributeError
from clearprop.errors import ModelError


def check_forward(cls: type, base: type) -> None:
    """Raise where a class defines ``forward``, which nothing would call.

    Raises:
        ModelError: a class has ``forward`` and no ``__call__`` of its own.
    """
    for owner in cls.__mro__:
        if owner is base:
            return
        function = vars(owner).get("forward")
        if "__call__" in vars(owner) or not inspect.isfunction(function):
            continue
        place = user_code.of_function(function)
        head = (place.source if place else "") or "def forward(self, x):"
        raise ModelError(
            f"{owner.__name__} defines forward, and here a module computes in __call__",
            given=head,
            fix=head.replace("forward", "__call__", 1),
            line=str(place) if place else None,
        )


def wrong_arguments(
    cls: type, args: Sequence[object], given: Mapping[str, object], error: TypeError
) -> UnknownArgumentError | None:
    """Return the error about arguments that a class does not take; None for another error."""
    step = error.__traceback__
    try:
        signature = inspect.signature(cls)
    except (TypeError, ValueError):
        return None
    passed_on = _passed_on(cls)
    known = [*names_of(signature), *passed_on]
    takes_all = not passed_on and len(known) < len(signature.parameters)
    unknown = next((one for one in given if one not in known and not takes_all), None)
    inside = step is None or step.tb_next is not None  # it was raised inside __init__
    if inside and not (passed_on and unknown):
        return None
    place = user_code.of_caller()
    name = f"nn.{cls.__name__}" if cls.__module__.startswith("clearprop.nn") else cls.__name__
    if unknown is not None:
        words = {
            word: ours
            for word, ours in elsewhere.LAYER_ARGUMENTS.items()
            if ours.partition("=")[0] in known or ours.startswith("leave it out")
        }
        raised = unknown_argument(name, unknown, known, words)
    else:
        raised = too_many(name, signature, args, given) or UnknownArgumentError(
            f"{name} was called with too few arguments",
            given=re.sub(r"^\S*__init__\(\) ", "", str(error)),
            expected=call_of(name, signature),
        )
    raised.line = str(place) if place else None
    return raised


def _passed_on(cls: type) -> list[str]:
    """Return the names of the arguments that an ``__init__`` takes as ``**options`` of a type."""
    init = inspect.getattr_static(cls, "__init__")
    every = inspect.signature(init).parameters.values()
    options = next((one for one in every if one.kind is one.VAR_KEYWORD), None)
    if options is None or not str(options.annotation).startswith("Unpack["):
        return []
    hint = typing.get_type_hints(init, include_extras=True)[options.name]
    return list(typing.get_type_hints(typing.get_args(hint)[0]))


def changed(module: object, name: str) -> ModelError:
    """Return the error about an assignment to a field after ``__init__``."""
    kind, place = type(module).__name__, user_code.of_caller()
    given = (place.source if place else "") or f"assignment to {name!r} of {kind}"
    inside = place is not None and re.match(rf"self\.{name}\b", given)
    if not inside or place is None:
        return ModelError(
            "a module cannot be changed in place",
            given=f"assignment to {name!r} of {kind}",
            fix="make a changed copy: tree.replace(model, {path: array}) for arrays, "
            f"model.replace({name}=...) for fields",
            line=str(place) if place else None,
        )
    prefix = place.name_of("clearprop.nn")
    package = place.name_of("clearprop")
    nn = prefix or (f"{package}.nn" if package else "nn")
    update = _update(place.statement, name, place)
    if name in vars(module) and update is not None:
        fix = f"{name}: object = {nn}.statistic()\n{nn}.current().update(self, {name}={update})"
        expected = (
            "the first line in the class: a value that training updates without learning it; the "
            "second here, which keeps the new value"
        )
    else:
        fix, expected = re.sub(rf"\bself\.{name}\b", name, given), "a local variable"
    return ModelError(
        "a module cannot be changed in place: while JAX compiles, the assignment would run once",
        where=kind,
        given=given,
        expected=expected,
        fix=fix,
        line=str(place),
    )


def _update(statement: ast.stmt | None, name: str, place: user_code.UserCode) -> str | None:
    """Return the source of the new value of ``self.name``."""
    if isinstance(statement, ast.AugAssign):
        whole = ast.BinOp(
            ast.parse(f"self.{name}", mode="eval").body, statement.op, ast.Constant(0)
        )
        sign = ast.unparse(whole).removesuffix("0")
        value = place.text(statement.value)
        atom = isinstance(statement.value, ast.Constant | ast.Name | ast.Call | ast.Attribute)
        return f"{sign}{value if atom else f'({value})'}"
    if isinstance(statement, ast.Assign):
        return place.text(statement.value)
    return None


def missing_attribute(module: object, name: str, base: type) -> AttributeError:
    """Return the error about an attribute that a module does not have."""
    kind = type(module).__name__
    if name.startswith("__") or not name.isidentifier():
        return AttributeError(f"{kind!r} object has no attribute {name!r}", name=name, obj=module)
    ours = elsewhere.MODULE_ATTRIBUTES.get(name)
    if ours is not None:
        return UnknownAttributeError(f"a module has no {name!r}", where=kind, fix=ours)
    for owner in type(module).__mro__[1:]:
        init = vars(owner).get("__init__")
        if owner is base or init is None:
            continue
        if name in _assigned(init) and name not in _assigned(type(module).__init__):
            place = user_code.of_function(type(module).__init__)
            return UnknownAttributeError(
                f"{kind} has no {name!r}, which the __init__ of {owner.__name__} sets",
                where=kind,
                expected=f"a call of the __init__ of {owner.__name__} in that of {kind}",
                fix=_super_call(init),
                line=str(place) if place else None,
            )
    return AttributeError(f"{kind!r} object has no attribute {name!r}", name=name, obj=module)


def _assigned(init: Callable[..., object]) -> tuple[str, ...]:
    code = getattr(init, "__code__", None)
    return () if code is None else code.co_names


def _super_call(init: Callable[..., object]) -> str:
    needed = [
        parameter.name
        for parameter in list(inspect.signature(init).parameters.values())[1:]
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    return f"super().__init__({', '.join(needed)})"


def made_in_call(layer: object) -> ModelError:
    """Return the error about a layer that is made while a model is called."""
    kind, place = type(layer).__name__, user_code.of_caller()
    fix = f"self.{kind.lower()} = nn.{kind}(...)\nself.{kind.lower()}(x)"
    given = None
    call = _making_call(place, kind)
    if place is not None and call is not None and place.statement is not None:
        made = place.text(call)
        given = place.text(place.statement)
        name = _free_name(place, kind.lower())
        uses = re.sub(re.escape(made) + r"(\.init\([^()]*\))?", f"self.{name}", given, count=1)
        fix = f"self.{name} = {made}\n{uses}"
    return ModelError(
        f"this {kind} is made while the model is called: it would be new at each call, and nothing "
        "would train it",
        given=given,
        expected="the first line in __init__, the second here",
        fix=fix,
        line=str(place) if place else None,
    )


def _making_call(place: user_code.UserCode | None, kind: str) -> ast.Call | None:
    """Return the call in a statement that makes a layer of this class."""
    if place is None or place.statement is None:
        return None
    for node in ast.walk(place.statement):
        if isinstance(node, ast.Call):
            called = place.text(node.func)
            if called.rpartition(".")[2] == kind:
                return node
    return None


def _free_name(place: user_code.UserCode, name: str) -> str:
    text = ast.unparse(place.tree) if place.tree is not None else ""
    number, free = 1, name
    while f"self.{free}" in text:
        number, free = number + 1, f"{name}_{number + 1}"
    return free


def no_output(owner: object, function: Callable[..., object], path: str) -> ModelError:
    """Return the error about the ``__call__`` of a module, or a loss, that returns nothing."""
    of_loss = owner is function
    what = getattr(owner, "__name__", "the loss") if of_loss else type(owner).__name__
    mend, line = mends.of_missing_return(function)
    return ModelError(
        f"the loss {what} returns None" if of_loss else f"the __call__ of {what} returns None",
        where=path or None,
        given=mend.given if mend else None,
        expected=f"the {'value of the loss' if of_loss else 'output of the module'}, after return",
        fix=mend.fix if mend else "return y",
        line=line,
    )


def return_line(function: Callable[..., object]) -> tuple[str, str] | None:
    """Return place and source of the first ``return a, b`` of a function; None without source."""
    place = user_code.of_function(function)
    head = user_code.function_at(place)
    for node in ast.walk(head) if head is not None else ():
        if isinstance(node, ast.Return) and place is not None:
            line = user_code.at_line(place.file, node.lineno, place.names)
            return str(line), place.text(node)
    return None


@functools.cache
def first_return(source: str) -> str | None:
    """Return ``return a`` for ``return a, b``; None for another statement.

    >>> first_return("return scores, hidden")
    'return scores'
    """
    try:
        node: Any = ast.parse(f"def f():\n {source}").body[0]
    except SyntaxError:
        return None
    value = node.body[0].value
    return f"return {ast.unparse(value.elts[0])}" if isinstance(value, ast.Tuple) else None
