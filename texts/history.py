"""What happened to a server, in words: the screen History, and the digest."""

import time
from collections.abc import Iterable
from typing import Any

from lib.entries import Entry
from lib.history import DAY_S, HOUR_S, Period, is_over, measure, told_outages, worst_state
from lib.server_version import first_safe_version
from texts import Html, cut, duration, moment, moments, plural, safe, words
from texts.screens import (
    LONGEST_NAME,
    SHORT_NAME,
    STATE_SIGNS,
    certificate_ends,
    join_lines,
    pack_message,
    read_at,
)
from trueconf_api import Server

PERIODS_S = (DAY_S, 7 * DAY_S, 30 * DAY_S)
MOST_OUTAGES = 10
MOST_LOOKED = 0.95  # of the time: less than this is said


def history_screen(server: Server) -> Html:
    """How it was over the last hours and days, and its newest outages."""
    now = time.time()
    periods = [(seconds, measure(server.known, now - seconds, now)) for seconds in PERIODS_S]
    longest_s, longest = periods[-1]
    newest = told_outages(server.known)[: -MOST_OUTAGES - 1 : -1]
    lines = [_outage(one, now) for one in newest]
    return join_lines(
        words("heading", server=cut(server.name, LONGEST_NAME), screen=words("history")),
        *(_period(seconds, period) for seconds, period in periods),
        _looked(longest_s, longest.looked_s),
        *(["", *lines] if lines else []),
        "",
        read_at(),
    )


def _name_of(seconds: float) -> Html:
    if seconds <= DAY_S:
        return plural("period_hours", round(seconds / HOUR_S))
    return plural("period_days", round(seconds / DAY_S))


def _looked(seconds: float, looked_s: float) -> Html:
    return words("history_looked", period=_name_of(seconds), duration=duration(looked_s))


def _period(seconds: float, period: Period) -> Html:
    name, percent = _name_of(seconds), words("history_no_percent")
    if period.hundredths is not None:
        whole, hundredths = divmod(period.hundredths, 100)
        percent = words("percent", whole=whole, hundredths=f"{hundredths:02}")
    if period.outages:
        more = {"percent": percent, "duration": duration(period.down_s)}
        return plural("history_outages", period.outages, period=name, **more)
    known = period.hundredths is not None
    return words("history_up" if known else "history_unknown", period=name)


def _outage(entry: Entry, now: float) -> Html:
    """A line: when, for how long, who took care of it, whether in a pause."""
    over = is_over(entry)
    state = worst_state(entry)
    light = "🔧" if entry.in_pause else STATE_SIGNS.get(state, "")
    times = moments(entry.begun, *([entry.ended] if over and entry.ended else []))
    until = times[-1] if over else words("history_now")
    lasted = duration(entry.length_s if over else now - entry.begun)
    when = words("history_outage", light=light, since=times[0], until=until, duration=lasted)
    how = words(f"past_{state}")
    by = Html(f"🙋 {safe(cut(entry.by, SHORT_NAME))}") if entry.by else None
    pause = words("history_in_pause") if entry.in_pause else None
    return Html(", ".join(part for part in (when, how, by, pause) if part))


# ---------------------------------------------------------------- the digest


def digest(entry: Entry) -> Html:
    """One line where all was well, else what was not, the worst first."""
    figures = entry.details
    seconds = figures["end"] - figures["begin"]
    period, looked_s = _name_of(seconds), figures["looked_s"]
    heading = words("digest", period=period)
    if figures["known"] and not figures["unknown"] and not figures["bad"]:
        heading = plural("digest_all_well", figures["known"], period=period)
    rest = [
        plural("digest_more", figures["bad_more"]) if figures["bad_more"] else None,
        plural("digest_unknown", figures["unknown"]) if figures["unknown"] else None,
        *_certificates(figures["certificates"]),
        *_attacked(figures["attacked"]),
        plural("digest_stopped", figures["stopped"]) if figures["stopped"] else None,
        _looked(seconds, looked_s) if looked_s < MOST_LOOKED * seconds else None,
    ]
    lines = [*(_bad(one) for one in figures["bad"]), *(one for one in rest if one)]
    return pack_message(heading, lines, "\n")[0]


def _bad(figures: dict[str, Any]) -> Html:
    """One server: its outages, and whether the last one lasts."""
    count = plural("digest_outages", figures["outages"], duration=duration(figures["down_s"]))
    line = Html(f"{STATE_SIGNS.get(figures['state'], '')} {_bold(figures['server'])}: {count}")
    if figures["since"]:
        lasts = words("digest_lasts", time=moment(figures["since"]))
        line = Html(f"{line}, {lasts}")
    return line


def _certificates(ends: Iterable[tuple[str, float]]) -> list[Html]:
    lines = []
    for name, end in ends:
        lines.append(Html(f"⏳ {_bold(name)}: {certificate_ends(end)}"))
    return lines


def _attacked(versions: Iterable[tuple[str, str]]) -> list[Html]:
    lines = []
    for name, version in versions:
        first = first_safe_version(version) or ""
        what = words("version_attacked", version=version, first=first)
        lines.append(Html(f"{_bold(name)}: {what}"))
    return lines


def _bold(name: str) -> Html:
    return words("bold", text=cut(name, LONGEST_NAME))
