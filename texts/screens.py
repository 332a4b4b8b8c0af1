"""The screens and alerts, put together from the words of the language in use.

A function is called after its screen. What is filled in is escaped by `texts.words`.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from lib.server_version import first_safe_version
from lib.settings_json import Problem
from lib.telegram_sender import Trouble
from texts import (
    MESSAGE_LIMIT,
    Html,
    age_choice,
    cut,
    duration,
    has_words,
    moment,
    moments,
    plain,
    plain_text,
    plural,
    units,
    words,
)
from trueconf_api import (
    DOWN,
    SERVICE_DOWN,
    UP,
    WEB_DOWN,
    Account,
    Conference,
    ConferencePage,
    Forgotten,
    Match,
    Online,
    OutcomeUnknown,
    Overview,
    Participant,
    People,
    Recording,
    Search,
    Server,
    Status,
    TrueConfError,
)

CONFERENCES_A_PAGE = 5
SERVERS_A_PAGE = 16
OVERVIEWS_A_PAGE = 5
PEOPLE_A_PAGE = 40
MOST_SERVERS, MOST_TITLES = 40, 3  # where somebody is looked for, and of theirs
WHO_LIMIT = MESSAGE_LIMIT - 200  # room for what stands below
MOST_IN_A_LIST = 50
MOST_NAMES, LONGEST_PERSON = 10, 40  # of the people in a conference
MOST_WITH_NAMES, MOST_NAMES_IN_A_LINE = 10, 3  # in a list of several conferences
LONGEST_TITLE, LONGEST_ID, LONGEST_NAME, LONGEST_LABEL = 160, 160, 100, 32
SHORT_NAME = 14  # two of them are seen side by side on a phone
FRESH_LOOKS, FRESH_LEAST_S = 3, 60  # an older light is not shown as if it were of now
CONFIRM_LIMIT_S = 5 * 60  # how long a confirmation is good for
REMIND_IN_S = 3600
DAY_S = 86400
HOURS_UNTIL_DAYS = 48  # what ends sooner is told in hours
MOST_IN_NEWS, NAME_IN_NEWS = 5, 20
STATE_SIGNS = {UP: "🟢", SERVICE_DOWN: "🟡", WEB_DOWN: "🟠", DOWN: "🔴", None: ""}
WORST_FIRST = (DOWN, SERVICE_DOWN, WEB_DOWN, UP, None)

# What it allows to say that both parts answer like this.
BOTH_ADVICE = {"refused": "advice_not_running", "timed_out": "advice_off"}
# What the silence of the service allows to say: nobody listens there, somebody on the way swallows
# the packets, or the connection is taken and nothing comes of it.
SERVICE_ADVICE = {
    "refused": "advice_stopped",
    "timed_out": "advice_filtered",
    "no_route": "advice_filtered",
    "no_answer": "advice_hangs",
    "cut": "advice_hangs",
}


def join_lines(*lines: str | None) -> Html:
    return Html("\n".join(line for line in lines if line is not None))


def join_sentences(*sentences: str | None) -> Html:
    """On one line, without the full stop of the last one."""
    return Html(". ".join(sentence for sentence in sentences if sentence))


def read_at() -> Html:
    return words("read_at", time=moment(time.time()))


# ---------------------------------------------------------------- pages


Item = TypeVar("Item")


@dataclass(frozen=True)
class Page(Generic[Item]):
    """A part of a long list: `items`, the first of them being number `first` (from 1)."""

    items: list[Item]
    number: int  # from 0
    total: int  # pages
    first: int


def page_of(items: Sequence[Item], number: int, size: int) -> Page[Item]:
    """Page `number` (from 0), or the nearest there is."""
    total = max(1, -(-len(items) // size))
    number = min(max(number, 0), total - 1)
    start = number * size
    return Page(list(items[start : start + size]), number, total, start + 1)


def _footer(page: Page[Item] | None = None) -> Html:
    if page is None or page.total == 1:
        return read_at()
    return Html(f"{_footer_place(page)} · {read_at()}")


def pack_message(
    heading: Html, entries: Iterable[Html], between: str = "\n\n", limit: int = MESSAGE_LIMIT
) -> tuple[Html, int]:
    """A message of the heading and as many entries as Telegram's limit allows, none of them cut,
    and how many those are: at least one, if there are any."""
    message, held = heading, 0
    for entry in entries:
        gap = between if held else "\n\n"
        longer = Html(f"{message}{gap}{entry}")
        # The tags do not count for Telegram, so this is on the safe side.
        if units(longer) > limit and held:
            break
        message, held = longer, held + 1
    return message, held


# ---------------------------------------------------------------- the screens


def servers_screen(page: Page[Server], all_servers: Sequence[Server]) -> Html:
    """A page of the list, and what of `all_servers` nobody will be told."""
    place = _footer_place(page) if page.total > 1 else None
    return join_lines(words("servers"), *_silent_lines(all_servers), place)


def _silent_lines(servers: Sequence[Server]) -> list[Html]:
    """An empty line and those of `silences`, if there are any."""
    lines = [Html(f"🔕 {silence}") for silence in silences(servers)]
    return [Html(""), *lines] if lines else []


def silences(servers: Sequence[Server]) -> list[Html]:
    """What the bot will not tell of unasked, for which servers, and how to change that."""
    lines = []
    for key, is_on in (("monitoring", "is_monitored"), ("forgotten", "has_forgotten_alerts")):
        silent = [server for server in servers if not getattr(server, is_on)]
        if silent:
            is_all = len(silent) == len(servers) > 1
            names = _some([server.name for server in silent])
            servers_named = words("silent_all") if is_all else names
            lines.append(words(f"silent_{key}", servers=servers_named))
    return lines


def _some(names: Sequence[str]) -> str:
    """As many of them as a line can hold, and how many are left."""
    shown = ", ".join(cut(name, NAME_IN_NEWS) for name in names[:MOST_IN_NEWS])
    left = len(names) - MOST_IN_NEWS
    return plain_text("alert_news_more", news=shown, number=left) if left > 0 else shown


def help_screen(servers: Sequence[Server], is_viewer: bool = False) -> Html:
    rights = ["", words("viewer_rights")] if is_viewer else []
    return join_lines(words("help"), *rights, *_silent_lines(servers))


def _footer_place(page: Page[Item]) -> Html:
    return words("page", number=page.number + 1, total=page.total)


def _heading(server: Server, key: str) -> Html:
    return words("heading", server=cut(server.name, LONGEST_NAME), screen=words(key))


def menu_screen(server: Server) -> Html:
    name = words("bold", text=cut(server.name, LONGEST_NAME))
    return join_lines(name, _last_known(server), _paused(server), "", words("menu_question"))


def _last_known(server: Server) -> Html | None:
    """The state of the last look; if that is old, when it was so."""
    status = server.learnt.last_status
    if status is None:
        return None
    if is_fresh(server):
        return state_line(server, status)
    was = words(f"was_{status.state}", time=moment(status.looked_at))
    if not server.is_monitored:
        was = words("was_monitoring_off", was=was)
    return Html(f"{STATE_SIGNS[status.state]} {was}")


def fresh_state(server: Server) -> str | None:
    """The state of the last look, None if that is too old to be taken for the state of now."""
    status = server.learnt.last_status
    return status.state if status and is_fresh(server) else None


def is_fresh(server: Server) -> bool:
    """Whether the last look is as new as one that monitoring makes."""
    if server.learnt.last_status is None:
        return False
    limit_s = max(FRESH_LEAST_S, FRESH_LOOKS * server.look_interval_s)
    return abs(time.time() - server.learnt.last_status.looked_at) <= limit_s


def state_line(server: Server, status: Status) -> Html:
    """The light and what it means."""
    return Html(f"{STATE_SIGNS[status.state]} {state_sentence(server, status)}")


def state_sentence(server: Server, status: Status) -> Html:
    """What the light means; for a server that is not up also why, and what to do about it."""
    if status.state == UP:
        return words("state_up")
    if status.state == SERVICE_DOWN:
        return _service_is_down(server, status)
    if _is_about_trust(status.web_reason):
        untrusted = untrusted_sentences(server, status.web_reason)
        if status.state == WEB_DOWN:
            return join_sentences(untrusted, words("state_service_works"))
        service = _service_is_silent(server, status) if status.service_reason else None
        return join_sentences(service, untrusted)
    if status.state == WEB_DOWN:
        key = "state_web_fails" if status.web_reason.startswith("http_") else "state_web_down"
        web_down = words(key, reason=reason_words(status.web_reason))
        return join_sentences(web_down, _advice(server, status.web_reason))
    return _both_are_down(server, status)


def _service_is_down(server: Server, status: Status) -> Html:
    key = (
        "state_service_fails" if status.service_reason.startswith("http_") else "state_service_down"
    )
    reason = reason_words(status.service_reason)
    advice = SERVICE_ADVICE.get(status.service_reason)
    return join_sentences(
        words(key, port=server.status_port, reason=reason), words(advice) if advice else None
    )


def _service_is_silent(server: Server, status: Status) -> Html:
    reason = reason_words(status.service_reason)
    return words("state_service_silent", port=server.status_port, reason=reason)


def _both_are_down(server: Server, status: Status) -> Html:
    web = reason_words(status.web_reason)
    if status.service_reason and status.service_reason != status.web_reason:
        reason = reason_words(status.service_reason)
        return words("state_down_both", web=web, port=server.status_port, reason=reason)
    advice = _advice(server, status.web_reason)
    if status.service_reason and status.web_reason in BOTH_ADVICE:
        advice = words(BOTH_ADVICE[status.web_reason])
    return join_sentences(words("state_down", reason=web), advice)


def _is_about_trust(reason: str) -> bool:
    """Whether the server answered, and the bot must not believe it."""
    return reason.startswith("certificate_") or reason == "ca_file"


def untrusted_sentences(server: Server, reason: str) -> Html:
    """What is wrong with the certificate and what to do about it."""
    untrusted = words("state_web_untrusted", reason=reason_words(reason))
    return join_sentences(untrusted, _advice(server, reason))


def _advice(server: Server, reason: str) -> Html | None:
    key, of_file = f"advice_{reason}", f"advice_{reason}_file"
    if isinstance(server.verify, str) and has_words(of_file):
        key = of_file
    return words(key) if has_words(key) else None


def reason_words(reason: str) -> Html:
    """What a reason of `trueconf_api` means; http_500 and the like carry their number. 2.0.0 kept
    none of the outages that are taken over from it."""
    if reason.startswith("http_"):
        return words("reason_http", status=reason.removeprefix("http_"))
    key = f"reason_{reason}"
    return words(key if has_words(key) else "reason_failed")


def is_paused(server: Server) -> bool:
    """Whether nothing is announced of it for a while."""
    pause = server.known.pause
    return server.is_monitored and pause is not None and pause.until > time.time()


def _paused(server: Server) -> Html | None:
    """Until when nothing is announced of it."""
    until = server.known.pause.until if server.known.pause and is_paused(server) else 0
    planned_until = server.window_end(time.time()) or 0
    if server.is_monitored and planned_until > until:
        return words("planned", time=moment(planned_until))
    return words("paused", time=moment(until)) if until else None


def status_screen(server: Server, status: Status, since: float | None, lost_looks: int = 0) -> Html:
    """`lost_looks`: see `Watcher.lost_looks`."""
    age = None
    if since is not None:
        age = words("state_since", time=moment(since), duration=duration(time.time() - since))
    checking = words("monitoring_off")
    if server.is_monitored:
        checking = words("monitoring_on", interval=duration(server.look_interval_s))
    return join_lines(
        _heading(server, "status"),
        state_line(server, status),
        age,
        certificate_line(status.certificate_end),
        version_line(server),
        taken_line(server.known.outage.by if server.known.outage else ""),
        plural("unsteady", lost_looks) if lost_looks else None,
        _paused(server) or checking,
        "",
        read_at(),
    )


def version_line(server: Server) -> Html | None:
    """The server's version, if it tells it, and that it is attacked, if it is known to be."""
    known = server.product_version
    return attacked_line(known) or (words("version_known", version=known) if known else None)


def attacked_line(version: str) -> Html | None:
    """That this version is known to be attacked, if it is."""
    first = first_safe_version(version)
    return words("version_attacked", version=version, first=first) if first else None


def certificate_line(end: float | None) -> Html | None:
    """How long the certificate is good, if it is and that is known."""
    if end is None or end < time.time():  # that it has ended, the state says
        return None
    return certificate_ends(end, "certificate_until")


def certificate_ends(end: float, key: str = "certificate_ends") -> Html:
    """In how many days, or hours if that is soon; always with the date. `key`: the sentence."""
    left_s = end - time.time()
    # Two times of one sentence have dates if one of them is of another day.
    at = moments(end, time.time() + 2 * DAY_S)[0]
    if left_s < HOURS_UNTIL_DAYS * 3600:
        hours = duration(max(60, left_s // 3600 * 3600 if left_s >= 3600 else left_s))
        return words(f"{key}_hours", duration=hours, time=at)
    return plural(key, round(left_s / DAY_S), time=at)


def overviews_screen(page: Page[Server], overviews: Sequence[Overview]) -> Html:
    """All servers in one message, a page of them at a time."""
    entries = [_overview(overview) for overview in overviews]
    return join_lines(words("bold", text=plain(words("all_servers"))), *entries, "", _footer(page))


def _overview(overview: Overview) -> Html:
    server, status = overview.server, overview.status
    lines: list[str | None] = [Html(""), light_and_name(server, status.state)]
    outage = server.known.outage
    if status.state != UP:
        lines.append(state_sentence(server, status))
    if status.state != UP and outage:
        since = words("alert_since", time=moment(outage.begun))
        lines += [since, taken_line(cut(outage.by, LONGEST_PERSON))]
    if status.state in (UP, SERVICE_DOWN):  # else the website is silent, as was just said
        counts = [
            _overview_part(overview.conferences, "overview_conferences"),
            _overview_part(overview.online, "overview_online"),
        ]
        lines += dict.fromkeys(counts)  # the same error is said once
    return join_lines(*lines, _paused(server))


def _overview_part(value: int | TrueConfError, key: str) -> Html:
    return error_sentence(value) if isinstance(value, TrueConfError) else words(key, number=value)


def conferences_screen(server: Server, page: Page[Conference], total: int) -> Html:
    heading = _heading(server, "conferences")
    if not page.items:
        return join_lines(heading, "", words("conferences_none"), "", _footer())
    entries = [_conference(number, item) for number, item in enumerate(page.items, page.first)]
    number = plural("conferences_number", total)
    return join_lines(heading, number, "", *entries, words("conference_hint"), _footer(page))


def _conference(number: int, conference: Conference, reason: Html | None = None) -> Html:
    """One entry of a list, with an empty line at its end."""
    joined = conference.participant_count
    knows_age = conference.age_s is not None or not reason  # else the reason says it
    return join_lines(
        words("entry_title", number=number, title=title_of(conference)),
        reason,
        _parts(_id(conference), _owner(conference)),
        _parts(
            words("entry_age", duration=age_of(conference)) if knows_age else None,
            words("entry_participants", number=joined)
            if joined is not None and not reason
            else None,
        ),
        words("entry_realtime", url=conference.realtime_url) if conference.realtime_url else None,
        "",
    )


def _parts(*parts: str | None) -> Html | None:
    """Side by side on one line; None if there are none."""
    return Html(" · ".join(part for part in parts if part)) or None


def _id(conference: Conference) -> Html:
    if not conference.id:
        return words("entry_no_id")
    return words("entry_id", id=cut(conference.id, LONGEST_ID), url=conference.page_url)


def identity(conference: Conference) -> Html | None:
    """Its ID, as a link, and its owner."""
    return _parts(_id(conference), _owner(conference))


def _owner(conference: Conference) -> Html | None:
    """Without the domain if that is the server's own, which says nothing."""
    name, _, domain = conference.owner.partition("@")
    own_domains = (
        conference.session_id.partition("@")[2].partition("#")[0],
        urlsplit(conference.server_url).hostname,
    )
    owner = cut(name if domain in own_domains else conference.owner, LONGEST_NAME)
    return words("entry_owner", owner=owner) if owner else None


def age_of(conference: Conference) -> Html:
    """How long it runs; the seconds are of interest in the first minute only."""
    age_s = conference.age_s
    return duration(age_s if age_s is None or age_s < 60 else age_s // 60 * 60)


def title_of(conference: Conference) -> str:
    return cut(conference.title, LONGEST_TITLE) or plain(words("untitled"))


def people_in(found: ConferencePage | None) -> tuple[Participant, ...]:
    """Those who are known to be in a conference."""
    return found.people.participants if found and isinstance(found.people, People) else ()


def conference_screen(
    server: Server, found: ConferencePage | None, page: Page[Participant]
) -> Html:
    """The page of a conference with a page of `people_in` it. What is not known is left out."""
    if found is None:
        return not_running(server)
    conference = found.conference
    url = conference.realtime_url
    return join_lines(
        _heading(server, "conference"),
        words("bold", text=title_of(conference)),
        _parts(_id(conference), _owner(conference)),
        _age_and_plan(conference),
        _recording(found.recording),
        "",
        *_inside(conference, found.people, page),
        "",
        words("conference_realtime", url=url) if url else None,
        _footer(page),
    )


def _age_and_plan(conference: Conference) -> Html | None:
    planned = duration(conference.planned_s) if conference.planned_s else None
    if conference.age_s is None:
        return words("entry_planned", planned=planned) if planned else None
    age = age_of(conference)
    if planned:
        return words("entry_age_planned", duration=age, planned=planned)
    return words("entry_age", duration=age)


def _recording(recording: Recording | TrueConfError | None) -> Html | None:
    if recording is None:
        return None
    if isinstance(recording, TrueConfError):
        return _could_not("recorded_unknown", recording)
    if recording.since is not None and recording.is_running:
        return words("recorded_since", time=moment(recording.since))
    return words("recorded" if recording.is_running else "recorded_not")


def _could_not(key: str, error: TrueConfError) -> Html:
    """What could not be found out, and why."""
    return Html(f"⚠️ {words(key)}. {error_sentence(error)}")


def _inside(
    conference: Conference, people: People | TrueConfError, page: Page[Participant]
) -> list[Html]:
    """How many are in it, and a page of their names, the guests on a line of their own."""
    if isinstance(people, TrueConfError):
        return [_could_not("forgotten_not_examined", people)]
    if not people.count:
        return [words("forgotten_empty")]
    now, most = plural("people_now", people.count), conference.max_people or 0
    if most >= people.count:
        now = plural("people_now_of", people.count, most=most)
    lines = [_named(now, [one for one in page.items if not one.is_guest])]
    guests = [one for one in page.items if one.is_guest]
    if guests:
        lines.append(_named(plural("people_guests", people.guest_count), guests))
    return lines


def _named(now: Html, people: Sequence[Participant]) -> Html:
    names = ", ".join(map(_person, people))
    return words("people_named", now=now, names=names) if names else now


def _person(one: Participant) -> str:
    name = cut(one.name, LONGEST_PERSON) or plain_text("person_unnamed")
    if one.is_owner:
        return plain_text("person_owner", name=name)
    if one.is_leader:  # who the owner is may not be known
        return plain_text(
            "person_leader" if one.is_owner is None else "person_moderator", name=name
        )
    return name


def online_screen(server: Server, online: Online) -> Html:
    others = online.online - online.free - online.in_conference
    return join_lines(
        _heading(server, "online"),
        words("online_of", online=online.online, accounts=plural("accounts", online.accounts)),
        "",
        words("online_free", number=online.free),
        words("online_in_conference", number=online.in_conference),
        words("online_other", number=others) if others else None,
        "",
        read_at(),
    )


def by_name_screen(server: Server, page: Page[Account], online: Sequence[Account]) -> Html:
    """A page of those who are online, by what they do."""
    totals = Counter(map(_doing, online))
    lines = []
    for key in ("online_in_conference", "online_free", "online_other"):
        if names := ", ".join(name_of(one) for one in page.items if _doing(one) == key):
            now = words(key, number=totals[key])
            lines += [words("online_named", now=now, names=names), Html("")]
    nobody = [words("online_nobody"), Html("")]
    return join_lines(_heading(server, "online"), "", *(lines or nobody), _footer(page))


def _doing(account: Account) -> str:
    if account.is_in_conference:
        return "online_in_conference"
    return "online_free" if account.is_free else "online_other"


def name_of(account: Account) -> str:
    known = filter(None, (cut(text, LONGEST_PERSON) for text in (account.name, account.login)))
    return next(known, plain_text("person_unnamed"))


def who_screen(asked: str, found: Sequence[Search], is_private: bool) -> Html:
    """The answer to /who: who is called so on which servers, and what they do now."""
    if not (is_private and asked):
        return words("who_usage" if is_private else "who_private")
    heading, entries, failed = words("who", asked=cut(asked, LONGEST_NAME)), [], []
    for search in found:
        name = words("bold", text=cut(search.server.name, LONGEST_NAME))
        if isinstance(search.matches, TrueConfError):
            failed.append(Html(f"⚠️ {name}: {error_sentence(search.matches)}"))
        elif search.matches:
            entries.append(join_lines(name, *_found(search, search.matches)))
    if not entries and len(failed) < len(found):
        heading = join_lines(heading, "", words("who_nobody"))
    entries += failed
    message, held = pack_message(heading, entries[:MOST_SERVERS], limit=WHO_LIMIT)
    left = len(entries) - held
    return join_lines(message, "", plural("who_more_servers", left) if left else None, read_at())


def _found(search: Search, matches: Sequence[Match]) -> list[Html]:
    """A line for each of them, and what could not be found out."""
    lines = [words("who_person", name=_with_login(one.account), doing=_now(one)) for one in matches]
    if search.count > len(matches):
        lines.append(plural("who_more", search.count - len(matches)))
    if search.missing:
        lines.append(Html(f"⚠️ {error_sentence(search.missing)}"))
    return lines


def _with_login(account: Account) -> str:
    name, login = name_of(account), cut(account.login, LONGEST_PERSON)
    return plain_text("who_login", name=name, login=login) if login not in ("", name) else name


def _now(match: Match) -> Html:
    account, conferences = match.account, match.conferences
    if not account.is_active:
        return words("who_disabled")
    if not account.is_in_conference:
        known = "who_online" if account.is_online else "who_offline"
        return words("who_free" if account.is_free else known)
    if not conferences:
        return words("who_busy" if conferences is None else "who_in_call")
    titles = [
        plain_text("who_title", title=cut(title_of(one), LONGEST_PERSON))
        for one in conferences[:MOST_TITLES]
    ]
    shown, left = ", ".join(titles), len(conferences) - len(titles)
    if left:
        shown = plain_text("alert_news_more", news=shown, number=left)
    return words("who_in_conference", titles=shown)


def forgotten_screen(server: Server, page: Page[Forgotten], total: int, age_min: int) -> Html:
    heading = _heading(server, "forgotten")
    limit = words("forgotten_age", age=age_choice(age_min))
    watch = words("forgotten_alerts_off")
    if server.has_forgotten_alerts:
        watch = words("forgotten_alerts_on", age=age_choice(server.forgotten_age_min))
    if not page.items:
        return join_lines(heading, limit, "", words("forgotten_none"), "", watch, _footer())
    entries = [_forgotten(number, item) for number, item in enumerate(page.items, page.first)]
    number = plural("forgotten_number", total)
    return join_lines(
        heading, limit, number, "", *entries, words("stop_hint"), watch, _footer(page)
    )


def _forgotten(number: int, one: Forgotten) -> Html:
    return _conference(number, one.conference, forgotten_reason(one))


def forgotten_reason(one: Forgotten) -> Html:
    if one.reason == "no_leader":
        return plural("forgotten_no_leader", one.people.count if one.people else 0)
    return words(f"forgotten_{one.reason}")


# ---------------------------------------------------------------- stopping


def confirm_stop(
    server: Server,
    conference: Conference,
    people: People | TrueConfError,
    has_changed: bool = False,
) -> Html:
    return join_lines(
        words("conference_changed") if has_changed else None,
        words("confirm_stop"),
        "",
        words("bold", text=title_of(conference)),
        words("entry_server", server=cut(server.name, LONGEST_NAME)),
        _parts(_id(conference), _owner(conference)),
        words("entry_age", duration=age_of(conference)),
        _who_is_inside(people),
        "",
        words("confirm_limit", limit=duration(CONFIRM_LIMIT_S)),
        read_at(),
    )


def _who_is_inside(people: People | TrueConfError) -> Html:
    if isinstance(people, TrueConfError):
        return words("people_unknown")
    if not people.count:
        return words("forgotten_empty")
    names = _names(people, MOST_NAMES)
    return words("people_named", now=plural("people_now", people.count), names=names)


def _names(people: People, most: int) -> str:
    """The first names, how many people more there are, and how many guests."""
    shown = [cut(name, LONGEST_PERSON) for name in people.names[:most]]
    others = people.count - people.guest_count - len(shown)
    if others > 0:
        shown.append(plain(plural("people_others", others)))
    if people.guest_count:
        shown.append(plain(plural("people_guests", people.guest_count)))
    return ", ".join(shown)


def confirm_stop_all(
    server: Server, found: Sequence[Forgotten], age_min: int, has_changed: bool
) -> Html:
    """Those with people in them come first, and a line above says how many there are."""
    inside = sum(_count(forgotten) > 0 for forgotten in found)
    people_first = sorted(found, key=_count, reverse=True)
    return join_lines(
        words("list_changed") if has_changed else None,
        plural("confirm_stop_all", len(found), server=cut(server.name, LONGEST_NAME)),
        plural("people_inside", inside, total=len(found)) if inside else None,
        words("all_are_older", age=age_choice(age_min)),
        "",
        *short_list(people_first),
        "",
        words("confirm_limit", limit=duration(CONFIRM_LIMIT_S)),
        read_at(),
    )


def _count(forgotten: Forgotten) -> int:
    return forgotten.people.count if forgotten.people else 0


def short_list(found: Sequence[Conference | Forgotten]) -> list[Html]:
    """A line for each: the more of them, the shorter the titles. What is forgotten comes with who
    is in it, by name if there are few."""
    limit = _short_title(len(found))
    most_names = 0 if len(found) > MOST_WITH_NAMES else MOST_NAMES_IN_A_LINE
    lines = []
    for number, item in enumerate(found, 1):
        if isinstance(item, Conference):
            lines.append(words("short_entry", number=number, title=cut(title_of(item), limit)))
            continue
        name = cut(title_of(item.conference), limit)
        people = _people_in_short(item, most_names)
        lines.append(words("short_entry_people", number=number, title=name, people=people))
    return _at_most(lines)


def _people_in_short(forgotten: Forgotten, most_names: int) -> Html:
    people = forgotten.people
    if people is None:
        return words("forgotten_not_examined")
    if not people.count:
        return words("people_nobody")
    count = plural("people_count", people.count)
    if not most_names:
        return count
    return words("people_named", now=count, names=_names(people, most_names))


def _short_title(lines: int) -> int:
    lines = min(max(1, lines), MOST_IN_A_LIST)
    return min(LONGEST_TITLE, 2400 // lines - 24)  # 24: the words around it


def not_running(server: Server) -> Html:
    return join_lines(_heading(server, "conferences"), "", words("not_running"), "", read_at())


def stop_result(server: Server, results: dict[Conference, str | TrueConfError]) -> Html:
    """`results`: what `trueconf_api.stop_conferences` returned; {}: there was nothing to stop."""
    if not results:
        return not_running(server)
    failed = [result for result in results.values() if isinstance(result, TrueConfError)]
    errors = sorted({error_sentence(error) for error in failed})[:3]
    if len(results) == 1:
        [(conference, result)] = results.items()
        name = cut(server.name, LONGEST_NAME)
        lines = [words(f"result_{_outcome(result)}", title=title_of(conference), server=name)]
    else:
        lines = [_heading(server, "forgotten"), Html(""), *_short_results(results)]
    return join_lines(*lines, *[Html(f"⚠️ {error}") for error in errors], "", read_at())


def _short_results(results: dict[Conference, str | TrueConfError]) -> list[Html]:
    limit = _short_title(len(results))
    lines = [
        words(f"stop_all_{_outcome(result)}", title=cut(title_of(conference), limit))
        for conference, result in results.items()
    ]
    return _at_most(lines)


def _outcome(result: str | TrueConfError) -> str:
    if isinstance(result, OutcomeUnknown):
        return "unknown"
    return "failed" if isinstance(result, TrueConfError) else result


def _at_most(lines: list[Html]) -> list[Html]:
    """No more lines than a message holds, and how many were left out."""
    left = len(lines) - MOST_IN_A_LIST
    return [*lines[:MOST_IN_A_LIST], plural("and_more", left)] if left > 0 else lines


def stopped_by(server: Server, conferences: Sequence[Conference], who: str) -> Html:
    """What the others who are listed get to know."""
    name, who = cut(server.name, LONGEST_NAME), cut(who, LONGEST_NAME)
    if len(conferences) == 1:
        return words("stopped_by", title=title_of(conferences[0]), server=name, who=who)
    heading = plural("stopped_all_by", len(conferences), server=name, who=who)
    return join_lines(heading, *short_list(conferences))


# ---------------------------------------------------------------- errors


def error_sentence(error: TrueConfError) -> Html:
    """What went wrong and what to do about it."""
    if error.reason == "api_version":
        version = error.details.get("version")
        return words("error_api_version", version=version) if version else words("error_no_api")
    if has_words(f"error_{error.reason}"):
        return words(
            f"error_{error.reason}", **{key: cut(value, 60) for key, value in error.details.items()}
        )
    if _is_about_trust(error.reason):
        return Html(f"{untrusted_sentences(error.server, error.reason)}.")
    # Whatever was asked, it was the website: the service may be up all the same.
    silent = words("error_unreachable", reason=reason_words(error.reason))
    return Html(f"{join_sentences(silent, _advice(error.server, error.reason))}.")


def reason_of(error: TrueConfError) -> Html:
    """The middle of a sentence that says why nothing useful came back."""
    if error.reason == "status":
        return words("reason_http", **error.details)
    is_known = has_words(f"reason_{error.reason}")
    return reason_words(error.reason) if is_known else error_sentence(error)


def error_screen(error: TrueConfError) -> Html:
    name = words("bold", text=cut(error.server.name, LONGEST_NAME))
    return join_lines(name, f"⚠️ {error_sentence(error)}", "", read_at())


# ---------------------------------------------------------------- of what comes unasked


def light_and_name(server: Server, state: str, longest: int = LONGEST_NAME) -> Html:
    return Html(f"{STATE_SIGNS[state]} {words('bold', text=cut(server.name, longest))}")


def taken_line(by: str) -> Html | None:
    return words("mark_taken", who=cut(by, LONGEST_NAME)) if by else None


def names_in_news(states: dict[str, str | None]) -> str:
    """Some names, the worst first. `states`: that of each server, None to leave it out."""
    worst_first = sorted(states, key=lambda name: WORST_FIRST.index(states[name]))
    shown = [f"{STATE_SIGNS[states[name]]} {cut(name, NAME_IN_NEWS)}" for name in worst_first]
    news = ", ".join(text.strip() for text in shown[:MOST_IN_NEWS])
    left = len(shown) - MOST_IN_NEWS
    return plain_text("alert_news_more", news=news, number=left) if left > 0 else news


# ---------------------------------------------------------------- people and settings


def ids(user_id: int | None, chat_id: int, topic: int | None, is_viewer: bool = False) -> Html:
    """The answer to /id. The ID of a group is negative. `user_id`: None for somebody who is an
    anonymous administrator there."""
    return join_lines(
        words("your_id", id=user_id) if user_id else words("id_anonymous"),
        words("viewer_rights") if is_viewer else None,
        words("group_id", id=chat_id) if chat_id < 0 else None,
        words("topic_id", id=chat_id, topic=topic) if topic else None,
    )


def telegram_trouble(trouble: Trouble) -> str:
    """The sentence for the log and the console."""
    sentence = words(
        f"telegram_{trouble.kind}",
        reason=reason_words(trouble.reason),
        status=trouble.reason.removeprefix("http_"),
        proxy=trouble.proxy,
        where=trouble.where or words("system_proxy"),
        now=time.strftime(words("moment_with_year")),
    )
    return plain(sentence)


def problem(one: Problem) -> str:
    """The sentence for the console: without tags."""
    found = json.dumps(one.found, ensure_ascii=False)
    values = {"key": one.key, "found": cut(found, 60), **dict(one.details)}
    return plain(words(f"problem_{one.code}", **values))
