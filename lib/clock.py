"""The clocks of the bot, so that a test can hand in others."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# The clock that nobody sets and that goes on while the computer sleeps, where there is one:
# Linux, then macOS. That of Windows is time.monotonic().
_STEADY_CLOCK = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))

UTC_ZONES = ("", "UTC", "GMT", "Etc/UTC", "Etc/GMT")  # right, be they understood or not


def steady_clock() -> float:
    """Seconds since some moment, whatever happens to the clock that people see."""
    return time.monotonic() if _STEADY_CLOCK is None else time.clock_gettime(_STEADY_CLOCK)


def unknown_zone() -> str:
    """What the variable TZ says, if this computer does not understand it and takes UTC instead."""
    zone = os.environ.get("TZ", "").removeprefix(":")
    name = time.strftime("%Z")  # not time.tzname: on Windows that is what Windows is set to
    # Of Europe/Moscow that it does not know, C makes a zone "Europe" ("Eur" on Windows) without a
    # distance to UTC; musl calls it UTC.
    is_made_up = name != "" and zone.startswith(name)
    is_utc = name == "UTC" and "/" in zone and not zone.startswith("Etc/")
    is_far = time.timezone != 0 or (time.daylight and os.name != "nt")
    return zone if zone not in UTC_ZONES and (is_made_up or is_utc) and not is_far else ""


@dataclass(frozen=True)
class Clocks:
    """`now`: what people see. `steady`: what durations are measured by. `monotonic`: what the end
    of a token is measured by."""

    now: Callable[[], float] = time.time
    steady: Callable[[], float] = steady_clock
    monotonic: Callable[[], float] = time.monotonic


def boot_id() -> str:
    """What tells this run of the computer from others, "" where that is not known."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
