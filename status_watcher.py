"""The daemon thread of each server: is it up, was a conference forgotten, does its certificate
end, is the token fresh.

It tells people nothing itself: what it finds goes to the announcer that it is handed.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import trueconf_api
from lib.clock import Clocks, steady_clock
from trueconf_api import (
    DOWN,
    UP,
    WEB_DOWN,
    Forgotten,
    Server,
    Status,
    TrueConfError,
)

FIRST_LOOKS_APART_S = 0.02  # so that many servers are not all asked at the same moment
CHANGE_LOOKS = 3  # looks in a row before a change is announced
BETWEEN_LOOKS_S = 2  # of those in a row
RETRY_TOKEN_S = 60
# A token may be good for years, and Windows cannot wait longer than 49 days.
LONGEST_WAIT_S = 3600
SLEEP_GAP_S = 60  # a look that comes so much too late: the computer was asleep
UNSTEADY_S, UNSTEADY_LOOKS = 600, 3  # so many lost looks within this time are told
CERTIFICATE_DAYS = (14, 7, 3, 1)  # before the end of a certificate: when people are told
CERTIFICATE_EVERY_S = 86400
RETRY_CERTIFICATE_S = 3600
SEPARATE_MESSAGES = 3  # more forgotten conferences than this at once come as one list
MOST_REPORTED = 200
MOST_PAUSE_CHANGES = 20

log = logging.getLogger("bot.watcher")


@dataclass(frozen=True)
class StateChange:
    """A server's new state. Times are time.time(): `since` when this state was first seen,
    `down_since` when it last was up, if it is up now and that is known. `is_first`: nobody looked
    before, as the bot or the computer was off. `states`: those of the outage so far, () if it is
    up; `outage`: the state that an outage was in that is over, DOWN if there were several."""

    server: Server
    status: Status
    since: float
    down_since: float | None
    is_first: bool
    states: tuple[str, ...] = ()
    outage: str = DOWN


class Announcer(Protocol):
    """Whom a watcher tells what it finds; `alerts` has the real one."""

    def tell_state(self, change: StateChange) -> None: ...
    def tell_reminder(self, server: Server, status: Status, since: float) -> None: ...
    def tell_pause_over(self, server: Server, status: Status, changes: list[list[Any]]) -> None: ...
    def tell_certificate(self, server: Server, end: float) -> None: ...
    def tell_forgotten(self, server: Server, found: list[Forgotten]) -> None: ...


@dataclass(eq=False)
class Job:
    """One thing that a watcher does again and again.

    `every_s()`: seconds from one time to the next, at least some. `is_on()`: whether it is to be
    done at all just now; what is not is not waited for either. `not_before()`: a time before which
    it is not done, if something else decides that. Times are those of the steady clock.
    """

    name: str  # for the log
    do: Callable[[], None]
    every_s: Callable[[], float]
    is_on: Callable[[], bool]
    not_before: Callable[[], float] = lambda: 0.0
    next_at: float = 0.0

    @property
    def due_at(self) -> float:
        return max(self.next_at, self.not_before())


class Watcher(threading.Thread):
    """Watches one server from the start of the bot to its end. `position`: which of the servers
    it is."""

    def __init__(
        self, server: Server, announcer: Announcer, position: int = 0, clocks: Clocks | None = None
    ):
        super().__init__(name=f"watcher of {server.name}", daemon=True)
        self.server, self.clocks = server, clocks or Clocks()
        self._announcer = announcer
        self._stopping, self._wake = threading.Event(), threading.Event()
        self._failures: dict[str, str] = {}  # job -> the reason that was logged last
        self._forgotten_before: set[str] = set()  # session IDs of the look before
        self._drop_looks()
        # An outage that was told before the bot was started again goes on.
        self._states = tuple(server.told_states)
        self._down_at: float | None = None  # steady, as are those in _drop_looks
        if server.down_since is not None:
            self._down_at = self.steady() - max(0, self.now() - server.down_since)
        self._reminders = self._reminders_due()
        self._make_jobs(self.steady() + position * FIRST_LOOKS_APART_S)

    def _make_jobs(self, first_at: float) -> None:
        """In the order in which they are done when several are due."""
        server = self.server
        self._look_job = Job("the look", self.check, self._until_next_look_s, self._is_watched)
        self._forgotten_job = Job(
            "the search for forgotten conferences",
            self.find_newly_forgotten,
            lambda: server.forgotten_interval_s,
            lambda: server.has_forgotten_alerts and self._may_ask() and not self._is_in_pause(),
        )
        self._certificate_job = Job(
            "the look at the certificate",
            self.check_certificate,
            lambda: RETRY_CERTIFICATE_S,
            lambda: self._is_watched() and self._may_ask() and not self._is_in_pause(),
        )
        self._jobs = [
            self._look_job,
            Job("the pause", self._end_pause, lambda: 1, self._is_in_pause, self._pause_ends_at),
            Job("a reminder", self._remind, lambda: 1, self._may_remind, self._next_reminder_at),
            self._forgotten_job,
            Job(
                "the renewal of the access token",
                self._renew_token,
                lambda: RETRY_TOKEN_S,
                self._may_ask,
                self._token_ends_at,
            ),
            self._certificate_job,
        ]
        for job in self._jobs:
            job.next_at = first_at

    def _drop_looks(self) -> None:
        self.status: Status | None = None  # the confirmed one
        self._since: float | None = None  # when it came into this state; None: before we looked
        self._looks_at_change, self._change_is_up = 0, False
        self._change_seen_at, self._change_is_first = 0.0, False
        self._looked_at: float | None = None
        self._lost_looks: list[float] = []
        self.last_look_began_at = 0.0

    # ------------------------------------------------------------ the thread

    def run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(self.turn())
            self._wake.clear()

    def turn(self) -> float:
        """Do what is due. Returns how many seconds it is until something is."""
        for job in self._jobs:
            if job.is_on() and job.due_at <= self.steady():
                job.next_at = self.steady() + job.every_s()
                self._attempt(job)
        if not self._is_watched():
            self._drop_all()
        due_at = [job.due_at for job in self._jobs if job.is_on()]
        longest_at = self.steady() + LONGEST_WAIT_S
        return max(0.0, min([longest_at, *due_at]) - self.steady())

    def _attempt(self, job: Job) -> None:
        try:
            job.do()
        except Exception as error:  # one that goes wrong must not end the watch
            self._log_once(job.name, error)
        else:
            if self._failures.pop(job.name, None):
                log.info("%s: %s works again", self.server.name, job.name)

    def _log_once(self, what: str, error: Exception) -> None:
        """Log a failure unless the last one was the same; a defect with its traceback."""
        reason = error.reason if isinstance(error, TrueConfError) else type(error).__name__
        if self._failures.get(what) == reason:
            return
        self._failures[what] = reason
        if isinstance(error, TrueConfError):
            log.warning("%s failed: %s", what, error)
        else:
            log.error("%s: %s failed", self.server.name, what, exc_info=error)

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()

    def look_now(self) -> None:
        """Look at once, whatever is due when."""
        if not self._looks_at_change:  # else the next look comes soon, and not too soon
            self._look_job.next_at = 0.0
        self._wake.set()

    def is_settled(self, asked_at: float) -> bool:
        """Whether a look that began after `asked_at` (steady) left no doubt."""
        is_sure = self.last_look_began_at >= asked_at and not self._looks_at_change
        return is_sure or not self.server.is_monitored

    def since_when(self, status: Status) -> float | None:
        """When the server came into this state, time.time(); None where that is not known."""
        is_same = self.status is not None and self.status.state == status.state
        return self._time_of(self._since) if is_same and self._since is not None else None

    def lost_looks(self) -> int:
        """How many looks of the last UNSTEADY_S found another state that did not last, if those
        are enough to be told, else 0."""
        recent = [at for at in list(self._lost_looks) if self.steady() - at <= UNSTEADY_S]
        return len(recent) if len(recent) >= UNSTEADY_LOOKS else 0

    def now(self) -> float:
        return self.clocks.now()

    def steady(self) -> float:
        return self.clocks.steady()

    def _time_of(self, steady_at: float) -> float:
        """What the clock that people see would have shown then, as it is set now."""
        return self.now() - (self.steady() - steady_at)

    # ------------------------------------------------------------ when a job is on, and due

    def _is_watched(self) -> bool:
        return self.server.is_monitored

    def _until_next_look_s(self) -> float:
        return BETWEEN_LOOKS_S if self._looks_at_change else self.server.look_interval_s

    def _may_ask(self) -> bool:
        """Whether it makes sense to ask the web part, and delays no look at a change."""
        is_web_down = self.status is not None and self.status.state in (DOWN, WEB_DOWN)
        return not self._looks_at_change and not is_web_down

    def _is_in_pause(self) -> bool:
        """Paused by people, be it that its time is over by now."""
        return self.server.paused_until is not None

    def _pause_ends_at(self) -> float:
        if self.status is None or self._looks_at_change:
            return self._look_job.due_at  # at first it has to be clear how the server is
        return self.steady() + (self.server.paused_until or 0) - self.now()

    def _may_remind(self) -> bool:
        is_told = bool(self.server.told_states) and not self._is_in_pause()
        is_known = self.status is not None and not self._looks_at_change
        return is_told and is_known and self._down_at is not None and self.server.repeat_h > 0

    def _next_reminder_at(self) -> float:
        return (self._down_at or 0) + (self._reminders + 1) * self.server.repeat_h * 3600

    def _token_ends_at(self) -> float:
        return self.steady() + self.server.learnt.token_renewal_at - self.clocks.monotonic()

    def _renew_token(self) -> None:
        trueconf_api.renew_access_token(self.server)

    # ------------------------------------------------------------ what people switch

    def switch_monitoring(self, is_on: bool, by: str) -> None:
        """Turn monitoring on or off, at once and for good. `by`: who did it."""
        self.server.is_monitored = is_on
        log.info("%s: monitoring %s, by %s", self.server.name, "on" if is_on else "off", by)
        self.look_now()

    def switch_forgotten_alerts(self, is_on: bool, by: str) -> None:
        """The same for the search for forgotten conferences."""
        self.server.has_forgotten_alerts = is_on
        log.info("%s: forgotten alerts %s, by %s", self.server.name, "on" if is_on else "off", by)
        self._forgotten_job.next_at = 0.0
        self._wake.set()

    def pause(self, hours: float, by: str) -> None:
        """Announce nothing for so long; with 0 hours, end a pause at once."""
        if not hours and self.server.paused_until is None:
            return  # somebody else has ended it
        self.server.paused_until = self.now() + 3600 * hours
        if hours:
            log.info("%s: paused for %g h, by %s", self.server.name, hours, by)
        else:
            log.info("%s: pause ended, by %s", self.server.name, by)
        self._wake.set()

    @property
    def is_paused(self) -> bool:
        return self.server.paused_until is not None and self.now() < self.server.paused_until

    def take(self, outage: int, by: str) -> str | None:
        """Somebody takes care of the outage that began at `outage` (whole seconds). Returns who
        has taken it before, "" if nobody has, None if that outage is over."""
        server = self.server
        with server.shared.lock:
            if server.down_since is None or int(server.down_since) != outage:
                return None
            first = server.taken_by
            if not first:
                server.taken_by = by
                log.info("%s: the outage is taken by %s", server.name, by)
            return first

    # ------------------------------------------------------------ is it up

    def check(self) -> None:
        """Look once. A change is told after it was seen in CHANGE_LOOKS looks in a row."""
        seen_at = self.steady()
        try:
            status = trueconf_api.get_status(self.server)
        except Exception as error:
            if isinstance(error, MemoryError) or getattr(error, "reason", "") == "own_lack":
                raise  # the bot lacked something, which says nothing of the server: no look
            self._log_once("a look", error)
            status = Status(DOWN, "failed" if self.server.status_port else "", "failed")
            self.server.learnt.last_status = status
        else:
            self._failures.pop("a look", None)
        if not self.server.is_monitored:
            return  # it was switched off while we looked
        longest_gap_s = self.server.look_interval_s + SLEEP_GAP_S
        is_first = self._looked_at is None or seen_at - self._looked_at > longest_gap_s
        if is_first:  # what was seen before the sleep proves nothing, and nobody looked meanwhile
            self._looks_at_change, self._since = 0, None
        self._looked_at = self.steady()
        self._count_look(status, seen_at, is_first)
        self._look_job.next_at = self.steady() + self._until_next_look_s()
        self.last_look_began_at = seen_at

    def _count_look(self, status: Status, seen_at: float, is_first: bool) -> None:
        # Before the first look it is as it was when the bot ended, or up, as it should be.
        told = self._states[-1] if self._states else UP
        if status.state == (self.status.state if self.status else told):
            self.status = status  # the reason may have changed
            self._note_lost_looks()
            self._looks_at_change = 0
            if status.state == UP and self._down_at is not None:  # over while the bot was off
                if self.server.paused_until is not None:
                    self._note_in_pause(status, seen_at)
                self._drop_outage()
            return
        is_up = status.state == UP
        if not self._looks_at_change or is_up != self._change_is_up:
            self._looks_at_change, self._change_is_up = 0, is_up
            self._change_seen_at, self._change_is_first = seen_at, is_first
        self._looks_at_change += 1
        if self._looks_at_change >= CHANGE_LOOKS:
            self._confirm(status)

    def _note_lost_looks(self) -> None:
        """Count the looks at a change that did not last."""
        was_unsteady = self.lost_looks() > 0
        self._lost_looks = [*self._lost_looks, *[self.steady()] * self._looks_at_change][-99:]
        if self.lost_looks() and not was_unsteady:
            log.warning("%s: unsteady, %d looks lost", self.server.name, self.lost_looks())

    def _confirm(self, status: Status) -> None:
        seen_at, is_first = self._change_seen_at, self._change_is_first
        self.status, self._lost_looks = status, []
        self._since = None if is_first else seen_at
        log.info("%s: %s", self.server.name, describe(self.server, status))
        if status.state != UP and self._down_at is None:
            self._down_at, self._reminders = seen_at, 0
            self.server.down_since = self._time_of(seen_at)
        if self.server.paused_until is not None:
            self._note_in_pause(status, seen_at)
        else:
            self._tell(status, seen_at, is_first)
        self._looks_at_change = 0  # last: whoever waits until there is no doubt finds it told

    def _note_in_pause(self, status: Status, seen_at: float) -> None:
        """Keep a change for the end of the pause, unless an earlier run has kept it already."""
        kept = self.server.pause_changes
        if not kept or kept[-1][1] != status.state:
            change = [self._time_of(seen_at), status.state]
            self.server.pause_changes = [*kept, change][-MOST_PAUSE_CHANGES:]
        if status.state == UP:
            self._drop_outage()

    def _tell(self, status: Status, seen_at: float, is_first: bool) -> None:
        before, down_at = self._states, self._down_at
        if status.state == UP:
            self._drop_outage()
        else:
            others = [state for state in before if state != status.state]
            self._states, down_at = (*others, status.state), None
        self._announcer.tell_state(
            StateChange(
                self.server,
                status,
                since=self._time_of(seen_at),
                down_since=None if down_at is None else self._time_of(down_at),
                is_first=is_first,
                states=self._states,
                outage=before[0] if len(before) == 1 else DOWN,
            )
        )

    def _drop_all(self) -> None:
        self._drop_looks()
        self._drop_outage()
        self.server.told_states = []
        self.server.paused_until, self.server.pause_changes = None, []

    def _drop_outage(self) -> None:
        self._states, self._down_at = (), None
        self.server.down_since, self.server.taken_by = None, ""

    def _reminders_due(self) -> int:
        """How many reminders there would have been of this outage by now."""
        if self._down_at is None or not self.server.repeat_h:
            return 0
        return int((self.steady() - self._down_at) / (3600 * self.server.repeat_h))

    def _remind(self) -> None:
        """Say again that it is not up, unless somebody takes care of it."""
        self._reminders = self._reminders_due()
        if self.status and self._down_at is not None and not self.server.taken_by:
            since = self._time_of(self._down_at)
            self._announcer.tell_reminder(self.server, self.status, since)

    def _end_pause(self) -> None:
        server, status = self.server, self.status
        if status is None or self._looks_at_change:
            return
        changes = server.pause_changes
        server.paused_until, server.pause_changes = None, []
        self._states = () if status.state == UP else (status.state,)
        self._reminders = self._reminders_due()  # those that fell into the pause
        self._announcer.tell_pause_over(server, status, changes)

    # ------------------------------------------------------------ does the certificate end

    def check_certificate(self) -> None:
        """Look when the certificate ends. That is told once for each of CERTIFICATE_DAYS."""
        self.server.learnt.certificate_end = end = trueconf_api.get_certificate_end(self.server)
        self._certificate_job.next_at = self.steady() + CERTIFICATE_EVERY_S
        if end is None or end <= self.now():
            return  # not checked, or a matter of the web part's state by now
        moments = [end - 86400 * days for days in CERTIFICATE_DAYS]
        passed = max([moment for moment in moments if moment <= self.now()], default=0)
        if passed > self.server.certificate_told:
            self.server.certificate_told = passed
            log.warning("%s: the certificate ends soon", self.server.name)
            self._announcer.tell_certificate(self.server, end)

    # ------------------------------------------------------------ was one forgotten

    def find_newly_forgotten(self) -> None:
        """Look once. A conference is told of when it was forgotten in two looks in a row."""
        found = trueconf_api.find_forgotten(self.server, self.server.forgotten_age_min)
        now = self.now()
        certain = {one.conference.session_id: one for one in found if one.is_certain}
        news = [
            one
            for session_id, one in certain.items()
            if session_id in self._forgotten_before and self._is_due(session_id, now)
        ]
        self._forgotten_before = set(certain)
        for one in news:
            self.keep_quiet(one.conference.session_id)
        is_list = len(news) > SEPARATE_MESSAGES
        for told in [news] if is_list else [[one] for one in news]:
            self._announcer.tell_forgotten(self.server, told)

    def _is_due(self, session_id: str, now: float) -> bool:
        remind_at = self.server.reported.get(session_id)
        return remind_at is None or 0 < remind_at <= now

    def keep_quiet(self, session_id: str, until: float = 0) -> None:
        """Say nothing of this run until then (time.time()); 0: never again. Is saved."""
        with self.server.shared.lock:
            reported = {**self.server.reported, session_id: until}
            kept = {*list(reported)[-MOST_REPORTED:], *self._forgotten_before}
            self.server.reported = {key: at for key, at in reported.items() if key in kept}


def describe(server: Server, status: Status) -> str:
    """A status for the log."""
    parts = [(f"port {server.status_port}", status.service_reason), ("web", status.web_reason)]
    reasons = ", ".join(f"{part}: {reason}" for part, reason in parts if reason)
    state = status.state.replace("_", " ")
    return f"{state} ({reasons})" if reasons else state


def settle(watchers: Iterable[Watcher], limit_s: float) -> None:
    """Make all watchers look now and wait until none of them is in doubt."""
    asked_at, ends_at = steady_clock(), steady_clock() + limit_s
    waiting = [watcher for watcher in watchers if watcher.server.is_monitored]
    for watcher in waiting:
        watcher.look_now()
    while waiting and steady_clock() < ends_at:
        time.sleep(0.1)
        waiting = [watcher for watcher in waiting if not watcher.is_settled(asked_at)]
