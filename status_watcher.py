"""The daemon thread of each server: is it up, was a conference forgotten, does its certificate
end, is the token fresh.

It tells people nothing itself: what it finds goes to the announcer that it is handed.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import trueconf_api
from trueconf_api import DOWN, UP, WEB_DOWN, Forgotten, Server, Status, TrueConfError

FIRST_LOOKS_APART_S = 0.02  # so that many servers are not all asked at the same moment
CHANGE_LOOKS = 3  # looks in a row before a change is announced
CHANGE_PAUSE_S = 2
RETRY_TOKEN_S = 60
LONGEST_PAUSE_S = 3600
SLEEP_GAP_S = 60  # a look that comes so much too late: the computer was asleep
UNSTEADY_S, UNSTEADY_LOOKS = 600, 3  # so many lost looks within this time are worth a word
CERTIFICATE_DAYS = (14, 7, 3, 1)  # before the end of a certificate: when people are told
CERTIFICATE_EVERY_S = 86400
RETRY_CERTIFICATE_S = 3600
SEPARATE_MESSAGES = 3  # more forgotten conferences than this at once come as one list
MOST_REPORTED = 200
MOST_PAUSE_CHANGES = 20

log = logging.getLogger("bot.watcher")

# The clock that nobody sets and that goes on while the computer sleeps, where there is one:
# Linux, then macOS. That of Windows is time.monotonic().
_STEADY_CLOCK = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


def steady_clock() -> float:
    """Seconds since some moment, whatever happens to the clock that people see."""
    return time.monotonic() if _STEADY_CLOCK is None else time.clock_gettime(_STEADY_CLOCK)


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
    def tell_pause_over(self, server: Server, status: Status, changes: list[list]) -> None: ...
    def tell_certificate(self, server: Server, end: float) -> None: ...
    def tell_forgotten(self, server: Server, found: list[Forgotten]) -> None: ...


class Watcher(threading.Thread):
    """Watches one server from the start of the bot to its end.

    `position`: which of the servers it is. `clock` is what people see, `steady` what durations
    are measured by.
    """

    def __init__(
        self,
        server: Server,
        announcer: Announcer,
        position: int = 0,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = steady_clock,
    ):
        super().__init__(name=f"watcher of {server.name}", daemon=True)
        self.server, self.clock, self.steady = server, clock, steady
        self._announcer = announcer
        self._stopping, self._wake = threading.Event(), threading.Event()
        first_look_at = time.monotonic() + position * FIRST_LOOKS_APART_S
        self._look_due_at = self._forgotten_due_at = self._token_due_at = first_look_at
        self._certificate_due_at = first_look_at
        self._failures: dict[str, str] = {}  # job -> the reason that was logged last
        self._forgotten_before: set[str] = set()  # session IDs of the look before
        self._forget_looks()
        # An outage that was told before the bot was started again goes on.
        self._states = tuple(server.told_states)
        self._down_at: float | None = None  # self.steady(), as are those in _forget_looks
        if server.down_since is not None:
            self._down_at = self.steady() - max(0, self.clock() - server.down_since)
        self._reminders = self._reminders_due()

    def _forget_looks(self) -> None:
        self.status: Status | None = None  # the confirmed one
        self._since: float | None = None  # when it came into this state; None: before we looked
        self._looks_at_change, self._change_is_up = 0, False
        self._change_seen_at, self._change_is_first = 0.0, False
        self._looked_at: float | None = None
        self._lost_looks: list[float] = []
        self.last_look_began_at = 0.0  # time.monotonic()

    # ------------------------------------------------------------ the thread

    def run(self) -> None:
        while not self._stopping.is_set():
            pause_s = 0.0
            try:
                self.look()
            except Exception:  # one bad look must not end the watch
                log.exception("%s: a look failed, the next one comes on time", self.server.name)
                pause_s = 1.0
            # A token may be good for years, and Windows cannot wait longer than 49 days.
            self._wake.wait(min(LONGEST_PAUSE_S, max(pause_s, self._until_next_look_s())))
            self._wake.clear()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()

    def look_now(self) -> None:
        """Look at once, whatever is due when."""
        if not self._looks_at_change:  # else the next look comes soon, and not too soon
            self._look_due_at = 0.0
        self._wake.set()

    def is_settled(self, asked_at: float) -> bool:
        """Whether a look that began after `asked_at` (time.monotonic()) left no doubt."""
        is_sure = self.last_look_began_at >= asked_at and not self._looks_at_change
        return is_sure or not self.server.is_monitored

    def since_when(self, status: Status) -> float | None:
        """When the server came into this state, time.time(); None where that is not known."""
        is_same = self.status is not None and self.status.state == status.state
        return self._time_of(self._since) if is_same and self._since is not None else None

    def lost_looks(self) -> int:
        """How many looks of the last UNSTEADY_S found another state that did not last, if those
        are enough to be worth a word, else 0."""
        recent = [at for at in list(self._lost_looks) if self.steady() - at <= UNSTEADY_S]
        return len(recent) if len(recent) >= UNSTEADY_LOOKS else 0

    def _time_of(self, steady_at: float) -> float:
        """What the clock that people see would have shown then, as it is set now."""
        return self.clock() - (self.steady() - steady_at)

    def _until_next_look_s(self) -> float:
        if self._looks_at_change:
            return max(0.0, self._look_due_at - time.monotonic())
        server = self.server
        due_at = [max(self._token_due_at, server.learnt.token_renewal_at)]
        if server.is_monitored:
            due_at += [self._look_due_at, self._certificate_due_at]
            due_at += [time.monotonic() + wait_s for wait_s in self._waits_s()]
        if server.has_forgotten_alerts:
            due_at.append(self._forgotten_due_at)
        return max(0.0, min(due_at) - time.monotonic())

    def _waits_s(self) -> list[float]:
        """How long it is to the end of the pause and to the next reminder, as far as they come."""
        waits_s = []
        if self.server.paused_until is not None:
            waits_s.append(self.server.paused_until - self.clock())
        if self._down_at is not None and self.server.repeat_h:
            next_at = self._down_at + (self._reminders + 1) * self.server.repeat_h * 3600
            waits_s.append(next_at - self.steady())
        return [wait_s for wait_s in waits_s if wait_s > 0]

    def look(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        if not self.server.is_monitored:
            self._forget_looks()
            self._forget_outage()
            self.server.told_states = []
            self.server.paused_until, self.server.pause_changes = None, []
        elif now >= self._look_due_at:
            self._look_due_at = now + self.server.look_interval_s
            self.check()
        if self._looks_at_change:
            # Nothing else may delay the next look at a change.
            self._look_due_at = time.monotonic() + CHANGE_PAUSE_S
            return
        self.keep_time()
        has_web = self.status is None or self.status.state not in (DOWN, WEB_DOWN)
        is_paused = self.server.paused_until is not None
        if self.server.has_forgotten_alerts and now >= self._forgotten_due_at and not is_paused:
            self._forgotten_due_at = now + self.server.forgotten_interval_s
            if has_web:
                self._attempt("the search for forgotten conferences", self.find_newly_forgotten)
        if now >= max(self._token_due_at, self.server.learnt.token_renewal_at):
            self._token_due_at = now + RETRY_TOKEN_S
            if has_web:
                self._attempt("the renewal of the access token", self._renew_token)
        if self.server.is_monitored and now >= self._certificate_due_at and not is_paused:
            self._certificate_due_at = now + RETRY_CERTIFICATE_S
            if has_web:
                self._attempt("the look at the certificate", self.check_certificate)

    def _renew_token(self) -> None:
        trueconf_api.renew_access_token(self.server)

    def _attempt(self, job: str, do: Callable[[], None]) -> None:
        """Do it, and log a failure once, not at each attempt."""
        try:
            do()
        except TrueConfError as error:
            if self._failures.get(job) != error.reason:
                log.warning("%s failed: %s", job, error)
            self._failures[job] = error.reason
        else:
            if self._failures.pop(job, None):
                log.info("%s: %s works again", self.server.name, job)

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
        self._forgotten_due_at = 0.0
        self._wake.set()

    def pause(self, hours: float, by: str) -> None:
        """Announce nothing for so long; with 0 hours, end a pause at once."""
        if not hours and self.server.paused_until is None:
            return  # somebody else has ended it
        self.server.paused_until = self.clock() + 3600 * hours
        if hours:
            log.info("%s: paused for %g h, by %s", self.server.name, hours, by)
        else:
            log.info("%s: pause ended, by %s", self.server.name, by)
        self._wake.set()

    @property
    def is_paused(self) -> bool:
        return self.server.paused_until is not None and self.clock() < self.server.paused_until

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
        began_at, seen_at = time.monotonic(), self.steady()
        status = trueconf_api.get_status(self.server)
        if not self.server.is_monitored:
            return  # it was switched off while we looked
        longest_gap_s = self.server.look_interval_s + SLEEP_GAP_S
        is_first = self._looked_at is None or seen_at - self._looked_at > longest_gap_s
        if is_first:  # what was seen before the sleep proves nothing, and nobody looked meanwhile
            self._looks_at_change, self._since = 0, None
        self._looked_at = self.steady()
        self._count_look(status, seen_at, is_first)
        self.last_look_began_at = began_at

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
                self._forget_outage()
            return
        is_up = status.state == UP
        if not self._looks_at_change or is_up != self._change_is_up:
            self._looks_at_change, self._change_is_up = 0, is_up
            self._change_seen_at, self._change_is_first = seen_at, is_first
        self._looks_at_change += 1
        if self._looks_at_change >= CHANGE_LOOKS:
            self._confirm(status)

    def _note_lost_looks(self) -> None:
        """The looks that differed were followed by one that did not."""
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
        """Keep a change for the end of the pause; one that a bot before this kept is no change."""
        kept = self.server.pause_changes
        if not kept or kept[-1][1] != status.state:
            change = [self._time_of(seen_at), status.state]
            self.server.pause_changes = [*kept, change][-MOST_PAUSE_CHANGES:]
        if status.state == UP:
            self._forget_outage()

    def _tell(self, status: Status, seen_at: float, is_first: bool) -> None:
        before, down_at = self._states, self._down_at
        if status.state == UP:
            self._forget_outage()
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

    def _forget_outage(self) -> None:
        self._states, self._down_at = (), None
        self.server.down_since, self.server.taken_by = None, ""

    def _reminders_due(self) -> int:
        """How many reminders there would have been of this outage by now."""
        if self._down_at is None or not self.server.repeat_h:
            return 0
        return int((self.steady() - self._down_at) / (3600 * self.server.repeat_h))

    def keep_time(self) -> None:
        """End a pause and remind of an outage, if it is time and clear how the server is."""
        if self.status is not None and not self._looks_at_change:
            self._end_pause_in_time(self.status)
            self._remind(self.status)

    def _remind(self, status: Status) -> None:
        """Say again that it is not up, if it is time and nobody takes care of it."""
        due, server = self._reminders_due(), self.server
        is_time, self._reminders = due > self._reminders, due
        is_told = server.told_states and server.paused_until is None
        if is_time and is_told and not server.taken_by and self._down_at is not None:
            self._announcer.tell_reminder(server, status, self._time_of(self._down_at))

    def _end_pause_in_time(self, status: Status) -> None:
        server = self.server
        if server.paused_until is None or self.is_paused:
            return
        changes = server.pause_changes
        server.paused_until, server.pause_changes = None, []
        self._states = () if status.state == UP else (status.state,)
        self._announcer.tell_pause_over(server, status, changes)

    # ------------------------------------------------------------ does the certificate end

    def check_certificate(self) -> None:
        """Look when the certificate ends. That is told once for each of CERTIFICATE_DAYS."""
        self.server.learnt.certificate_end = end = trueconf_api.get_certificate_end(self.server)
        self._certificate_due_at = time.monotonic() + CERTIFICATE_EVERY_S
        if end is None or end <= self.clock():
            return  # not checked, or a matter of the web part's state by now
        moments = [end - 86400 * days for days in CERTIFICATE_DAYS]
        passed = max([moment for moment in moments if moment <= self.clock()], default=0)
        if passed > self.server.certificate_told:
            self.server.certificate_told = passed
            log.warning("%s: the certificate ends soon", self.server.name)
            self._announcer.tell_certificate(self.server, end)

    # ------------------------------------------------------------ was one forgotten

    def find_newly_forgotten(self) -> None:
        """Look once. A conference is told of when it was forgotten in two looks in a row."""
        found = trueconf_api.find_forgotten(self.server, self.server.forgotten_age_min)
        now = self.clock()
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
    asked_at = time.monotonic()
    waiting = [watcher for watcher in watchers if watcher.server.is_monitored]
    for watcher in waiting:
        watcher.look_now()
    while waiting and time.monotonic() - asked_at < limit_s:
        time.sleep(0.1)
        waiting = [watcher for watcher in waiting if not watcher.is_settled(asked_at)]
