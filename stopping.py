"""Stopping conferences: what a confirmation showed, nothing else, and once.

Decides whether a stop may be carried out; the requests are in `trueconf_api`, the screens in
`main.py`.
"""

import logging
import threading
import time
from collections.abc import Iterable

import texts
import trueconf_api
from keyboards import Press, short_id
from texts import screens
from trueconf_api import STOPPED, Conference, Forgotten, Server, TrueConfError

log = logging.getLogger("bot.stopping")

# (server's name, key of the run or of all the runs in a list) -> who pressed. An entry stays when
# they were stopped, so that whoever presses later is told who it was.
_claims: dict[tuple[str, str], str] = {}
_lock = threading.Lock()  # so that nobody claims between the look and the claim


class NotNow(Exception):
    """Nothing was stopped. `key` and `details`: the sentence of `texts` that says why."""

    def __init__(self, key: str, **details: object):
        super().__init__(key)
        self.key, self.details = key, details


def find(server: Server, press: Press) -> list[Conference]:
    """What a Stop button was made for: one conference, or for "Stop all" the forgotten ones of
    now. [] if it no longer runs. Raises TrueConfError."""
    if press.action.endswith("_all"):
        return stoppable(trueconf_api.find_forgotten(server, press.minutes))
    found = trueconf_api.find_running(
        server,
        lambda conference: bool(conference.id) and short_id_of_runs([conference]) == press.item,
    )
    return [found] if found else []


def stoppable(found: list[Forgotten]) -> list[Conference]:
    """What "Stop all" would stop: those that are certain, as many as a confirmation can list."""
    return [one.conference for one in found if one.is_certain][: screens.MOST_IN_A_LIST]


def short_id_of_runs(conferences: list[Conference]) -> str:
    """A key that stands for these runs of conferences, in any order."""
    return short_id("\n".join(sorted(one.session_id for one in conferences)))


def stop_once(server: Server, press: Press, who: str) -> dict[Conference, str | TrueConfError]:
    """Stop what the confirmation showed, once, however many people press.

    Returns what `trueconf_api.stop_conferences` returns; {} if what runs now is not what was
    shown. Raises NotNow if the confirmation is too old or somebody else was quicker, and
    TrueConfError.
    """
    if not 0 <= int(time.time()) - press.at <= screens.CONFIRM_LIMIT_S:
        raise NotNow("confirm_expired", limit=texts.duration(screens.CONFIRM_LIMIT_S))
    found = find(server, press)
    _refuse_claimed(server, [press.item])  # whoever was quicker may be done while we looked
    if short_id_of_runs(found) != press.item:
        return {}
    keys = {conference: short_id(conference.session_id) for conference in found}
    with _lock:
        _refuse_claimed(server, keys.values())
        _claims.update({(server.name, key): who for key in (press.item, *keys.values())})
    results: dict[Conference, str | TrueConfError] = {}
    try:
        results = trueconf_api.stop_conferences(server, found)
        for conference, result in results.items():
            title = screens.title(conference)
            log.info("%s: %s asked to stop %s: %s", server.name, who, title, result)
        return results
    finally:
        for conference, key in keys.items():
            if results.get(conference) != STOPPED:
                for claimed in (press.item, key):  # it may be tried again
                    _claims.pop((server.name, claimed), None)


def _refuse_claimed(server: Server, keys: Iterable[str]) -> None:
    for key in keys:
        if who := _claims.get((server.name, key)):
            raise NotNow("already_pressed", who=who)
