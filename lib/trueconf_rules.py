"""What follows from the answers of a server: which run is which, who is who, what was forgotten.

It asks nothing; the questions are in `trueconf_api`.
"""

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from lib.trueconf_fields import dict_rows, moment_of, number_of, text_of
from lib.trueconf_model import (
    DOWN,
    SERVICE_DOWN,
    UP,
    WEB_DOWN,
    Account,
    Conference,
    Online,
    Participant,
    People,
    PermissionMissing,
    Recording,
    Server,
    TrueConfError,
    path_part,
)

CLOCKS_S = 60  # a recording may begin so much before its run, by what the server writes


def state_of(service_reason: str, web_reason: str, has_service: bool) -> str:
    """The state of a server whose parts do not work for these reasons, "" where one does.
    `has_service`: not only the web part was asked."""
    if web_reason and (service_reason or not has_service):
        return DOWN
    if service_reason:
        return SERVICE_DOWN
    return WEB_DOWN if web_reason else UP


def with_names(server: Server, running: list[Conference]) -> list[Conference]:
    """All that runs, and a name for each run to which the server gives none: no other run has it.
    What tells the run is its start or, where that is not known either, when it was first seen."""
    unnamed = {found.id: found for found in running if found.id and not found.session_id}
    named = {found.id for found in running if found.id and found.session_id}
    with server.shared.lock:
        known, earlier = server.learnt.run_names, server.learnt.earlier_names
        server.learnt.earlier_names = {
            conference_id: name
            for conference_id, name in {**earlier, **known}.items()
            if conference_id in named
        }
        server.learnt.run_names = names = {
            conference_id: found.start or known.get(conference_id) or str(time.time_ns())
            for conference_id, found in unnamed.items()
        }
    return [
        replace(found, session_id=f"{found.id} {names[found.id]}", has_session_id=False)
        if found.id and not found.session_id
        else found
        for found in running
    ]


def forget_names(server: Server, conference: Conference) -> None:
    """Its run is over, and the next one is another."""
    with server.shared.lock:
        server.learnt.run_names.pop(conference.id, None)
        server.learnt.earlier_names.pop(conference.id, None)


def without_ghosts(found: list[Conference]) -> list[Conference]:
    """A conference runs once at a time, so of several open rows of one ID the newest is it.
    The others were left open by a crash; they lose the ID, as a stop would hit the live run.
    Where a start is missing nobody knows which is which, and all of them lose it."""
    starts: dict[str, list[str]] = {}
    for conference in found:
        if conference.id:  # without an ID they are no group
            starts.setdefault(conference.id, []).append(conference.start)
    newest = {
        conference_id: max(runs) if "" not in runs and runs.count(max(runs)) == 1 else None
        for conference_id, runs in starts.items()
        if len(runs) > 1
    }
    return [
        conference
        if newest.get(conference.id, conference.start) == conference.start
        else replace(conference, id="", is_listed=False)
        for conference in found
    ]


def run_state(answer: dict[str, Any]) -> object:
    """What a single conference says of itself: "running", "stopped"; None where it says nothing."""
    conference = answer.get("conference")
    return conference.get("state") if isinstance(conference, dict) else None


def people_of(participants: list[Participant], conference: Conference) -> People:
    """Each person once, whatever devices they use."""
    people: dict[object, list[Participant]] = {}
    for participant in participants:
        who = _person(participant.id) or participant.number or object()
        people.setdefault(who, []).append(participant)
    each_once = [_one_of(devices, conference.owner) for devices in people.values()]
    leads = [participant.is_leader for participant in each_once]
    is_anybody_unknown = any(not (person.id or person.is_guest) for person in each_once)
    return People(
        count=len(each_once),
        guest_count=sum(person.is_guest for person in each_once),
        names=tuple(person.name for person in each_once if not person.is_guest),
        has_owner=_any_known(person.is_owner for person in each_once) if conference.owner else None,
        # Who has no name to be compared may be the owner, whatever the role says.
        has_leader=any(leads) or (None if is_anybody_unknown or None in leads else False),
        participants=tuple(sorted(each_once, key=_rank)),
    )


def _one_of(devices: list[Participant], owner: str) -> Participant:
    """Somebody who is in a conference with several devices, as one participant."""
    first = devices[0]
    if first.id or first.is_guest:
        is_owner: bool | None = is_same_person(first.id, owner) if owner else None
    else:
        is_owner = True if first.number and first.number == owner else None
    leads = [device.is_leader for device in devices]
    return replace(
        first,
        name=first.name or ("" if first.is_guest else login_of(first.id) or first.number),
        is_leader=None if all(lead is None for lead in leads) else any(leads),
        is_owner=is_owner,
    )


def _any_known(answers: Iterable[bool | None]) -> bool | None:
    """Whether any of these is true; None if none is and one is not known."""
    found = set(answers)
    return True in found or (None if None in found else False)


def _rank(participant: Participant) -> int:
    """The owner first, then who leads, guests last."""
    if participant.is_owner:
        return 0
    if participant.is_leader:
        return 1
    return 3 if participant.is_guest else 2


def login_of(call_id: str) -> str:
    return call_id.partition("@")[0]


def _person(call_id: str) -> str:
    """`Anna@video.example.org/0A1B` is `anna@video.example.org` on one of her devices."""
    return call_id.partition("/")[0].casefold()


def is_same_person(one: str, other: str) -> bool:
    one, other = _person(one), _person(other)
    if "@" not in one or "@" not in other:
        one, other = login_of(one), login_of(other)
    return one == other != ""


def why_forgotten(people: People) -> str:
    """The reason, "" if the conference is not forgotten."""
    if people.count == 0:
        return "empty"
    if people.has_owner or people.has_leader:
        alone = "owner_alone" if people.has_owner else "leader_alone"
        return alone if people.count == 1 else ""
    is_known = people.has_owner is not None or people.has_leader is not None
    return "no_leader" if is_known else ""


def account_of(row: dict[str, Any]) -> Account:
    """A row of the users of any version."""
    whole_name, number = text_of(row.get("uid")), text_of(row.get("id"))
    login = text_of(row.get("login_name")) or login_of(whole_name) or number
    return Account(
        id=whole_name or number,
        name=text_of(row.get("display_name")) or login,
        login=login,
        status=number_of(row.get("status")) or 0,
        is_active=row.get("is_active") not in (0, "0", False),
        number=number,
    )


def online_of(accounts: list[Account]) -> Online:
    """How many of these are online; one that is disabled is no account."""
    active = [account for account in accounts if account.is_active]
    return Online(
        accounts=len(active),
        online=sum(account.is_online for account in active),
        free=sum(account.is_free for account in active),
        in_conference=sum(account.is_in_conference for account in active),
    )


def has_words(account: Account, words: list[str]) -> bool:
    """Whether each of these words, in small letters, is in the name or the login."""
    text = f"{account.name}\n{account.login}".casefold()
    return bool(words) and all(word in text for word in words)


def account_rank(account: Account) -> tuple[int, str]:
    """In a call or conference first, then who is free, offline and disabled; each by name."""
    states = (account.is_in_conference, account.is_online, account.is_active, True)
    rank = states.index(True) if account.is_active else 3
    return rank, account.name.casefold()


def conferences_of(
    account: Account, answers: list[tuple[Conference, People | TrueConfError]] | TrueConfError
) -> tuple[Conference, ...] | None:
    """In which of these conferences somebody is; None if it may be one that could not be read."""
    if not account.is_in_conference:
        return ()
    if isinstance(answers, TrueConfError):
        return None
    found, is_complete = [], True
    for conference, people in answers:
        if isinstance(people, TrueConfError):
            is_complete = False
        elif any(_is_account(participant, account) for participant in people.participants):
            found.append(conference)
        elif any(not (person.id or person.is_guest) for person in people.participants):
            is_complete = False
    return tuple(found) if found or is_complete else None


def missing_of(
    answers: list[tuple[Conference, People | TrueConfError]] | TrueConfError,
) -> PermissionMissing | None:
    """The permission that is missing to know who is in these conferences."""
    errors = [answers] if isinstance(answers, TrueConfError) else [people for _, people in answers]
    return next((error for error in errors if isinstance(error, PermissionMissing)), None)


def _is_account(participant: Participant, account: Account) -> bool:
    if participant.id:
        return is_same_person(participant.id, account.id)
    return participant.number == account.number != ""


def recording_of(rows: list[dict[str, Any]], began_at: float | None) -> Recording | None:
    """Whether one of these recordings goes on; None where a row does not say when it stopped. One
    that an earlier run has left open is none of this run, which began at `began_at`."""
    goes_on = [row for row in rows if row.get("stopped_at", "") is None]
    starts = [moment_of(row.get("started_at")) for row in goes_on]
    if began_at is not None:
        starts = [start for start in starts if start is None or start > began_at - CLOCKS_S]
    if starts:
        return Recording(True, max((start for start in starts if start), default=None))
    is_known = all("stopped_at" in row for row in rows)
    return Recording(False) if is_known else None


def example_of(body: object, rows_key: str, id_key: str) -> str:
    """The ID in the first row that has one, as a part of a path; "none" where none has."""
    rows = dict_rows(body.get(rows_key)) if isinstance(body, dict) else []
    return path_part(next(filter(None, (text_of(row.get(id_key)) for row in rows)), "none"))
