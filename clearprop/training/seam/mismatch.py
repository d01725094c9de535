"""One thing that does not fit between the outputs of a model, its loss and the targets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from clearprop.errors import ClearpropError, ModelError

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Mismatch:
    """Outputs, loss or targets that do not fit together.

    Attributes:
        kind: its name, such as "targets_out_of_reach"; docs/checks.md has the table of all.
        severity: "error" where it cannot be meant, so that `fit` refuses it; "warning" where it
            can, so that `fit` warns once.
        problem: what is wrong, in one sentence.
        given: the numbers of these examples.
        expected: what would be right; "" where the fix says it.
        fix: what to change, as code where that is possible.
        where: path of the layer, or the name of the loss.
        evidence: the same numbers by name.
        error: the class of the error that `fit` raises.
    """

    kind: str
    severity: Severity
    problem: str
    given: str
    fix: str
    expected: str = ""
    where: str = ""
    evidence: dict[str, float] = field(default_factory=dict)
    error: type[ClearpropError] = ModelError

    @property
    def sentence(self) -> str:
        """Problem and numbers in one line."""
        return f"{self.problem}: {self.given}" if self.given else self.problem

    def as_error(self) -> ClearpropError:
        """Return the error that says all of it; its text is also that of the warning."""
        return self.error(
            self.problem,
            where=self.where or None,
            given=self.given or None,
            expected=self.expected or None,
            fix=self.fix or None,
        )
