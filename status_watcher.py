"""The daemon thread of each server: is it up, was a conference forgotten, does its certificate
end, is the token fresh.

It tells people nothing itself: what it finds stands in the record, and `alerts` tells of it.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Container
from dataclasses import dataclass
from typing import Any

import trueconf_api
from lib.clock import Clocks, steady_clock
from lib.entries import CERTIFICATE, FORGOTTEN, KEPT, Entry
from lib.evidence import Evidence, vanished_with_telegram
from memory import Record, forgotten_details
from trueconf_api import DOWN, UP, WEB_DOWN, Server, Status, TrueConfError

FIRST_LOOKS_APART_S = 0.02  # so that many servers are not all asked at the same moment
CHANGE_LOOKS = 3  # looks in a row before a change is announced
BETWEEN_LOOKS_S = 2  # of those in a row
RETRY_TOKEN_S = 60
# A token may be good for years, and Windows cannot wait longer than 49 days.
LONGEST_WAIT_S = 3600
UNTIL_WINDOW_S = 60  # at most, until the begin or end of a planned one is noticed
SLEEP_GAP_S = 60  # a look that comes so much too late: the computer was asleep
UNSTEADY_S, UNSTEADY_LOOKS = 600, 3  # so many lost looks within this time are told
CERTIFICATE_DAYS = (14, 7, 3, 1)  # before the end of a certificate: when people are told
CERTIFICATE_EVERY_S = 86400
RETRY_CERTIFICATE_S = 3600
SETTLE_LIMIT_S = 25  # until it is clear how all servers are: packets that vanish take 18 s
MOST_TIMES_AN_HOUR = 4  # that new forgotten conferences are told of: more come together later

log = logging.getLogger("bot.watcher")


@dataclass(eq=False)
class Job:
    """One thing that a watcher does again and again.

    `every_s()`: seconds from one time to the next, at least some. `is_on()`: whether it is to be
    done at all just now; what is not is not waited for either. `not_before()`: a time before which
    it is not done, if something else decides that. Times are those of the steady clock.
    """

    name: str  # for the log, and for the record
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
        self,
        server: Server,
        record: Record,
        evidence: Evidence,
        position: int = 0,
        clocks: Clocks | None = None,
    ):
        super().__init__(name=f"watcher of {server.name}", daemon=True)
        self.server, self.record, self.clocks = server, record, clocks or Clocks()
        self._evidence = evidence
        self._stopping, self._wake = threading.Event(), threading.Event()
        self._failures: dict[str, str] = {}  # job -> the reason that was logged last
        self._forgotten_before: set[str] = set()  # session IDs of the look before
        self._drop_looks()
        self._make_jobs(self.steady() + position * FIRST_LOOKS_APART_S)

    def _make_jobs(self, first_at: float) -> None:
        """In the order in which they are done when several are due."""
        server = self.server
        self._look_job = Job("the look", self.check, self._until_next_look_s, self._is_watched)
        self._forgotten_job = Job(
            "the search for forgotten conferences",
            self.find_newly_forgotten,
            lambda: server.forgotten_interval_s,
            lambda: server.has_forgotten_alerts and self._may_ask() and not server.is_quiet,
        )
        self._token_job = Job(
            "the renewal of the access token",
            self._renew_token,
            lambda: RETRY_TOKEN_S,
            self._may_ask,
            self._token_ends_at,
        )
        self._certificate_job = Job(
            "the look at the certificate",
            self.check_certificate,
            lambda: RETRY_CERTIFICATE_S,
            lambda: self._is_watched() and self._may_ask() and not server.is_quiet,
        )
        self._jobs = [self._look_job, self._forgotten_job, self._token_job, self._certificate_job]
        for job in self._jobs:
            job.next_at = first_at

    def _drop_looks(self) -> None:
        self.server.learnt.is_state_sure = False
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
            self._drop_looks()
            self.record.drop_unsure(self.server)
        due_at = [job.due_at for job in self._jobs if job.is_on()]
        longest_s = UNTIL_WINDOW_S if self.server.maintenance else LONGEST_WAIT_S
        longest_at = self.steady() + longest_s
        return max(0.0, min([longest_at, *due_at]) - self.steady())

    def _attempt(self, job: Job) -> None:
        try:
            job.do()
        except Exception as error:  # one that goes wrong must not end the watch
            self._log_once(job.name, error)
            self._note_failure(job, error)
        else:
            if self._failures.pop(job.name, None):
                log.info("%s: %s works again", self.server.name, job.name)
            self.record.note_job(self.server.name, job.name, None)

    def _note_failure(self, job: Job, error: Exception) -> None:
        """Silence must not look like "none": what fails for long is told. Once: where the search
        for forgotten conferences is on, it fails for want of a token too."""
        of_token = job is self._token_job and not self.server.has_forgotten_alerts
        if job is self._forgotten_job or of_token:
            failure: dict[str, Any] = {"reason": "failed"}
            if isinstance(error, TrueConfError):
                failure = {"reason": error.reason, "about": error.details}
            self.record.note_job(self.server.name, job.name, failure)

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
        outage = self.server.known.outage
        if outage is not None and outage.steps:
            is_late = outage.is_begin_late and len(outage.steps) == 1
            step = outage.steps[-1]
            return None if is_late or step.state != status.state else step.at
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

    def _token_ends_at(self) -> float:
        return self.steady() + self.server.learnt.token_renewal_at - self.clocks.monotonic()

    def _renew_token(self) -> None:
        trueconf_api.renew_access_token(self.server)

    # ------------------------------------------------------------ what people switch

    def switch_monitoring(self, is_on: bool, by: str) -> None:
        """Turn monitoring on or off, at once and for good. `by`: who did it."""
        self.server.is_monitored = is_on
        if not is_on:
            self.record.drop_pause(self.server)
        log.info("%s: monitoring %s, by %s", self.server.name, "on" if is_on else "off", by)
        self.look_now()
        self.record.wake()  # what was held back

    def switch_forgotten_alerts(self, is_on: bool, by: str) -> None:
        """The same for the search for forgotten conferences."""
        self.server.has_forgotten_alerts = is_on
        log.info("%s: forgotten alerts %s, by %s", self.server.name, "on" if is_on else "off", by)
        self._forgotten_job.next_at = 0.0
        self._wake.set()

    # ------------------------------------------------------------ is it up

    def check(self) -> None:
        """Look once. A change is told after it was seen in CHANGE_LOOKS looks in a row."""
        self.record.note_clock()
        self.record.note_window(self.server)
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
        self.record.note_version(self.server)
        longest_gap_s = self.server.look_interval_s + SLEEP_GAP_S
        is_first = self._looked_at is None or seen_at - self._looked_at > longest_gap_s
        if is_first:  # what was seen before the sleep proves nothing, and nobody looked meanwhile
            self._looks_at_change, self._since = 0, None
            self.server.learnt.is_state_sure = False
            self.record.wake()
        now = self.steady()
        if self._looked_at is not None and not is_first:
            self.record.note_looked(self.server, now - self._looked_at)
        self._looked_at = now
        self._count_look(status, seen_at, is_first, self._note_evidence(status, seen_at))
        self._look_job.next_at = self.steady() + self._until_next_look_s()
        self.last_look_began_at = seen_at

    def _note_evidence(self, status: Status, seen_at: float) -> dict[str, Any]:
        """Say whether the network was there. Returns what speaks for an outage of the server."""
        kind = "lost" if status.state == DOWN else "answered"
        kind = "doubtful" if status.is_doubtful else kind
        spell = self._evidence.note_look(self.server.name, kind, seen_at, self.steady())
        if spell is None:
            return {"is_lost": False}
        answered_at = self._time_of(spell.answered_at) if spell.answered_at else 0.0
        seen = {"is_lost": True, "is_proved": spell.is_proved, "answered_at": answered_at}
        # At once, for a restart before it is made sure of: by then it is known no more.
        now = self.steady()
        times = spell.answered_at or float("-inf"), spell.began, now
        is_own = vanished_with_telegram(*times, self._evidence.silences(now))
        return {**seen, "is_own": is_own and not spell.is_proved}

    def _count_look(
        self, status: Status, seen_at: float, is_first: bool, seen: dict[str, Any]
    ) -> None:
        # Before the first look it is as it was when the bot ended, or up, as it should be.
        outage = self.server.known.outage
        before = outage.steps[-1].state if outage and outage.steps else UP
        if status.state == (self.status.state if self.status else before):
            self.status = status  # the reason may have changed
            self._note_lost_looks()
            self._looks_at_change = 0
            self.record.note_reason(self.server, status, bool(seen.get("is_proved")))
            return
        is_up = status.state == UP
        if not self._looks_at_change or is_up != self._change_is_up:
            self._looks_at_change, self._change_is_up = 0, is_up
            self._change_seen_at, self._change_is_first = seen_at, is_first
        self._looks_at_change += 1
        if self._looks_at_change >= CHANGE_LOOKS:
            self._confirm(status, seen)

    def _note_lost_looks(self) -> None:
        """Count the looks at a change that did not last."""
        was_unsteady = self.lost_looks() > 0
        self._lost_looks = [*self._lost_looks, *[self.steady()] * self._looks_at_change][-99:]
        if self.lost_looks() and not was_unsteady:
            log.warning("%s: unsteady, %d looks lost", self.server.name, self.lost_looks())

    def _confirm(self, status: Status, seen: dict[str, Any]) -> None:
        seen_at, is_first = self._change_seen_at, self._change_is_first
        self.status, self._lost_looks = status, []
        self._since = None if is_first else seen_at
        log.info("%s: %s", self.server.name, describe(self.server, status))
        self.record.note_state(self.server, status, self._time_of(seen_at), is_first, **seen)
        self._looks_at_change = 0  # last: whoever waits until there is no doubt finds it noted

    # ------------------------------------------------------------ does the certificate end

    def check_certificate(self) -> None:
        """Look when the certificate ends. That is told once for each of CERTIFICATE_DAYS."""
        self.server.learnt.certificate_end = end = trueconf_api.get_certificate_end(self.server)
        now, known = self.now(), self.server.known
        moments = [] if end is None or end <= now else [end - 86400 * d for d in CERTIFICATE_DAYS]
        wait_s = min([CERTIFICATE_EVERY_S, *(at - now + 1 for at in moments if at > now)])
        self._certificate_job.next_at = self.steady() + wait_s
        passed = max([moment for moment in moments if moment <= now], default=0)
        if passed > known.certificate_told:
            log.warning("%s: the certificate ends soon", self.server.name)
            with self.record.changing(self.server.name):
                known.certificate_told = passed
                self.record.add(CERTIFICATE, self.server.name, "said", details={"end": end})

    # ------------------------------------------------------------ was one forgotten

    def find_newly_forgotten(self) -> None:
        """Look once. A conference is told of when it was forgotten in two looks in a row."""
        server = self.server
        found = trueconf_api.find_forgotten(server, server.forgotten_age_min)
        certain = {one.conference.session_id: one for one in found if one.is_certain}
        twice = [one for run, one in certain.items() if run in self._forgotten_before]
        self._forgotten_before = set(certain)
        if not twice:
            return
        now, told = self.now(), server.known.of_kind(FORGOTTEN)
        lately = {entry.begun for entry in told if entry.begun > now - 3600}
        news = [one for one in twice if not server.known.forgotten(one.conference.session_id)]
        with self.record.changing(server.name):
            if len(lately) < MOST_TIMES_AN_HOUR:
                for one in news[: self._make_room(told, certain, len(news))]:
                    details = forgotten_details(one)
                    self.record.add(FORGOTTEN, server.name, "found", begun=now, details=details)
            for one in twice:
                entry = server.known.forgotten(one.conference.session_id)
                if entry is not None and 0 < entry.until <= now:
                    entry.until, entry.by, entry.details = 0, "", forgotten_details(one)
                    entry.news.append("reminder")

    def _make_room(self, told: list[Entry], certain: Container[str], wanted: int) -> int:
        """How many more are told of. What is not forgotten any more is remembered the shortest."""
        over = [one for one in told if one.details.get("session_id") not in certain]
        room = KEPT[FORGOTTEN] - len(told)
        for entry in over[: max(0, wanted - room)]:
            self.record.drop(entry)
            room += 1
        return max(0, room)


def describe(server: Server, status: Status) -> str:
    """A status for the log."""
    parts = [(f"port {server.status_port}", status.service_reason), ("web", status.web_reason)]
    reasons = ", ".join(f"{part}: {reason}" for part, reason in parts if reason)
    state = status.state.replace("_", " ")
    return f"{state} ({reasons})" if reasons else state


def settle(watchers: Collection[Watcher], limit_s: float = SETTLE_LIMIT_S) -> set[str]:
    """Make all watchers look now and wait until each of them was in no doubt. Returns the names
    of the servers of which it is clear then how they are."""
    asked_at, ends_at = steady_clock(), steady_clock() + limit_s
    for watcher in watchers:
        watcher.look_now()
    waiting = list(watchers)
    while waiting and steady_clock() < ends_at:
        time.sleep(0.1)
        waiting = [one for one in waiting if not one.is_settled(asked_at)]
    return {one.server.name for one in watchers if one.is_settled(asked_at)}
