"""Every word that people see: picks the language, fills and escapes, puts the screens together.

The words stand in `ru.py`, `en.py`, `de.py` and `es.py`, all with the same keys. Whatever is
filled into them is escaped here, so a title with `<` or `&` cannot break a message. Numbers,
durations and times read as people say them.
"""

import html
import json
import locale
import os
import re
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from texts import de, en, es, ru
from trueconf_api import (
    DOWN,
    UP,
    Conference,
    Forgotten,
    Online,
    OutcomeUnknown,
    Overview,
    People,
    Server,
    Status,
    TrueConfError,
)

LANGUAGES = {"ru": ru.WORDS, "en": en.WORDS, "de": de.WORDS, "es": es.WORDS}
MESSAGE_LIMIT = 4096  # UTF-16 units, of Telegram
CONFERENCES_A_PAGE = 5
SERVERS_A_PAGE = 16
OVERVIEWS_A_PAGE = 6
MOST_IN_A_LIST = 50
LONGEST_TITLE, LONGEST_NAME, LONGEST_LABEL = 160, 100, 32
STATE_SIGNS = {UP: "🟢", "web_only": "🟡", DOWN: "🔴", None: ""}

_language = "ru"


class Html(str):
    """Text that is escaped already."""

    __slots__ = ()


def use(language: str) -> None:
    """Choose the language of everything that is said from now on."""
    global _language
    _language = language


def system_language() -> str:
    """The language of this computer, English if the bot does not speak it."""
    variables = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    name = next(filter(None, variables), locale.getlocale()[0] or "").lower()
    # Windows has long names: Russian_Russia.
    names = {"russian": "ru", "german": "de", "spanish": "es"}
    language = names.get(name.partition("_")[0], name[:2])
    return language if language in LANGUAGES else "en"


# ---------------------------------------------------------------- filling


def clean(value: object) -> str:
    """One line without what a chat cannot show: control and direction marks, half characters."""
    text = str(value).encode("utf-8", "replace").decode()
    text = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]", " ", text)
    return " ".join(text.split())


def units(text: str) -> int:
    """How long Telegram finds a text: UTF-16 units, an emoji counts twice."""
    return len(text.encode("utf-16-le")) // 2


def cut(value: object, limit: int) -> str:
    """The beginning of a text, at most `limit` units, with … where something is left out."""
    text = clean(value)
    if units(text) <= limit:
        return text
    kept = text.encode("utf-16-le")[: 2 * (limit - 1)]
    return kept.decode("utf-16-le", "ignore").rstrip() + "…"


def t(key: str, /, **values: object) -> Html:
    """The words of `key`, filled in. Every value is escaped, except what is `Html` already."""
    return _fill(LANGUAGES[_language][key], values)


def count(key: str, number: int, /, **values: object) -> Html:
    """The words of `key` in the form that goes with `number`: 1 час, 2 часа, 5 часов."""
    forms = LANGUAGES[_language][key]
    return _fill(forms[plural_form(_language, number)], {**values, "number": number})


def _fill(words: str, values: dict[str, object]) -> Html:
    safe = {
        name: value if isinstance(value, Html) else html.escape(clean(value))
        for name, value in values.items()
    }
    return Html(words.format(**safe))


def plural_form(language: str, number: int) -> int:
    """Which of the forms goes with a number: CLDR's one, few, many for Russian, else one, other."""
    if language != "ru":
        return 0 if number == 1 else 1
    if number % 10 == 1 and number % 100 != 11:
        return 0
    return 1 if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14) else 2


def popup(key: str, /, **values: object) -> str:
    """The words of `key` where no tags are understood: a pop-up window, a console."""
    return plain(t(key, **values))


def plain(text: str) -> str:
    """The text as it reads in a console or on a button: without tags."""
    return html.unescape(re.sub(r"<[^>]*>", "", text))


def _lines(*lines: str) -> Html:
    return Html("\n".join(line for line in lines if line is not None))


# ---------------------------------------------------------------- times


def duration(seconds: float | None) -> Html:
    """2 ч 05 мин, 3 д 4 ч, 15 мин, 45 с; "unknown" for None."""
    if seconds is None:
        return t("duration_unknown")
    minutes, seconds = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [("days", days), ("hours", hours), ("minutes", minutes), ("seconds", seconds)]
    while len(parts) > 1 and not parts[0][1]:
        del parts[0]
    (unit, number), *rest = parts[:2]
    words = t(f"duration_{unit}", number=number)
    if rest and rest[0][1]:
        unit, number = rest[0]
        number = number if unit == "hours" else f"{number:02}"
        words = Html(f"{words} {t(f'duration_{unit}', number=number)}")
    return words


def age_choice(minutes: int) -> str:
    """How a button names an age: 1 ч, 24 ч, 30 мин."""
    is_whole = minutes % 60 == 0
    number = minutes // 60 if is_whole else minutes
    return popup("duration_hours" if is_whole else "duration_minutes", number=number)


def moment(at: float) -> str:
    """The clock of the computer that the bot runs on, with the date if that is not today."""
    then, now = time.localtime(at), time.localtime()
    is_today = (then.tm_year, then.tm_yday) == (now.tm_year, now.tm_yday)
    return time.strftime("%H:%M:%S" if is_today else popup("moment_with_date"), then)


def _read_at() -> Html:
    return t("read_at", time=moment(time.time()))


# ---------------------------------------------------------------- people


def person(user) -> str:
    """How the log and the others get to know who did something. `user`: Telegram's User."""
    return f"{cut(user.full_name, 60)} ({user.id})"


def ids(user_id: int, chat_id: int) -> Html:
    """The answer to /id. The ID of a group is negative."""
    return _lines(t("your_id", id=user_id), t("group_id", id=chat_id) if chat_id < 0 else None)


# ---------------------------------------------------------------- pages


@dataclass(frozen=True)
class Page:
    """A part of a long list: `items`, the first of them being number `first` (from 1)."""

    items: list
    number: int  # from 0
    total: int  # pages
    first: int


def page_of(items: Sequence, number: int, size: int) -> Page:
    """Page `number` (from 0), or the nearest there is."""
    total = max(1, -(-len(items) // size))
    number = min(max(number, 0), total - 1)
    start = number * size
    return Page(list(items[start : start + size]), number, total, start + 1)


def _footer(page: Page | None = None) -> Html:
    if page is None or page.total == 1:
        return _read_at()
    return Html(f"{_footer_place(page)} · {_read_at()}")


def pack_message(heading: Html, entries: Iterable[Html]) -> tuple[Html, int]:
    """A message of the heading and as many entries as Telegram's limit allows, none of them cut,
    and how many those are: at least one, if there are any."""
    message, held = heading, 0
    for entry in entries:
        longer = Html(f"{message}\n\n{entry}")
        # The tags do not count for Telegram, so this is on the safe side.
        if units(longer) > MESSAGE_LIMIT and held:
            break
        message, held = longer, held + 1
    return message, held


# ---------------------------------------------------------------- the screens


def servers(page: Page) -> Html:
    return t("servers") if page.total == 1 else _lines(t("servers"), _footer_place(page))


def _footer_place(page: Page) -> Html:
    return t("page", number=page.number + 1, total=page.total)


def _heading(server: Server, key: str) -> Html:
    return t("heading", server=cut(server.name, LONGEST_NAME), screen=t(key))


def menu(server: Server) -> Html:
    known = [state_sentence(server, server.last_status)] if server.last_status else []
    name = t("bold", text=cut(server.name, LONGEST_NAME))
    return _lines(name, *known, "", t("menu_question"))


def state_sentence(server: Server, status: Status) -> Html:
    """The light and what it means; for a server that is not up also why."""
    sign = STATE_SIGNS[status.state]
    if status.state == UP:
        return t("state_up", sign=sign)
    if status.state == DOWN:
        return t("state_down", sign=sign, reason=_both_reasons(server, status))
    key = "state_service_fails" if status.reason.startswith("http_") else "state_web_only"
    return t(key, sign=sign, port=server.status_port, reason=reason_words(status.reason))


def _both_reasons(server: Server, status: Status) -> Html:
    web = reason_words(status.web_reason)
    if not status.reason or status.reason == status.web_reason:
        return web
    port = server.status_port
    return t("reasons", web=web, port=port, reason=reason_words(status.reason))


def reason_words(reason: str) -> Html:
    """What a reason of `trueconf_api` means; http_500 and the like carry their number."""
    if reason.startswith("http_"):
        return t("reason_http", status=reason.removeprefix("http_"))
    return t(f"reason_{reason}")


def status(server: Server, status: Status, since: float | None) -> Html:
    age = None
    if since is not None:
        age = t("state_since", time=moment(since), duration=duration(time.time() - since))
    checking = t("check_off")
    if server.is_checked:
        checking = t("check_on", interval=duration(server.check_interval_s))
    return _lines(
        _heading(server, "status"), state_sentence(server, status), age, checking, "", _read_at()
    )


def overviews(page: Page, overviews: Sequence[Overview]) -> Html:
    """All servers in one message, a page of them at a time."""
    entries = [_overview(one) for one in overviews]
    return _lines(t("bold", text=plain(t("all_servers"))), *entries, "", _footer(page))


def _overview(one: Overview) -> Html:
    name = t("bold", text=cut(one.server.name, LONGEST_NAME))
    lines = [f"\n{STATE_SIGNS[one.status.state]} {name}"]
    if one.status.state != UP:
        lines.append(state_sentence(one.server, one.status).partition(" ")[2])
    if one.status.state != DOWN:
        lines.append(_overview_part(one.conferences, "overview_conferences"))
        lines.append(_overview_part(one.online, "overview_online"))
    same = lines[-1] == lines[-2] and len(lines) > 2
    return _lines(*(lines[:-1] if same else lines))


def _overview_part(value: int | TrueConfError, key: str) -> Html:
    return error_sentence(value) if isinstance(value, TrueConfError) else t(key, number=value)


def conferences(server: Server, page: Page, total: int) -> Html:
    heading = _heading(server, "conferences")
    if not page.items:
        return _lines(heading, "", t("conferences_none"), "", _footer())
    entries = [_conference(page.first + i, one) for i, one in enumerate(page.items)]
    number = count("conferences_number", total)
    return _lines(heading, number, "", *entries, _footer(page))


def _conference(number: int, conference: Conference, reason: Html | None = None) -> Html:
    """One entry of a list, with an empty line at its end."""
    people = conference.participant_count
    knows_age = conference.age_s is not None or not reason  # else the reason says it
    return _lines(
        t("entry_title", number=number, title=title(conference)),
        reason,
        t("entry_id", id=conference.id, url=conference.page_url)
        if conference.id
        else t("entry_no_id"),
        t("entry_owner", owner=cut(conference.owner, LONGEST_NAME)) if conference.owner else None,
        t("entry_participants", number=people) if people is not None and not reason else None,
        t("entry_age", duration=duration(conference.age_s)) if knows_age else None,
        t("entry_realtime", url=conference.realtime_url) if conference.session_id else None,
        "",
    )


def title(conference: Conference) -> str:
    return cut(conference.title, LONGEST_TITLE) or plain(t("untitled"))


def online(server: Server, online: Online) -> Html:
    others = online.online - online.free - online.busy - online.in_conference
    return _lines(
        _heading(server, "online"),
        t("online_of", online=online.online, accounts=count("accounts", online.accounts)),
        "",
        t("online_free", number=online.free),
        t("online_busy", number=online.busy),
        t("online_in_conference", number=online.in_conference),
        t("online_other", number=others) if others else None,
        "",
        _read_at(),
    )


def forgotten(server: Server, page: Page, total: int, minutes: int) -> Html:
    heading = _heading(server, "forgotten")
    limit = t("forgotten_age", age=age_choice(minutes))
    watch = t("forgotten_watch_off")
    if server.is_forgotten_watched:
        watch = t("forgotten_watch_on", age=age_choice(server.forgotten_age_min))
    if not page.items:
        return _lines(heading, limit, "", t("forgotten_none"), "", watch, _footer())
    entries = [_forgotten(page.first + i, one) for i, one in enumerate(page.items)]
    number = count("forgotten_number", total)
    return _lines(heading, limit, number, "", *entries, watch, _footer(page))


def _forgotten(number: int, one: Forgotten) -> Html:
    return _conference(number, one.conference, forgotten_reason(one))


def forgotten_reason(one: Forgotten) -> Html:
    if one.reason == "no_leader":
        return count("forgotten_no_leader", one.people_count or 0)
    return t(f"forgotten_{one.reason}")


# ---------------------------------------------------------------- stopping


def confirm_stop(server: Server, conference: Conference, people: People | TrueConfError) -> Html:
    if isinstance(people, TrueConfError):
        now = t("people_unknown")
    else:
        now = count("people_now", people.count) if people.count else t("forgotten_empty")
    return _lines(
        t("confirm_stop"),
        "",
        t("bold", text=title(conference)),
        t("entry_server", server=cut(server.name, LONGEST_NAME)),
        t("entry_id", id=conference.id, url=conference.page_url),
        t("entry_owner", owner=cut(conference.owner, LONGEST_NAME)) if conference.owner else None,
        now,
        t("entry_age", duration=duration(conference.age_s)),
        "",
        t("confirm_limit"),
        _read_at(),
    )


def confirm_stop_all(
    server: Server, found: Sequence[Conference], minutes: int, has_changed: bool
) -> Html:
    return _lines(
        t("list_changed") if has_changed else None,
        count("confirm_stop_all", len(found), server=cut(server.name, LONGEST_NAME)),
        t("all_are_older", age=age_choice(minutes)),
        "",
        *_short_list(found),
        "",
        t("confirm_limit"),
        _read_at(),
    )


def _short_list(conferences: Sequence[Conference]) -> list[Html]:
    """A line for each: the more of them, the shorter the titles."""
    limit = _short_title(min(len(conferences), MOST_IN_A_LIST))
    lines = [
        t("short_entry", number=number, title=cut(title(conference), limit))
        for number, conference in enumerate(conferences, 1)
    ]
    return _at_most(lines)


def _short_title(lines: int) -> int:
    return min(LONGEST_TITLE, max(8, 3000 // max(1, lines) - 24))  # 24: the words around it


def not_running(server: Server) -> Html:
    return _lines(_heading(server, "conferences"), "", t("not_running"), "", _read_at())


def stop_result(server: Server, results: dict[Conference, str | TrueConfError]) -> Html:
    """`results`: what `trueconf_api.stop_conferences` returned; {}: there was nothing to stop."""
    if not results:
        return not_running(server)
    errors = {error_sentence(one) for one in results.values() if isinstance(one, TrueConfError)}
    if len(results) == 1:
        [(conference, result)] = results.items()
        name = cut(server.name, LONGEST_NAME)
        lines = [t(f"result_{_outcome(result)}", title=title(conference), server=name)]
    else:
        lines = [_heading(server, "forgotten"), "", *_short_results(results)]
    return _lines(*lines, *[f"⚠️ {error}" for error in sorted(errors)[:3]], "", _read_at())


def _short_results(results: dict[Conference, str | TrueConfError]) -> list[Html]:
    limit = _short_title(min(len(results), MOST_IN_A_LIST))
    lines = [
        t(f"stop_all_{_outcome(result)}", title=cut(title(conference), limit))
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
    return [*lines[:MOST_IN_A_LIST], count("and_more", left)] if left > 0 else lines


def stopped_by(server: Server, conferences: Sequence[Conference], who: str) -> Html:
    """What the others who are listed get to know."""
    name, who = cut(server.name, LONGEST_NAME), cut(who, LONGEST_NAME)
    if len(conferences) == 1:
        return t("stopped_by", title=title(conferences[0]), server=name, who=who)
    heading = count("stopped_all_by", len(conferences), server=name, who=who)
    return _lines(heading, *_short_list(conferences))


# ---------------------------------------------------------------- errors


def error_sentence(error: TrueConfError) -> Html:
    """What went wrong and what to do about it."""
    if error.reason == "api_version":
        return t("error_api_version", version=error.server.api_version)
    if f"error_{error.reason}" in LANGUAGES[_language]:
        return t(
            f"error_{error.reason}", **{key: cut(value, 60) for key, value in error.details.items()}
        )
    return t("error_unreachable", reason=reason_words(error.reason))


def reason_of(error: TrueConfError) -> Html:
    """The middle of a sentence that says why nothing useful came back."""
    if error.reason == "status":
        return t("reason_http", **error.details)
    has_words = f"reason_{error.reason}" in LANGUAGES[_language]
    return reason_words(error.reason) if has_words else error_sentence(error)


def error(error: TrueConfError) -> Html:
    name = t("bold", text=cut(error.server.name, LONGEST_NAME))
    return _lines(name, f"⚠️ {error_sentence(error)}", "", _read_at())


# ---------------------------------------------------------------- what comes unasked


def state_alert(server: Server, status: Status, since: float, is_first: bool) -> Html:
    """A server went down, or was already down when the bot started."""
    name = t("bold", text=cut(server.name, LONGEST_NAME))
    when = t("alert_first" if is_first else "alert_since", time=moment(since))
    return _lines(name, state_sentence(server, status), when)


def recovery_alert(server: Server, since: float, until: float) -> Html:
    name = t("bold", text=cut(server.name, LONGEST_NAME))
    outage = t(
        "alert_outage",
        duration=duration(until - since),
        since=moment(since),
        until=moment(until),
    )
    return _lines(name, t("alert_up", sign=STATE_SIGNS[UP]), outage)


def own_network_alert(since: float, until: float, server_count: int) -> Html:
    """Neither Telegram nor any server could be reached: that was the bot's own network."""
    outage = {"since": moment(since), "until": moment(until), "duration": duration(until - since)}
    if server_count == 1:
        return t("alert_own_network_one", **outage)
    return count("alert_own_network", server_count, **outage)


def missed_alerts(since: float, until: float) -> Html:
    return t("alert_missed", since=moment(since), until=moment(until))


def several_alerts() -> Html:
    return t("alert_several")


def forgotten_alert(server: Server, one: Forgotten) -> Html:
    conference = one.conference
    return _lines(
        t("alert_forgotten", server=cut(server.name, LONGEST_NAME)),
        t("bold", text=title(conference)),
        forgotten_reason(one),
        t("entry_id", id=conference.id, url=conference.page_url),
        t("entry_owner", owner=cut(conference.owner, LONGEST_NAME)) if conference.owner else None,
        t("entry_age", duration=duration(conference.age_s)),
    )


def forgotten_list_alert(server: Server, found: Sequence[Forgotten]) -> Html:
    heading = count("alert_forgotten_list", len(found), server=cut(server.name, LONGEST_NAME))
    return _lines(heading, "", *_short_list([one.conference for one in found]))


# ---------------------------------------------------------------- settings


def problem(one) -> str:
    """The sentence for a `settings.Problem`, for the console: without tags."""
    found = json.dumps(one.found, ensure_ascii=False)
    values = {"key": one.key, "found": cut(found, 60), **dict(one.details)}
    return plain(t(f"problem_{one.code}", **values))


def python() -> str:
    """The Python that runs this, as people write it in the folder of main.py."""
    try:
        return str(Path(sys.executable or "").relative_to(Path(__file__).parent.parent))
    except ValueError:  # it is not in that folder, as .venv/bin/python would be
        return "python"


def settings_error(error) -> str:
    """All that is wrong with the settings, a `settings.SettingsError`, and the way on."""
    use(error.language or system_language())
    if not error.source:
        where = "settings_none_replit" if "REPL_ID" in os.environ else "settings_none"
        return popup(where, python=python())
    lines = [plain(t("settings_wrong", source=error.source))]
    lines += [f"- {problem(one)}" for one in error.problems]
    return "\n".join([*lines, plain(t("settings_help_file"))])
