"""Times that people plan by the clock of this computer: maintenance windows, and the digest.

Pure functions: the time is handed in, and nothing happens here. A window is what the clock on the
wall says: on the night when the clock is set back it may come twice, on the other one never.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN, WEEK_MIN = 24 * 60, 7 * 24 * 60

_DAY = rf"(?:({'|'.join(DAYS)})\s+)?"
_CLOCK = r"(\d\d?):([0-5]\d)"


@dataclass(frozen=True)
class Window:
    """A part of each day, or of one day of the week (Monday is 0). `begin`, `end`: minutes of
    the day; an `end` that is not after the `begin` is of the next day."""

    begin: int
    end: int
    weekday: int | None = None

    @property
    def length_min(self) -> int:
        return (self.end - self.begin) % DAY_MIN or DAY_MIN

    def holds(self, clock: time.struct_time) -> bool:
        minute, day = clock.tm_hour * 60 + clock.tm_min, clock.tm_wday
        if self.begin < self.end:
            return self.begin <= minute < self.end and self.weekday in (None, day)
        if minute >= self.begin:
            return self.weekday in (None, day)
        return minute < self.end and self.weekday in (None, (day - 1) % 7)


def read_window(text: str) -> Window | None:
    """ "03:00-03:30" or "sun 02:00-04:00"; None for anything else."""
    found = re.fullmatch(rf"{_DAY}{_CLOCK}\s*[-–—]\s*{_CLOCK}", text.strip().lower())
    if not found:
        return None
    begin = int(found[2]) * 60 + int(found[3])
    end = int(found[4]) * 60 + int(found[5])
    if begin == end or begin >= DAY_MIN or end > DAY_MIN:
        return None
    return Window(begin, end, _weekday(found[1]))


def _weekday(name: str | None) -> int | None:
    return DAYS.index(name) if name else None


def window_end(windows: Sequence[Window], at: float) -> float | None:
    """When the present window ends, with those that follow it without a gap; None outside of
    all. Both are time.time(). At most a week ahead: some windows leave no gap."""
    if not is_inside(windows, at):
        return None
    minute = at + until_next_minute_s(at)
    for _ in range(WEEK_MIN - 1):
        if not is_inside(windows, minute):
            break
        minute += 60
    return minute


def until_next_minute_s(at: float) -> float:
    """Windows begin and end with a minute."""
    return 60 - time.localtime(at).tm_sec - at % 1


def is_inside(windows: Sequence[Window], at: float) -> bool:
    clock = time.localtime(at)
    return any(window.holds(clock) for window in windows)


# ---------------------------------------------------------------- the digest


@dataclass(frozen=True)
class Digest:
    """A minute of each day, or of one day of the week (Monday is 0)."""

    minute: int
    weekday: int | None = None

    @property
    def days(self) -> int:
        """How many days it is about."""
        return 1 if self.weekday is None else 7


def read_digest(text: str) -> Digest | None:
    """ "09:00" or "mon 09:00"; None for anything else."""
    found = re.fullmatch(f"{_DAY}{_CLOCK}", text.strip().lower())
    if not found or int(found[2]) > 23:
        return None
    return Digest(int(found[2]) * 60 + int(found[3]), _weekday(found[1]))


def last_due(digest: Digest, at: float) -> float:
    """The newest moment at or before `at` when the digest was due. Both are time.time()."""
    day = datetime.fromtimestamp(at).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    for _ in range(9):
        # A time that the clock leaves out comes as much later; of two alike it is the first.
        due = day.replace(hour=digest.minute // 60, minute=digest.minute % 60).timestamp()
        if due <= at and digest.weekday in (None, day.weekday()):
            break
        day -= timedelta(days=1)
    return due
