"""The daemon thread of each server: is it up, was a conference forgotten, is the token fresh.

It tells people nothing itself: what it finds goes through the two callables that it is handed.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import trueconf_api
from trueconf_api import UP, Forgotten, Server, Status, TrueConfError

FIRST_LOOKS_APART_S = 0.02  # so that many servers are not all asked at the same moment
CHANGE_LOOKS = 3  # so often a change must be seen before it is told
CHANGE_PAUSE_S = 2
RETRY_TOKEN_S = 60
LONGEST_PAUSE_S = 3600
SLEEP_GAP_S = 60  # a look that comes so much too late: the computer was asleep
SEPARATE_MESSAGES = 3  # more forgotten conferences than this at once come as one list
MOST_REPORTED = 200

log = logging.getLogger("bot.watcher")


@dataclass(frozen=True)
class StateChange:
    """A server's new state. Times are time.time(): `since` when this state was first seen,
    `down_since` when it last was up, if it is up now and that is known; `is_first`: it was so at
    the first look, that of the start or the one after the computer slept."""

    server: Server
    status: Status
    since: float
    down_since: float | None
    is_first: bool


class Watcher(threading.Thread):
    """Watches one server from the start of the bot to its end.

    `tell_state(StateChange)` and `tell_forgotten(server, [Forgotten])` are called from this
    thread. `position`: which of the servers it is. `clock` is what people see and tells when the
    computer slept.
    """

    def __init__(
        self,
        server: Server,
        tell_state: Callable[[StateChange], None],
        tell_forgotten: Callable[[Server, list[Forgotten]], None],
        position: int = 0,
        clock: Callable[[], float] = time.time,
    ):
        super().__init__(name=f"watcher of {server.name}", daemon=True)
        self.server, self.clock = server, clock
        self._tell_state, self._tell_forgotten = tell_state, tell_forgotten
        self._stopping, self._wake = threading.Event(), threading.Event()
        first_look_at = time.monotonic() + position * FIRST_LOOKS_APART_S
        self._look_due_at = self._forgotten_due_at = self._token_due_at = first_look_at
        self._failures: dict[str, str] = {}  # job -> the reason that was logged last
        self._forgotten_before: set[str] = set()  # session IDs of the look before
        self._forget_state()

    def _forget_state(self) -> None:
        self.status: Status | None = None  # the confirmed one
        self.since: float | None = None  # time.time(); None: before we looked
        self._down_since: float | None = None
        self._looks_at_change, self._change_is_up = 0, False
        self._change_seen_at, self._change_is_first = 0.0, False
        self._looked_at: float | None = None  # self.clock()
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

    def switch_monitoring(self, is_on: bool, by: str) -> None:
        """Turn the constant check on or off, at once and for good. `by`: who did it."""
        self.server.is_monitored = is_on
        log.info("%s: check_%s by %s", self.server.name, "on" if is_on else "off", by)
        self.look_now()

    def switch_forgotten_alerts(self, is_on: bool, by: str) -> None:
        """The same for the search for forgotten conferences."""
        self.server.has_forgotten_alerts = is_on
        log.info("%s: watch_%s by %s", self.server.name, "on" if is_on else "off", by)
        self._forgotten_due_at = 0.0
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
        return self.since if is_same else None

    def _until_next_look_s(self) -> float:
        if self._looks_at_change:
            return max(0.0, self._look_due_at - time.monotonic())
        due_at = [max(self._token_due_at, self.server.token_renewal_at)]
        if self.server.is_monitored:
            due_at.append(self._look_due_at)
        if self.server.has_forgotten_alerts:
            due_at.append(self._forgotten_due_at)
        return max(0.0, min(due_at) - time.monotonic())

    def look(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        if not self.server.is_monitored:
            self._forget_state()
        elif now >= self._look_due_at:
            self._look_due_at = now + self.server.look_interval_s
            self.check()
        if self._looks_at_change:
            # Nothing else may delay the next look at a change.
            self._look_due_at = time.monotonic() + CHANGE_PAUSE_S
            return
        is_down = self.status is not None and self.status.state == trueconf_api.DOWN
        if self.server.has_forgotten_alerts and now >= self._forgotten_due_at:
            self._forgotten_due_at = now + self.server.forgotten_interval_s
            if not is_down:
                self._attempt("the search for forgotten conferences", self.find_newly_forgotten)
        if now >= max(self._token_due_at, self.server.token_renewal_at):
            self._token_due_at = now + RETRY_TOKEN_S
            if not is_down:
                self._attempt("the renewal of the access token", self._renew_token)

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

    # ------------------------------------------------------------ is it up

    def check(self) -> None:
        """Look once. A change is told after it was seen in CHANGE_LOOKS looks in a row."""
        began_at, began_at_clock = time.monotonic(), self.clock()
        status = trueconf_api.get_status(self.server)
        if not self.server.is_monitored:
            return  # it was switched off while we looked
        longest_gap_s = self.server.look_interval_s + SLEEP_GAP_S
        is_first = self._looked_at is None or began_at_clock - self._looked_at > longest_gap_s
        if is_first:  # what was seen before the sleep proves nothing, and nobody looked meanwhile
            self._looks_at_change, self.since = 0, None
        self._looked_at = self.clock()
        self._count_look(status, began_at_clock, is_first)
        self.last_look_began_at = began_at

    def _count_look(self, status: Status, seen_at: float, is_first: bool) -> None:
        if self.status is None and status.state == UP:
            self.status = status  # that is how it should be: nothing to tell
            self._looks_at_change = 0
        elif self.status is not None and status.state == self.status.state:
            self.status = status  # the reason may have changed
            self._looks_at_change = 0
        else:
            is_up = status.state == UP
            if not self._looks_at_change or is_up != self._change_is_up:
                self._looks_at_change, self._change_is_up = 0, is_up
                self._change_seen_at, self._change_is_first = seen_at, is_first
            self._looks_at_change += 1
            if self._looks_at_change >= CHANGE_LOOKS:
                self._confirm(status)

    def _confirm(self, status: Status) -> None:
        is_first = self._change_is_first
        change = StateChange(
            server=self.server,
            status=status,
            since=self._change_seen_at,
            down_since=self._down_since if status.state == UP and not is_first else None,
            is_first=is_first,
        )
        if status.state == UP:
            self._down_since = None
        elif self._down_since is None:
            self._down_since = change.since
        self.status = status
        self.since = None if change.is_first else change.since
        words = filter(None, (status.state, status.service_reason, status.web_reason))
        log.info("%s: %s", self.server.name, " ".join(words))
        self._tell_state(change)
        self._looks_at_change = 0  # last: whoever waits until there is no doubt finds it told

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
            self._tell_forgotten(self.server, told)

    def _is_due(self, session_id: str, now: float) -> bool:
        remind_at = self.server.reported.get(session_id)
        return remind_at is None or 0 < remind_at <= now

    def keep_quiet(self, session_id: str, until: float = 0) -> None:
        """Say nothing of this run until then (time.time()); 0: never again. Is saved."""
        with self.server.lock:
            reported = {**self.server.reported, session_id: until}
            kept = {*list(reported)[-MOST_REPORTED:], *self._forgotten_before}
            self.server.reported = {key: at for key, at in reported.items() if key in kept}


def settle(watchers: Iterable[Watcher], limit_s: float) -> None:
    """Make all watchers look now and wait until none of them is in doubt."""
    asked_at = time.monotonic()
    waiting = [watcher for watcher in watchers if watcher.server.is_monitored]
    for watcher in waiting:
        watcher.look_now()
    while waiting and time.monotonic() - asked_at < limit_s:
        time.sleep(0.1)
        waiting = [watcher for watcher in waiting if not watcher.is_settled(asked_at)]
