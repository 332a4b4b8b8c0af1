"""What answered when: the looks at all servers, and Telegram. It tells an outage of a server from
one of the bot's own network.
"""

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

NOTICED_WITHIN_S = 15  # so late a silence of Telegram may seem to begin too early, by its polls
BACK_TOGETHER_S = 30  # so long after a server Telegram may be noticed to be back
KEPT_ANSWERS, KEPT_SILENCES = 200, 20


@dataclass
class Spell:
    """A server that was not certainly heard of in all looks from `began` on. `first_ended`: when
    the first of those was over. `answered_at`: when the last one before began, 0 if there was
    none. `is_proved`: the network was there meanwhile. Times are those of the steady clock."""

    kind: str  # "lost" or "doubtful"
    began: float
    first_ended: float
    answered_at: float
    is_proved: bool = False


class Evidence:
    """What answered when: the looks at all servers, and Telegram. By the steady clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the rest
        self._spells: dict[str, Spell] = {}
        self._answered_at: dict[str, float] = {}
        self._answers: deque[tuple[float, float]] = deque(maxlen=KEPT_ANSWERS)
        self._silent_from: float | None = None
        self._silences: deque[tuple[float, float]] = deque(maxlen=KEPT_SILENCES)

    def note_telegram(self, is_answer: bool, began: float, ended: float) -> None:
        """A request to Telegram has ended."""
        with self._lock:
            if not is_answer:
                self._silent_from = began if self._silent_from is None else self._silent_from
                return
            self._answers.append((ended, ended))
            if self._silent_from is not None:
                self._silences.append((self._silent_from, ended))
                self._silent_from = None

    def note_look(self, server: str, kind: str, began: float, ended: float) -> Spell | None:
        """A look at a server has ended: "answered", "lost", or "doubtful" where something on the
        way could have answered so. Returns the spell that it is part of."""
        with self._lock:
            if kind == "answered":
                self._spells.pop(server, None)
                self._answered_at[server] = began
                self._answers.append((began, ended))
                return None
            spell = self._spells.get(server)
            if spell is None or spell.kind != kind:
                answered_at = self._answered_at.get(server, 0)
                spell = self._spells[server] = Spell(kind, began, ended, answered_at)
            elif not spell.is_proved:
                spell.is_proved = self._has_answered(spell.first_ended, began)
            return spell

    def _has_answered(self, after: float, before: float) -> bool:
        """Whether the network was certainly there between two looks that were lost."""
        return any(after <= began and ended <= before for began, ended in self._answers)

    def silences(self, now: float) -> list[tuple[float, float]]:
        """From when to when Telegram was silent, the present silence included."""
        with self._lock:
            present = [] if self._silent_from is None else [(self._silent_from, now)]
            return [*self._silences, *present]


def vanished_with_telegram(
    answered_at: float, gone_at: float, back_at: float, silences: Iterable[tuple[float, float]]
) -> bool:
    """Whether a server of which nothing proves that the network was there was cut off with
    Telegram: from the first look on that fell into its silence, or until Telegram was back."""
    return any(
        answered_at <= began + NOTICED_WITHIN_S or back_at >= ended - BACK_TOGETHER_S
        for began, ended in silences
        if began <= back_at and gone_at <= ended
    )
