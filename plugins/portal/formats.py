"""How numbers, dates and sizes are written: in the reader's language and time zone, by Babel.

What depends on the zone (`day`, `hour`, `instant`, `ago`) works where the shell is known: in templates, not in macros.
Babel reads a pattern at every call, so what it made of the same value in the same language is used again.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_skeleton, format_time, format_timedelta, get_datetime_format
from babel.numbers import format_currency, format_decimal, format_percent
from jinja2 import Environment, pass_context, pass_environment
from jinja2.runtime import Context

from kernel import clock
from kernel.languages import own_name

_STEPS = ("kB", "MB", "GB", "TB")
_RECENT_DAYS = 7
_DAY = "yMMMd"
"""The month by its name: of `03/10` nobody can tell which is the day."""
_LEFT_TO_RIGHT = "\u200e"


def _language(environment: Environment) -> str:
    return str(environment.globals["locale"])


def _locale(context: Context) -> str:
    return str(context["shell"].locale)


@lru_cache(64)
def _parsed(locale: str) -> Locale:
    return Locale.parse(locale, sep="-")


# With the kind of the value: True is 1, and is written otherwise.
_remembered = lru_cache(4096, typed=True)


@_remembered
def _number(value: float, locale: str) -> str:
    return format_decimal(value, locale=_parsed(locale))


@_remembered
def _percent(value: float, locale: str) -> str:
    return format_percent(value, locale=_parsed(locale))


@_remembered
def _money(value: Decimal, currency: str, locale: str) -> str:
    written = format_currency(value, currency, locale=_parsed(locale))
    return written + _LEFT_TO_RIGHT if _parsed(locale).text_direction == "rtl" else written


@_remembered
def _day(value: date, locale: str) -> str:
    # Of a plain date: two instants are equal that are the same moment in two zones, and it may be another day there.
    return format_skeleton(_DAY, value, locale=_parsed(locale))


@_remembered
def _instant(value: datetime, timezone: str, locale: str) -> str:
    zone, spoken = ZoneInfo(timezone), _parsed(locale)
    both = str(get_datetime_format("medium", locale=spoken)).replace("'", "")
    return both.format(
        format_time(value, "medium", tzinfo=zone, locale=spoken), _day(value.astimezone(zone).date(), locale)
    )


@_remembered
def _ago(seconds: int, locale: str) -> str:
    return format_timedelta(timedelta(seconds=-seconds), add_direction=True, locale=_parsed(locale))


@pass_environment
def translated(environment: Environment, text: str) -> str:
    """Return a text that a plugin brings (a label, a title) in the language: no pattern, and escaped as any value is.

    `_(...)` is for the words of templates themselves: it fills in what stands behind `%` and trusts the rest as HTML.
    """
    return str(environment.globals["texts"].gettext(text)) if text else ""  # type: ignore[attr-defined]


@pass_environment
def number(environment: Environment, value: float) -> str:
    """Return a number with the separators of the language."""
    return _number(value, _language(environment))


@pass_environment
def percent(environment: Environment, value: float) -> str:
    """Return a share of 100 as a percentage."""
    return _percent(value / 100, _language(environment))


@pass_environment
def money(environment: Environment, value: Decimal, currency: str) -> str:
    """Return an amount with its currency; the sign of `US$` stays at its end, whatever the direction."""
    return _money(value, currency, _language(environment))


def clock_time(seconds: int) -> str:
    """Return a length as a player shows it: minutes and seconds, before them the hours if there are any."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


@pass_context
def day(context: Context, value: date | datetime) -> str:
    """Return a date, of an instant that of the reader's zone."""
    if isinstance(value, datetime):
        value = value.astimezone(ZoneInfo(context["shell"].timezone)).date()
    return _day(value, _locale(context))


@pass_context
def short_day(context: Context, value: date) -> str:
    """Return a date without its year, where that is no question."""
    return format_skeleton("MMMd", value, locale=_locale(context))


@pass_context
def instant(context: Context, value: datetime) -> str:
    """Return an instant with its time, in the reader's zone."""
    return _instant(value, context["shell"].timezone, _locale(context))


@pass_context
def hour(context: Context, value: datetime) -> int:
    """Return the hour of an instant, in the reader's zone."""
    return value.astimezone(ZoneInfo(context["shell"].timezone)).hour


@pass_context
def ago(context: Context, value: datetime) -> str:
    """Return how long ago something was if that is less than a week, else its date."""
    since = clock.now() - value
    if since.days >= _RECENT_DAYS or since.total_seconds() < 0:
        return str(day(context, value))
    return _ago(int(since.total_seconds()), _locale(context))


@pass_environment
def size(environment: Environment, size_bytes: int) -> str:
    """Return a number of bytes in kB, MB, ..."""
    value, unit = size_bytes / 1000, _STEPS[0]
    for unit in _STEPS:
        if value < 1000 or unit == _STEPS[-1]:
            break
        value /= 1000
    return f"{_number(round(value, 1 if value < 10 else 0), _language(environment))} {unit}"


@pass_context
def duration(context: Context, duration_seconds: int) -> str:
    """Return a length of time as `6 h 20 min`."""
    hours, minutes = divmod(round(duration_seconds / 60), 60)
    gettext: Any = context.resolve("gettext")
    if hours:
        return str(context.call(gettext, "%(hours)s h %(minutes)s min", hours=hours, minutes=minutes))
    return str(context.call(gettext, "%(minutes)s min", minutes=minutes))


def initials(name: str) -> str:
    """Return the first letters of the first and the last word, for who has no picture."""
    words = name.split()
    return "".join(word[0] for word in ([words[0], words[-1]] if len(words) > 1 else words)).upper()


FILTERS = {
    "translated": translated, "initials": initials, "language_name": own_name,
    "number": number, "percent": percent, "money": money, "size": size, "duration": duration, "clock": clock_time,
    "day": day, "short_day": short_day, "hour": hour, "instant": instant, "ago": ago,
}  # fmt: skip
