"""Times that people plan by the clock of this computer: when the digest is due.

Pure functions: the time is handed in, and nothing happens here.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


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
    found = re.fullmatch(rf"(?:({'|'.join(DAYS)})\s+)?(\d\d?):([0-5]\d)", text.strip().lower())
    if not found or int(found[2]) > 23:
        return None
    weekday = DAYS.index(found[1]) if found[1] else None
    return Digest(int(found[2]) * 60 + int(found[3]), weekday)


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
