"""What the studio would answer about one run, kept for a page that has no server.

The answers are those of `clearprop.studio.runs.service.RunService`, by the addresses at which the
page asks for them; of the films as many steps as fit.
"""

from __future__ import annotations

import base64
import contextlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from clearprop.errors import ClearpropError

if TYPE_CHECKING:
    from clearprop.studio.runs.messages import FilmEntry, RunDetail
    from clearprop.studio.runs.service import RunService

OF_RECORDINGS = ("value", "error")
"""What is kept of a recorded array."""

OF_EXAMPLES = ("pass", "arrays")
"""The films that show one example."""


@dataclass(frozen=True)
class Budget:
    """How much of a run is kept.

    Attributes:
        most_bytes: of all frames, before they are compressed; the films share them evenly.
        most_steps: of a film.
        fewest_steps: of a film that is kept at all.
        most_names: layers or parameters of a film.
        examples: of a film that shows one example.
    """

    most_bytes: int = 24 * 2**20
    most_steps: int = 60
    fewest_steps: int = 2
    most_names: int = 64
    examples: int = 4


@dataclass(frozen=True)
class KeptAnswers:
    """Answers by their addresses.

    Attributes:
        name: of the run.
        answers: what is answered at each address below ``api/runs``.
    """

    name: str
    answers: dict[str, bytes]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data: the name, the addresses with the length of each answer, and all
        answers one after the other, compressed (zlib) and as base64.
        """
        packed = zlib.compress(b"".join(self.answers.values()), 9)
        return {
            "name": self.name,
            "index": [[address, len(answer)] for address, answer in self.answers.items()],
            "answers": base64.b64encode(packed).decode("ascii"),
        }


def kept_answers(folder: Path, budget: Budget | None = None) -> KeptAnswers:
    """Return what the studio would answer about a run.

    Args:
        folder: of the run.
        budget: how much is kept; None takes the usual one.

    Raises:
        RunError: the folder holds no run, or its configuration is damaged.
    """
    from clearprop.studio.runs.service import RunService
    from clearprop.training.run_config import read_config

    read_config(folder)
    whole = folder.resolve()
    service = RunService(whole.parent)
    try:
        return _Keeper(service, whole.name, budget or Budget()).kept()
    finally:
        service.close()


def address_of(part: str, **query: object) -> str:
    """Return the address of a question, its values sorted by their names.

    It is written as a browser's `URLSearchParams` writes it, which lets "*" stand and not "~".

    >>> address_of("frame", run="lenet5-1", step=3, film="weights")
    'frame?film=weights&run=lenet5-1&step=3'
    >>> address_of("detail", run="a~1 *")
    'detail?run=a%7E1+*'
    """
    pairs = sorted((name, str(value)) for name, value in query.items())
    return f"{part}?{urlencode(pairs, safe='*').replace('~', '%7E')}"


@dataclass(frozen=True)
class _Keeper:
    service: RunService
    name: str
    budget: Budget

    def kept(self) -> KeptAnswers:
        service, name = self.service, self.name
        detail = service.detail(name)
        answers: dict[str, bytes] = {}
        films = []
        share = self.budget.most_bytes // max(1, len(detail.films))
        for film in detail.films:
            frames, kept = self._film(film, share)
            if frames:
                answers |= frames
                films.append(kept)
        answers[address_of("curves", run=name)] = service.curves(name)
        answers[address_of("damage", run=name)] = msgspec.json.encode(service.damage(name))
        answers |= self._diagnosis()
        answers[address_of("detail", run=name)] = msgspec.json.encode(_alone(detail, films))
        return KeptAnswers(name, answers)

    def _diagnosis(self) -> dict[str, bytes]:
        """Return the diagnosis, with the examples where they are at hand, for both questions."""
        found = self.service.diagnosis(self.name, with_data=True)
        while not found.ready:
            found = self.service.diagnosis(self.name, with_data=True)
        answer = msgspec.json.encode(found)
        return {address_of("diagnosis", run=self.name, data=data): answer for data in (0, 1)}

    def _film(self, film: FilmEntry, most_bytes: int) -> tuple[dict[str, bytes], FilmEntry]:
        """Return the frames of a film, and its entry with the steps and names that are kept."""
        most = self.budget.most_names
        kept = msgspec.structs.replace(film, names=film.names[:most], shapes=film.shapes[:most])
        last = dict(self._frames(kept, film.steps[-1:]))
        if film.kind == "statistics":
            return last, kept
        size = max(1, sum(map(len, last.values())))
        count = min(self.budget.most_steps, most_bytes // size)
        if not last or count < min(self.budget.fewest_steps, len(film.steps)):
            return {}, kept
        steps = spread(film.steps, count)
        return dict(self._frames(kept, steps)), msgspec.structs.replace(kept, steps=steps, hint="")

    def _frames(self, film: FilmEntry, steps: Sequence[int]) -> Iterator[tuple[str, bytes]]:
        """Yield each frame with the address at which the page asks for it."""
        examples = range(self.budget.examples if film.kind in OF_EXAMPLES else 1)
        whats = OF_RECORDINGS if film.kind == "arrays" else OF_RECORDINGS[:1]
        for step, of, what, example in product(steps, film.names or [""], whats, examples):
            query: dict[str, object] = {"run": self.name, "film": film.kind}
            query |= {"step": step} if film.kind != "statistics" else {}
            query |= {"of": of} if of else {}
            query |= {"what": what} if film.kind == "arrays" else {}
            query |= {"example": example} if film.kind in OF_EXAMPLES else {}
            with contextlib.suppress(ClearpropError):  # what cannot be shown is left out
                frame = self.service.frame(self.name, film.kind, step, of, what, example)
                yield address_of("frame", **query), frame


def spread(steps: Sequence[int], count: int) -> list[int]:
    """Return so many of the steps, evenly, with the first and the last.

    >>> spread([0, 10, 20, 30, 40], 3), spread([0, 10], 60)
    ([0, 20, 40], [0, 10])
    """
    if len(steps) <= count:
        return list(steps)
    if count < 2:
        return list(steps[-1:])
    places = [round(k * (len(steps) - 1) / (count - 1)) for k in range(count)]
    return [steps[place] for place in dict.fromkeys(places)]


def _alone(detail: RunDetail, films: list[FilmEntry]) -> RunDetail:
    """Return a run without what stands in other files: its report and other runs."""
    return msgspec.structs.replace(
        detail,
        summary=msgspec.structs.replace(detail.summary, parent=None, live=False, holder=""),
        films=films,
        report=False,
        forks=[],
        compared=[],
    )
