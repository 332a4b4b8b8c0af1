"""Planned windows and the digest: tables over pure functions, in zones of their own."""

import time
from datetime import datetime, timezone

import pytest

from lib.schedule import Digest, Window, last_due, read_digest, read_window, window_end

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"  # 2026: forward on 29 March, back on 25 October
KATHMANDU = "<+0545>-5:45"
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


WINDOWS = {
    "03:00-03:30": Window(180, 210),
    " 3:00 – 3:30 ": Window(180, 210),
    "23:30-01:00": Window(1410, 60),
    "00:00-24:00": Window(0, 1440),
    "12:00-00:00": Window(720, 0),
    "sun 02:00-04:00": Window(120, 240, 6),
    "MON 22:00-02:00": Window(1320, 120, 0),
    **dict.fromkeys(
        [
            "",
            "03:00",
            "3-4",
            "03:00-03:00",
            "24:00-03:00",
            "03:00-24:01",
            "03:60-04:00",
            "25:00-26:00",
            "so 02:00-04:00",
            "sunday 02:00-04:00",
            "sun02:00-04:00",
            "03:00-04:00 sun",
            "02:00-04:00,",
            "sun",
        ]
    ),
}


def test_windows_as_people_write_them():
    assert {text: read_window(text) for text in WINDOWS} == WINDOWS


def test_length_of_a_window():
    lengths = {"03:00-03:30": 30, "23:30-01:00": 90, "00:00-24:00": 1440, "12:00-00:00": 720}
    assert {text: read_window(text).length_min for text in lengths} == lengths


NIGHT, LATE, SUNDAY = "03:00-03:30", "23:30-01:00", "sun 23:00-02:00"
# The windows, the time in UTC, and when the present window ends (None: in none), in UTC too.
# Central Europe is 1 hour ahead in winter, 2 in summer; 29 November 2026 is a Sunday.
ENDS = [
    ([], "2026-11-30 02:10:00", None),
    ([NIGHT], "2026-11-30 01:59:59", None),
    ([NIGHT], "2026-11-30 02:00:00", "2026-11-30 02:30:00"),
    ([NIGHT], "2026-11-30 02:29:59", "2026-11-30 02:30:00"),
    ([NIGHT], "2026-11-30 02:30:00", None),
    ([LATE], "2026-11-30 22:29:59", None),
    ([LATE], "2026-11-30 22:30:00", "2026-12-01 00:00:00"),
    ([LATE], "2026-11-30 23:10:00", "2026-12-01 00:00:00"),
    ([LATE], "2026-12-01 00:00:00", None),
    ([SUNDAY], "2026-11-28 22:30:00", None),  # a Saturday night
    ([SUNDAY], "2026-11-29 00:30:00", None),  # and Sunday after it
    ([SUNDAY], "2026-11-29 22:30:00", "2026-11-30 01:00:00"),
    ([SUNDAY], "2026-11-30 00:59:00", "2026-11-30 01:00:00"),  # it is Monday
    ([SUNDAY], "2026-12-01 00:30:00", None),
    # What touches or overlaps is one window; what has a gap is not.
    ([NIGHT, "03:30-04:00"], "2026-11-30 02:10:00", "2026-11-30 03:00:00"),
    (["03:30-04:00", NIGHT], "2026-11-30 02:10:00", "2026-11-30 03:00:00"),
    ([NIGHT, "03:15-05:00", "04:00-04:30"], "2026-11-30 02:10:00", "2026-11-30 04:00:00"),
    ([NIGHT, "03:31-04:00"], "2026-11-30 02:10:00", "2026-11-30 02:30:00"),
    (["22:00-24:00", "00:00-01:00"], "2026-11-30 21:30:00", "2026-12-01 00:00:00"),
    (["sun 00:00-24:00", "mon 00:00-06:00"], "2026-11-29 11:00:00", "2026-11-30 05:00:00"),
    (["00:00-24:00"], "2026-11-30 02:10:30", "2026-12-07 02:10:00"),  # no gap: a week
    # The clock is set forward at 02:00 (01:00 UTC).
    ([NIGHT], "2026-03-29 01:00:00", "2026-03-29 01:30:00"),
    (["01:30-03:15"], "2026-03-29 00:45:00", "2026-03-29 01:15:00"),
    (["02:15-02:45"], "2026-03-29 00:30:00", None),
    (["02:15-02:45"], "2026-03-29 01:30:00", None),
    (["02:30-03:30"], "2026-03-29 01:00:00", "2026-03-29 01:30:00"),
    (["01:00-02:00"], "2026-03-29 00:59:00", "2026-03-29 01:00:00"),
    (["23:00-05:00"], "2026-03-28 22:30:00", "2026-03-29 03:00:00"),
    # It is set back at 03:00 (01:00 UTC): 02:00 to 03:00 comes twice.
    (["02:15-02:45"], "2026-10-25 00:20:00", "2026-10-25 00:45:00"),
    (["02:15-02:45"], "2026-10-25 00:50:00", None),
    (["02:15-02:45"], "2026-10-25 01:20:00", "2026-10-25 01:45:00"),
    (["01:30-02:30"], "2026-10-24 23:45:00", "2026-10-25 00:30:00"),
    (["02:30-03:30"], "2026-10-25 00:45:00", "2026-10-25 01:00:00"),
    (["02:30-03:30"], "2026-10-25 01:45:00", "2026-10-25 02:30:00"),
    (["23:00-05:00"], "2026-10-24 21:30:00", "2026-10-25 04:00:00"),
]


def test_end_of_the_present_window(zone):
    zone(BERLIN)
    for written, at, end in ENDS:
        found = window_end([read_window(text) for text in written], utc(at))
        assert found == (utc(end) if end else None), (written, at, found)


def test_zone_that_is_not_whole_hours_away(zone):
    zone(KATHMANDU)
    windows = [read_window("03:00-03:30")]
    assert window_end(windows, utc("2026-11-29 21:14:59")) is None
    assert window_end(windows, utc("2026-11-29 21:15:00")) == utc("2026-11-29 21:45:00")


# ---------------------------------------------------------------- the digest


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
