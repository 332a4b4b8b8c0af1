"""One function for each inline keyboard, and what a button carries.

A button carries at most 64 bytes, so servers and conferences travel as short hashes of their
names: a button of yesterday still finds its server after a restart, wherever the settings have
moved it, or finds nothing. What a press does stands in `main.py`.
"""

import base64
import hashlib
import re
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace
from typing import Any

from telebot.types import InlineKeyboardButton, InlineKeyboardMarkup

import texts
from lib.entries import Entry
from texts import cut, duration, news, plain, plain_text, screens
from texts.news import News
from texts.screens import LONGEST_LABEL, SHORT_NAME, Page
from trueconf_api import (
    UP,
    Account,
    Conference,
    ConferencePage,
    Forgotten,
    Overview,
    Participant,
    Search,
    Server,
    TrueConfError,
)

AGES_MIN = (60, 120, 240, 480, 1440)
AGES_A_ROW = 3  # more of them are cut on a phone
PAUSES_MIN = (60, 480)
MOST_FOUND = 10  # conferences under the answer to /who
CALLBACK_LIMIT = 64  # bytes, of Telegram
CONFIRMED = ("stop", "stop_all")  # the actions of "Yes, stop"


@dataclass(frozen=True)
class Press:
    """What a pressed button says. A field means the same on every button.

    It is known by its place in the callback data, and people keep messages with buttons of earlier
    versions: a button that has something else to say gets a field of its own, at the end.
    """

    action: str  # which handler of main.py
    server: str = ""  # `short_id` of its name
    item: str = ""  # `short_id` of one run of a conference
    page: int = 0  # of a list, from 0
    age_min: int = 0  # chosen on the Forgotten screen; 0: that of the server's alerts
    shown_at: int = 0  # time.time() when a confirmation was shown
    came_from: str = ""  # the action of the list that a confirmation leads back to
    as_shown: str = ""  # `short_id` of what a confirmation showed
    pause_min: int = 0  # how long a pause is to last
    outage_at: int = 0  # time.time() when the outage began that somebody takes
    list_page: int = 0  # of the conferences, where the page of one was opened
    is_new: int = 0  # 1: under what came unasked, which stays: its screen is a message of its own


NO_PRESS = Press("")  # a command instead of a button, or a button that is not of our making


def short_id(name: str) -> str:
    """Eight characters that stand for a name of any length."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=6).digest()
    return base64.urlsafe_b64encode(digest).decode()


def pack(press: Press) -> str:
    """Turn a press into callback data. Raises ValueError if it is longer than Telegram takes."""
    data = _joined(press)
    if len(data.encode()) > CALLBACK_LIMIT:
        raise ValueError(f"callback data over {CALLBACK_LIMIT} bytes, use a shorter name: {data}")
    return data


def _joined(press: Press) -> str:
    return ":".join(str(part or "") for part in astuple(press)).rstrip(":")


def unpack(data: str | None) -> Press | None:
    """The press that this callback data stands for; None for data that is not of our making."""
    parts, kinds = (data or "").split(":"), [field.type for field in fields(Press)]
    parts += [""] * (len(kinds) - len(parts))
    if len(parts) != len(kinds) or not all(map(_fits, parts, kinds)):
        return None
    values: list[Any] = [
        int(part or 0) if kind is int else part for part, kind in zip(parts, kinds, strict=True)
    ]
    press = _of_2_0_0(Press(*values))
    return press if len(_joined(press)) <= CALLBACK_LIMIT else None


def _fits(part: str, kind: object) -> bool:
    shape = r"[0-9]{0,12}" if kind is int else r"[A-Za-z0-9_-]*"
    return re.fullmatch(shape, part) is not None


def _of_2_0_0(press: Press) -> Press:
    """A button of 2.0.0 kept the length of a pause where an age stands, and the begin of an outage
    where the time of a confirmation stands; an age said that it came from the forgotten
    conferences. What it said is said in the fields of today."""
    if press.action == "pause" and press.age_min:
        return replace(press, age_min=0, pause_min=press.age_min)
    if press.action == "take" and press.shown_at:
        action = "take_on_status" if press.item == "status" else "take"
        return replace(press, action=action, item="", shown_at=0, outage_at=press.shown_at)
    if press.action in ("ask_stop", "ask_stop_all", "stop", "stop_all") and not press.came_from:
        came_from = "forgotten" if press.age_min else "conferences"
        return replace(press, came_from=came_from)
    return press


def _button(label: str, press: Press, style: str | None = None) -> InlineKeyboardButton:
    return InlineKeyboardButton(label, callback_data=pack(press), style=style)


def _keyboard(*rows: Sequence[InlineKeyboardButton]) -> InlineKeyboardMarkup:
    keyboard = InlineKeyboardMarkup()
    for row in rows:
        if row:
            keyboard.row(*row)
    return keyboard


def _back(press: Press) -> list[InlineKeyboardButton]:
    return [_button(plain_text("button_back"), press)]


def _refresh(press: Press) -> list[InlineKeyboardButton]:
    return [_button(plain_text("button_refresh"), press)]


def _turn(page: Page[Any], press: Press) -> list[InlineKeyboardButton]:
    """◀ and ▶, as far as there are pages on that side."""
    sides = [("button_previous", page.number - 1), ("button_next", page.number + 1)]
    return [
        _button(plain_text(key), replace(press, page=number))
        for key, number in sides
        if 0 <= number < page.total
    ]


# ---------------------------------------------------------------- servers


def servers(page: Page[Server]) -> InlineKeyboardMarkup:
    """A button for each server with its light, two a row where both names are short."""
    rows: list[list[InlineKeyboardButton]] = []
    fits_beside = False  # the button before, which has a row to itself so far
    for server in page.items:
        label, is_short = _light_and_name(server, screens.fresh_state(server))
        button = _button(label, Press("menu", short_id(server.name)))
        if fits_beside and is_short:
            rows[-1].append(button)
        else:
            rows.append([button])
        fits_beside = is_short and len(rows[-1]) == 1
    has_several = page.total > 1 or len(page.items) > 1
    all_servers = [_button(plain_text("button_all_servers"), Press("all"))] if has_several else []
    return _keyboard(*rows, _turn(page, Press("servers")), all_servers)


def _light_and_name(server: Server, state: str | None) -> tuple[str, bool]:
    """The name with its light, and with a word for a light that is not green; and whether there
    is room for another button beside it."""
    key = f"button_server_{state}"
    if texts.has_words(key):
        room = max(SHORT_NAME, LONGEST_LABEL - texts.units(plain_text(key, server="")))
        name, is_short = plain_text(key, server=cut(server.name, room)), False
    else:
        name = cut(server.name, LONGEST_LABEL)
        is_short = texts.units(texts.clean(server.name)) <= SHORT_NAME
    return f"{screens.STATE_SIGNS[state]} {name}".strip(), is_short


def overviews(page: Page[Server], shown: Sequence[Overview]) -> InlineKeyboardMarkup:
    """A button for each server that is not up, as on the list of servers."""
    here = Press("all", page=page.number)
    not_up = [
        [_button(_light_and_name(server, state)[0], Press("menu", short_id(server.name)))]
        for server, state in ((one.server, one.status.state) for one in shown)
        if state != UP
    ]
    pause_all = []
    if any(one.server.is_monitored and not one.server.known.pause for one in shown):
        label = plain_text("button_pause_all", duration=texts.age_choice(PAUSES_MIN[0]))
        pause_all = [_button(label, replace(here, action="pause_all"))]
    ways_on = [_turn(page, here), pause_all, _refresh(here), _back(Press("servers"))]
    return _keyboard(*not_up, *ways_on)


def menu(server: Server) -> InlineKeyboardMarkup:
    key = short_id(server.name)
    names = ("status", "conferences", "online", "forgotten")
    rows = [[_button(plain_text(f"button_{name}"), Press(name, key))] for name in names]
    return _keyboard(*rows, _back(Press("servers", key)))


def under_news(kind: str, shown: Sequence[News]) -> InlineKeyboardMarkup:
    """Under a message that came unasked: what can be done about it, and the way on. It is never
    without a button, and what opens a screen opens it as a new message."""
    concerned, entries = news.servers_of(shown), [entry for _, entry, _ in shown]
    rows = []
    if kind in ("down", "reminder"):
        rows = [_care(concerned, [entry for entry in entries if entry.ended is None])]
    elif kind == "forgotten" and "conference" in entries[0].details:
        rows = _forgotten_alert(concerned[0], entries[0])
    elif kind == "forgotten_list":
        forgotten_there = Press("forgotten", short_id(concerned[0].name), is_new=1)
        rows = [[_button(plain_text("button_forgotten"), forgotten_there)]]
    return _keyboard(*rows, *_to_menus(concerned))


def _to_menus(concerned: Sequence[Server]) -> list[list[InlineKeyboardButton]]:
    """On to the servers that a message is about."""
    rows = []
    for server in concerned[: screens.OVERVIEWS_A_PAGE]:
        label = plain_text("button_open", server=cut(server.name, LONGEST_LABEL))
        rows.append([_button(label, Press("menu", short_id(server.name), is_new=1))])
    if len(concerned) != 1:
        rows.append([_button(plain_text("button_all_servers"), Press("all", is_new=1))])
    return rows


def _care(concerned: Sequence[Server], going_on: Sequence[Entry]) -> list[InlineKeyboardButton]:
    """ "I'll take it" as long as somebody is needed, else the way to hand it over."""
    if not going_on:
        return []
    if len(concerned) == 1:
        return _take(concerned[0])
    untaken = [entry for entry in going_on if not entry.by]
    if untaken:
        return [_button(plain_text("button_take_all", number=len(untaken)), Press("take_all"))]
    return [_button(plain_text("button_release"), Press("release_all"))]


def _take(server: Server, at: str = "") -> list[InlineKeyboardButton]:
    """ "I'll take it", or "Hand it over" once somebody has. It carries when the outage began, so
    that it never stands for another one. `at`: "_on_status" for the Status screen."""
    outage = server.known.outage
    if outage is None or not outage.news:
        return []
    action = "release" if outage.by else "take"
    press = Press(f"{action}{at}", short_id(server.name), outage_at=int(outage.begun))
    return [_button(plain_text(f"button_{action}"), press)]


def status(server: Server) -> InlineKeyboardMarkup:
    """The switch of monitoring, and while it is on: who takes an outage, and the pause."""
    key = short_id(server.name)
    action = "monitoring_off" if server.is_monitored else "monitoring_on"
    switch = _button(plain_text(f"button_{action}"), Press(action, key))
    pause = []
    if screens.is_paused(server):
        pause = [_button(plain_text("button_pause_end"), Press("pause_end", key))]
    elif server.is_monitored:
        pause = [
            _button(
                plain_text("button_pause", duration=texts.age_choice(minutes)),
                Press("pause", key, pause_min=minutes),
            )
            for minutes in PAUSES_MIN
        ]
    return _keyboard(
        _take(server, "_on_status"),
        pause,
        [switch],
        [_button(plain_text("button_history"), Press("history", key))],
        _refresh(Press("status", key)),
        _back(Press("menu", key)),
    )


def history(server: Server) -> InlineKeyboardMarkup:
    key = short_id(server.name)
    return _keyboard(_refresh(Press("history", key)), _back(Press("status", key)))


def refresh_and_back(
    server: Server, action: str, page: Page[Any] | None = None
) -> InlineKeyboardMarkup:
    """Enough for a screen that only shows something; `action` is the screen's own. Above them
    ◀ and ▶, where it shows a page of a list."""
    key = short_id(server.name)
    here = Press(action, key, page=page.number if page else 0)
    turn = _turn(page, here) if page else []
    return _keyboard(turn, _refresh(here), _back(Press("menu", key)))


def online(server: Server) -> InlineKeyboardMarkup:
    """The names of those who were counted, Refresh and Back."""
    by_name = _button(plain_text("button_by_name"), Press("by_name", short_id(server.name)))
    return InlineKeyboardMarkup([[by_name], *refresh_and_back(server, "online").keyboard])


def by_name(server: Server, page: Page[Account]) -> InlineKeyboardMarkup:
    key = short_id(server.name)
    here = Press("by_name", key, page=page.number)
    return _keyboard(_turn(page, here), _refresh(here), _back(Press("online", key)))


def who(found: Sequence[Search]) -> InlineKeyboardMarkup | None:
    """On to the conferences that those are in who were found."""
    titles = {}
    for search in found:
        matches = () if isinstance(search.matches, TrueConfError) else search.matches
        for one in (one for match in matches for one in match.conferences or ()):
            press = Press("conference", short_id(search.server.name), short_id(one.session_id))
            titles[press] = screens.title_of(one)
    rows = [[_button(cut(title, LONGEST_LABEL), press)] for press, title in titles.items()]
    return _keyboard(*rows[:MOST_FOUND]) if rows else None


def conferences(server: Server, page: Page[Conference]) -> InlineKeyboardMarkup:
    """A button for each that opens its page. None of them can stop anything."""
    key = short_id(server.name)
    here = Press("conferences", key, page=page.number)
    opening = Press("conference", key, list_page=page.number)
    pages = _entries("button_entry", page.first, page.items, opening)
    return _keyboard(*pages, _turn(page, here), _refresh(here), _back(Press("menu", key)))


def conference(
    press: Press, found: ConferencePage | None, page: Page[Participant]
) -> InlineKeyboardMarkup:
    """Under the page of a conference that `press` led to; None: it no longer runs."""
    if found is None:
        return back_to_list(press)
    here = replace(press, action="conference", page=page.number)
    ask_stop = _button(plain_text("button_stop"), replace(_asking_from(here), page=0))
    return _keyboard(
        [ask_stop] if found.conference.id else [],  # first: a second tap on it lands on Back
        _turn(page, here),
        _refresh(here),
        _back(_list_of(here)),
    )


def _asking_from(here: Press) -> Press:
    """What asks before a stop, on a screen that `here` shows again."""
    return replace(here, action="ask_stop", came_from=here.action)


def _entries(
    key: str, first: int, shown: Sequence[Conference], press: Press
) -> list[list[InlineKeyboardButton]]:
    """A row for each that `press` can be about, counted from `first`. `press`: what their buttons
    have in common; what has no ID cannot be stopped."""
    rows = []
    for number, conference in enumerate(shown, first):
        if conference.session_id and (conference.id or press.action == "conference"):
            title = cut(screens.title_of(conference), LONGEST_LABEL)
            label = plain_text(key, number=number, title=title)
            rows.append([_button(label, replace(press, item=short_id(conference.session_id)))])
    return rows


def forgotten(
    server: Server, page: Page[Forgotten], age_min: int, certain_count: int
) -> InlineKeyboardMarkup:
    """Ages to choose from, Stop for each, Stop for all, the switch of the unasked alerts: it also
    gives them the age that is chosen here."""
    key = short_id(server.name)
    choices = [
        _button(_age_label(age, age == age_min), Press("forgotten", key, age_min=age))
        for age in ages_to_choose(server)
    ]
    here = Press("forgotten", key, page=page.number, age_min=age_min)
    found = [entry.conference for entry in page.items]
    stops = _entries("button_stop_entry", page.first, found, _asking_from(here))
    stop_all = []
    if certain_count > 1:
        label = plain_text("button_stop_all", number=certain_count)
        ask_all = replace(_asking_from(here), action="ask_stop_all", page=0)
        stop_all = [_button(label, ask_all)]
    switches = []
    if not server.has_forgotten_alerts or age_min != server.forgotten_age_min:
        label = plain_text("button_forgotten_alerts_on", age=texts.age_choice(age_min))
        switches.append([_button(label, replace(here, action="forgotten_alerts_on"))])
    if server.has_forgotten_alerts:
        label = plain_text("button_forgotten_alerts_off")
        switches.append([_button(label, replace(here, action="forgotten_alerts_off"))])
    return _keyboard(
        *(choices[first : first + AGES_A_ROW] for first in range(0, len(choices), AGES_A_ROW)),
        *stops,
        stop_all,
        _turn(page, here),
        *switches,
        _refresh(here),
        _back(Press("menu", key)),
    )


def ages_to_choose(server: Server) -> list[int]:
    """In minutes: the usual ones and the one that the alerts have."""
    return sorted({*AGES_MIN, server.forgotten_age_min})


def _age_label(minutes: int, is_chosen: bool) -> str:
    label = texts.age_choice(minutes)
    return plain_text("button_chosen", text=label) if is_chosen else plain(label)


# ---------------------------------------------------------------- stopping


def _list_of(press: Press) -> Press:
    """The list that a confirmation, or the page of a conference, was reached from; the conferences
    where a button names none."""
    if "conference" in (press.action, press.came_from):
        return Press("conferences", press.server, page=press.list_page)
    screen = press.came_from or "conferences"
    return Press(screen, press.server, page=press.page, age_min=press.age_min)


def _screen_before(press: Press) -> Press:
    """What a confirmation was reached from: Back leads there."""
    if press.came_from != "conference":
        return _list_of(press)
    return Press("conference", press.server, press.item, list_page=press.list_page)


def confirm(action: str, press: Press, as_shown: str) -> InlineKeyboardMarkup:
    """`press`: what asked; `as_shown` stands for what the confirmation shows. It is good for some
    minutes, so the button carries the time."""
    now = int(time.time())
    yes = replace(press, action=action, shown_at=now, as_shown=as_shown)
    return _keyboard(
        _back(_screen_before(press)),  # first: a second tap on ⏹ lands here
        [_button(plain_text("button_confirm_stop"), yes, style="danger")],
    )


def back_to_list(press: Press) -> InlineKeyboardMarkup:
    return _keyboard(_back(_list_of(press)))


def _forgotten_alert(server: Server, entry: Entry) -> list[list[InlineKeyboardButton]]:
    """What can be decided about a forgotten conference, as long as nobody has done so for good."""
    decision = entry.details.get("decision")
    if decision == "stopped":
        return []
    key, item = short_id(server.name), short_id(entry.details["session_id"])
    age_min = server.forgotten_age_min
    ask_stop = Press("ask_stop", key, item, age_min=age_min, came_from="forgotten", is_new=1)
    stop = [_button(plain_text("button_stop"), ask_stop)]
    if decision == "not_forgotten":
        return [stop]
    label = plain_text("button_remind", pause=duration(screens.REMIND_IN_S))
    remind = [_button(label, Press("remind", key, item))]
    not_forgotten = _button(plain_text("button_not_forgotten"), Press("not_forgotten", key, item))
    return [stop, [*([] if decision else remind), not_forgotten]]


def error(server: Server, press: Press) -> InlineKeyboardMarkup:
    """Under an error: try the same screen again, see how the server is, or go back to its menu."""
    key = short_id(server.name)
    ways_on = [
        [_button(plain_text("button_status"), Press("status", key))],
        _back(Press("menu", key)),
    ]
    if press.action in CONFIRMED:
        return _keyboard(*ways_on)
    if press.action in ("forgotten_alerts_on", "forgotten_alerts_off"):
        press = replace(press, action="forgotten")  # the switch is done, only the list is missing
    return _keyboard(_refresh(press), *ways_on)
