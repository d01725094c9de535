"""Errors about values whose gradient would be lost without notice."""

from __future__ import annotations

from clearprop.errors import TracedValueError


def ended(what: str) -> TracedValueError:
    """Return the error about a value of a differentiation that has ended.

    >>> print(ended("exp was given a value").problem)
    exp was given a value whose differentiation has ended
    """
    return TracedValueError(
        f"{what} whose differentiation has ended",
        fix="return the value from the differentiated function (has_aux=True) instead of "
        "storing it outside",
    )


def complex_value(what: str) -> TracedValueError:
    """Return the error about a complex number where only real ones have a gradient.

    >>> print(complex_value("a vector").expected)
    real numbers, such as the real and the imaginary part as two arrays
    """
    return TracedValueError(
        f"{what} is complex, and the gradient rules are for real numbers: its gradient would be "
        "lost",
        expected="real numbers, such as the real and the imaginary part as two arrays",
        fix="make all that is complex one operation from real to real numbers, such as "
        "clearprop.lift(lambda x: abs(x * (1 + 1j)))(x)",
    )


def in_place() -> TracedValueError:
    """Return the error about a traced value that would be changed in place."""
    return TracedValueError(
        "a value that is being differentiated cannot be changed in place",
        fix="make a new value: x = x.at[index].set(new), or ops.where(mask, new, old)",
    )


def lost(use: str) -> TracedValueError:
    """Return the error about a use of a traced value as a plain number.

    >>> print(lost("float()").problem)
    float() on a value that is being differentiated would lose its gradient
    """
    return TracedValueError(
        f"{use} on a value that is being differentiated would lose its gradient",
        fix="use clearprop's operations; to look at the number use stop_gradient(x), or return it "
        "from the differentiated function with has_aux=True",
    )


def option_traced(operation: str, name: str, instead: str | None) -> TracedValueError:
    """Return the error about a traced value that was given as an option of an operation.

    Args:
        operation: its name.
        name: of the option.
        instead: an expression that has a gradient for it, if there is one.

    >>> print(option_traced("clip", "low", "ops.maximum(x, low)").fix)
    ops.maximum(x, low), which has a gradient for low
    """
    constant = f"{name}=clearprop.stop_gradient({name}), a constant"
    return TracedValueError(
        f"{name} is an option of {operation} and no input: the gradient of {name} would be lost",
        where=operation,
        given=f"a value for {name} that is being differentiated",
        expected=f"a number for {name}",
        fix=f"{instead}, which has a gradient for {name}" if instead else constant,
    )


def without_gradient(name: str) -> AttributeError:
    """Return the error about an attribute of arrays that traced values do not have.

    >>> print(str(without_gradient("view")).partition(";")[0])
    view of a value that is being differentiated would lose its gradient
    """
    return AttributeError(
        f"{name} of a value that is being differentiated would lose its gradient; of the plain "
        f"array it is clearprop.stop_gradient(x).{name}, and clearprop.lift(function) takes "
        "every function of JAX"
    )
