"""The mailbox of one chat, with a thread of its own: it brings the chat from what it was told to
what is true. One that Telegram refuses or slows down holds up no other.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from telebot.apihelper import ApiTelegramException

import keyboards
from lib import telegram
from lib.clock import Clocks
from lib.entries import CERTIFICATE, DIGEST, FORGOTTEN, JOB, OUTAGE, PAUSE, VERSION, Entry
from lib.settings import Recipient
from lib.trueconf_model import Server
from memory import MOST_MESSAGES, Chat, Message, Record
from texts import Html, news
from texts.news import News

AGAIN_S = 3  # after Telegram could not be reached
LONGEST_WAIT_S = 3600
LATE_S = 60  # a silence of Telegram that is so long explains why something comes late
SEPARATE_MESSAGES = 3  # more forgotten conferences than this at once come as one list
SHOWN_ON = ("down", "reminder", FORGOTTEN)  # kinds of messages that change with what they show
_TOPIC_GONE = ("message thread not found", "topic_closed", "topic_deleted", "topic_id_invalid")

log = logging.getLogger("bot.alerts")


@dataclass(frozen=True)
class Telling:
    """What a chat is to be told next: the kind of message, and its entries. "": nothing is worth
    saying of these any more."""

    kind: str
    entries: list[Entry]


def next_telling(record: Record, chat: Chat, servers: dict[str, Server]) -> Telling | None:
    """What waits the longest, with all that belongs together with it; None if nothing waits."""
    waiting: dict[str, list[Entry]] = {}
    first: dict[str, str] = {}  # server -> the kind of what is to be said of its outages first
    for entry in list(record.open.values()):
        heard = chat.told.get(entry.number, 0)
        if heard < len(entry.news) and not _is_held_back(entry, servers.get(entry.server)):
            kind = _kind_of(entry, heard)
            if not (kind and entry.kind == OUTAGE) or first.setdefault(entry.server, kind) == kind:
                waiting.setdefault(kind, []).append(entry)
    for kind, entries in waiting.items():
        if kind == FORGOTTEN:
            there = [entry for entry in entries if entry.server == entries[0].server]
            is_list = len(there) > SEPARATE_MESSAGES
            return Telling("forgotten_list", there) if is_list else Telling(kind, there[:1])
        return Telling(kind, entries)
    return None


def _is_held_back(entry: Entry, server: Server | None) -> bool:
    """Whether people want to hear nothing of the kind just now."""
    if server is None:
        return False
    if entry.kind == PAUSE:
        is_end_old = entry.ended is not None and not server.learnt.is_state_sure
        return not server.is_monitored or is_end_old
    if entry.kind == FORGOTTEN:
        return server.is_quiet or not server.has_forgotten_alerts
    if entry.kind == OUTAGE and not server.learnt.is_state_sure:
        return True  # it may be over: nobody has looked since the restart
    if entry.kind in (OUTAGE, JOB, CERTIFICATE, VERSION):
        return server.is_quiet or not (server.is_monitored or entry.kind == JOB)
    return False


def _kind_of(entry: Entry, heard: int) -> str:
    """The kind of message that tells what is new of an entry, "" if nothing is worth it."""
    waiting = entry.news[heard:]
    if entry.kind == OUTAGE:
        if entry.is_silent and not heard:
            return ""
        if "up" in waiting:
            return "up"
        is_known = heard and entry.step_at(heard).state == entry.state  # it went and came back
        if "down" in waiting and not is_known:
            return "down"
        is_reminded = "reminder" in waiting and not entry.by and entry.ended is None
        return "reminder" if is_reminded else ""
    if entry.kind == PAUSE:
        if "end" in waiting:
            return "pause_end" if heard else ""
        return "pause" if entry.ended is None else ""
    if entry.kind == JOB:
        return f"job_{waiting[0]}" if len(waiting) == 1 else ""
    if entry.kind == FORGOTTEN:
        return "" if entry.details.get("decision") else FORGOTTEN
    return entry.kind


class Mailbox(threading.Thread):
    """Delivers to one chat, or to one topic of a group.

    `moved(old_id, new_id)` is told when a group moves; `is_quiet_at(time.time())` says whether a
    message comes without a sound.
    """

    def __init__(
        self,
        bot: telegram.Bot,
        record: Record,
        servers: Iterable[Server],
        recipient: Recipient,
        moved: Callable[[int, int], None],
        is_quiet_at: Callable[[float], bool],
        clocks: Clocks | None = None,
    ):
        super().__init__(name=f"mailbox of {recipient}", daemon=True)
        self.bot, self.record, self.clocks = bot, record, clocks or Clocks()
        self.servers = {server.name: server for server in servers}
        self.chat_id, self.topic = recipient
        self._moved, self._is_quiet_at = moved, is_quiet_at
        self._not_before = 0.0  # steady
        self._is_refused = False
        self._has_twin = False  # another mailbox serves this chat: a group that has moved
        self.waiting_since: float | None = None  # steady
        self.sending: list[Entry] = []  # what the newest message shows, be it answered or not
        self.wake = threading.Event()

    @property
    def recipient(self) -> str:
        """As the settings name it."""
        return f"{self.chat_id}:{self.topic}" if self.topic else str(self.chat_id)

    @property
    def chat(self) -> Chat:
        return self.record.chats[self.recipient]

    def run(self) -> None:
        while True:
            self.wake.wait(self.turn())
            self.wake.clear()

    def turn(self) -> float:
        """Say one thing, or change one message. Returns how many seconds to wait."""
        wait_s = self._not_before - self.clocks.steady()
        if wait_s > 0:
            return wait_s
        if self._has_twin:
            return LONGEST_WAIT_S
        try:
            is_done = not self._do_next()
            self.waiting_since = None
        except ApiTelegramException as error:
            self._put_off(self._wait_s(error))
            return 0.0
        except telegram.FAILURES:
            self._put_off(AGAIN_S)
            return 0.0
        return LONGEST_WAIT_S if is_done else 0.0

    def _put_off(self, seconds: float) -> None:
        self.waiting_since = self.waiting_since or self.clocks.steady()
        self._not_before = self.clocks.steady() + seconds

    def _do_next(self) -> bool:
        """Returns whether there was something to do."""
        with self.record.lock:
            telling = next_telling(self.record, self.chat, self.servers)
            found = [*self.chat.messages.items()]
        if telling is not None:
            self._tell(telling)
        else:
            changed = next((one for one in found if self.record.is_stale(one[1])), None)
            if changed is None:
                return False
            self._edit(*changed)
        self.record.close_told()
        self.record.save()
        return True

    # ------------------------------------------------------------ telling

    def _tell(self, telling: Telling) -> None:
        """Send one message. What it tells is in the file before, and that it was told after."""
        with self.record.lock:
            shown = [(self._server(one), one, len(one.news)) for one in telling.entries]
            others = self._others_down(telling.entries)
        if not telling.kind:
            self._note_told(shown)
            return
        self.record.save()
        try:
            with self.record.lock:
                text, count = news.message(telling.kind, shown, others)
                shown = shown[:count]
                keyboard = keyboards.under_news(telling.kind, shown)
                facts = "\n".join(entry.facts for _, entry, _ in shown)
            text = self._with_reason_why_late(text, telling.kind, shown)
            self.sending = [entry for _, entry, _ in shown]
            message_id = self._send(text, keyboard, is_quiet=telling.kind == DIGEST)
        except (ApiTelegramException, *telegram.FAILURES) as error:
            if not self._is_final(error):
                raise
            self._note_refused(shown, error)
        except Exception:  # whatever it was, the next news must find its way
            log.exception("what there is to say to %s could not be written", self.recipient)
            self._note_told(shown)
        else:
            shows = [[entry.number, heard] for _, entry, heard in shown]
            self._note_told(shown, message_id, Message(telling.kind, shows, facts, others))

    def _server(self, entry: Entry) -> Server | None:
        return self.servers.get(entry.server)

    def _others_down(self, entries: list[Entry]) -> int:
        """How many other servers are not up; -1 where there are no others."""
        names = {entry.server for entry in entries}
        others = [one for one in self.servers.values() if one.name not in names]
        others = [one for one in others if one.is_monitored]
        down = [one for one in others if one.known.outage and one.known.outage.news]
        return len(down) if others else -1

    def _with_reason_why_late(self, text: Html, kind: str, shown: list[News]) -> Html:
        began, ended = self.bot.sender.last_silence
        happened_at = [entry.ended or entry.begun for _, entry, _ in shown]
        is_late = kind in ("down", "up") and ended - began > LATE_S
        if is_late and began < min(happened_at) < ended:
            return Html(f"{text}\n{news.late_line(began, ended)}")
        return text

    def _send(self, text: Html, keyboard: object, is_quiet: bool) -> int | None:
        """Raises one of FAILURES. Where the topic is gone, the group is told without it."""
        if self.topic:
            try:
                sent = self._post(text, keyboard, self.topic, is_quiet)
            except ApiTelegramException as error:
                if not any(gone in error.description.lower() for gone in _TOPIC_GONE):
                    raise
                if not self.chat.is_topic_gone:
                    log.warning("%s: the topic is gone or closed", self.recipient)
                    text = Html(f"{text}\n\n{news.topic_line(self.topic)}")
                sent = self._post(text, keyboard, None, is_quiet)
                self._note_topic(is_gone=True)
            else:
                self._note_topic(is_gone=False)
            return sent
        return self._post(text, keyboard, None, is_quiet)

    def _note_topic(self, is_gone: bool) -> None:
        if self.chat.is_topic_gone != is_gone:
            with self.record.telling(self.recipient) as chat:
                chat.is_topic_gone = is_gone

    def _post(self, text: Html, keyboard: object, topic: int | None, is_quiet: bool) -> int | None:
        is_quiet = is_quiet or self._is_quiet_at(self.clocks.now())
        limit_s = telegram.ALERT_LIMIT_S
        return telegram.send(self.bot, self.chat_id, text, keyboard, topic, is_quiet, limit_s)  # type: ignore[arg-type]

    def _note_told(
        self, shown: list[News], message_id: int | None = None, message: Message | None = None
    ) -> None:
        with self.record.telling(self.recipient) as chat:
            for _, entry, heard in shown:
                chat.told[entry.number] = heard
            if message is None:
                return
            self._is_refused = False
            for _, entry, heard in shown:
                if entry.number in chat.refused:
                    chat.refused[entry.number] = heard
            if message_id and message.kind in SHOWN_ON:
                chat.messages[message_id] = message
                for oldest in sorted(chat.messages)[:-MOST_MESSAGES]:
                    del chat.messages[oldest]
        self.tell_again()

    # ------------------------------------------------------------ who does not want it

    def _is_final(self, error: Exception) -> bool:
        """Whether Telegram will not take this message later either."""
        if not isinstance(error, ApiTelegramException):
            return False
        return error.error_code not in (401, 404, 429) and not telegram.new_chat_id(error)

    def _note_refused(self, shown: list[News], error: Exception) -> None:
        """Keep what goes on for the day on which somebody reads here again."""
        if not self._is_refused:
            log.warning("%s gets no alerts: %s", self.recipient, telegram.describe(error))
        self._is_refused = True
        self._keep_for_later([one for one in shown if one[1].kind in (OUTAGE, JOB)])
        self._note_told(shown)

    def _keep_for_later(self, shown: list[News]) -> None:
        with self.record.telling(self.recipient) as chat:
            for entry in [one for _, one, _ in shown if not one.is_closed]:
                chat.refused.setdefault(entry.number, chat.told.get(entry.number, 0))

    def tell_again(self) -> None:
        """Somebody reads here again: tell what goes on and was refused, and what became of what
        was told before, not all that was missed."""
        if not self.chat.refused:
            return
        with self.record.telling(self.recipient) as chat:
            for number, heard in chat.refused.items():
                entry = self.record.open.get(number)
                if entry and (entry.ended is None or heard) and not self._knows_newer(entry):
                    chat.told[number] = heard
            for message in chat.messages.values():
                if any(number in chat.refused for number, _ in message.shows):
                    message.facts = ""  # as it may have been refused to change it
            chat.refused.clear()
        self.wake.set()

    def _knows_newer(self, entry: Entry) -> bool:
        """Whether the chat was told what happened since: the end of this would come after that."""
        since = [one for one in self.record.open.values() if one.number > entry.number]
        told = {one.number for one in since if (one.server, one.kind) == (entry.server, entry.kind)}
        return any(self.chat.told.get(number) for number in told - {*self.chat.refused})

    def _wait_s(self, error: ApiTelegramException) -> float:
        new_id = telegram.new_chat_id(error)
        if new_id:
            old_id = self.chat_id
            with self.record.lock:
                old, self.chat_id = self.recipient, new_id
                self._has_twin = self.record.move_chat(old, self.recipient)
            self.record.save()  # before the settings list it, else it would be a new chat
            self._moved(old_id, new_id)
            return 0.0
        if error.error_code == 429:
            return telegram.asked_wait_s(error)
        return telegram.LONGEST_WAIT_S

    # ------------------------------------------------------------ changing

    def _edit(self, message_id: int, message: Message) -> None:
        """Let a message show its entries as they are now."""
        with self.record.lock:
            shown = [
                (self._server(entry), entry, heard)
                for entry, heard in self.record.shown_by(message)
            ]
            facts = self.record.facts_of(message)
        try:
            text, _ = news.message(message.kind, shown, message.others)
            keyboard = keyboards.under_news(message.kind, shown)
            telegram.edit_sent(self.bot, self.chat_id, message_id, text, keyboard)
        except ApiTelegramException as error:
            if error.error_code in (401, 404, 429):
                raise
            log.info("%s: a message was not changed: %s", self.recipient, telegram.describe(error))
            if error.error_code == 403:
                self._keep_for_later(shown)
        except telegram.FAILURES:
            raise
        except Exception:
            log.exception("a message to %s could not be written again", self.recipient)
        with self.record.telling(self.recipient):
            message.facts = facts
