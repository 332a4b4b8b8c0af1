"""Stopping conferences: what a confirmation showed, nothing else, and once.

Decides whether a stop may be carried out; the requests are in `trueconf_api`, the screens in
`main.py`.
"""

import logging
import time
from collections.abc import Iterable

import texts
import trueconf_api
from keyboards import Press, short_id
from texts import screens
from trueconf_api import STOPPED, Conference, Forgotten, Server, TrueConfError

log = logging.getLogger("bot.stopping")

MOST_REMEMBERED = 500


class NotNow(Exception):
    """Nothing was stopped. `key` and `details`: the sentence of `texts` that says why."""

    def __init__(self, key: str, **details: object):
        super().__init__(key)
        self.key, self.details = key, details


def find_one(server: Server, press: Press) -> Conference | None:
    """The conference that a ⏹ button was made for; None if it no longer runs. Raises
    TrueConfError."""
    return trueconf_api.find_running(
        server,
        lambda conference: bool(conference.id) and short_id_of_runs([conference]) == press.item,
    )


def find_all(server: Server, press: Press) -> list[Forgotten]:
    """What "Stop all" would stop now. Raises TrueConfError."""
    return stoppable(trueconf_api.find_forgotten(server, press.age_min))


def stoppable(found: list[Forgotten]) -> list[Forgotten]:
    """Those that are certainly forgotten, as many as a confirmation can list."""
    return [forgotten for forgotten in found if forgotten.is_certain][: screens.MOST_IN_A_LIST]


def short_id_of_runs(conferences: list[Conference]) -> str:
    """What stands for these runs of conferences on a button, in any order."""
    return short_id("\n".join(sorted(conference.session_id for conference in conferences)))


def stop_once(server: Server, press: Press, who: str) -> dict[Conference, str | TrueConfError]:
    """Stop what the confirmation showed, once, however many people press.

    Returns what `trueconf_api.stop_conferences` returns; {} if what runs now is not what was
    shown. Raises NotNow if the confirmation is too old or somebody else was quicker, and
    TrueConfError.
    """
    if not 0 <= int(time.time()) - press.shown_at <= screens.CONFIRM_LIMIT_S:
        raise NotNow("confirm_expired", limit=texts.duration(screens.CONFIRM_LIMIT_S))
    found = _find(server, press)
    _refuse_claimed(server, [press.as_shown])  # whoever was quicker may be done while we looked
    if short_id_of_runs(found) != press.as_shown:
        return {}
    runs = {short_id(conference.session_id): conference for conference in found}
    _claim(server, [press.as_shown, *runs], who)
    results: dict[Conference, str | TrueConfError] = {}
    try:
        results = trueconf_api.stop_conferences(server, found)
        for conference, result in results.items():
            _log(server, conference, result, who)
        return results
    finally:
        again = [run for run, conference in runs.items() if results.get(conference) != STOPPED]
        if again:
            _release(server, [press.as_shown, *again])


def _find(server: Server, press: Press) -> list[Conference]:
    if press.action == "stop_all":
        return [forgotten.conference for forgotten in find_all(server, press)]
    conference = find_one(server, press)
    return [conference] if conference else []


def _log(server: Server, conference: Conference, result: str | TrueConfError, who: str) -> None:
    what = f"{server.name}: {screens.title_of(conference)} (ID {texts.clean(conference.id)})"
    if result == STOPPED:
        log.info("%s stopped by %s", what, who)
    else:
        log.info("%s not stopped, asked by %s: %s", what, who, str(result).replace("_", " "))


def _claim(server: Server, keys: list[str], who: str) -> None:
    """Keep these runs for one person; they stay so when they were stopped, so that whoever presses
    later is told who it was. Raises NotNow if somebody else has one of them."""
    with server.shared.lock:
        _refuse_claimed(server, keys)
        server.stopped_by.update(dict.fromkeys(keys, who))
        for oldest in list(server.stopped_by)[:-MOST_REMEMBERED]:
            del server.stopped_by[oldest]


def _release(server: Server, keys: list[str]) -> None:
    """So that it may be tried again."""
    with server.shared.lock:
        for key in keys:
            server.stopped_by.pop(key, None)


def _refuse_claimed(server: Server, keys: Iterable[str]) -> None:
    who = next((server.stopped_by[key] for key in keys if key in server.stopped_by), None)
    if who:
        raise NotNow("already_pressed", who=who)
