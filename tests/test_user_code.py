"""The place in a user's code: its line, its expression and what is around it."""

from __future__ import annotations

import ast

import clearprop as cp
from clearprop import user_code


def failing(x: float) -> float:
    return 1 + (
        x / 0
    )  # fmt: skip


class Owner:
    """A class with a field."""

    size: int = 3

    def method(self) -> int:
        return self.size


def test_an_error_has_its_innermost_line_and_expression() -> None:
    try:
        failing(1.0)
    except ZeroDivisionError as error:
        code = user_code.of_error(error)
    assert code is not None
    assert code.expression == "x / 0"
    assert str(code).startswith("test_user_code.py:")
    assert isinstance(code.statement, ast.Return)
    assert code.text(code.statement).startswith("return 1 + (")


def test_an_error_of_the_library_has_the_line_that_called_it() -> None:
    try:
        cp.grad(lambda x: cp.ops.reshape(x, shape=(7, 7)))(1.0)
    except Exception as error:
        code = user_code.of_error(error)
    assert code is not None
    assert code.source == "cp.grad(lambda x: cp.ops.reshape(x, shape=(7, 7)))(1.0)"
    assert code.expression == "cp.ops.reshape(x, shape=(7, 7))"


def test_the_running_line() -> None:
    code = user_code.of_caller()
    assert code is not None
    assert code.source == "code = user_code.of_caller()"
    assert code.name_of("clearprop") == "cp"
    assert code.name_of("jax.numpy") is None


def test_a_class_and_a_function() -> None:
    found = user_code.of_class(Owner)
    assert found is not None
    place, tree = found
    assert place.source == "class Owner:"
    assert isinstance(tree.body[1], ast.AnnAssign)
    function = user_code.function_at(user_code.of_function(failing))
    assert function is not None
    assert function.name == "failing"


def test_code_of_libraries_and_code_without_source() -> None:
    assert user_code.of_function(cp.ops.reshape) is None
    names: dict[str, object] = {}
    exec("def made(x):\n    return x / 0", names)
    try:
        names["made"](1)  # type: ignore[operator]  # it is the function
    except ZeroDivisionError as error:
        code = user_code.of_error(error)
    assert code is not None
    assert (code.expression, code.statement, code.source) == ("", None, "")
