"""What comes unasked, put together from the words of the language in use.

A message shows entries of the record as they are now: it is written again whenever one changes.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from lib.entries import DIGEST, FORGOTTEN, VERSION, Entry, Step
from memory import conferences_of, forgotten_of
from texts import Html, cut, duration, moment, moments, plural, safe, words
from texts.history import digest
from texts.screens import (
    LONGEST_NAME,
    NAME_IN_NEWS,
    SHORT_NAME,
    STATE_SIGNS,
    WORST_FIRST,
    age_of,
    attacked_line,
    certificate_ends,
    error_sentence,
    forgotten_reason,
    identity,
    join_lines,
    join_sentences,
    light_and_name,
    names_in_news,
    pack_message,
    reason_words,
    short_list,
    state_sentence,
    taken_line,
    title_of,
)
from trueconf_api import DOWN, SERVICE_DOWN, UP, WEB_DOWN, Server, Status, TrueConfError

MOST_IN_FULL = 5  # of the servers of one message; more have a line each
MOST_WITH_REASONS = 20  # of those; with more of them a line has to be short
NIGHT_NAME = 24  # so much of a name leaves room, on a locked phone, for what is wrong

_OUTAGES = {SERVICE_DOWN: "alert_outage_service", WEB_DOWN: "alert_outage_web"}

News = tuple[Server | None, Entry, int]  # an entry, its server, and how many of its news are told


def message(kind: str, shown: Sequence[News], others: int) -> tuple[Html, int]:
    """A message of this kind about as many of the entries as fit into it, and how many those are.
    `others`: how many servers besides are not up, -1 where there are none besides."""
    if kind == "forgotten_list":
        return _forgotten_list(shown), len(shown)
    if len(shown) == 1:
        one = shown[0]
        return join_lines(_WRITERS[kind](*one), _others(kind, others)), 1
    heading = join_lines(_heading(kind, shown), _others(kind, others))
    if kind not in _LINES or len(shown) <= MOST_IN_FULL:
        return pack_message(heading, (_WRITERS[kind](*one) for one in shown))
    is_short = len(shown) > MOST_WITH_REASONS
    return pack_message(heading, (_LINES[kind](*one, is_short) for one in shown), "\n")


def _heading(kind: str, shown: Sequence[News]) -> Html:
    """What stands above several entries: how many, and of which servers, the worst first."""
    if kind in _LINES:
        state = UP if kind == "up" else None
        states = {entry.server: state or entry.step_at(heard).state for _, entry, heard in shown}
        key = f"group_{kind}"
        if kind == "down" and {*states.values()} != {DOWN}:
            key = "group_mixed"
        worst = min(states.values(), key=WORST_FIRST.index)
        return plural(key, len(states), light=STATE_SIGNS[worst], news=_names(states))
    servers: dict[str, str | None] = {entry.server: None for _, entry, _ in shown}
    return words("alert_several", number=len(shown), news=names_in_news(servers))


def _names(states: dict[str, str]) -> str:
    if len({*states.values()}) > 1:
        return names_in_news({**states})
    return names_in_news(dict.fromkeys(states))


def _others(kind: str, others: int) -> Html | None:
    if kind not in _LINES or others < 0:
        return None
    if not others:
        return words("others_up")
    if kind == "up":
        return plural("others_up_too", others)
    return plural("others_down", others)


def _status(step: Step) -> Status:
    return Status(step.state, step.service_reason, step.web_reason)


def _name(server: Server | None, longest: int = NIGHT_NAME) -> Html:
    return words("bold", text=cut(server.name, longest)) if server else Html("")


def _who(entry: Entry) -> str:
    return cut(entry.by, LONGEST_NAME)


def _light_and_name(server: Server, state: str) -> Html:
    """How an alert begins: a locked phone shows no more than its first forty characters."""
    return light_and_name(server, state, NIGHT_NAME)


# ---------------------------------------------------------------- outages


def _down(server: Server, entry: Entry, heard: int) -> Html:
    """A server went down, or was already down when the bot started."""
    step = entry.step_at(heard)
    is_late = entry.is_begin_late and step is entry.steps[0]
    when = words("alert_first" if is_late else "alert_since", time=moment(step.at))
    name = _light_and_name(server, step.state)
    return join_lines(name, state_sentence(server, _status(step)), when, *_marks(entry))


def _reminder(server: Server, entry: Entry, heard: int) -> Html:
    step, lasts_s = entry.step_at(heard), (entry.ended or time.time()) - entry.begun
    return join_lines(
        _light_and_name(server, step.state),
        words("alert_still", time=moment(entry.begun), duration=_rounded(entry, lasts_s)),
        state_sentence(server, _status(step)),
        *_marks(entry),
    )


def _rounded(entry: Entry, lasts_s: float) -> Html:
    """To the minute, as a reminder that is written again should read the same."""
    return duration(max(60, lasts_s // 60 * 60) if lasts_s >= 60 else lasts_s)


def _marks(entry: Entry) -> list[Html | None]:
    """Who takes care of it, and that it is over."""
    is_over = entry.ended is not None and entry.is_end_sure
    over = words("mark_over", time=moment(entry.ended or 0)) if is_over else None
    return [taken_line(entry.by), over]


def _up(server: Server, entry: Entry, heard: int) -> Html:
    return join_lines(_light_and_name(server, UP), words("alert_up"), _span(entry))


def _span(entry: Entry) -> Html | None:
    if entry.length_s is None or entry.ended is None:
        return None
    states = {step.state for step in entry.steps}
    only = states.pop() if len(states) == 1 else ""
    length = duration(entry.length_s)
    if entry.is_end_late:
        length = words("at_most", duration=length)
    began, ended = moments(entry.begun, entry.ended)
    return words(_OUTAGES.get(only, "alert_outage"), duration=length, since=began, until=ended)


def _down_line(server: Server, entry: Entry, heard: int, is_short: bool) -> Html:
    step = entry.step_at(heard)
    reason = reason_words(step.web_reason or step.service_reason)
    by = over = None
    if entry.by:
        by = Html(f"🙋 {safe(cut(entry.by, SHORT_NAME if is_short else NIGHT_NAME))}")
    if _marks(entry)[1]:
        over = Html(f"✅ {moment(entry.ended or 0)}")
    name = safe(cut(server.name, NAME_IN_NEWS))
    if not is_short:
        name = words(f"line_{step.state}", server=cut(server.name, NAME_IN_NEWS), reason=reason)
    parts = [Html(f"{STATE_SIGNS[step.state]} {name}"), moment(step.at), by, over]
    return Html(", ".join(part for part in parts if part))


def _up_line(server: Server, entry: Entry, heard: int, is_short: bool) -> Html:
    name = Html(f"🟢 {safe(cut(server.name, NAME_IN_NEWS))}")
    if entry.length_s is None or entry.ended is None:
        return name
    began, ended = moments(entry.begun, entry.ended)
    return Html(f"{name}: {duration(entry.length_s)}, {began}\u00a0– {ended}")


# ---------------------------------------------------------------- pauses, jobs, certificates


def _pause(server: Server, entry: Entry, heard: int) -> Html:
    mark = words("alert_paused", time=moment(entry.until), who=_who(entry))
    return join_lines(Html(f"🔧 {_name(server)}"), mark)


def _pause_end(server: Server, entry: Entry, heard: int) -> Html:
    """How it is after a pause, and how often it was not up meanwhile."""
    outages = [one for one in server.known.entries.values() if one.in_pause]
    during = [one for one in outages if one.begun >= entry.begun and one.sure_steps]
    now = server.known.outage
    status = _status(now.sure_steps[-1]) if now and now.sure_steps else Status(UP)
    meanwhile = words("pause_nothing")
    if during:
        last = during[-1]
        times = moments(last.begun, *([] if last.ended is None else [last.ended]))
        span = Html("\u00a0– ".join(times))
        meanwhile = plural("pause_outages", len(during), span=span)
    return join_lines(
        Html(f"🔧 {_name(server)}"),
        join_sentences(words("pause_over"), meanwhile),
        Html(f"{STATE_SIGNS[status.state]} {state_sentence(server, status)}"),
    )


def _job_fails(server: Server | None, entry: Entry, heard: int) -> Html:
    if server is None:
        return words("alert_dns", time=moment(entry.begun))
    why = words("reason_failed")
    if "about" in entry.details:
        error = TrueConfError(server, str(entry.details["reason"]), **entry.details["about"])
        why = error_sentence(error)
    what = words("alert_job_fails", time=moment(entry.begun))
    return join_lines(Html(f"⚠️ {_name(server)}"), what, why)


def _digest(server: None, entry: Entry, heard: int) -> Html:
    return digest(entry)


def _job_works(server: Server | None, entry: Entry, heard: int) -> Html:
    if server is None:
        return words("alert_dns_over")
    return join_lines(Html(f"✅ {_name(server)}"), words("alert_job_works"))


def _certificate(server: Server, entry: Entry, heard: int) -> Html:
    """The certificate of a server ends soon."""
    end = float(entry.details["end"])
    return join_lines(
        Html(f"⏳ {_name(server)}"), certificate_ends(end), words("certificate_advice")
    )


def _version(server: Server, entry: Entry, heard: int) -> Html:
    """The server's version is known to be attacked."""
    return join_lines(_name(server), attacked_line(str(entry.details["version"])))


def _cut(server: Server | None, entry: Entry, heard: int) -> Html:
    """Neither Telegram nor any server could be reached: that was the bot's own network."""
    began, ended = moments(entry.begun, entry.ended or entry.begun)
    length = duration((entry.ended or entry.begun) - entry.begun)
    return words("alert_own_network", since=began, until=ended, duration=length)


# ---------------------------------------------------------------- what people did


def _of_person(key: str, server: Server, entry: Entry, heard: int) -> Html:
    """`key`: its words, which name the server and who it was."""
    return words(key, server=cut(server.name, LONGEST_NAME), who=_who(entry))


def _switched(server: Server, entry: Entry, heard: int) -> Html:
    return _of_person(f"alert_{entry.details['what']}_off", server, entry, heard)


def _stopped(server: Server, entry: Entry, heard: int) -> Html:
    """What the others who are listed get to know."""
    name, conferences = cut(server.name, LONGEST_NAME), conferences_of(entry)
    if len(conferences) == 1:
        title = title_of(conferences[0])
        return words("stopped_by", title=title, server=name, who=_who(entry))
    heading = plural("stopped_all_by", len(conferences), server=name, who=_who(entry))
    return join_lines(heading, *short_list(conferences))


# ---------------------------------------------------------------- forgotten conferences


def _forgotten(server: Server, entry: Entry, heard: int) -> Html:
    one, decision = forgotten_of(entry), str(entry.details.get("decision", ""))
    conference, mark = one.conference, None
    if decision:
        at = moment(entry.until or float(entry.details.get("at") or 0))
        mark = words(f"mark_{decision}", who=_who(entry), time=at)
    heading = words("alert_forgotten", title=title_of(conference))
    if decision == "stopped":
        heading = words("alert_stopped", title=title_of(conference))
    return join_lines(
        heading,
        words("alert_forgotten_why", reason=forgotten_reason(one), duration=age_of(conference)),
        words("entry_server", server=cut(server.name, LONGEST_NAME)),
        identity(conference),
        mark,
    )


def _forgotten_list(shown: Sequence[News]) -> Html:
    found = [forgotten_of(entry) for _, entry, _ in shown]
    server = shown[0][0]
    name = cut(server.name, LONGEST_NAME) if server else ""
    return join_lines(
        plural("alert_forgotten_list", len(found), server=name), "", *short_list(found)
    )


_WRITERS: dict[str, Callable[..., Html]] = {
    "down": _down,
    "reminder": _reminder,
    "up": _up,
    "pause": _pause,
    "pause_end": _pause_end,
    "job_fails": _job_fails,
    "job_works": _job_works,
    "certificate": _certificate,
    DIGEST: _digest,
    "cut": _cut,
    VERSION: _version,
    "taken": partial(_of_person, "alert_taken"),
    "released": partial(_of_person, "alert_released"),
    "switched": _switched,
    "stopped": _stopped,
    FORGOTTEN: _forgotten,
}
# Kinds that are told of many servers at once: a line for each.
_LINES: dict[str, Callable[..., Html]] = {
    "down": _down_line,
    "reminder": _down_line,
    "up": _up_line,
}


def servers_of(shown: Iterable[News]) -> list[Server]:
    """The servers that the entries are about, each once."""
    return list({server.name: server for server, _, _ in shown if server}.values())


def late_line(since: float, until: float) -> Html:
    """Why it comes so late."""
    began, ended = moments(since, until)
    return words("alert_late", since=began, until=ended)


def topic_line(topic: int) -> Html:
    """Why it comes outside of the topic that the settings name."""
    return words("topic_gone", topic=topic)
