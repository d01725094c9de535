"""Dates and times of a table: how they are written, and the numbers that they become.

A date becomes the numbers year, month, day of the week (1 is Monday) and day of the year; one with
a time of day also the hour, with minutes and seconds as its fraction. A time zone is not applied:
the numbers are those that are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars

CLOCK = (
    r"(?<hour>[0-9]{1,2}):(?<minute>[0-9]{2})(?::(?<second>[0-9]{2}(?:[.,][0-9]+)?))?"
    r"(?:\s*(?<half>[AaPp])\.?[Mm]\.?)?(?:\s*(?:Z|UTC|GMT|[+-][0-9]{2}:?(?:[0-9]{2})?))?"
)
SPACES = "[\u00a0\u2007\u2009\u202f]"
AFTER = rf"(?:(?:[T ]\s*|,\s+)(?:um\s)?{CLOCK})?$"
MONTH_NAMES = (
    # English, German, French, Spanish, Italian, Portuguese, Dutch
    "jan january januar jänner jän janvier janv ene enero gen gennaio janeiro januari",
    "feb february februar febr février fevrier févr fevr febrero febbraio fev fevereiro februari",
    "mar march märz maerz mär mrz mars marzo março marco mrt maart",
    "apr april avril avr abr abril aprile",
    "may mai mayo mag maggio maio mei",
    "jun june juni juin junio giu giugno junho",
    "jul july juli juil juillet julio lug luglio julho",
    "aug august août aout ago agosto augustus",
    "sep sept september septembre septiembre set sett settembre setembro",
    "oct october okt oktober octobre octubre ott ottobre out outubro",
    "nov november novembre noviembre novembro",
    "dec december dez dezember déc décembre decembre dic diciembre dicembre dezembro",
)
"""The names of each month; no name stands for two months."""

WEEKDAYS = (
    "mon monday tue tues tuesday wed wednesday thu thur thurs thursday fri friday sat saturday sun "
    "sunday mo montag di dienstag mi mittwoch do donnerstag fr freitag sa samstag sonnabend so "
    "sonntag lun lundi mar mardi mer mercredi jeu jeudi ven vendredi sam samedi dim dimanche lunes "
    "martes mié miércoles jue jueves vie viernes sáb sábado dom domingo lunedì martedì mercoledì "
    "gio giovedì venerdì sab sabato domenica seg segunda segunda-feira ter terça terça-feira qua "
    "quarta quarta-feira qui quinta quinta-feira sex sexta sexta-feira ma maandag dinsdag wo "
    "woensdag donderdag vr vrijdag za zaterdag zo zondag"
)


def _one_of(names: str) -> str:
    return "|".join(sorted(names.split(), key=len, reverse=True))


MONTHS = {name: str(at) for at, names in enumerate(MONTH_NAMES, 1) for name in names.split()}
WEEKDAY = rf"^(?:(?:{_one_of(WEEKDAYS)})\.?,?\s+)?"
MONTH = rf"(?<month>{_one_of(' '.join(MONTH_NAMES))})\.?"
UHR = (
    (r"(?i)(^|[^0-9.:])([0-9]{1,2})\s*Uhr$", "${1}${2}:00"),
    (r"(?i)(^|[^0-9.:])([0-9]{1,2})\.([0-9]{2})\s*Uhr$", "${1}${2}:${3}"),
    (r"(?i)(:[0-9]{2})\s*Uhr$", "${1}"),
)
"""German times, 14 Uhr and 14.30 Uhr, and how they are written with a colon."""

YEAR, SHORT = "(?<year>[12][0-9]{3})", "(?<year>[0-9]{2})"
DOTTED_YEAR = "(?<year>(?:1[5-9]|20|21)[0-9]{2})"  # 1.2.1042 is a version
DAY, NUMBER = "(?<day>[0-9]{1,2})", "(?<month>[0-9]{1,2})"

ORDERS: Mapping[str, tuple[str, ...]] = {
    "year-month-day": (
        rf"{YEAR}-{NUMBER}-{DAY}{AFTER}",
        rf"{YEAR}/{NUMBER}/{DAY}{AFTER}",
        rf"{YEAR}\.{NUMBER}\.{DAY}\.?{AFTER}",
        rf"{YEAR}[- ]{MONTH}[- ]{DAY}{AFTER}",
    ),
    "day.month.year": (
        rf"{DAY}\.\s?{NUMBER}\.\s?{DOTTED_YEAR}{AFTER}",
        # 1.10.12 is a version.
        rf"(?<day>[0-9]{{2}})\.\s?(?<month>[0-9]{{2}})\.\s?{SHORT}{AFTER}",
    ),
    "day month year": (
        rf"{DAY}(?:st|nd|rd|th|er|[.º°])?[- /](?:de )?{MONTH}[-, /]\s?(?:de )?{YEAR}{AFTER}",
    ),
    "month day year": (rf"{MONTH}[ -]{DAY}(?:st|nd|rd|th)?,?[ -]{YEAR}{AFTER}",),
    "day/month/year": (
        rf"{DAY}/{NUMBER}/{YEAR}{AFTER}",
        rf"{DAY}-{NUMBER}-{YEAR}{AFTER}",
        rf"{DAY}/{NUMBER}/{SHORT}{AFTER}",
        rf"{DAY}-{NUMBER}-{SHORT}{AFTER}",
    ),
    "month/day/year": (
        rf"{NUMBER}/{DAY}/{YEAR}{AFTER}",
        rf"{NUMBER}-{DAY}-{YEAR}{AFTER}",
        rf"{NUMBER}/{DAY}/{SHORT}{AFTER}",
        rf"{NUMBER}-{DAY}-{SHORT}{AFTER}",
    ),
    "short year-month-day": (
        rf"{SHORT}-{NUMBER}-{DAY}{AFTER}",
        rf"{SHORT}/{NUMBER}/{DAY}{AFTER}",
    ),
    "yearmonthday": (r"(?<year>(?:19|20)[0-9]{2})(?<month>[0-9]{2})(?<day>[0-9]{2})$",),
    "year-month": (
        rf"{YEAR}-{NUMBER}$",
        rf"{NUMBER}/{YEAR}$",
        rf"(?<month>[0-9]{{2}})\.{YEAR}$",
        rf"{MONTH}[- ](?:de )?{YEAR}$",
        rf"{YEAR}[- ]{MONTH}$",
    ),
    "quarter": (rf"{YEAR}[- ]?Q(?<quarter>[1-4])$", rf"Q(?<quarter>[1-4])[- /]?{YEAR}$"),
    "time": (rf"{CLOCK}$",),
}
"""The ways to write a date or time that are known, each with its patterns."""

TIME = "time"
PARTS = ("year", "month", "day_of_week", "day_of_year", "hour")
"""What a date or a time becomes."""
WITHOUT_DAY = ("year-month", "quarter")
DAY_FIRST = ("day/month/year", "month/day/year")
SHORT_PIVOT = 68
"""A year of two digits up to this belongs to 2000 to 2068, any other to 1969 to 1999 (POSIX)."""

SHORT_WORDS = f"years of two digits are {1901 + SHORT_PIVOT} to {2000 + SHORT_PIVOT}"


def moments(texts: polars.Series, order: str) -> polars.DataFrame:
    """Return the date, Date, and the hour, float64, of each text; null where it is no such date.

    Args:
        texts: without spaces at their ends; null where a value is missing.
        order: a key of `ORDERS`.

    >>> import polars as pl
    >>> found = moments(pl.Series(["2024-02-29T06:30", "2023-02-29"]), "year-month-day")
    >>> found["date"].to_list(), found["hour"].to_list()
    ([datetime.date(2024, 2, 29), None], [6.5, None])
    """
    import polars as pl

    parts = _parts(texts, ORDERS[order])
    numbers = parts.select(
        pl.col("year", "day", "hour", "minute", "second").str.replace(",", ".").cast(pl.Float64),
        pl.coalesce(
            pl.col("month").str.to_lowercase().replace(MONTHS).cast(pl.Float64),
            pl.col("quarter").cast(pl.Float64) * 3 - 2,
        ).alias("month"),
        is_short=pl.col("year").str.len_chars() == 2,
        half=pl.col("half").str.to_lowercase(),
    )
    year = pl.col("year") + pl.when("is_short").then(
        pl.when(pl.col("year") <= SHORT_PIVOT).then(2000).otherwise(1900)
    ).otherwise(0)
    day = pl.lit(1.0) if order in WITHOUT_DAY else pl.col("day")
    written = [part.cast(pl.Int32).cast(pl.String) for part in (year, pl.col("month"), day)]
    # Twelve o'clock is written 12:00 pm at noon, 12:00 am at midnight.
    twelve_hours = pl.col("hour") % 12 + 12 * (pl.col("half") == "p").cast(pl.Float64)
    hour = pl.coalesce(twelve_hours, pl.col("hour"))
    clock = hour + (pl.col("minute") + pl.col("second").fill_null(0.0) / 60) / 60
    in_a_day = (hour < 24) & (pl.col("minute") < 60) & (pl.col("second").fill_null(0.0) < 60)
    in_a_day &= pl.col("half").is_null() | pl.col("hour").is_between(1, 12)  # 13:30 am is no time
    return numbers.select(
        date=pl.concat_str(written, separator="-").str.to_date("%Y-%m-%d", strict=False),
        hour=pl.when(in_a_day).then(clock),
        has_clock=pl.col("hour").is_not_null(),
    )


def orders_of(texts: polars.Series, dayfirst: bool | None = None) -> list[str]:
    """Return the ways to write a date in which all texts are dates.

    Two of them give different dates, as for 03/04/2024, unless ``dayfirst`` chooses one.

    Args:
        texts: distinct texts, without spaces at their ends.
        dayfirst: True takes 03/04/2024 as 3 April, False as March 4.

    >>> import polars as pl
    >>> orders_of(pl.Series(["03/04/2024"])), orders_of(pl.Series(["03/04/2024", "25/04/2024"]))
    (['day/month/year', 'month/day/year'], ['day/month/year'])
    """
    if not len(texts):
        return []
    found = [order for order in ORDERS if are_moments(texts, order).all()]
    if dayfirst is None:
        return found
    chosen, refused = DAY_FIRST if dayfirst else DAY_FIRST[::-1]
    return [chosen] if chosen in found else [order for order in found if order != refused]


def are_moments(texts: polars.Series, order: str) -> polars.Series:
    """Return whether each text is a date or a time of this kind."""
    found = moments(texts, order)
    hour = found["hour"].is_not_null()
    if order == TIME:
        return hour
    return found["date"].is_not_null() & (hour | ~found["has_clock"])


def short_years(texts: polars.Series, order: str) -> list[int]:
    """Return the different years that are written with two digits, as numbers, ascending.

    >>> import polars as pl
    >>> short_years(pl.Series(["01.02.65", "01.02.1999", "05.02.70"]), "day.month.year")
    [65, 70]
    """
    patterns = [pattern for pattern in ORDERS[order] if SHORT in pattern]
    if not patterns:
        return []
    years = _parts(texts, patterns)["year"].drop_nulls().unique()
    return [int(year) for year in years.sort()]


def parts_of(values: polars.Series, order: str = "") -> dict[str, polars.Series]:
    """Return the numbers that dates or times become, float64 (N,), by the name of the part.

    Args:
        values: texts, or the type Date, Datetime or Time; null where one is missing.
        order: a key of `ORDERS`, for texts.

    >>> import polars as pl
    >>> made = parts_of(pl.Series(["2024-02-29 06:30", None]), "year-month-day")
    >>> {name: numbers[0] for name, numbers in made.items()}
    {'year': 2024.0, 'month': 2.0, 'day_of_week': 4.0, 'day_of_year': 60.0, 'hour': 6.5}
    """
    import polars as pl

    if values.dtype == pl.String:
        found = moments(values, order)
        date, hour = found["date"], found["hour"]
    else:
        timed = values.dtype == pl.Time or isinstance(values.dtype, pl.Datetime)
        # A cast to Date would give the day in UTC, not the day of the time zone that is written.
        date = values.dt.date() if isinstance(values.dtype, pl.Datetime) else values
        hour = _hours(values) if timed else pl.Series([None] * len(values), dtype=pl.Float64)
    parts = {}
    if order != TIME and date.dtype == pl.Date:
        parts = {
            "year": date.dt.year(),
            "month": date.dt.month(),
            "day_of_week": date.dt.weekday(),
            "day_of_year": date.dt.ordinal_day(),
        }
        if order in WITHOUT_DAY:
            parts = {name: parts[name] for name in ("year", "month")}
    if hour.count() and (not parts or hour.max() != 0 or hour.min() != 0):
        # A date among dates with a time stands for its beginning.
        parts["hour"] = hour if not parts else hour.fill_null(0.0).set(date.is_null(), None)
    return {name: part.cast(pl.Float64) for name, part in parts.items()}


def _hours(values: polars.Series) -> polars.Series:
    return values.dt.hour() + (values.dt.minute() + values.dt.second() / 60) / 60


def _parts(texts: polars.Series, patterns: Sequence[str]) -> polars.DataFrame:
    import polars as pl

    names = ("year", "month", "day", "quarter", "hour", "minute", "second", "half")
    spaced = texts.str.replace_all(SPACES, " ")
    if spaced.str.contains("(?i)uhr$").any():
        for pattern, written in UHR:
            spaced = spaced.str.replace(pattern, written)
    plain = spaced.to_frame("text")
    found = [pl.col("text").str.extract_groups(f"(?i){WEEKDAY}{pattern}") for pattern in patterns]
    groups = plain.select(part.alias(str(index)) for index, part in enumerate(found))
    return groups.select(
        pl.coalesce(
            *(
                pl.col(str(index)).struct.field(name)
                for index, pattern in enumerate(patterns)
                if f"(?<{name}>" in pattern
            ),
            pl.lit(None, pl.String),
        ).alias(name)
        for name in names
    )
