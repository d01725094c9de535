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
        fix="make a new value: ops.where(mask, new, old) or ops.scatter_add(old, index, addend)",
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
