"""Mends of a user's code: the source that does here what a statement or expression meant."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from clearprop import user_code
from clearprop.user_code import UserCode


@dataclass(frozen=True)
class Mend:
    """What to write instead.

    Attributes:
        given: the source that is wrong.
        fix: the source to put in its place.
        needs: the import that the fix needs and the code lacks; None where it lacks none.
    """

    given: str
    fix: str
    needs: str | None = None


def of_conversion(code: UserCode) -> Mend | None:
    """Return the mend of ``float(x)``, ``int(x)``, ``bool(x)`` and ``x.item()``.

    Where the number was to be a float the value itself takes its place. ``int`` has no gradient.
    """
    call = _call(code)
    if call is None or call.keywords:
        return None
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("item", "tolist"):
        return Mend(code.expression, _source(code, call.func.value))
    if not isinstance(call.func, ast.Name) or len(call.args) != 1:
        return None
    inner = _source(code, call.args[0])
    atom = isinstance(call.args[0], ast.Name | ast.Call | ast.Attribute | ast.Subscript)
    match call.func.id:
        case "float" | "bool":
            return Mend(code.expression, inner if atom else f"({inner})")
        case "int":
            name, needs = _package(code)
            return Mend(code.expression, f"{name}.stop_gradient({inner}).astype(int)", needs)
    return None


def of_function(code: UserCode, ours: Callable[[str], str | None]) -> Mend | None:
    """Return the mend of a call of a function of NumPy or JAX.

    Args:
        code: where it stands; its expression is the call.
        ours: returns the operation with the same arguments for the name of a function, or None.
    """
    call = _call(code)
    if call is None or "\n" in code.expression:
        return None
    called = _source(code, call.func)
    module, _, function = called.rpartition(".")
    arguments = code.expression[len(called) :]
    name, needs = _package(code)
    operation = ours(function)
    home = _module(code, module)
    if home is not None and home.__name__.startswith("clearprop"):
        return None  # it is an operation already
    if operation is not None:
        return Mend(code.expression, f"{name}.ops.{operation}{arguments}", needs)
    if home is None or not _is_numpy(home) or not call.args:
        return None
    function = f"{home.__name__}.{function}".partition(".")[2]
    jnp = code.name_of("jax.numpy")
    if not _has(sys.modules["jax.numpy"], function):
        return None
    value = _source(code, call.args[0])
    rest = arguments[1:].strip().removeprefix(value)
    lifted = f"{name}.lift(lambda v: {jnp or 'jnp'}.{function}(v{rest})({value})"
    lacks = [needs] if needs else []
    lacks += [] if jnp else ["import jax.numpy as jnp"]
    return Mend(code.expression, lifted, "; ".join(lacks) or None)


def _has(module: object, path: str) -> bool:
    for name in path.split("."):
        module = getattr(module, name, None)
    return module is not None


def is_numpy_call(code: UserCode) -> bool:
    """Return whether the expression is a call of a function of NumPy."""
    call = _call(code)
    return call is not None and _is_numpy(_module(code, ast.unparse(call.func).rpartition(".")[0]))


def _is_numpy(module: ModuleType | None) -> bool:
    return module is not None and module.__name__.partition(".")[0] == "numpy"


def of_method(code: UserCode, ours: Callable[[str], str | None]) -> Mend | None:
    """Return the mend of a method that PyTorch's tensors have, such as ``x.view(n, -1)``.

    Args:
        code: where it stands; its expression is the method or its call.
        ours: returns the operation with the same arguments for the name of a function, or None.
    """
    call = _method_call(code)
    if call is None or not isinstance(call.func, ast.Attribute):
        return None
    given, value, method = _source(code, call), _source(code, call.func.value), call.func.attr
    arguments = given[len(_source(code, call.func)) :]
    name, needs = _package(code)
    if renamed := {"view": "reshape", "permute": "transpose"}.get(method):
        return Mend(given, f"{value}.{renamed}{arguments}")
    if any(word.arg in _WORDS for word in call.keywords):
        for word, right in _WORDS.items():
            given_word = rf"\b{word}(\s*=)"
            arguments = re.sub(given_word, rf"{right}\1", arguments)
        return Mend(given, f"{value}.{method}{arguments}")
    if method == "size":
        return Mend(given, f"{value}.shape[{_source(code, call.args[0])}]" if call.args else "")
    if method == "unsqueeze" and len(call.args) == 1:
        axis = _source(code, call.args[0])
        return Mend(given, f"{name}.ops.expand_dims({value}, {axis})", needs)
    if method == "detach":
        return Mend(given, f"{name}.stop_gradient({value})", needs)
    if method in ("contiguous", "cpu", "cuda", "to"):
        return Mend(given, value)
    operation = ours(method)
    if operation is None:
        return None
    rest = arguments[1:].strip()
    inside = f"{value}{')' if rest == ')' else f', {rest}'}"
    return Mend(given, f"{name}.ops.{operation}({inside}", needs)


_WORDS = {"dim": "axis", "keepdim": "keepdims"}
"""Arguments of PyTorch's methods, and what they are called here."""


def _method_call(code: UserCode) -> ast.Call | None:
    for node in ast.walk(code.statement) if code.statement is not None else ():
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if code.expression in (code.text(node.func), code.text(node)):
            return node
    return None


def of_assignment(code: UserCode) -> Mend | None:
    """Return the mend of ``x[i] = v`` and of ``x[i] += v``: the same as a new value.

    Where an index may come twice, ``x[i] += v`` adds once and ``x.at[i].add(v)`` twice.
    """
    statement = code.statement
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, value = statement.targets[0], _source(code, statement.value)
    elif isinstance(statement, ast.AugAssign):
        target = statement.target
        value = ast.unparse(ast.BinOp(target, statement.op, statement.value))
    else:
        return None
    if not isinstance(target, ast.Subscript):
        return None
    whole, index = _source(code, target.value), _source(code, target.slice)
    method = "set"
    adds = isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add)
    if adds and _is_basic(target.slice):
        method, value = "add", _source(code, statement.value)
    return Mend(code.text(statement), f"{whole} = {whole}.at[{index}].{method}({value})")


def _is_basic(index: ast.expr) -> bool:
    """Return whether an index consists of numbers and slices, so that no entry comes twice."""
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    return all(isinstance(part, ast.Constant | ast.Slice) for part in parts)


def of_missing_return(function: Callable[..., object]) -> tuple[Mend | None, str | None]:
    """Return the mend of a function without ``return``, and its last line."""
    place = user_code.of_function(function)
    head = user_code.function_at(place)
    if place is None or head is None:
        return None, str(place) if place is not None else None
    last = head.body[-1]
    given, line = place.text(last), user_code.at_line(place.file, last.lineno, place.names)
    fix = None
    if isinstance(last, ast.Expr) and not isinstance(last.value, ast.Constant):
        fix = f"return {given}"
    elif isinstance(last, ast.Assign | ast.AugAssign):
        target = last.targets[0] if isinstance(last, ast.Assign) else last.target
        fix = f"{given}\nreturn {place.text(target)}"
    return Mend(given, fix) if fix else None, str(line)


def of_truth(code: UserCode) -> Mend | None:
    """Return the mend of a condition on values: `ops.where` with both results."""
    name, needs = _package(code)
    conditions = ast.If | ast.IfExp | ast.While | ast.Assert
    around = [
        node
        for node in (ast.walk(code.tree) if code.tree is not None else ())
        if isinstance(node, conditions) and _covers(code, node.test)
    ]
    if not around:
        return of_conversion(code)
    for node in around:
        condition = _condition(code, node.test)
        if isinstance(node, ast.If | ast.IfExp) and condition is not None:
            if isinstance(node, ast.IfExp):
                results = f"{_source(code, node.body)}, {_source(code, node.orelse)}"
                return Mend(_source(code, node), f"{name}.ops.where({condition}, {results})", needs)
            chosen = _chosen(code, node)
            if chosen is not None:
                target, yes, no, given = chosen
                return Mend(given, f"{target}{name}.ops.where({condition}, {yes}, {no})", needs)
    return None


def _condition(code: UserCode, test: ast.expr) -> str | None:
    """Return a condition as one array of truth values; None where that is open."""
    if isinstance(test, ast.BoolOp):
        parts = [_condition(code, part) for part in test.values]
        sign = " & " if isinstance(test.op, ast.And) else " | "
        compared = all(isinstance(part, ast.Compare) for part in test.values)
        return sign.join(f"({part})" for part in parts) if compared and None not in parts else None
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _condition(code, test.operand)
        is_compared = isinstance(test.operand, ast.Compare) and inner is not None
        return f"~({inner})" if is_compared else None
    if isinstance(test, ast.Compare):
        plain = len(test.ops) == 1 and isinstance(
            test.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE | ast.Eq | ast.NotEq
        )
        return _source(code, test) if plain else None
    if isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id == "bool":
        return _condition(code, test.args[0]) if len(test.args) == 1 else None
    return _source(code, test) if isinstance(test, ast.Call | ast.Name) else None


def _covers(code: UserCode, test: ast.expr) -> bool:
    inside = test.lineno <= code.line <= (test.end_lineno or test.lineno)
    return inside and code.expression in _source(code, test)


def _chosen(code: UserCode, node: ast.If) -> tuple[str, str, str, str] | None:
    """Return the beginning of the new statement, both results, and the source of the old one."""
    given = code.text(node)
    if len(node.body) != 1 or len(node.orelse) > 1:
        return None
    yes, other = node.body[0], node.orelse[0] if node.orelse else None
    if isinstance(yes, ast.Return) and yes.value is not None:
        if other is None:
            other = _following(code, node)
            given = f"{given}\n{' ' * node.col_offset}{code.text(other)}" if other else given
        if isinstance(other, ast.Return) and other.value is not None:
            return "return ", _source(code, yes.value), _source(code, other.value), given
        return None
    first, second = _assigned(code, yes), _assigned(code, other) if other else None
    if first is None or (other is not None and (second is None or second[0] != first[0])):
        return None
    return f"{first[0]} = ", first[1], second[1] if second else first[0], given


def _assigned(code: UserCode, statement: ast.stmt) -> tuple[str, str] | None:
    """Return the name and the new value of an assignment to one name."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        if isinstance(target, ast.Name):
            return target.id, _source(code, statement.value)
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        whole = ast.BinOp(ast.Name(statement.target.id), statement.op, statement.value)
        return statement.target.id, ast.unparse(whole)
    return None


def _following(code: UserCode, node: ast.If) -> ast.stmt | None:
    for outer in ast.walk(code.tree) if code.tree is not None else ():
        body = getattr(outer, "body", None)
        if isinstance(body, list) and node in body and body.index(node) + 1 < len(body):
            found = body[body.index(node) + 1]
            return found if isinstance(found, ast.stmt) else None
    return None


def of_print(code: UserCode) -> Mend | None:
    """Return the mend of ``print(f"{x:.3f}")``: the same for values that are known later."""
    statement = code.statement
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return None
    call = statement.value
    if not (isinstance(call.func, ast.Name) and call.func.id == "print" and len(call.args) == 1):
        return None
    name, needs = _package(code)
    text, shown = "", []
    for part in call.args[0].values if isinstance(call.args[0], ast.JoinedStr) else ():
        if isinstance(part, ast.FormattedValue):
            spec = part.format_spec
            written = spec.values[0].value if isinstance(spec, ast.JoinedStr) else ""  # type: ignore[attr-defined]  # a spec without values inside is one constant
            text += f"{{:{written}}}" if written else "{}"
            shown.append(f"{name}.stop_gradient({_source(code, part.value)})")
        elif isinstance(part, ast.Constant):
            text += str(part.value).replace("{", "{{").replace("}", "}}")
    if not shown:
        return None
    jax_name = code.name_of("jax")
    lacks = [needs] if needs else []
    lacks += [] if jax_name else ["import jax"]
    fix = f"{jax_name or 'jax'}.debug.print({text!r}, {', '.join(shown)})"
    return Mend(code.text(statement), fix, "; ".join(lacks) or None)


def _call(code: UserCode) -> ast.Call | None:
    try:
        tree = ast.parse(code.expression, mode="eval").body
    except SyntaxError:  # no source, or no expression
        return None
    return tree if isinstance(tree, ast.Call) else None


def _source(code: UserCode, node: ast.AST) -> str:
    """Return the source of a node of the file, or of the expression."""
    inside = ast.get_source_segment(code.expression, node) if _is_of_expression(code, node) else ""
    return inside or code.text(node) or ast.unparse(node)


def _is_of_expression(code: UserCode, node: ast.AST) -> bool:
    return code.tree is None or not any(node is known for known in ast.walk(code.tree))


def _module(code: UserCode, path: str) -> ModuleType | None:
    """Return the module that a dotted name means in the user's code."""
    first, *rest = path.split(".")
    found = code.names.get(first)
    for name in rest:
        found = getattr(found, name, None)
    return found if isinstance(found, ModuleType) else None


def _package(code: UserCode) -> tuple[str, str | None]:
    """Return the user's name for clearprop, and the import where there is none."""
    name = code.name_of("clearprop")
    return name or "cp", None if name else "import clearprop as cp"
