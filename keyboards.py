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

from telebot.types import InlineKeyboardButton, InlineKeyboardMarkup

import texts
from texts import cut, duration, plain, plain_text, screens
from texts.screens import LONGEST_LABEL, SHORT_NAME, Page

AGES_MIN = (60, 120, 240, 480, 1440)
PAUSES_MIN = (60, 480)
CALLBACK_LIMIT = 64  # bytes, of Telegram
CONFIRMED = ("stop", "stop_all")  # the actions of "Yes, stop"


@dataclass(frozen=True)
class Press:
    """What a pressed button says. `server` and `item` are keys made by `short_id`."""

    action: str  # which handler of main.py
    server: str = ""
    item: str = ""  # a conference, or a list of them
    page: int = 0
    minutes: int = 0  # the age chosen on the Forgotten screen; 0: it was another screen
    at: int = 0  # when a confirmation was shown, time.time()


NO_PRESS = Press("")  # a command instead of a button, or a button that is not of our making


def short_id(name: str) -> str:
    """Eight characters that stand for a name of any length."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=6).digest()
    return base64.urlsafe_b64encode(digest).decode()


def pack(press: Press) -> str:
    """Turn a press into callback data. Raises ValueError if it is longer than Telegram takes."""
    data = ":".join(str(part or "") for part in astuple(press)).rstrip(":")
    if len(data.encode()) > CALLBACK_LIMIT:
        raise ValueError(f"callback data over {CALLBACK_LIMIT} bytes, use a shorter name: {data}")
    return data


def unpack(data: str | None) -> Press | None:
    """The press that this callback data stands for; None for data that is not of our making."""
    parts = (data or "").split(":")
    parts += [""] * (len(fields(Press)) - len(parts))
    action, server, item, *numbers = parts
    names_fit = all(re.fullmatch(r"[A-Za-z0-9_-]*", part) for part in (action, server, item))
    if len(parts) != len(fields(Press)) or not names_fit:
        return None
    if not all(re.fullmatch(r"[0-9]{0,12}", number) for number in numbers):
        return None
    return Press(action, server, item, *(int(number or 0) for number in numbers))


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


def _turn(page: Page, press: Press) -> list[InlineKeyboardButton]:
    """◀ and ▶, as far as there are pages on that side."""
    sides = [("button_previous", page.number - 1), ("button_next", page.number + 1)]
    return [
        _button(plain_text(key), replace(press, page=number))
        for key, number in sides
        if 0 <= number < page.total
    ]


# ---------------------------------------------------------------- servers


def servers(page: Page) -> InlineKeyboardMarkup:
    """A button for each server with its light, two a row where both names are short.
    `page.items`: Server objects."""
    rows: list[list[InlineKeyboardButton]] = []
    fits_beside = False  # the button before, which has a row to itself so far
    for server in page.items:
        label = f"{screens.light(server)} {cut(server.name, LONGEST_LABEL)}".strip()
        button = _button(label, Press("menu", short_id(server.name)))
        is_short = texts.units(texts.clean(server.name)) <= SHORT_NAME
        if fits_beside and is_short:
            rows[-1].append(button)
        else:
            rows.append([button])
        fits_beside = is_short and len(rows[-1]) == 1
    has_several = page.total > 1 or len(page.items) > 1
    all_servers = [_button(plain_text("button_all_servers"), Press("all"))] if has_several else []
    return _keyboard(*rows, _turn(page, Press("servers")), all_servers)


def overviews(page: Page) -> InlineKeyboardMarkup:
    here = Press("all", page=page.number)
    return _keyboard(_turn(page, here), _refresh(here), _back(Press("servers")))


def menu(server) -> InlineKeyboardMarkup:
    key = short_id(server.name)
    screens = ("status", "conferences", "online", "forgotten")
    rows = [[_button(plain_text(f"button_{screen}"), Press(screen, key))] for screen in screens]
    return _keyboard(*rows, _back(Press("servers", key)))


def to_menus(servers: Sequence) -> InlineKeyboardMarkup:
    """Under an alert: on to the servers that it is about."""
    rows = []
    for server in servers[: screens.OVERVIEWS_A_PAGE]:
        label = plain_text("button_open", server=cut(server.name, LONGEST_LABEL))
        rows.append([_button(label, Press("menu", short_id(server.name)))])
    return _keyboard(*rows)


def outage_alert(server) -> InlineKeyboardMarkup:
    """Under the alert of a server that is not up."""
    return InlineKeyboardMarkup([_take(server), *to_menus([server]).keyboard])


def _take(server, is_on_status: bool = False) -> list[InlineKeyboardButton]:
    """ "I'll take it", as long as nobody has. It carries when the outage began, so that it never
    stands for another one."""
    if server.down_since is None or server.taken_by:
        return []
    item = "status" if is_on_status else ""
    press = Press("take", short_id(server.name), item, at=int(server.down_since))
    return [_button(plain_text("button_take"), press)]


def status(server) -> InlineKeyboardMarkup:
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
                Press("pause", key, minutes=minutes),
            )
            for minutes in PAUSES_MIN
        ]
    return _keyboard(
        _take(server, is_on_status=True),
        pause,
        [switch],
        _refresh(Press("status", key)),
        _back(Press("menu", key)),
    )


def refresh_and_back(server, action: str) -> InlineKeyboardMarkup:
    """Enough for a screen that only shows something; `action` is the screen's own."""
    key = short_id(server.name)
    return _keyboard(_refresh(Press(action, key)), _back(Press("menu", key)))


def conferences(server, page: Page) -> InlineKeyboardMarkup:
    """A Stop button for each conference that has an ID. `page.items`: Conference objects."""
    key = short_id(server.name)
    here = Press("conferences", key, page=page.number)
    stops = _stop_buttons(page, page.items, replace(here, action="ask_stop"))
    return _keyboard(*stops, _turn(page, here), _refresh(here), _back(Press("menu", key)))


def _stop_buttons(page: Page, conferences: Sequence, press: Press) -> list[list]:
    """A row for each that can be stopped. `press`: what their buttons have in common."""
    rows = []
    for number, conference in enumerate(conferences, page.first):
        if conference.id and conference.session_id:
            title = cut(screens.title(conference), LONGEST_LABEL)
            label = plain_text("button_stop_entry", number=number, title=title)
            rows.append([_button(label, replace(press, item=short_id(conference.session_id)))])
    return rows


def forgotten(server, page: Page, minutes: int, certain_count: int) -> InlineKeyboardMarkup:
    """Ages to choose from, Stop for each, Stop for all, the switch of the unasked alerts: it also
    gives them the age that is chosen here."""
    key = short_id(server.name)
    choices = [
        _button(_age_label(age, age == minutes), Press("forgotten", key, minutes=age))
        for age in ages_to_choose(server)
    ]
    here = Press("forgotten", key, page=page.number, minutes=minutes)
    found = [forgotten.conference for forgotten in page.items]
    stops = _stop_buttons(page, found, replace(here, action="ask_stop"))
    stop_all = []
    if certain_count > 1:
        label = plain_text("button_stop_all", number=certain_count)
        stop_all = [_button(label, Press("ask_stop_all", key, minutes=minutes))]
    switches = []
    if not server.has_forgotten_alerts or minutes != server.forgotten_age_min:
        label = plain_text("button_forgotten_alerts_on", age=texts.age_choice(minutes))
        switches.append([_button(label, replace(here, action="forgotten_alerts_on"))])
    if server.has_forgotten_alerts:
        label = plain_text("button_forgotten_alerts_off")
        switches.append([_button(label, replace(here, action="forgotten_alerts_off"))])
    return _keyboard(
        choices,
        *stops,
        stop_all,
        _turn(page, here),
        *switches,
        _refresh(here),
        _back(Press("menu", key)),
    )


def ages_to_choose(server) -> list[int]:
    """In minutes: the usual ones and the one that the alerts have."""
    return sorted({*AGES_MIN, server.forgotten_age_min})


def _age_label(minutes: int, is_chosen: bool) -> str:
    label = texts.age_choice(minutes)
    return plain_text("button_chosen", text=label) if is_chosen else plain(label)


# ---------------------------------------------------------------- stopping


def _list_of(server, press: Press) -> Press:
    """The list that the confirmation was reached from: Back leads there."""
    screen = "forgotten" if press.minutes else "conferences"
    return Press(screen, short_id(server.name), page=press.page, minutes=press.minutes)


def confirm(action: str, server, press: Press, item: str) -> InlineKeyboardMarkup:
    """`item` stands for what would be stopped. The confirmation is good for some minutes, so
    the button carries the time."""
    now = int(time.time())
    yes = Press(action, short_id(server.name), item, press.page, press.minutes, now)
    return _keyboard(
        _back(_list_of(server, press)),  # first: a second tap on ⏹ lands here
        [_button(plain_text("button_confirm_stop"), yes, style="danger")],
    )


def back_to_list(server, press: Press) -> InlineKeyboardMarkup:
    return _keyboard(_back(_list_of(server, press)))


def forgotten_alert(server, item: str, can_remind: bool = True) -> InlineKeyboardMarkup:
    """`item`: the conference; `can_remind`: nobody has asked to be reminded yet."""
    key = short_id(server.name)
    ask_stop = Press("ask_stop", key, item, minutes=server.forgotten_age_min)
    label = plain_text("button_remind", pause=duration(screens.REMIND_IN_S))
    remind = [_button(label, Press("remind", key, item))]
    not_forgotten = _button(plain_text("button_not_forgotten"), Press("not_forgotten", key, item))
    return _keyboard(
        [_button(plain_text("button_stop"), ask_stop)],
        [*(remind if can_remind else []), not_forgotten],
    )


def forgotten_list_alert(server) -> InlineKeyboardMarkup:
    press = Press("forgotten", short_id(server.name))
    return _keyboard([_button(plain_text("button_forgotten"), press)])


def error(server, press: Press) -> InlineKeyboardMarkup:
    """Under an error: try the same screen again, see how the server is, or go back to its menu."""
    key = short_id(server.name)
    ways_on = [
        [_button(plain_text("button_status"), Press("status", key))],
        _back(Press("menu", key)),
    ]
    if press.action in (
        "forgotten_alerts_on",
        "forgotten_alerts_off",
    ):  # that is done, only the list is missing
        press = replace(press, action="forgotten")
    return (
        _keyboard(*ways_on) if press.action in CONFIRMED else _keyboard(_refresh(press), *ways_on)
    )
