"""The record: what happened and what was decided, and what each chat has been told of it.

It knows no Telegram and no words: `alerts` reads it and brings each chat to what is true. Its file
stands beside the settings. Whatever is wrong with that file, the bot runs with what it has.
"""

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from lib import memory_file
from lib.clock import Clocks, boot_id
from lib.entries import FORGOTTEN, JOB, KEPT, MOST_OPEN, OUTAGE, PAUSE, VERSION, Entry, Known, Step
from lib.server_version import first_safe_version
from lib.trueconf_model import UP, Conference, Forgotten, People, Server, Status

MOST_DAYS, MOST_STEPS, MOST_VERSIONS = 35, 50, 20
MOST_MESSAGES = 50  # of a chat: older ones stay as they are
DAYS_SAVED_EVERY_S = 300
LONGEST_RETRY_S = 60
CLOCK_WAS_SET_S = 2  # a smaller difference is a clock that is being kept right

log = logging.getLogger("bot.memory")


@dataclass(eq=False)
class Message:
    """A message in a chat that shows entries: `shows` are their numbers and how many of the news
    of each. `facts`: what else of them it shows by now. `others`: how many other servers were not
    up when it was sent, -1 where there were none."""

    kind: str
    shows: list[list[int]]
    facts: str = ""
    others: int = -1


@dataclass(eq=False)
class Chat:
    """What a chat has been told: `told` has the number of the news for each entry, `messages` those
    that may change. `refused`: what it would have been told, had Telegram taken it, in the same
    form as `told`, with what it had been told before."""

    told: dict[int, int] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    refused: dict[int, int] = field(default_factory=dict)
    is_topic_gone: bool = False


class Record:
    """All of it. `path`: its file. What changes a server does so within `changing`, what changes
    a Chat within `telling`."""

    def __init__(self, path: Path, servers: Iterable[Server], clocks: Clocks | None = None):
        self.path, self.clocks = path, clocks or Clocks()
        self.lock = threading.RLock()  # guards all that is remembered
        self._saving = threading.Lock()  # guards the file
        self._servers: dict[str, Known] = {"": Known()}
        self.chats: dict[str, Chat] = {}
        self.entries: dict[int, Entry] = {}  # of all servers, the oldest first
        self.open: dict[int, Entry] = {}  # those that are not closed
        self._listeners: list[Callable[[], None]] = []
        self._encoded: dict[str, dict[str, str]] = {"servers": {}, "chats": {}}
        self._unsaved: set[tuple[str, str]] = set()  # part and name
        self._days_saved_at = self.clocks.steady()
        self._failures, self._try_again_at = 0, 0.0
        self._offset = self.clocks.now() - self.clocks.steady()  # of the two clocks
        parts = memory_file.read_parts(path)
        self._read(parts or {}, {server.name: server for server in servers})

    # ------------------------------------------------------------ reading and changing it

    def listen(self, wake: Callable[[], None]) -> None:
        """Call this after each change."""
        self._listeners.append(wake)

    @contextlib.contextmanager
    def changing(self, server: str = "") -> Iterator[Known]:
        """Change what is known of a server, or of none alone. Others see all of it at once."""
        with self.lock:
            known = self._servers.setdefault(server, Known())
            yield known
            self._forget_old(known)
            self._unsaved.add(("servers", server))
        self.wake()

    def wake(self) -> None:
        for wake in self._listeners:
            wake()

    def _forget_old(self, known: Known) -> None:
        """Keep no more than there is room for."""
        for kind in {entry.kind for entry in known.entries.values()}:
            mine = known.of_kind(kind)
            closed = [entry for entry in mine if entry.is_closed]
            going = [entry for entry in mine if not entry.is_closed]
            most_open = KEPT[FORGOTTEN] if kind == FORGOTTEN else MOST_OPEN
            surplus = closed[: max(0, len(closed) - KEPT.get(kind, 0))]
            for entry in surplus + going[: max(0, len(going) - most_open)]:
                self.drop(entry)

    @contextlib.contextmanager
    def telling(self, name: str) -> Iterator[Chat]:
        """Change what a chat has been told."""
        with self.lock:
            yield self.chats[name]
            self._unsaved.add(("chats", name))

    def add_chats(self, names: Iterable[str]) -> None:
        """These are the chats that are listed. A new one hears of what goes on, nothing of
        before."""
        with self.lock:
            old = [one for one in self.open.values() if one.kind not in (OUTAGE, JOB) or one.ended]
            heard = {entry.number: len(entry.news) for entry in old}
            self.chats = {name: self.chats.get(name) or Chat(dict(heard)) for name in names}
            self._unsaved |= {("chats", name) for name in self.chats}

    def move_chat(self, old: str, new: str) -> bool:
        """A group has another ID from now on. Returns whether it is listed by that one too. In the
        file the old one stays for the rest of this run: the settings may still list it."""
        with self.lock:
            is_listed, chat = new in self.chats, self.chats.pop(old)
            self.chats.setdefault(new, chat)
            self._unsaved.add(("chats", new))
            return is_listed

    def add(self, kind: str, server: str, *news: str, **more: Any) -> Entry:
        """A new entry, within `changing`. `more`: its other fields."""
        more = {"begun": self.clocks.now(), **more}
        entry = Entry(self._next_number, kind, server, news=[*news], **more)
        self._next_number += 1
        self._servers[server].entries[entry.number] = entry
        self.entries[entry.number] = self.open[entry.number] = entry
        return entry

    def drop(self, entry: Entry) -> None:
        """It was nothing, or there is no room for it. Within `changing`."""
        self._servers[entry.server].entries.pop(entry.number, None)
        self.entries.pop(entry.number, None)
        self.open.pop(entry.number, None)

    def tell_no_more(self, entry: Entry, chat_ids: tuple[int, ...]) -> None:
        """These chats know already what there is to say of it by now."""
        with self.lock:
            for name in self.chats:
                if chat_id_of(name) in chat_ids:
                    with self.telling(name) as chat:
                        chat.told[entry.number] = len(entry.news)

    def close_told(self) -> None:
        """Close what every chat knows to its end, in messages that show it as it is."""
        with self.lock:
            for entry in [one for one in self.open.values() if one.is_final]:
                if all(self._knows_all(chat, entry) for chat in self.chats.values()):
                    self._close(entry)

    def _close(self, entry: Entry) -> None:
        with self.changing(entry.server):
            entry.is_closed = True
            self.open.pop(entry.number, None)
        for name in self.chats:
            with self.telling(name) as chat:
                chat.told.pop(entry.number, None)
                chat.refused.pop(entry.number, None)

    def _knows_all(self, chat: Chat, entry: Entry) -> bool:
        is_told = chat.told.get(entry.number, 0) >= len(entry.news)
        # Who was told of it and has refused the rest is to learn the rest some day.
        return (
            is_told
            and not chat.refused.get(entry.number)
            and not any(
                self.is_stale(message)
                for message in list(chat.messages.values())
                if entry.number in [number for number, _ in message.shows]
            )
        )

    def shown_by(self, message: Message) -> list[tuple[Entry, int]]:
        """What it shows: the entries that are still kept, and how many of the news of each."""
        known = [(self.entries.get(number), heard) for number, heard in message.shows]
        return [(entry, heard) for entry, heard in known if entry is not None]

    def facts_of(self, message: Message) -> str:
        return "\n".join(entry.facts for entry, _ in self.shown_by(message))

    def is_stale(self, message: Message) -> bool:
        """Whether what it shows has changed. One of which something is forgotten stays as it is."""
        is_whole = len(self.shown_by(message)) == len(message.shows)
        return is_whole and message.facts != self.facts_of(message)

    # ------------------------------------------------------------ what the watchers see

    def note_state(
        self, server: Server, status: Status, at: float, is_late: bool = False, **seen: Any
    ) -> None:
        """A server is in this state since `at`. `seen`: more fields of its Step."""
        is_quiet = server.is_quiet
        with self.changing(server.name) as known:
            outage = known.outage
            if status.state != UP:
                if outage is None:
                    outage = self.add(OUTAGE, server.name, begun=at)
                    outage.is_begin_late, outage.in_pause = is_late, is_quiet
                reasons = status.service_reason, status.web_reason
                del outage.steps[MOST_STEPS - 1 :]
                outage.steps.append(Step(at, status.state, *reasons, **seen))
            elif outage is not None:
                outage.ended, outage.is_end_late = at, is_late
                is_another = known.pause is not None and known.pause.begun > outage.begun
                outage.is_silent = outage.in_pause and is_quiet and not is_another

    def note_reason(self, server: Server, status: Status, is_proved: bool) -> None:
        """It is in the state that was noted, perhaps for another reason by now."""
        outage = server.known.outage
        step = outage.steps[-1] if outage and outage.steps else None
        if step is None or step.is_sure:
            return
        reasons = status.service_reason, status.web_reason
        if (step.service_reason, step.web_reason) != reasons or is_proved > step.is_proved:
            with self.changing(server.name):
                step.service_reason, step.web_reason = reasons
                step.is_proved = step.is_proved or is_proved

    def note_job(self, server: str, job: str, failure: dict[str, Any] | None, *news: str) -> None:
        """A job of a watcher, or of the bot (server ""), has failed, or works (None). `news`: what
        there is to say of a failure at once."""
        known = self._servers.setdefault(server, Known())
        jobs = [one for one in known.of_kind(JOB) if one.details.get("job") == job]
        entry = next((one for one in jobs if one.ended is None), None)
        if failure is not None and entry is None:
            with self.changing(server):
                self.add(JOB, server, *news, details={"job": job, **failure})
        elif failure is None and entry is not None:
            with self.changing(server):
                entry.ended = self.clocks.now()
                if entry.news:
                    entry.news.append("works")
                else:
                    self.drop(entry)

    def drop_unsure(self, server: Server) -> None:
        """Forget the states that were not made sure of: nobody looks any more, and by the time
        that somebody does, nobody knows what spoke against them."""
        with self.lock:
            for outage in server.known.of_kind(OUTAGE):
                if len(outage.sure_steps) < len(outage.steps):
                    with self.changing(server.name):
                        outage.steps = outage.sure_steps
                        if not outage.steps:
                            self.drop(outage)

    def drop_pause(self, server: Server) -> None:
        """End a pause without a word: where nobody looks, there is nothing to pause."""
        pause = server.known.pause
        if pause is not None:
            with self.changing(server.name):
                pause.ended = self.clocks.now()

    def note_looked(self, server: Server, looked_s: float) -> None:
        """Count for how long it was looked at today. That is saved now and then."""
        with self.lock:
            days = server.known.days
            today = time.strftime("%Y-%m-%d", time.localtime(self.clocks.now()))
            days[today] = days.get(today, 0) + looked_s
            for day in sorted(days)[:-MOST_DAYS]:
                del days[day]
            if self.clocks.steady() - self._days_saved_at > DAYS_SAVED_EVERY_S:
                self._days_saved_at = self.clocks.steady()
                self._unsaved.update(("servers", name) for name in self._servers)

    def note_version(self, server: Server) -> None:
        """A version that is known to be attacked is told once, if it is not replaced by then."""
        version, known = server.product_version, server.known
        with self.lock:
            replaced = [one for one in known.of_kind(VERSION) if one.details["version"] != version]
            is_new = bool(first_safe_version(version)) and version not in known.versions_told
            if not (is_new or (version and replaced)):
                return
            with self.changing(server.name):
                for entry in replaced if version else []:
                    self.drop(entry)
                if is_new:
                    known.versions_told = [*known.versions_told, version][-MOST_VERSIONS:]
                    self.add(VERSION, server.name, "said", details={"version": version})

    def note_window(self, server: Server) -> None:
        """A planned window begins by the clock. It ends by the clock where nobody looks, else when
        it is sure how the server is."""
        is_inside = server.is_in_window(self.clocks.now())
        with self.lock:
            if is_inside != server.known.in_window and (is_inside or not server.is_monitored):
                self.switch_window(server, is_inside)

    def switch_window(self, server: Server, is_inside: bool) -> None:
        log.info("%s: a planned window %s", server.name, "begins" if is_inside else "is over")
        with self.changing(server.name) as known:
            known.in_window = is_inside

    def note_clock(self) -> None:
        """Move what goes on by as much as the clock was set, so that no length changes."""
        with self.lock:
            offset = self.clocks.now() - self.clocks.steady()
            step_s, self._offset = offset - self._offset, offset
            if abs(step_s) > CLOCK_WAS_SET_S:
                self._move(step_s)
                self.wake()

    def _move(self, step_s: float) -> None:
        log.warning("the clock was set by %.0f s", step_s)
        for entry in self.open.values():
            entry.move(step_s)
            self._unsaved.add(("servers", entry.server))

    def take_over(self, server: Server) -> None:
        """Remember what 2.0.0 kept in the settings. Everybody who is listed has been told."""
        earlier = server.earlier
        if earlier.is_empty:
            return
        with self.changing(server.name) as known:
            known.certificate_told = max(known.certificate_told, earlier.certificate_told)
            added = []
            if earlier.down_since and earlier.told_states and known.outage is None:
                begun, states = earlier.down_since, earlier.told_states
                outage = self.add(OUTAGE, server.name, *["down"] * len(states), begun=begun)
                outage.by = earlier.taken_by
                outage.steps = [Step(begun, state, is_sure=True) for state in states]
                self._take_over_messages(outage, earlier.alert_messages.get("outage", {}))
                added.append(outage)
            if earlier.paused_until and known.pause is None:
                until = earlier.paused_until
                added.append(self.add(PAUSE, server.name, "begin", until=until))
            for session_id, until in list(earlier.reported.items())[-KEPT[FORGOTTEN] :]:
                details = {"session_id": session_id}
                more = {"until": until, "begun": 0.0, "details": details}
                added.append(self.add(FORGOTTEN, server.name, "found", **more))
        for entry in added:
            self.tell_no_more(entry, tuple(chat_id_of(name) for name in self.chats))

    def _take_over_messages(self, outage: Entry, places: dict[str, int]) -> None:
        for name in set(places) & set(self.chats):
            with self.telling(name) as chat:
                shows = [[outage.number, len(outage.news)]]
                chat.messages[places[name]] = Message("down", shows, outage.facts)

    # ------------------------------------------------------------ its file

    def _read(self, parts: dict[str, Any], servers: dict[str, Server]) -> None:
        self._servers |= _decoded(Known, parts.get("servers"))
        self.chats = _decoded(Chat, parts.get("chats"))
        for name, server in servers.items():
            server.known = self._servers.setdefault(name, server.known)
        known = [
            entry
            for name, each in self._servers.items()
            for entry in each.entries.values()
            if entry.server == name
        ]
        known.sort(key=lambda entry: entry.number)
        self._next_number = max([0, *(entry.number for entry in known), *self._numbers_told()]) + 1
        self.entries = {entry.number: entry for entry in known}
        self.open = {
            entry.number: entry
            for entry in known
            if not entry.is_closed and (entry.server in servers or not entry.server)
        }
        self._unsaved |= {("servers", name) for name in self._servers}
        self._unsaved |= {("chats", name) for name in self.chats}
        clock = parts.get("clock", {})
        steady, now = clock.get("steady"), clock.get("now")
        is_same_run = bool(boot_id()) and clock.get("boot") == boot_id()
        if is_same_run and isinstance(steady, float) and isinstance(now, float):
            self._offset = now - steady
            self.note_clock()  # it may have been set while the bot was off

    def _numbers_told(self) -> Iterator[int]:
        """Those that a chat knows, be they forgotten by now: a new entry must not be taken for
        one of them."""
        for chat in self.chats.values():
            yield from (*chat.told, *chat.refused)
            for message in chat.messages.values():
                yield from (number for number, _ in message.shows)

    def save(self) -> None:
        """Write what has changed. What cannot be written is tried again at growing distances."""
        with self._saving:
            with self.lock:
                if not self._unsaved or self.clocks.steady() < self._try_again_at:
                    return
                self._encode()
                parts = {**self._encoded, "clock": self._clock()}
                before, self._unsaved = self._unsaved, set()
            try:
                memory_file.write_parts(self.path, parts)
            except OSError as error:
                if not self._failures:
                    log.warning("%s: not saved, will try again: %s", self.path.name, error.strerror)
                self._failures += 1
                wait_s = min(LONGEST_RETRY_S, 2.0 ** min(self._failures, 6))
                self._try_again_at = self.clocks.steady() + wait_s
                with self.lock:
                    self._unsaved |= before
                return
            if self._failures:
                log.info("%s: saved", self.path.name)
            self._failures = 0

    def _encode(self) -> None:
        for part, name in self._unsaved:
            kept = (self._servers if part == "servers" else self.chats).get(name)
            self._encoded[part].pop(name, None)
            if kept:
                self._encoded[part][name] = memory_file.encode(kept)

    def _clock(self) -> dict[str, str]:
        steady = self.clocks.steady()
        clock = {"boot": boot_id(), "steady": float(steady), "now": float(steady + self._offset)}
        return {name: json.dumps(value) for name, value in clock.items()}


def forgotten_details(one: Forgotten) -> dict[str, Any]:
    """What the entry of a forgotten conference keeps of it."""
    people = None
    if one.people:
        people = asdict(replace(one.people, participants=()))
        del people["participants"]
    return {
        "session_id": one.conference.session_id,
        "reason": one.reason,
        "conference": asdict(one.conference),
        "people": people,
    }


def forgotten_of(entry: Entry) -> Forgotten:
    people = entry.details["people"]
    return Forgotten(
        Conference(**entry.details["conference"]),
        entry.details["reason"],
        People(**{**people, "names": tuple(people["names"])}) if people else None,
    )


def conferences_of(entry: Entry) -> list[Conference]:
    """Those that somebody has stopped."""
    return [Conference(**fields) for fields in entry.details["conferences"]]


def chat_id_of(name: str) -> int:
    """The ID of the chat that is listed like this: "-1001234567890:17" is a topic of a group."""
    return int(name.partition(":")[0])


def _decoded(kind: type, part: Any) -> dict[str, Any]:
    found: dict[str, Any] = memory_file.decode(dict[str, kind], part or {})  # type: ignore[valid-type]
    return found
