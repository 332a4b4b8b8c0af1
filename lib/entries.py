"""What the record holds: the things that happened to a server, and what there was to say of them.

They know no file, no Telegram and no words. `memory` keeps them, `alerts` tells of them.
"""

from dataclasses import dataclass, field
from typing import Any

# Kinds of entries. The first three last; of a job it is told that it fails, and that it works.
OUTAGE, PAUSE, JOB = "outage", "pause", "job"
FORGOTTEN, CERTIFICATE, CUT = "forgotten", "certificate", "cut"
VERSION = "version"  # one that is known to be attacked
DIGEST = "digest"
TAKEN, RELEASED, SWITCHED, STOPPED = "taken", "released", "switched", "stopped"
# How many of a server are kept when all is said of them; of the other kinds none are.
KEPT = {OUTAGE: 50, PAUSE: 50, STOPPED: 50, FORGOTTEN: 300, DIGEST: 1}
MOST_OPEN = 300  # of a server and a kind: what is not said by then is said no more


@dataclass(eq=False)
class Step:
    """A state that an outage came into. Times are time.time().

    `is_sure`: it was the server and not the bot's own network. `is_proved`: the network was there
    while this server did not answer. `is_lost`: nothing that is certainly the server's answered.
    `answered_at`: when it last did before, 0 if that is not known. `is_own`: as far as is known
    by now, it was the own network.
    """

    at: float
    state: str
    service_reason: str = ""
    web_reason: str = ""
    is_sure: bool = False
    is_lost: bool = True
    is_proved: bool = False
    answered_at: float = 0
    is_own: bool = False


@dataclass(eq=False)
class Entry:
    """One thing that happened. `news`: what there was to say of it, word by word in order. A chat
    has been told the first so many of them. `details`: what only this kind has."""

    number: int
    kind: str
    server: str  # its name; "" for what is about no single one
    begun: float
    ended: float | None = None
    by: str = ""  # who did it; of an outage, who takes care of it
    by_id: int = 0  # the same person's number
    news: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)  # of an outage
    is_begin_late: bool = False  # nobody looked before, as the bot or the computer was off
    is_end_late: bool = False
    is_end_sure: bool = False
    in_pause: bool = False  # it began in one
    is_silent: bool = False  # and ended in it, so that it is not told for itself
    reminders: int = 0  # how many have fallen due
    until: float = 0  # of a pause; of a forgotten conference, when to remind of it
    details: dict[str, Any] = field(default_factory=dict)
    is_closed: bool = False  # nothing is to be said of it any more, and nothing to be changed

    @property
    def sure_steps(self) -> list[Step]:
        return [step for step in self.steps if step.is_sure]

    @property
    def state(self) -> str:
        """The newest that was made sure of, if any was."""
        return (self.sure_steps or self.steps)[-1].state

    @property
    def is_unsure(self) -> bool:
        is_end_open = self.ended is not None and not self.is_end_sure
        return self.kind == OUTAGE and (is_end_open or any(not one.is_sure for one in self.steps))

    @property
    def is_final(self) -> bool:
        """Whether there will be no more news of it."""
        if self.kind == OUTAGE:
            return self.ended is not None and self.is_end_sure
        if self.kind in (PAUSE, JOB):
            return self.ended is not None
        return self.kind != FORGOTTEN

    @property
    def length_s(self) -> float | None:
        """None where a clock that was set leaves it unknown."""
        length_s = (self.ended or 0) - self.begun
        return length_s if length_s >= 0 else None

    @property
    def facts(self) -> str:
        """What of it a message shows besides its own news: a message with other facts is old."""
        is_over = self.ended is not None and self.is_end_sure
        decision = self.details.get("decision", "")
        begun = int(self.begun) if self.kind == OUTAGE else ""  # moves where the clock is set
        return f"{self.by}|{self.ended if is_over else ''}|{decision}|{self.until or ''}|{begun}"

    def move(self, seconds: float) -> None:
        """It happened so much later, by the clock that people see."""
        self.begun += seconds if self.begun else 0
        self.ended = None if self.ended is None else self.ended + seconds
        self.until += seconds if self.until else 0
        for step in self.steps:
            step.at += seconds
            step.answered_at += seconds if step.answered_at else 0

    def step_at(self, heard: int) -> Step:
        """The state that the first `heard` of the news speak of."""
        return self.steps[max(0, min(len(self.steps), self.news[:heard].count("down")) - 1)]


@dataclass(eq=False)
class Known:
    """What is remembered of one server. `days`: date -> for how many seconds it was looked at, and
    for how many of them it was not up. `certificate_told`: the newest of the moments that were
    told, time.time(). `in_window`: in one that is planned, or how it is at its end is not sure.
    `versions_told`: of those that are known to be attacked."""

    entries: dict[int, Entry] = field(default_factory=dict)
    days: dict[str, float] = field(default_factory=dict)
    certificate_told: float = 0
    in_window: bool = False
    versions_told: list[str] = field(default_factory=list)

    def of_kind(self, kind: str) -> list[Entry]:
        """The oldest first."""
        return [entry for entry in list(self.entries.values()) if entry.kind == kind]

    @property
    def outage(self) -> Entry | None:
        """The one that goes on."""
        return self._going_on(OUTAGE)

    @property
    def pause(self) -> Entry | None:
        return self._going_on(PAUSE)

    def _going_on(self, kind: str) -> Entry | None:
        return next((one for one in reversed(self.of_kind(kind)) if one.ended is None), None)

    def forgotten(self, session_id: str) -> Entry | None:
        """The run of a conference that was told of."""
        found = self.of_kind(FORGOTTEN)
        return next((one for one in found if one.details.get("session_id") == session_id), None)


@dataclass(eq=False)
class Earlier:
    """What 2.0.0 kept of a server in the settings: taken over once. Times are time.time().
    `reported`: session ID -> when to remind, 0 for never; `alert_messages`: key of an alert ->
    recipient -> ID of the message."""

    down_since: float | None = None
    paused_until: float | None = None
    reported: dict[str, float] = field(default_factory=dict)
    told_states: list[str] = field(default_factory=list)
    taken_by: str = ""
    certificate_told: float = 0
    alert_messages: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not any(vars(self).values())
