"""Stopping conferences: what a confirmation showed, nothing else, and once.

Decides whether a stop may be carried out; the requests are in `trueconf_api`, the screens in
`main.py`.
"""

import logging
import math
import time
from collections.abc import Iterable, Sequence
from typing import Any

import texts
import trueconf_api
from keyboards import Press, short_id
from texts import screens
from trueconf_api import (
    STOPPED,
    Conference,
    ConferencePage,
    Forgotten,
    People,
    Server,
    TrueConfError,
)

log = logging.getLogger("bot.stopping")

MOST_REMEMBERED = 500
AGE_ERROR_S = 2  # ages and moments are whole seconds


class NotNow(Exception):
    """Nothing was stopped. `key` and `details`: the sentence of `texts` that says why."""

    def __init__(self, key: str, **details: object):
        super().__init__(key)
        self.key, self.details = key, details


class NotAsShown(Exception):
    """Nothing was stopped: what runs now, or who is in it, is not what the question showed."""


def find_page(server: Server, press: Press) -> ConferencePage | None:
    """The page of the conference that a button was made for; None if it no longer runs. Raises
    TrueConfError."""
    return trueconf_api.get_conference_page(server, lambda found: _is_of(server, press, found))


def find_one(server: Server, press: Press) -> Conference | None:
    """The same without its page, and only if it can be stopped."""
    return trueconf_api.find_running(
        server, lambda found: bool(found.id) and _is_of(server, press, found)
    )


def _is_of(server: Server, press: Press, conference: Conference) -> bool:
    return press.item in map(short_id, _names_of(server, conference))


def _names_of(server: Server, conference: Conference) -> set[str]:
    """What this run is called, and what the bot called it before the server had named it."""
    earlier = {conference.start, server.learnt.earlier_names.get(conference.id, "")}
    earlier.add(server.learnt.run_names.get(conference.id, ""))
    return {conference.session_id, *(f"{conference.id} {name}" for name in earlier if name)}


def find_all(server: Server, press: Press) -> list[Forgotten]:
    """What "Stop all" would stop now. Raises TrueConfError."""
    return stoppable(trueconf_api.find_forgotten(server, press.age_min))


def stoppable(found: list[Forgotten]) -> list[Forgotten]:
    """Those that are certainly forgotten, as many as a confirmation can list."""
    return [forgotten for forgotten in found if forgotten.is_certain][: screens.MOST_IN_A_LIST]


def key_of_shown(shown: Sequence[tuple[Conference, People | TrueConfError | None]]) -> str:
    """What stands for a question about these runs on its button: which they are, in any order, and
    whether it showed that nobody is in them."""
    lines = (f"{conference.session_id} {_is_empty(people)}" for conference, people in shown)
    return short_id("\n".join(sorted(lines)))


def _is_empty(people: People | TrueConfError | None) -> bool:
    return isinstance(people, People) and not people.count


def stop_once(server: Server, press: Press, user: Any) -> dict[Conference, str | TrueConfError]:
    """Stop what the confirmation showed, once, however many people press. `user`: Telegram's.

    Returns what `trueconf_api.stop_conferences` returns; {} if the one that was shown no longer
    runs. Raises NotNow if the confirmation is too old or somebody else was quicker, NotAsShown,
    and TrueConfError.
    """
    if not 0 <= int(time.time()) - press.shown_at <= screens.CONFIRM_LIMIT_S:
        raise NotNow("confirm_expired", limit=texts.duration(screens.CONFIRM_LIMIT_S))
    asked = [key for key in (press.item, press.as_shown) if key]
    _refuse_claimed(server, asked, press)
    try:
        found = _find_as_shown(server, press)
    finally:
        _refuse_claimed(server, asked, press)  # who was quicker may be done by now
    if not found:
        return {}
    runs = {short_id(conference.session_id): conference for conference in found}
    who = texts.name_of(user)
    _claim(server, [*asked, *runs], who, press)
    results: dict[Conference, str | TrueConfError] = {}
    try:
        results = trueconf_api.stop_conferences(server, found)
        for conference, result in results.items():
            _log(server, conference, result, texts.person(user))
        return results
    finally:
        again = [run for run, conference in runs.items() if results.get(conference) != STOPPED]
        _end_claim(server, [*asked, *runs], who, [*asked, *again] if again else [])


def _find_as_shown(server: Server, press: Press) -> list[Conference]:
    """What the question showed; [] if it was one that no longer runs. Raises NotAsShown if it is
    another run, or if somebody has come into what was shown empty."""
    if press.action == "stop_all":
        all_found = find_all(server, press)
        if key_of_shown([(one.conference, one.people) for one in all_found]) != press.as_shown:
            raise NotAsShown
        return [forgotten.conference for forgotten in all_found]
    conference = find_one(server, press)
    if conference is None:
        return []
    people: People | TrueConfError | None = None
    if key_of_shown([(conference, None)]) != press.as_shown:  # it was shown empty, or is another
        people = trueconf_api.or_error(trueconf_api.get_people, server, conference)
        if key_of_shown([(conference, people)]) != press.as_shown:
            raise NotAsShown
    if _has_begun_since(conference, press):
        raise NotAsShown
    return [conference]


def _has_begun_since(conference: Conference, press: Press) -> bool:
    """Whether a run that nothing but its age tells from others began after the question."""
    if conference.has_session_id or conference.start or conference.age_s is None:
        return False
    return conference.age_s < time.time() - press.shown_at - AGE_ERROR_S


def _log(server: Server, conference: Conference, result: str | TrueConfError, who: str) -> None:
    what = f"{server.name}: {screens.title_of(conference)} (ID {texts.clean(conference.id)})"
    if result == STOPPED:
        log.info("%s stopped by %s", what, who)
    else:
        log.info("%s not stopped, asked by %s: %s", what, who, str(result).replace("_", " "))


def _claim(server: Server, keys: list[str], who: str, press: Press) -> None:
    """Keep these runs for one person. Raises NotNow if somebody else has one of them."""
    with server.shared.lock:
        _refuse_claimed(server, keys, press)
        for key in keys:
            server.stopped_by.pop(key, None)
            server.stopped_by[key] = who, math.inf
        for oldest in list(server.stopped_by)[:-MOST_REMEMBERED]:
            del server.stopped_by[oldest]


def _end_claim(server: Server, keys: list[str], who: str, again: list[str]) -> None:
    """Who presses later on a question that was shown before is told who it was. What was not
    stopped (`again`) may be tried again."""
    with server.shared.lock:
        for key in keys:
            server.stopped_by[key] = who, time.time()
        for key in again:
            server.stopped_by.pop(key, None)


def _refuse_claimed(server: Server, keys: Iterable[str], press: Press) -> None:
    for key in keys:
        who, done_at = server.stopped_by.get(key, ("", 0))
        if press.shown_at <= done_at:
            raise NotNow("already_pressed", who=who)
