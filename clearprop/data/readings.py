"""How the cells of a column are written in its file, so that new files are read the same way."""

from __future__ import annotations

import codecs
from dataclasses import asdict, dataclass
from typing import Any

from clearprop.data import records
from clearprop.data.dates import ORDERS, PARTS
from clearprop.data.records import JsonRecord

MISSING_MARKS = ("", "na", "n/a", "nan", "null", "?", "#n/a", "<na>")
"""Spreadsheets and statistics programs write these, in any case, where a value is not known."""

DECIMALS = (".", ",")
THOUSANDS = (",", ".", " ", "'", "_")


@dataclass(frozen=True)
class Reading:
    """How the cells of a column are written.

    Args:
        source: the column of the file, where its name is not that of the column.
        decimal: the decimal mark of the numbers.
        thousands: the mark between groups of three digits; "" for none.
        unit: what stands before or after every number, such as ``%``, ``$`` or ``kg``.
        na_values: cells that stand for a missing value, besides those that always do.
        date: the order of the parts of a date: a key of `clearprop.data.dates.ORDERS`; "" for a
            column that is no date, or has the type of a date in its file.
        part: the part of the date or time that the column holds, such as ``year``.
        encoding: of the file, where it was given.
        skiprows: how many lines stood above the header of the file.

    >>> Reading(decimal=",", unit="%").example
    '1234,5 %'
    """

    source: str = ""
    decimal: str = "."
    thousands: str = ""
    unit: str = ""
    na_values: tuple[str, ...] = ()
    date: str = ""
    part: str = ""
    encoding: str = ""
    skiprows: int = 0

    @property
    def example(self) -> str:
        """A number in this notation."""
        number = f"1{self.thousands}234{self.decimal}5"
        return f"{number} {self.unit}" if self.unit else number

    @property
    def words(self) -> str:
        """The notation in words; "" for plain numbers."""
        parts = []
        if self.decimal != ".":
            parts.append(f"decimal {self.decimal!r}")
        if self.thousands:
            parts.append(f"thousands {self.thousands!r}")
        if self.unit:
            parts.append(f"in {self.unit}")
        return ", ".join(parts)

    def to_record(self) -> dict[str, Any]:
        """Return what differs from a plain reading, as plain values."""
        plain = asdict(PLAIN)
        return {name: value for name, value in asdict(self).items() if value != plain[name]}

    @classmethod
    def from_record(cls, record: object, where: str = "the record") -> Reading:
        """Return the reading that `to_record` wrote; a run without one read plain cells.

        Args:
            record: what `to_record` returned, or None.
            where: its place, for errors.

        Raises:
            DataError: it is no such record.

        >>> Reading.from_record(Reading(unit="%").to_record()).unit, Reading.from_record(None).unit
        ('%', '')
        """
        taken = JsonRecord.of({} if record is None else record, where, (), tuple(_READERS))
        return cls(**{name: taken.take(name, _READERS[name]) for name in taken.values})


def _encoding(value: object, where: str) -> str:
    name = records.text(value, where)
    try:
        codecs.lookup(name or "utf-8")
    except (LookupError, ValueError) as error:
        raise records.wrong(where, name, "the name of an encoding") from error
    return name


_READERS: dict[str, records.Reader[Any]] = {
    "source": records.text,
    "decimal": records.one_of(DECIMALS),
    "thousands": records.one_of(("", *THOUSANDS)),
    "unit": records.text,
    "na_values": records.several(records.text),
    "date": records.one_of(("", *ORDERS)),
    "part": records.one_of(("", *PARTS)),
    "encoding": _encoding,
    "skiprows": records.whole,
}

PLAIN = Reading()
"""Numbers as Python writes them, and texts."""
