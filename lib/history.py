"""How a server was over the last hours and days: arithmetic on what the record holds.

Pure functions: the time is handed in, and nothing happens here. An outage counts once it was told,
so what was the bot's own network never counts; what was in a pause does not count against the
server. Times are time.time(), days are those of the clock on the wall.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from lib.entries import OUTAGE, PAUSE, STOPPED, Entry, Known
from lib.server_version import first_safe_version
from lib.trueconf_model import DOWN, SERVICE_DOWN, UP, WEB_DOWN, Server

HOUR_S, DAY_S = 3600, 86400
LEAST_LOOKED_S = HOUR_S  # for a percentage
CERTIFICATE_DAYS = 30  # before its end: a digest names it
MOST_NAMED = 50  # of each kind, in a digest
WORST_FIRST = (DOWN, SERVICE_DOWN, WEB_DOWN, UP)

Span = tuple[float, float]


@dataclass(frozen=True)
class Period:
    """`looked_s`: for how long it was looked at. `outages`: how many of them count, and for how
    long, outside of pauses, it was not up: `down_s`. `hundredths`: of a percent that it was up,
    rounded down; None where it was hardly looked at."""

    looked_s: float
    outages: int
    down_s: float
    hundredths: int | None


def measure(known: Known, begin: float, end: float) -> Period:
    """How a server was between these."""
    pauses = [_span(one, end) for one in known.of_kind(PAUSE)]
    counted = [one for one in told_outages(known) if _counts(one, pauses, begin, end)]
    down = [part for one in counted for part in _without(_span(one, end), pauses)]
    looked_s = watched_s = up_s = 0.0
    for day, seconds in known.days.items():
        part = _part_of_day(day, begin, end)
        if part is None:
            continue
        (first, last), share = part
        of_day_s = max(0.0, min(seconds * share, last - first))
        outside_s = max(0.0, of_day_s - _total(pauses, first, last))
        looked_s += of_day_s
        watched_s += outside_s
        up_s += max(0.0, outside_s - _total(down, first, last))
    hundredths = None
    if watched_s >= LEAST_LOOKED_S:
        hundredths = min(int(10000 * up_s / watched_s), 9999 if counted else 10000)
    return Period(looked_s, len(counted), _total(down, begin, end), hundredths)


def told_outages(known: Known) -> list[Entry]:
    """The oldest first."""
    return [one for one in known.of_kind(OUTAGE) if one.news and one.steps]


def worst_state(outage: Entry) -> str:
    """Of what was made sure of."""
    return min((step.state for step in outage.sure_steps or outage.steps), key=_badness)


def _badness(state: str) -> int:
    return WORST_FIRST.index(state) if state in WORST_FIRST else len(WORST_FIRST)


def is_over(entry: Entry) -> bool:
    return entry.ended is not None and (entry.kind != OUTAGE or entry.is_end_sure)


def _span(entry: Entry, now: float) -> Span:
    ended = entry.ended if entry.ended is not None and is_over(entry) else now
    return entry.begun, max(entry.begun, ended)  # the clock may have been set back meanwhile


def _counts(outage: Entry, pauses: Sequence[Span], begin: float, end: float) -> bool:
    began, ended = _span(outage, end)
    if outage.is_silent or began > end or ended < begin:
        return False
    return not outage.in_pause or _total(_without((began, ended), pauses), begin, end) > 0


def _without(span: Span, pauses: Iterable[Span]) -> list[Span]:
    """What is left of it outside of the pauses."""
    left = [span]
    for began, ended in pauses:
        before = [(first, min(last, began)) for first, last in left]
        after = [(max(first, ended), last) for first, last in left]
        left = [(first, last) for first, last in before + after if first < last]
    return left


def _total(spans: Iterable[Span], begin: float, end: float) -> float:
    return sum(max(0.0, min(last, end) - max(first, begin)) for first, last in spans)


def _part_of_day(day: str, begin: float, end: float) -> tuple[Span, float] | None:
    """Which part of the day lies between these, and which share of what was so far of the day that
    is. None for none, and for what is no day."""
    try:
        first = _midnight(date.fromisoformat(day))
        last = min(end, _midnight(date.fromisoformat(day) + timedelta(days=1)))
    except (ValueError, OverflowError, OSError):
        return None
    began = max(begin, first)
    if began >= last:
        return None
    return (began, last), (last - began) / (last - first)


def _midnight(day: date) -> float:
    return time.mktime((day.year, day.month, day.day, 0, 0, 0, 0, 0, -1))


# ---------------------------------------------------------------- the digest


def digest_of(servers: Iterable[Server], begin: float, now: float) -> dict[str, Any]:
    """What there is to say of the time since `begin`, in a form that a file can keep."""
    measured = [(server, measure(server.known, begin, now)) for server in servers]
    watched = [(one, period) for one, period in measured if one.is_monitored or period.looked_s]
    bad = [_bad(one, period) for one, period in measured if period.outages]
    bad.sort(key=lambda one: (_badness(one["state"]), -one["down_s"]))
    known_well = [one for one, period in watched if period.hundredths is not None]
    soon = now + CERTIFICATE_DAYS * DAY_S
    ends = [(one.learnt.certificate_end or 0, one.name) for one, _ in watched]
    figures = {
        "begin": begin,
        "end": now,
        "looked_s": max((period.looked_s for _, period in watched), default=0),
        "known": len(known_well),
        "unknown": len(watched) - len(known_well),
        "bad": bad,
        "certificates": [[name, end] for end, name in sorted(ends) if now < end <= soon],
        "attacked": [
            [one.name, one.product_version]
            for one, _ in watched
            if first_safe_version(one.product_version)
        ],
        "stopped": sum(_stopped(one.known, begin, now) for one, _ in measured),
    }
    named = {name: one[:MOST_NAMED] for name, one in figures.items() if isinstance(one, list)}
    return {**figures, **named, "bad_more": len(bad[MOST_NAMED:])}


def _bad(server: Server, period: Period) -> dict[str, Any]:
    """What was bad of a server. `state`: the one that lasts, "up" where it is over."""
    going_on = [one for one in told_outages(server.known) if not is_over(one)]
    return {
        "server": server.name,
        "outages": period.outages,
        "down_s": period.down_s,
        "state": going_on[-1].state if going_on else UP,
        "since": going_on[-1].begun if going_on else 0.0,
    }


def _stopped(known: Known, begin: float, end: float) -> int:
    stops = [one for one in known.of_kind(STOPPED) if begin <= one.begun <= end]
    return sum(len(one.details.get("conferences", ())) for one in stops)
