"""Was it the server, or the bot's own network? What is said of the servers is made sure of here.

Nothing is said of a server before Telegram has answered, all servers were looked at again and
Telegram still answered. What was over by then is judged by what answered meanwhile.
"""

import ipaddress
import logging
import threading
from collections.abc import Callable, Iterable, Sequence

from lib.clock import Clocks
from lib.entries import CUT, DIGEST, JOB, OUTAGE, PAUSE, Entry, Step
from lib.evidence import BACK_TOGETHER_S, Evidence, vanished_with_telegram
from lib.history import DAY_S, digest_of
from lib.schedule import Digest, last_due, until_next_minute_s
from lib.trueconf_model import Server
from memory import Record

PROBE_S, AGAIN_S = 3, 10
LONGEST_WAIT_S = 3600
DIGEST_WAIT_S = 60  # as the computer may sleep, or its clock be set, until it is due
DIGEST_LATE_S = 6 * 3600  # one that is so late is left out
TOGETHER_S = 60  # reminders that fall due within it come together
MOST_ROUNDS = 3  # of looks, until what was seen stays the same
JOB_FAILS_S = 3600  # before it is told
DNS_SILENT = "dns_silent"
# What a state of a server turns out to be; WAIT: that is not clear yet.
SURE, OWN, NOTHING, WAIT = "sure", "own", "nothing", "wait"

log = logging.getLogger("bot.alerts")


def spans(times: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those that overlap, or nearly so, as one."""
    merged: list[tuple[float, float]] = []
    for began, ended in sorted(times):
        if merged and began <= merged[-1][1] + BACK_TOGETHER_S:
            merged[-1] = merged[-1][0], max(ended, merged[-1][1])
        else:
            merged.append((began, ended))
    return merged


class MakingSure(threading.Thread):
    """Turns what the watchers have seen, and what falls due, into what is to be said.

    `is_there()`: whether Telegram answers. `look_again()`: looks at all servers and returns the
    names of those of which it is clear how they are.
    """

    def __init__(
        self,
        record: Record,
        servers: Sequence[Server],
        evidence: Evidence,
        is_there: Callable[[], bool],
        look_again: Callable[[], set[str]],
        clocks: Clocks | None = None,
        digest: Digest | None = None,
    ):
        super().__init__(name="making sure", daemon=True)
        self.record, self.servers, self.evidence = record, servers, evidence
        self._is_there, self._look_again = is_there, look_again
        self.clocks, self.digest = clocks or Clocks(), digest
        self._started_at = self.clocks.steady()
        self._wake = threading.Event()
        record.listen(self._wake.set)

    def run(self) -> None:
        while True:
            self._wake.wait(self.turn())
            self._wake.clear()

    def turn(self) -> float:
        """Make sure of what there is, if Telegram answers. Returns how many seconds to wait."""
        try:
            self.record.note_clock()
            for server in self.servers:
                self.record.note_window(server)
            wait_s = self._until_due_s()
            if wait_s > 0:
                return min(wait_s, self._longest_wait_s())
            clear = self._look_until_nothing_changes()
            if clear is None:
                return PROBE_S
            self.publish(clear)
            return AGAIN_S if self._until_due_s() <= 0 else 0.0
        except Exception:  # the next news must find its way
            log.exception("what was seen could not be made sure of")
            return PROBE_S

    def _look_until_nothing_changes(self) -> set[str] | None:
        """Look again while Telegram answers. What came about between its two answers may have
        begun and ended there, so that is looked at once more. Returns the names of the servers of
        which it is clear how they are, None where Telegram does not answer."""
        changed: set[str] = set()
        for _ in range(MOST_ROUNDS):
            self._note_doubts()
            if not self._is_there():
                return None
            self._note_doubts()  # of what came about meanwhile, before the looks that take long
            before = self._unsure()
            clear = self._look_again()
            after = self._unsure()
            changed = {name for name, _ in after - before}
            if not changed:
                break
        if not self._is_there():
            return None
        return clear - changed - {name for name, _ in self._unsure() - after}

    def _unsure(self) -> set[tuple[str, str]]:
        """The servers of whose outages something is unsure, each with what that is."""
        with self.record.lock:
            outages = [one for one in self.record.open.values() if one.is_unsure]
            return {(one.server, f"{one.number} {len(one.steps)} {one.ended}") for one in outages}

    # ------------------------------------------------------------ what is due

    def _until_due_s(self) -> float:
        now = self.clocks.now()
        with self.record.lock:
            dues = [self._due_at(entry, now) for entry in self.record.open.values()]
            dues += [now for server in self.servers if self._is_window_over(server, now)]
            dues.append(self._digest_due_at(now))
        return min(dues, default=float("inf")) - now

    def _longest_wait_s(self) -> float:
        """Windows and digests go by the minutes of the clock on the wall, which may be set."""
        goes_by_it = self.digest or any(server.maintenance for server in self.servers)
        return until_next_minute_s(self.clocks.now()) if goes_by_it else LONGEST_WAIT_S

    def _is_window_over(self, server: Server, now: float) -> bool:
        return server.is_monitored and server.known.in_window and not server.is_in_window(now)

    def _due_at(self, entry: Entry, now: float) -> float:
        """When something is to be made sure of, time.time(); inf if nothing is."""
        server = self._server_of(entry)
        if server is None or not server.is_monitored:
            return float("inf")
        if entry.is_unsure or (entry.kind in (OUTAGE, PAUSE) and not server.learnt.is_state_sure):
            return now
        if entry.kind == PAUSE and entry.ended is None:
            return max(entry.until, server.window_end(now) or 0)
        if entry.kind == JOB and not entry.news and entry.ended is None:
            return entry.begun + JOB_FAILS_S
        is_reminded = entry.kind == OUTAGE and entry.ended is None and server.repeat_h > 0
        if is_reminded and not entry.by and not server.is_quiet:
            return entry.begun + (entry.reminders + 1) * server.repeat_h * 3600
        return float("inf")

    def _digest_due_at(self, now: float) -> float:
        """When the next digest is to be made, time.time(); inf if none is before long. That of a
        minute is made once, also over a restart: the newest one stays in the record."""
        if self.digest is None:
            return float("inf")
        due = last_due(self.digest, now + DIGEST_WAIT_S)
        made = [
            one.details.get("due") for one in self.record.entries.values() if one.kind == DIGEST
        ]
        return float("inf") if due in made or now - due > DIGEST_LATE_S else due

    def _server_of(self, entry: Entry) -> Server | None:
        return next((one for one in self.servers if one.name == entry.server), None)

    # ------------------------------------------------------------ what is so

    def _note_doubts(self) -> None:
        """Keep for a restart what speaks for the own network: by then it is known no more."""
        with self.record.lock:
            outages = [one for one in self.record.open.values() if one.is_unsure]
        silences = self.evidence.silences(self.clocks.steady())
        for outage in outages:
            for step in [one for one in outage.steps if not (one.is_sure or one.is_proved)]:
                if not step.is_own and self._is_own(outage, step, silences):
                    with self.record.changing(outage.server):
                        step.is_own = True

    def _is_of_this_run(self, step: Step) -> bool:
        return step.at + self.clocks.steady() - self.clocks.now() >= self._started_at

    def _is_own(self, outage: Entry, step: Step, silences: Iterable[tuple[float, float]]) -> bool:
        shift_s = self.clocks.steady() - self.clocks.now()
        back_at = _end_of(outage, step) or self.clocks.now()
        answered_at = step.answered_at + shift_s if step.answered_at else float("-inf")
        return vanished_with_telegram(answered_at, step.at + shift_s, back_at + shift_s, silences)

    def publish(self, clear: set[str]) -> None:
        """Telegram was there before and after all servers were looked at. `clear`: the names of
        those of which it is clear how they are."""
        with self.record.lock:  # what is found together is told together
            is_dns_silent = self._note_silent_dns()
            own: list[tuple[float, float]] = []
            known = [server.known for server in self.servers if server.name in clear]
            outages = [outage for one in known for outage in one.of_kind(OUTAGE)]
            for outage in [one for one in outages if one.is_unsure]:
                with self.record.changing(outage.server):
                    own += self._judge(outage, is_dns_silent)
            for began, ended in spans(own):
                log.info("the bot itself was offline for %.0f s", ended - began)
                with self.record.changing():
                    self.record.add(CUT, "", "said", begun=began, ended=ended)
            for server in self.servers:
                if server.is_monitored and server.name in clear:
                    self._publish_due(server)
                    server.learnt.is_state_sure = True
            self._publish_digest()
        self.record.wake()

    def _note_silent_dns(self) -> bool:
        """Where the DNS is silent for all servers that have a name, it is the bot's own trouble:
        that is said instead. Returns whether it is so."""
        named = [one for one in self.servers if one.is_monitored and not is_address(one.host)]
        outages = [server.known.outage for server in named]
        reasons = [one.steps[-1].web_reason if one and one.steps else "" for one in outages]
        is_silent = bool(reasons) and set(reasons) == {DNS_SILENT}
        self.record.note_job("", "dns", {} if is_silent else None, "fails")
        for outage in filter(None, outages if is_silent else []):
            if not outage.steps[-1].is_sure and not outage.steps[-1].is_own:
                with self.record.changing(outage.server):
                    outage.steps[-1].is_own = True
        return is_silent

    def _judge(self, outage: Entry, is_dns_silent: bool) -> list[tuple[float, float]]:
        """Make sure of what is unsure in an outage. Returns when it was the own network."""
        own: list[tuple[float, float]] = []
        kept: list[Step] = []
        silences = self.evidence.silences(self.clocks.steady())
        for step in outage.steps:
            end = _end_of(outage, step)
            verdict = self._verdict(outage, step, is_dns_silent, silences)
            is_same = bool(kept) and kept[-1].state == step.state
            if verdict == OWN and end is not None:
                own.append((step.at, end))
            elif verdict == NOTHING:
                log.info("%s: nothing proves that it was down: not announced", outage.server)
            elif not is_same:
                kept.append(step)
            if verdict == SURE and not step.is_sure and not is_same:
                step.is_sure = True
                outage.news.append("down")
        outage.steps = kept
        if not kept:
            self.record.drop(outage)
        elif outage.ended is not None and kept[-1].is_sure:
            outage.is_end_sure = True
            outage.news.append("up")
        return own

    def _verdict(
        self,
        outage: Entry,
        step: Step,
        is_dns_silent: bool,
        silences: list[tuple[float, float]],
    ) -> str:
        end = _end_of(outage, step)
        if step.web_reason == DNS_SILENT and step.is_own:
            return WAIT if end is None and is_dns_silent else OWN if end is not None else SURE
        if step.is_sure or not step.is_lost or step.is_proved or end is None:
            return SURE
        if step.is_own or self._is_own(outage, step, silences):
            return OWN
        if not self._is_of_this_run(step):
            return SURE  # what Telegram did then is not known any more
        shift_s = self.clocks.steady() - self.clocks.now()
        is_in_silence = any(
            began <= end + shift_s and step.at + shift_s <= ended for began, ended in silences
        )
        return SURE if is_in_silence else NOTHING  # Telegram was gone long before and after

    def _publish_digest(self) -> None:
        """One that a chat has not got by now is out of date."""
        now = self.clocks.now()
        due = self._digest_due_at(now)
        if self.digest is None or due > now:
            return
        figures = digest_of(self.servers, now - self.digest.days * DAY_S, now)
        with self.record.changing():
            for old in [one for one in self.record.open.values() if one.kind == DIGEST]:
                self.record.drop(old)
            self.record.add(DIGEST, "", "said", details={"due": due, **figures})

    def _publish_due(self, server: Server) -> None:
        """The end of a window or a pause, a reminder, a job that has failed for long."""
        now, known = self.clocks.now(), server.known
        pause, outage = known.pause, known.outage
        if self._is_window_over(server, now):
            self.record.switch_window(server, False)
        if pause and pause.until <= now and not known.in_window:
            log.info("%s: the pause is over", server.name)
            with self.record.changing(server.name):
                pause.ended = now
                pause.news.append("end")
        if outage and outage.news and server.repeat_h:
            ahead_s = min(TOGETHER_S, 360 * server.repeat_h)
            due = int((now + ahead_s - outage.begun) / (3600 * server.repeat_h))
            if due > outage.reminders:
                with self.record.changing(server.name):
                    outage.reminders = due
                    if not (outage.by or pause):
                        outage.news.append("reminder")
        for job in known.of_kind(JOB):
            if job.ended is None and not job.news and job.begun + JOB_FAILS_S <= now:
                with self.record.changing(server.name):
                    job.news.append("fails")


def is_address(host: str) -> bool:
    """Whether no DNS is needed for it."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _end_of(outage: Entry, step: Step) -> float | None:
    """When the outage left this state; None while it is in it."""
    later = outage.steps[outage.steps.index(step) + 1 :]
    return later[0].at if later else outage.ended
