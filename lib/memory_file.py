"""Keeps dataclasses in a file, as JSON in parts, so that a change costs its own part alone.

What stands in the file is bounded and checked like an answer of a stranger: somebody may have
edited it. What cannot be understood costs itself, not the rest.
"""

import json
import logging
import math
import os
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Union, cast, get_args, get_origin

from lib import settings_files

VERSION = 1
MOST_BYTES = 64 * 1024 * 1024

log = logging.getLogger("bot.memory")


def read_parts(path: Path) -> dict[str, Any] | None:
    """What the file holds: objects of objects; None if there is no file. One that is broken, of
    somebody else or huge is kept aside, and there is {}."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError("it is too large")
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict) or content.get("version") != VERSION:
            raise ValueError("it is not of this bot")
        return {name: part for name, part in content.items() if isinstance(part, dict)}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        _keep_aside(path, error)
        return {}


def _keep_aside(path: Path, error: Exception) -> None:
    reason = error.strerror if isinstance(error, OSError) else "it is broken, or of somebody else"
    aside = path.with_name(f"{path.name}.broken")
    try:
        if path.is_file():
            os.replace(path, aside)
            reason = f"{reason}; kept as {aside.name}"
    except OSError:
        pass
    log.warning("%s: not read, the bot begins anew: %s", path.name, reason)


def write_parts(path: Path, parts: Mapping[str, Mapping[str, str]]) -> None:
    """Replace the file. The parts of each part are JSON already. Raises OSError."""
    whole = [f'"version":{VERSION}']
    for name, encoded in parts.items():
        inner = ",".join(f"{json.dumps(key)}:{text}" for key, text in encoded.items())
        whole.append(f'"{name}":{{{inner}}}')
    settings_files.write_file(path, "{" + ",".join(whole) + "}\n", old=None)


# ---------------------------------------------------------------- dataclasses


@cache
def _fields(kind: Any) -> list[tuple[str, Field[Any]]]:
    return [(one.name, one) for one in fields(kind)]


def encode(value: object) -> str:
    """A dataclass as JSON, without what is as it is by default."""
    return json.dumps(value, separators=(",", ":"), default=_as_object)


def _as_object(value: Any) -> dict[str, Any]:
    shown = {}
    for name, one in _fields(cast(Any, type(value))):
        mine = getattr(value, name)
        is_default = one.default is not MISSING and mine == one.default
        if not is_default and not (one.default_factory is not MISSING and not mine):
            shown[name] = mine
    return shown


def decode(wanted: Any, value: Any) -> Any:
    """The value as this type, a dataclass or what its fields hold. Raises ValueError, TypeError or
    OverflowError where it is none. Of a list or an object, what does not fit is left out."""
    return _reader(wanted)(value)


@cache
def _reader(wanted: Any) -> Callable[[Any], Any]:
    """The function that reads this type; made once, as there are many values."""
    origin, inner = get_origin(wanted), get_args(wanted)
    if wanted is Any:
        return lambda value: value
    if origin in (Union, types.UnionType):
        read = _reader(inner[0])
        return lambda value: None if value is None else read(value)
    if origin is list:
        read = _reader(inner[0])
        return lambda value: _each(lambda one: read(one), _checked(value, list))
    if origin is dict:
        of_key = int if inner[0] is int else _reader(inner[0])
        read = _reader(inner[1])
        return lambda value: dict(
            _each(lambda pair: (of_key(pair[0]), read(pair[1])), _checked(value, dict).items())
        )
    if is_dataclass(wanted):
        return _object_reader(wanted)
    if wanted is float:
        return _number
    return lambda value: _checked(value, wanted)


def _object_reader(wanted: Any) -> Callable[[Any], Any]:
    readers = {name: _reader(cast(Any, one.type)) for name, one in _fields(wanted)}

    def read(value: Any) -> Any:
        pairs = _checked(value, dict).items()
        return wanted(**{name: readers[name](one) for name, one in pairs if name in readers})

    return read


def _each(read: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
    found = []
    for value in values:
        try:
            found.append(read(value))
        except (ValueError, TypeError, OverflowError):
            continue
    return found


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _checked(value: Any, wanted: type) -> Any:
    if type(value) is not wanted:
        raise TypeError
    return value
