"""Numbers in other notations: decimal comma, thousands, percent, currencies, units.

A notation is taken only if every cell of the column can be read in it, and in no other one with
another value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from clearprop.data.readings import PLAIN, THOUSANDS, Reading
from clearprop.errors import option

if TYPE_CHECKING:
    import polars

CODES = "USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|KRW|RUB|TRY|ZAR"
MARKS = "$€£¥₹₽₩₺₴₪₫₱฿¢"
CURRENCY = rf"(?:[A-Z]{{1,3}})?[{MARKS}]|{CODES}|Fr\.|kr|zł|Kč"
WORD = r"°?[\p{L}µ]{1,8}[²³]?(?:[/·*][\p{L}µ]{1,8}[²³]?)?|°|\""

CELL = (
    r"^(?<open>\()?\s*(?<sign>[-+])?\s*"
    rf"(?<before>{CURRENCY}|[%‰])?\s*(?<open2>\()?\s*(?<sign2>[-+])?\s*"
    r"(?<body>[0-9][0-9.,' _]*|[.,][0-9]+)(?<power>[eE][-+]?[0-9]+)?\s*(?<close2>\))?\s*"
    rf"(?<after>[%‰]|{CURRENCY}|{WORD})?\s*(?<close>\))?\s*(?<minus>-)?$"
)
"""A number in any notation with a unit before or after it, for the regular expressions of Rust."""

SPACED_UNIT = r"[0-9.)] +[^0-9]+$|^[^0-9]+ +[0-9(]"
UNITS = frozenset(
    (
        *("k", "K", "M", "B", "bn", "mn", "Mio", "Mrd", "kg", "g", "mg", "t", "lb"),
        *("lbs", "oz", "km", "m", "cm", "mm", "mi", "in", "ft", "yd", "h", "hr", "hrs", "min"),
        *("s", "ms", "d", "l", "L", "ml", "kB", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB"),
        *("kW", "kWh", "Hz", "kHz", "MHz", "GHz", "°C", "°F", "°", "km/h", "m/s", "mph", "rpm"),
        *("m²", "km²", "cm²", "mm²", "m³", "cm³", "ha", "hp", "PS", "bar", "mbar", "Pa", "kPa"),
        *("hPa", "psi", "kcal", "cal", "kJ", "ppm", "dB", "px", "nm", "µm", "ns", "µs", "µg"),
        *("mV", "kV", "mA", "mAh", "TWh", "GWh", "MWh", "Wh", "MW", "GW"),
    )
)
"""Units and factors: cells with different ones among these are no names, but different scales."""


@dataclass(frozen=True, eq=False)
class Cells:
    """The distinct cells of a text column, taken apart.

    Args:
        texts: the distinct texts, without spaces at their ends and without missing ones.
    """

    texts: polars.Series

    @cached_property
    def parts(self) -> polars.DataFrame:
        """The named parts of `CELL` for each text, its ``unit`` and its number of ``signs``."""
        import polars as pl

        groups = normal(self.texts).str.extract_groups(CELL).struct.unnest()
        marks = ("sign", "sign2", "minus")
        return groups.with_columns(
            pl.col("body").str.strip_chars(" "),
            pl.coalesce("before", "after", pl.lit("")).alias("unit"),
            signs=pl.sum_horizontal(
                *(pl.col(name).is_not_null() for name in (*marks, "open", "open2"))
            ),
            is_negative=pl.any_horizontal(
                *(pl.col(name).fill_null("") == "-" for name in marks),
                *(pl.col(name).is_not_null() for name in ("open", "open2")),
            ),
            is_shaped=pl.col("body").is_not_null()
            & (pl.col("before").is_null() | pl.col("after").is_null())
            & (pl.col("open").is_null() | pl.col("open2").is_null())
            & (pl.col("close").is_null() | pl.col("close2").is_null())
            & (
                (pl.col("open").is_null() & pl.col("open2").is_null())
                == (pl.col("close").is_null() & pl.col("close2").is_null())
            ),
        )

    @cached_property
    def are_numbers(self) -> polars.Series:
        """Whether each text is a number in some notation, with or without a unit."""
        return self.parts["is_shaped"] & self.parts["body"].str.contains(ANY_BODY).fill_null(False)

    @property
    def look_like_amounts(self) -> polars.Series:
        """Whether each text is a number without a unit, in percent or in a currency."""
        amount = self.parts["unit"].str.contains(rf"^(?:|[%‰]|{CURRENCY})$")
        return self.are_numbers & amount

    @cached_property
    def units(self) -> tuple[str, ...]:
        """The different units of the numbers, "" among them where one has none."""
        return tuple(self.parts.filter(self.are_numbers)["unit"].unique().sort().to_list())

    def readings(self, marks: Marks) -> list[Reading]:
        """Return every notation in which all cells are numbers; two of them give other values.

        Args:
            marks: what is known about the marks.
        """
        if len(self.units) != 1 or not self.are_numbers.all():
            return []
        unit = self.units[0]
        # 12Apt is a name, 12 apples are a number.
        is_known = not unit or is_amount(unit) or unit in UNITS
        if not is_known and not normal(self.texts).str.contains(SPACED_UNIT).all():
            return []
        bodies = self.parts["body"].unique()
        used = [mark for mark in THOUSANDS if bodies.str.contains(mark, literal=True).any()]
        found = []
        for decimal in ("", *(mark for mark in used if mark in ".,")):
            for thousands in ("", *(mark for mark in used if mark != decimal)):
                if {decimal, thousands} - {""} == set(used) and marks.allow(decimal, thousands):
                    other = "," if thousands == "." else "."
                    reading = Reading("", decimal or other, thousands, self.units[0])
                    if bodies.str.contains(body_pattern(reading)).all():
                        found.append(reading)
        return found


@dataclass(frozen=True)
class Marks:
    """What is known about the marks in the numbers of a file.

    Args:
        decimals: marks that begin the decimals, by the options or by other columns.
        thousands: marks between groups of three digits.
    """

    decimals: frozenset[str] = frozenset()
    thousands: frozenset[str] = frozenset()

    @classmethod
    def given(cls, decimal: str | None, thousands: str | None) -> Marks:
        """Return what the options ``decimal`` and ``thousands`` say."""
        of_decimals = {decimal} if decimal else set()
        if thousands in (",", ".") and not decimal:
            of_decimals = {"." if thousands == "," else ","}
        of_thousands = {thousands} if thousands else set()
        if decimal == ".":
            of_thousands.add(",")  # no other meaning is left
        return cls(frozenset(of_decimals), frozenset(of_thousands))

    @classmethod
    def proved(cls, readings: Iterable[Reading]) -> Marks:
        """Return what columns with one possible notation prove, as far as they agree."""
        known = list(readings)
        decimals = {reading.decimal for reading in known if reading.decimal != "."}
        decimals |= {"." for reading in known if reading.thousands == ","}
        thousands = {reading.thousands for reading in known} - {""}
        return cls(frozenset(decimals - thousands), frozenset(thousands - decimals))

    def with_points(self) -> Marks:
        """Return the marks of a file in which a column has decimals after a point, as 2.5."""
        return Marks(self.decimals | {"."}, self.thousands - {"."})

    @property
    def reading(self) -> Reading:
        """How a number would be written in the file; plain where that is not known."""
        decimal = "," if self.decimals == {","} or self.thousands == {"."} else "."
        thousands = self.thousands - {decimal}
        return Reading("", decimal, min(thousands) if len(thousands) == 1 else "")

    def allow(self, decimal: str, thousands: str) -> bool:
        """Return whether nothing that is known speaks against these two marks."""
        return decimal not in self.thousands and thousands not in self.decimals


def is_amount(unit: str) -> bool:
    """Return whether a unit is a percentage or a currency.

    >>> is_amount("%"), is_amount("US$"), is_amount("kg")
    (True, True, False)
    """
    return re.fullmatch(rf"[%‰]|{CURRENCY}", unit) is not None


def body_pattern(reading: Reading) -> str:
    """Return the pattern of the digits of a number in this notation.

    >>> import re
    >>> german = body_pattern(Reading(decimal=",", thousands="."))
    >>> [bool(re.match(german, text)) for text in ("1.234,5", "1234,5", "12.34", "0.123")]
    [True, True, False, False]
    """
    decimal = re.escape(reading.decimal)
    whole = "[0-9]+"
    if reading.thousands:
        mark = re.escape(reading.thousands)
        whole = rf"(?:[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+|[0-9]+)"
        if reading.thousands == ",":  # 12,34,567 in India
            whole = rf"(?:[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}}|{whole})"
    digits = "[0-9]*" if reading.decimal == "." else "[0-9]+"  # "1." is a number of Python
    return rf"^(?:{whole}(?:{decimal}{digits})?|{decimal}[0-9]+)$"


NOTATIONS = tuple(
    Reading("", decimal, thousands)
    for decimal in ".,"
    for thousands in ("", *THOUSANDS)
    if decimal != thousands
)
ANY_BODY = "|".join(body_pattern(reading) for reading in NOTATIONS)


def numbers_in(texts: polars.Series, reading: Reading = PLAIN) -> polars.Series:
    """Return texts as numbers, float64; null where a text is not a number in this notation.

    Args:
        texts: without spaces at their ends; null where a value is missing.
        reading: the notation.

    >>> import polars as pl
    >>> numbers_in(pl.Series(["1.234,50 €", "(7) €", "7"]), Reading("", ",", ".", "€")).to_list()
    [1234.5, -7.0, None]
    """
    import polars as pl

    if not (reading.unit or reading.thousands or reading.decimal != "."):
        plain = texts.cast(pl.Float64, strict=False)
        if plain.count() == texts.count():
            return plain
    parts = Cells(texts).parts
    number = pl.col("body")
    if reading.thousands:
        number = number.str.replace_all(reading.thousands, "", literal=True)
    number = number.str.replace(reading.decimal, ".", literal=True)
    value = (number + pl.col("power").fill_null("")).cast(pl.Float64, strict=False)
    fits = (
        pl.col("is_shaped")
        & pl.col("body").str.contains(body_pattern(reading))
        & (pl.col("unit") == reading.unit)
        & (pl.col("signs") <= 1)
    )
    signed = pl.when("is_negative").then(-value).otherwise(value)
    return parts.select(pl.when(fits).then(signed)).to_series()


def normal(texts: polars.Series) -> polars.Series:
    """Return texts with plain spaces, apostrophes and minus signs in place of typographic ones."""
    plain = texts.str.replace_all("[\u00a0\u2007\u2009\u202f]", " ")
    return plain.str.replace_all("[’ʼ]", "'").str.replace_all("[\u2212\u2012\u2013]", "-")


def best_reading(cells: Cells, marks: Marks) -> Reading:
    """Return the notation in which most cells are numbers."""
    known = [r for r in NOTATIONS if marks.allow(r.decimal, r.thousands)] or [PLAIN]
    bodies = cells.parts["body"]
    return max(known, key=lambda reading: bodies.str.contains(body_pattern(reading)).sum())


def options_of(readings: Iterable[Reading]) -> list[str]:
    """Return the option that chooses each reading among the others.

    >>> options_of([Reading(decimal=","), Reading(thousands=",")])
    ["decimal=','", "thousands=','"]
    """
    return [
        option("decimal", reading.decimal)
        if reading.decimal != "." or not reading.thousands
        else option("thousands", reading.thousands)
        for reading in readings
    ]
