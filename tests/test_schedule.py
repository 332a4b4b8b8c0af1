"""When the digest is due: tables over pure functions, in zones of their own."""

import time
from datetime import datetime, timezone

import pytest

from lib.schedule import Digest, last_due, read_digest

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"  # 2026: forward on 29 March, back on 25 October
FORMAT = "%Y-%m-%d %H:%M:%S"


@pytest.fixture
def zone(monkeypatch):
    if not hasattr(time, "tzset"):
        pytest.skip("this system sets no zone for a process")

    def use(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield use
    monkeypatch.undo()
    time.tzset()


def utc(text: str) -> float:
    return datetime.strptime(text, FORMAT).replace(tzinfo=timezone.utc).timestamp()


DIGESTS = {
    "09:00": Digest(540),
    "9:05": Digest(545),
    " sun 23:59 ": Digest(1439, 6),
    "Mon 00:00": Digest(0, 0),
    **dict.fromkeys(
        ["", "9", "24:00", "09:60", "mo 09:00", "09:00-10:00", "daily 09:00", "09:00 mon"]
    ),
}


def test_digests_as_people_write_them():
    assert {text: read_digest(text) for text in DIGESTS} == DIGESTS


# The digest, the time in UTC, and when the newest one was due.
DUE = [
    ("09:00", "2026-11-30 08:00:00", "2026-11-30 08:00:00"),
    ("09:00", "2026-11-30 07:59:59", "2026-11-29 08:00:00"),
    ("09:00", "2026-11-30 22:30:00", "2026-11-30 08:00:00"),
    ("00:00", "2026-11-30 22:59:59", "2026-11-29 23:00:00"),
    ("00:00", "2026-11-30 23:00:00", "2026-11-30 23:00:00"),
    ("mon 09:00", "2026-11-30 08:00:00", "2026-11-30 08:00:00"),
    ("mon 09:00", "2026-11-30 07:59:00", "2026-11-23 08:00:00"),
    ("sun 09:00", "2026-11-30 07:59:00", "2026-11-29 08:00:00"),
    ("tue 09:00", "2026-11-30 12:00:00", "2026-11-24 08:00:00"),
    ("09:00", "2026-01-01 07:00:00", "2025-12-31 08:00:00"),
    # Summer time: the clock counts, not 24 hours; 02:30 that is left out comes at 03:30.
    ("09:00", "2026-03-29 07:00:00", "2026-03-29 07:00:00"),
    ("09:00", "2026-03-29 06:59:00", "2026-03-28 08:00:00"),
    ("02:30", "2026-03-29 01:29:00", "2026-03-28 01:30:00"),
    ("02:30", "2026-03-29 01:30:00", "2026-03-29 01:30:00"),
    # 02:30 that comes twice is due once.
    ("02:30", "2026-10-25 00:30:00", "2026-10-25 00:30:00"),
    ("02:30", "2026-10-25 01:30:00", "2026-10-25 00:30:00"),
    ("09:00", "2026-10-25 07:59:00", "2026-10-24 07:00:00"),
    ("09:00", "2026-10-25 08:00:00", "2026-10-25 08:00:00"),
    ("mon 09:00", "2026-11-02 07:59:00", "2026-10-26 08:00:00"),
]


def test_newest_digest_that_was_due(zone):
    zone(BERLIN)
    for written, at, due in DUE:
        assert last_due(read_digest(written), utc(at)) == utc(due), (written, at)
