"""The filters, functions, tests and methods that the templates of devices may use.

Names and arguments are those of Jinja and of Home Assistant's template environment.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import math
import operator
import re
from typing import TYPE_CHECKING, Any

import jinja2
import msgspec
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.tests import TESTS as JINJA_TESTS

from appliance.devices.template_limits import VALUE_UNITS, measured
from appliance.errors import UnsafeTemplate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

REQUIRED = object()
"""Marks a missing default: without one, a bad value is an error."""

QUANTIFIERS, CHOICES = 4, 10
"""Maximum numbers of repetitions, and of optional parts or alternatives, in a regular
expression."""

REGEX_STEPS = 20_000_000
"""Maximum number of steps of a search if every repetition tries every length."""

LONGEST_WIDTH = 999


def _number(value: Any, default: Any = REQUIRED) -> Any:
    try:
        return float(value)
    except (ValueError, TypeError):
        if default is REQUIRED:
            raise ValueError(f"{str(value)[:40]!r} is not a number") from None
        return default


def _integer(value: Any, default: Any = REQUIRED, base: int = 10) -> Any:
    try:
        if isinstance(value, str):
            return int(value, base)
        return int(value)
    except (ValueError, TypeError, OverflowError):
        pass
    try:
        return int(float(value))
    except (ValueError, TypeError, OverflowError):
        if default is REQUIRED:
            raise ValueError(f"{str(value)[:40]!r} is not a whole number") from None
        return default


def _round(
    value: Any, precision: int = 0, method: str = "common", default: Any = REQUIRED
) -> float | int | Any:
    try:
        number, factor = float(value), 10.0**precision
        if method == "ceil":
            number = math.ceil(number * factor) / factor
        elif method == "floor":
            number = math.floor(number * factor) / factor
        elif method == "half":
            number = round(number * 2) / 2
        else:
            number = round(number, precision)
        return int(number) if precision == 0 else number
    except (ValueError, TypeError, OverflowError):
        if default is REQUIRED:
            raise ValueError(f"{str(value)[:40]!r} cannot be rounded") from None
        return default


def _multiply(value: Any, amount: Any, default: Any = REQUIRED) -> Any:
    number = _number(value, default)
    return number if number is default else number * amount


def _add(value: Any, amount: Any, default: Any = REQUIRED) -> Any:
    number = _number(value, default)
    return number if number is default else number + amount


def _is_defined(value: Any) -> Any:
    if isinstance(value, jinja2.Undefined):
        value()  # raises its own error, which says what is missing
    return value


def _is_number(value: Any) -> bool:
    try:
        return math.isfinite(float(value))
    except (ValueError, TypeError):
        return False


def _boolean(value: Any, default: Any = REQUIRED) -> Any:
    text = str(value).strip().lower()
    if text in {"1", "yes", "true", "on", "enable", "1.0"}:
        return True
    if text in {"0", "no", "false", "off", "disable", "0.0"}:
        return False
    if default is REQUIRED:
        raise ValueError(f"{text[:40]!r} is neither true nor false")
    return default


def _choose(
    value: Any, if_true: Any = True, if_false: Any = False, if_none: Any = REQUIRED
) -> Any:  # the order of the arguments is Home Assistant's
    if value is None and if_none is not REQUIRED:
        return if_none
    return if_true if value else if_false


def _to_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _to_html_json(value: Any) -> str:
    """JSON as Jinja's own `tojson` writes it: sorted, and safe inside HTML."""
    text = json.dumps(value, sort_keys=True)
    for character in "<>&'":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _from_json(value: Any) -> Any:
    return msgspec.json.decode(value)


def _format(template: Any, *args: Any, **named: Any) -> str:
    """Printf style: `"%02x" | format(12)`."""
    text = str(template)
    for width in re.findall(r"%[^a-zA-Z%]*", text):
        numbers = re.findall(r"\d+", width)
        if "*" in width or any(int(number) > LONGEST_WIDTH for number in numbers):
            raise UnsafeTemplate("a width in format is too large")
    return text % (named or args)


def _replace(value: Any, old: str, new: str, count: int | None = None) -> str:
    text = str(value)
    many = text.count(old) if count is None else min(count, text.count(old))
    if len(text) + many * len(str(new)) > VALUE_UNITS:
        raise UnsafeTemplate("replace makes the text too long")
    return text.replace(old, str(new), -1 if count is None else count)


def _join(value: Iterable[Any], separator: str = "", attribute: Any = None) -> str:
    parts = [str(_item(one, attribute)) for one in value]
    if len(parts) * len(separator) > VALUE_UNITS:
        raise UnsafeTemplate("join makes the text too long")
    return str(separator).join(parts)


def _item(value: Any, attribute: Any) -> Any:
    return value if attribute is None else value[attribute]


def _sum(values: Iterable[Any], attribute: Any = None, start: float = 0) -> Any:
    return functools.reduce(
        operator.add, [_number_itself(_item(one, attribute)) for one in values], start
    )


def _number_itself(value: Any) -> int | float:
    if not isinstance(value, (int, float)):
        raise TypeError("sum is for numbers")
    return value


def _from_timestamp(value: Any, *, is_local: bool) -> dt.datetime:
    moment = dt.datetime.fromtimestamp(float(value), tz=dt.UTC)
    return moment.astimezone() if is_local else moment


def _timestamp_custom(
    value: Any, date_format: str = "%Y-%m-%d %H:%M:%S", local: bool = True, default: Any = REQUIRED
) -> Any:
    try:
        return _strftime(_from_timestamp(value, is_local=local), date_format)
    except (ValueError, TypeError, OverflowError, OSError):
        if default is REQUIRED:
            raise ValueError(f"{str(value)[:40]!r} is not a timestamp") from None
        return default


def _timestamp_iso(value: Any, default: Any = REQUIRED, *, is_local: bool) -> Any:
    try:
        return _from_timestamp(value, is_local=is_local).isoformat()
    except (ValueError, TypeError, OverflowError, OSError):
        if default is REQUIRED:
            raise ValueError(f"{str(value)[:40]!r} is not a timestamp") from None
        return default


def _as_timestamp(value: Any, default: Any = REQUIRED) -> Any:
    try:
        moment = value if isinstance(value, dt.datetime) else _as_datetime(value)
        return moment.timestamp()
    except (ValueError, TypeError, AttributeError):
        if default is REQUIRED:
            raise ValueError(f"{str(value)[:40]!r} is not a date and time") from None
        return default


def _as_datetime(value: Any, default: Any = REQUIRED) -> Any:
    try:
        return dt.datetime.fromtimestamp(float(value), tz=dt.UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        pass
    try:
        return dt.datetime.fromisoformat(str(value))
    except ValueError:
        if default is REQUIRED:
            raise ValueError(f"{str(value)[:40]!r} is not a date and time") from None
        return default


def _strftime(moment: Any, date_format: str) -> str:
    if re.search(r"%[^a-zA-Z%]", date_format):
        raise UnsafeTemplate("only plain directives are allowed in a date's format")
    return str(moment.strftime(date_format))


def _now() -> dt.datetime:
    return dt.datetime.now().astimezone()


def _utcnow() -> dt.datetime:
    return dt.datetime.now(tz=dt.UTC)


def _bitwise(function: Callable[[int, int], int]) -> Callable[[Any, Any], int]:
    return lambda first, second: function(int(first), int(second))


def _least_or_most(function: Callable[[Iterable[Any]], Any]) -> Callable[..., Any]:
    def choose(*values: Any) -> Any:
        return function(values if len(values) > 1 else values[0])

    return choose


@functools.lru_cache(maxsize=128)
def _regex(pattern: str, ignore_case: bool) -> tuple[re.Pattern[str], int]:
    """A pattern that cannot take exponential time, and its number of repetitions."""
    bare = re.sub(r"\\[^0-9]", "x", pattern)
    bare = re.sub(r"\[\^?\]?[^\]]*\]", "x", bare)
    if re.search(r"\\[0-9]|\(\?[^:]|\)[*+{]", bare):
        what = "references, look-around and repeated groups are not supported"
        raise UnsafeTemplate(f"{what} in a regular expression")
    quantifiers = len(re.findall(r"[*+{]", bare))
    choices = bare.count("|") + len(re.findall(r"(?<![*+}?(])\?", bare))
    if quantifiers > QUANTIFIERS or choices > CHOICES:
        raise UnsafeTemplate("a regular expression has too many repetitions or choices")
    return re.compile(pattern, re.IGNORECASE if ignore_case else 0), quantifiers + 1


def _bounded(pattern: str, value: Any, ignore_case: bool) -> tuple[re.Pattern[str], str]:
    text = str(value)
    regex, power = _regex(str(pattern), bool(ignore_case))
    if len(text) ** power > max(REGEX_STEPS, len(text)):
        raise UnsafeTemplate("the text is too long for this regular expression")
    return regex, text


def _regex_match(value: Any, find: str = "", ignorecase: bool = False) -> bool:
    regex, text = _bounded(find, value, ignorecase)
    return regex.match(text) is not None


def _regex_search(value: Any, find: str = "", ignorecase: bool = False) -> bool:
    regex, text = _bounded(find, value, ignorecase)
    return regex.search(text) is not None


def _regex_replace(
    value: Any = "",
    find: str = "",
    replace: str = "",
    ignorecase: bool = False,
) -> str:
    regex, text = _bounded(find, value, ignorecase)
    if (len(text) + 1) * (len(replace) + 1) > 16 * VALUE_UNITS:
        raise UnsafeTemplate("regex_replace makes the text too long")
    return regex.sub(replace, text)


def _regex_findall(value: Any, find: str = "", ignorecase: bool = False) -> list[Any]:
    regex, text = _bounded(find, value, ignorecase)
    return regex.findall(text)


def _regex_findall_index(
    value: Any,
    find: str = "",
    index: int = 0,
    ignorecase: bool = False,
) -> Any:
    return _regex_findall(value, find, ignorecase)[index]


def _counted(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with its arguments and its value counted, and a list in place of a generator.

    Jinja gives some functions its context or environment first, which does not count.
    """
    skip = 1 if getattr(function, "jinja_pass_arg", None) is not None else 0

    @functools.wraps(function)
    def call(*args: Any, **named: Any) -> Any:
        measured(*args[skip:], *named.values())
        value = function(*args, **named)
        if hasattr(value, "__next__"):
            value = list(value)
        return measured(value)

    return call


_JINJA_OWN = (
    *("default", "d", "string", "length", "count", "truncate", "lower", "upper", "title", "trim"),
    *("first", "last", "list", "map", "select", "selectattr", "reject", "rejectattr", "min"),
    *("max", "abs", "dictsort", "sort", "unique", "capitalize", "items", "reverse"),
)

_FILTERS: dict[str, Callable[..., Any]] = {
    **{name: JINJA_FILTERS[name] for name in _JINJA_OWN},
    "float": _number,
    "int": _integer,
    "round": _round,
    "multiply": _multiply,
    "add": _add,
    "sum": _sum,
    "is_defined": _is_defined,
    "is_number": _is_number,
    "bool": _boolean,
    "iif": _choose,
    "to_json": _to_json,
    "tojson": _to_html_json,
    "from_json": _from_json,
    "format": _format,
    "replace": _replace,
    "join": _join,
    "regex_match": _regex_match,
    "regex_search": _regex_search,
    "regex_replace": _regex_replace,
    "regex_findall": _regex_findall,
    "regex_findall_index": _regex_findall_index,
    "timestamp_custom": _timestamp_custom,
    "timestamp_local": functools.partial(_timestamp_iso, is_local=True),
    "timestamp_utc": functools.partial(_timestamp_iso, is_local=False),
    "as_timestamp": _as_timestamp,
    "as_datetime": _as_datetime,
    "bitwise_and": _bitwise(operator.and_),
    "bitwise_or": _bitwise(operator.or_),
    "bitwise_xor": _bitwise(operator.xor),
    "ord": ord,
}

FILTERS = {name: _counted(function) for name, function in _FILTERS.items()}

_FUNCTIONS: dict[str, Any] = {
    "float": _number,
    "int": _integer,
    "bool": _boolean,
    "iif": _choose,
    "is_number": _is_number,
    "now": _now,
    "utcnow": _utcnow,
    "as_timestamp": _as_timestamp,
    "as_datetime": _as_datetime,
    "timedelta": dt.timedelta,
    "min": _least_or_most(min),
    "max": _least_or_most(max),
    "dict": dict,
}

FUNCTIONS = {name: _counted(function) for name, function in _FUNCTIONS.items()}

TESTS: dict[str, Any] = {
    **{
        name: JINJA_TESTS[name]
        for name in (
            *("defined", "undefined", "none", "number", "string", "mapping", "sequence", "odd"),
            *("iterable", "boolean", "true", "false", "integer", "float", "even", "divisibleby"),
            *("in", "equalto", "eq", "==", "ne", "!=", "lt", "<", "le", "<=", "gt", ">", "ge"),
            *(">=", "lessthan", "greaterthan", "sameas", "lower", "upper"),
        )
    },
    "match": _counted(_regex_match),
    "search": _counted(_regex_search),
}


def _own_method(name: str, *kinds: type) -> Callable[..., Any]:
    def call(owner: Any, *args: Any, **named: Any) -> Any:
        if not isinstance(owner, kinds):
            return jinja2.Undefined(obj=owner, name=name)()
        return getattr(owner, name)(*args, **named)

    return call


def _method_replace(owner: Any, old: str, new: str, count: int = -1) -> str:
    if not isinstance(owner, str):
        raise TypeError("replace is for texts")
    return _replace(owner, old, new, None if count < 0 else count)


METHODS: dict[str, Callable[..., Any]] = {
    **{
        name: _own_method(name, str)
        for name in (
            *("split", "rsplit", "lower", "upper", "title", "strip", "lstrip", "rstrip"),
            *("startswith", "endswith", "isdigit", "isnumeric", "count", "find", "capitalize"),
        )
    },
    **{name: _own_method(name, dict) for name in ("get", "items", "keys", "values")},
    "timestamp": _own_method("timestamp", dt.datetime),
    "isoformat": _own_method("isoformat", dt.datetime, dt.date),
    "total_seconds": _own_method("total_seconds", dt.timedelta),
    "strftime": _strftime,
    "replace": _method_replace,
}
"""Methods by name; the owner of the method is the first argument."""
