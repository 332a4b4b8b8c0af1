"""Which press of a button may change its message: the newest, however late others are answered.

It sends nothing: lib/telegram.py asks it right before each try of an edit.
"""

import itertools
import math
import threading
import time
from dataclasses import dataclass, field

from telebot import types

MOST_MESSAGES = 1000  # that are remembered; a press on a forgotten one changes nothing there
FRESH_S = 1  # whoever presses so soon after an edit may have meant what stood there before

_numbers = itertools.count(1)


def place_of(call: types.CallbackQuery) -> tuple[int, int]:
    """The chat and the ID of the message whose button was pressed; 0 for one that is gone."""
    if call.message is None:
        return call.from_user.id, 0
    return call.message.chat.id, call.message.message_id


def note_arrival(call: types.CallbackQuery) -> None:
    """Number the presses in the order in which they come: threads take them up in any order."""
    call.arrival = next(_numbers), time.monotonic()  # type: ignore[attr-defined]


@dataclass
class _Message:
    under_way: set[int] = field(default_factory=set)  # presses that may still show something
    shown: int = 0  # the press whose screen stands there
    edited_at: float = -math.inf  # time.monotonic(); inf while Telegram has not answered

    @property
    def owner(self) -> int:
        return max(self.under_way | {self.shown})


class Presses:
    """The newest press of each message owns it until it ends without having shown anything."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the dictionary and what is in it
        self._messages: dict[tuple[int, int], _Message] = {}

    def __len__(self) -> int:
        return len(self._messages)

    def begin(self, call: types.CallbackQuery) -> None:
        if not hasattr(call, "arrival"):
            note_arrival(call)
        place = place_of(call)
        with self._lock:
            message = self._messages[place] = self._messages.pop(place, _Message())
            message.under_way.add(_number_of(call))
            if len(self._messages) > MOST_MESSAGES:
                del self._messages[next(iter(self._messages))]

    def end(self, call: types.CallbackQuery) -> None:
        with self._lock:
            if message := self._messages.get(place_of(call)):
                message.under_way.discard(_number_of(call))

    def owns(self, call: types.CallbackQuery) -> bool:
        """Whether nobody has pressed a button of the same message since."""
        with self._lock:
            message = self._messages.get(place_of(call))
            return message is not None and message.owner <= _number_of(call)

    def begin_edit(self, call: types.CallbackQuery) -> bool:
        """Whether this press may change its message now; then it is the one that is shown there."""
        with self._lock:
            message = self._messages.get(place_of(call))
            if message is None or message.owner > _number_of(call):
                return False
            message.shown, message.edited_at = _number_of(call), math.inf
            return True

    def end_edit(self, call: types.CallbackQuery) -> None:
        with self._lock:
            if message := self._messages.get(place_of(call)):
                message.edited_at = time.monotonic()

    def is_hasty(self, call: types.CallbackQuery) -> bool:
        """Whether what stood on the message then was just being put there, or just had been."""
        with self._lock:
            message = self._messages.get(place_of(call))
            return message is not None and _arrival(call)[1] < message.edited_at + FRESH_S


def _arrival(call: types.CallbackQuery) -> tuple[int, float]:
    arrival: tuple[int, float] = call.arrival  # type: ignore[attr-defined]
    return arrival


def _number_of(call: types.CallbackQuery) -> int:
    return _arrival(call)[0]
