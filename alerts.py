"""Brings what happened to everybody who is listed, in order, and nothing is lost.

Each chat has a mailbox with a thread of its own, so one that Telegram refuses or slows down
holds up no other. What gathers while a mailbox waits goes out as one message. What the messages
say stands in `texts`.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from telebot.apihelper import ApiTelegramException
from telebot.types import CallbackQuery, InlineKeyboardMarkup

import keyboards
import status_watcher
import texts
from lib import telegram
from lib.clock import steady_clock
from lib.settings import Recipient, Settings
from status_watcher import StateChange, Watcher
from texts import screens
from trueconf_api import DOWN, STOPPED, UP, Forgotten, Server, Status

ONE_BY_ONE = 3  # more waiting alerts than this go out as one message
PROBE_S = 3
HUNG_S = 3  # an answer of Telegram that took longer may have waited for the network
MOST_LOOKS = 3  # before a state is told although Telegram is that slow
SETTLE_LIMIT_S = 45
LOOK_LIMIT_S = 12  # the same where Telegram was there all the while
CONFIRMED_WITHIN_S = 120  # so long it may take from a server's silence to the alert
BACK_TOGETHER_S = 30  # so long after a server Telegram may be noticed to be back
OUTAGE = "outage"  # the key of the newest alert of an outage; the others' are session IDs
MOST_REMEMBERED = 50  # alerts of one server whose messages are found again

log = logging.getLogger("bot.alerts")


@dataclass(frozen=True)
class Alert:
    """One piece of news. `write` puts it into words when it is sent: by then the day may be
    another. `change`: what it is about, if it is the state of a server. `key`: by which its
    messages are found again in `server.alert_messages`, "" if they stay as they are; the buttons
    of an older message with the same key are done with.
    `late_since`: time.time(); since when Telegram was silent, if that is why it comes late.
    `is_reminder`: not worth saying while the one before it waits; `is_final`: nothing comes after
    it, so that its message stays as it is."""

    write: Callable[[], texts.Html]
    keyboard: InlineKeyboardMarkup | None = None
    server: Server | None = None
    change: StateChange | None = None
    key: str = ""
    late_since: float | None = None
    is_reminder: bool = False
    is_final: bool = False
    made_at: float = field(default_factory=steady_clock)


@dataclass(frozen=True)
class Edit:
    """What the messages of an alert show from now on. `write`: None if only the buttons change;
    `done`: the chat and the ID of a message that shows it already; `message_id`: the one that it
    is about, if that is not the newest with this key."""

    server: Server
    key: str
    write: Callable[[], texts.Html] | None
    keyboard: InlineKeyboardMarkup | None
    done: tuple[int, int] | None = None
    message_id: int | None = None
    made_at: float = field(default_factory=steady_clock)


class Mailbox(threading.Thread):
    """Delivers alerts to one chat, or to one topic of a group.

    `moved(old_id, new_id)` is told when a group moves; `is_quiet_at(time.time())` says whether an
    alert comes without a sound.
    """

    def __init__(
        self,
        bot: telegram.Bot,
        recipient: Recipient,
        moved: Callable[[int, int], None],
        is_quiet_at: Callable[[float], bool],
    ):
        super().__init__(name=f"mailbox of {recipient}", daemon=True)
        self.bot = bot
        self.chat_id, self.topic = recipient
        self._moved, self._is_quiet_at = moved, is_quiet_at
        self._queue: queue.SimpleQueue[tuple[Alert | Edit, ...]] = queue.SimpleQueue()
        self.waiting: list[Alert | Edit] = []  # what is being delivered
        self._is_refused = False
        self._missed_since: float | None = None  # time.time(); since when Telegram is silent

    def put(self, *news: Alert | Edit) -> None:
        """Deliver these; what is put together goes out together if it comes late."""
        self._queue.put(news)

    def run(self) -> None:
        while True:
            self.waiting = _merged([*(self.waiting or self._queue.get()), *self._take_waiting()])
            try:
                self.waiting = self._send_some(self.waiting)
            except Exception:  # whatever it was, the next alert must find its way
                log.exception("an alert to %s could not be sent", self.chat_id)
                del self.waiting[0]
                if not self.waiting:
                    self._missed_since = None

    def _take_waiting(self) -> list[Alert | Edit]:
        taken: list[Alert | Edit] = []
        while not self._queue.empty():
            taken += self._queue.get()
        return taken

    def _send_some(self, waiting: list[Alert | Edit]) -> list[Alert | Edit]:
        """Send one message: the first alert, or as many as it holds if there are many; or change
        one. Returns what is not dealt with yet."""
        news = [one for one in waiting if isinstance(one, Alert)]
        edits = [one for one in waiting if isinstance(one, Edit)]
        first, rest = waiting[0], waiting[1:]
        try:
            if isinstance(first, Edit):
                self._edit(first)
            elif self._late_since(news) is None and len(news) <= ONE_BY_ONE:
                sent_id = self._send(first.write(), first.keyboard)
                rest += self._remember(first, sent_id)
            else:
                text, keyboard, told = self._together(news)
                rest = [*news[len(told) :], *edits]
                sent_id = self._send(text, keyboard)
                for alert in told:
                    rest += self._remember(alert, sent_id if len(told) == 1 else None)
        except ApiTelegramException as error:
            if not self._deal_with(error):
                return waiting
        except telegram.FAILURES:
            self._wait_for_telegram()
            return waiting
        if not rest:
            self._missed_since = None
        return rest

    def _send(self, text: texts.Html, keyboard: InlineKeyboardMarkup | None) -> int | None:
        is_quiet = self._is_quiet_at(time.time())
        limit_s = telegram.ALERT_LIMIT_S
        sent = telegram.send(self.bot, self.chat_id, text, keyboard, self.topic, is_quiet, limit_s)
        self._is_refused = False
        return sent

    @property
    def recipient(self) -> str:
        """As the settings name it."""
        return f"{self.chat_id}:{self.topic}" if self.topic else str(self.chat_id)

    def _remember(self, alert: Alert, message_id: int | None) -> list[Edit]:
        """Note which message shows the alert, so that it is found again, after a restart too.
        Returns what takes the buttons from the message that showed it until now."""
        server = alert.server
        if not (alert.key and server):
            return []
        with server.shared.lock:
            known = dict(server.alert_messages)
            places = known.pop(alert.key, {})
            shown = {} if alert.is_final or not message_id else {self.recipient: message_id}
            others = {name: one for name, one in places.items() if name != self.recipient}
            known[alert.key] = {**others, **shown}
            newest = [(key, places) for key, places in known.items() if places][-MOST_REMEMBERED:]
            server.alert_messages = dict(newest)
        old_id = places.get(self.recipient)
        return [Edit(server, alert.key, None, None, message_id=old_id)] if old_id else []

    def _edit(self, edit: Edit) -> None:
        newest = edit.server.alert_messages.get(edit.key, {}).get(self.recipient)
        message_id = edit.message_id or newest
        if message_id and (self.chat_id, message_id) != edit.done:
            text = edit.write() if edit.write else None
            telegram.edit_sent(self.bot, self.chat_id, message_id, text, edit.keyboard)

    def _deal_with(self, error: ApiTelegramException) -> bool:
        """Whether Telegram will not take this message later either; waits if it will."""
        new_id = telegram.new_chat_id(error)
        if new_id:
            self._moved(self.chat_id, new_id)
            self.chat_id = new_id
            return False
        if error.error_code in (401, 404, 429):
            wait_s = telegram.asked_wait_s(error)
            time.sleep(wait_s if error.error_code == 429 else telegram.LONGEST_WAIT_S)
            return False
        if not self._is_refused:
            log.warning("%s gets no alerts: %s", self.chat_id, telegram.describe(error))
        self._is_refused = True
        return True

    def _wait_for_telegram(self) -> None:
        self._missed_since = self._missed_since or self.bot.sender.silent_since or time.time()
        while True:
            time.sleep(PROBE_S)
            if telegram.answers(self.bot):
                return

    def _late_since(self, waiting: list[Alert]) -> float | None:
        """Since when Telegram was silent, if that is why these come late."""
        known = [self._missed_since, *(alert.late_since for alert in waiting)]
        return min((since for since in known if since), default=None)

    def _together(
        self, waiting: list[Alert]
    ) -> tuple[texts.Html, InlineKeyboardMarkup | None, list[Alert]]:
        """One message about as many of those that wait as fit into it, and which those are."""
        states: dict[str, str | None] = {
            alert.server.name: None for alert in waiting if alert.server
        }
        changes = [alert.change for alert in waiting if alert.change]
        states.update({change.server.name: change.status.state for change in changes})
        since = self._late_since(waiting)
        heading = screens.several_alerts(states, len(waiting))
        if since:
            heading = screens.missed_alerts(states, since, time.time())
        text, count = screens.pack_message(heading, (alert.write() for alert in waiting))
        told = waiting[:count]
        servers = {alert.server.name: alert.server for alert in told if alert.server}
        is_one = len(told) == 1
        return text, told[0].keyboard if is_one else keyboards.to_menus([*servers.values()]), told


def _merged(waiting: list[Alert | Edit]) -> list[Alert | Edit]:
    """What waits, where an alert that has been changed meanwhile is told as it is by now."""
    merged: list[Alert | Edit] = []
    for news in waiting:
        alert = _alert_that_waits(merged, news)
        if alert and isinstance(news, Edit):
            changed = replace(alert, write=news.write or alert.write, keyboard=news.keyboard)
            merged[merged.index(alert)] = changed
        elif not (alert and isinstance(news, Alert) and news.is_reminder):
            merged.append(news)
    return merged


def _alert_that_waits(waiting: list[Alert | Edit], news: Alert | Edit) -> Alert | None:
    """The newest alert that `news` is about, if it was not sent yet."""
    if not news.key or (isinstance(news, Edit) and news.message_id):
        return None
    for alert in reversed(waiting):
        if isinstance(alert, Alert) and (alert.server, alert.key) == (news.server, news.key):
            return None if alert.is_final else alert
    return None


# ---------------------------------------------------------------- whose outage was it


@dataclass(frozen=True)
class Sight:
    """How a server looked around the time in which Telegram was silent. Times are time.time().

    `gone_at`: when it was first seen not to be up, None if it was up all the while. `back_at`: when
    it was first seen to be up again, None if it is not. `has_answered`: a part of it did meanwhile.
    """

    look_interval_s: float
    gone_at: float | None = None
    back_at: float | None = None
    has_answered: bool = False


def was_own_network(silent_from: float, silent_to: float, sights: Iterable[Sight]) -> bool:
    """Whether the servers that came back were never down: all that the bot looks at vanished
    together with Telegram, and came back with it. What is still down does not matter."""
    sights = list(sights)
    returned = [sight for sight in sights if sight.gone_at and sight.back_at]
    for sight in sights:
        if sight.has_answered:
            return False  # then the network was there
        if sight.back_at and sight.back_at < silent_to - BACK_TOGETHER_S:
            return False
        was_seen = sight.look_interval_s < silent_to - silent_from
        if was_seen and not (sight.gone_at or sight.back_at):
            return False  # it was up all the while
    return bool(returned) and all(
        abs(sight.gone_at - silent_from) < CONFIRMED_WITHIN_S + sight.look_interval_s
        for sight in returned
        if sight.gone_at
    )


def sights_of(watchers: Iterable[Watcher], changes: list[StateChange]) -> dict[str, Sight]:
    """How each server looked, by its name; without those that are down and were so before."""
    sights = {}
    for watcher in watchers:
        server = watcher.server
        own = [change for change in changes if change.server is server]
        is_up = watcher.status is not None and watcher.status.state == UP
        if own:
            gone_at = next((one.since for one in own if one.status.state != UP), None)
            back_at = own[-1].since if own[-1].status.state == UP else None
            has_answered = any(one.status.state not in (UP, DOWN) for one in own)
            sights[server.name] = Sight(server.look_interval_s, gone_at, back_at, has_answered)
        elif server.is_monitored and is_up:
            sights[server.name] = Sight(server.look_interval_s)
    return sights


class StateNews(threading.Thread):
    """Makes sure of what the watchers saw before it is told, once for all mailboxes.

    A state is told after Telegram has answered and the server was looked at again, and Telegram
    was still there: so the network of the bot was there too. `tell(changes, silent_from)` is
    called with what is to be told; `tell_own_network(began, ended, server_count)` if the outage
    was the network's.
    """

    def __init__(
        self,
        bot: telegram.Bot,
        watchers: Iterable[Watcher],
        tell: Callable[[list[StateChange], float | None], None],
        tell_own_network: Callable[[float, float, int], None],
    ):
        super().__init__(name="news of states", daemon=True)
        self.bot, self._watchers = bot, watchers
        self._tell, self._tell_own_network = tell, tell_own_network
        self._queue: queue.SimpleQueue[StateChange] = queue.SimpleQueue()

    def put(self, change: StateChange) -> None:
        self._queue.put(change)

    def run(self) -> None:
        while True:
            changes = [self._queue.get()]
            silent_from = None
            try:
                silent_from = self._make_sure(changes)
            except Exception:  # a doubtful alert is better than none
                log.exception("a change of state is told unchecked")
            while not self._queue.empty():
                changes.append(self._queue.get())
            try:
                self._publish(changes, silent_from)
            except Exception:  # the next news must find its way
                log.exception("a change of state could not be told")

    def _make_sure(self, changes: list[StateChange]) -> float | None:
        """Wait until Telegram answers and it is clear how the servers are. Returns since when
        Telegram was silent, None if it was not."""
        silent_from, look_count = self.bot.sender.silent_around(changes[0].since), 0
        while True:
            asked_at = time.time()
            is_there = telegram.answers(self.bot)
            has_hung = time.time() - asked_at > HUNG_S
            if not is_there or has_hung:
                since = self.bot.sender.silent_since or asked_at
                silent_from = min(silent_from or since, since)
            if not is_there:
                look_count = 0
                time.sleep(PROBE_S)
            elif look_count and (not has_hung or look_count >= MOST_LOOKS):
                return silent_from
            else:
                self._look_again(changes, silent_from)
                look_count += 1

    def _look_again(self, changes: list[StateChange], silent_from: float | None) -> None:
        if silent_from:
            status_watcher.settle(self._watchers, SETTLE_LIMIT_S)
        else:
            servers = [change.server for change in changes]
            concerned = [watcher for watcher in self._watchers if watcher.server in servers]
            status_watcher.settle(concerned, LOOK_LIMIT_S)

    def _publish(self, changes: list[StateChange], silent_from: float | None) -> None:
        if silent_from:
            sights = sights_of(self._watchers, changes)
            if was_own_network(silent_from, time.time(), sights.values()):
                own = {name for name, one in sights.items() if one.gone_at and one.back_at}
                began = min(sights[name].gone_at or 0 for name in own)
                ended = max(sights[name].back_at or 0 for name in own)
                self._tell_own_network(began, ended, len(own))
                changes = [change for change in changes if change.server.name not in own]
        if changes:
            self._tell(changes, silent_from)


# ---------------------------------------------------------------- to all who are listed


def _light(server: Server, is_up: bool, write: Callable[[], texts.Html], **more: Any) -> Alert:
    """How a server is. If it is not up, somebody may take it."""
    keyboard = keyboards.to_menus([server]) if is_up else keyboards.outage_alert(server)
    return Alert(write, keyboard, server, key=OUTAGE, is_final=is_up, **more)


class Announcer:
    """A mailbox for everybody who is listed. `watchers`: those of all servers, as they come."""

    def __init__(self, bot: telegram.Bot, config: Settings, watchers: Iterable[Watcher]):
        self.bot, self._watchers = bot, watchers
        self.mailboxes = [
            Mailbox(bot, recipient, config.move_user, config.is_quiet_at)
            for recipient in config.recipients
        ]
        self._news = StateNews(bot, watchers, self._tell_states, self._tell_own_network)
        for thread in (*self.mailboxes, self._news):
            thread.start()

    def oldest_waiting_s(self) -> float:
        """How long the message that waits longest to be delivered has waited; 0 if none waits."""
        made_at = [one.made_at for mailbox in self.mailboxes for one in [*mailbox.waiting]]
        return steady_clock() - min(made_at) if made_at else 0

    def tell_stopped(
        self, server: Server, results: dict, who: str, not_to: tuple[int, ...]
    ) -> None:
        """Somebody stopped conferences: one message for all, except those who know already.

        `results`: what `trueconf_api.stop_conferences` returned.
        """
        stopped = [conference for conference, result in results.items() if result == STOPPED]
        if stopped:
            write = partial(screens.stopped_by, server, stopped, who)
            self._tell_all(Alert(write, server=server), not_to=not_to)
        for conference in stopped:
            shown = partial(screens.stopped_alert, server, conference, who, time.time())
            self._edit_all(Edit(server, conference.session_id, shown, None))

    def tell_state(self, change: StateChange) -> None:
        """A server went down or came back. It is told as soon as that is certain."""
        self._news.put(change)

    def _tell_states(self, changes: list[StateChange], late_since: float | None) -> None:
        news = []
        for change in changes:
            server, is_up = change.server, change.status.state == UP
            server.told_states = list(change.states)
            if is_up:
                write = partial(
                    screens.recovery_alert,
                    server,
                    change.down_since,
                    change.since,
                    change.outage,
                    change.is_first,
                )
            else:
                write = partial(
                    screens.state_alert,
                    server,
                    change.status,
                    change.since,
                    change.is_first,
                    server.taken_by,
                )
            news.append(_light(server, is_up, write, change=change, late_since=late_since))
        self._tell_all(*news)

    def _tell_own_network(self, began: float, ended: float, server_count: int) -> None:
        self._tell_all(Alert(partial(screens.own_network_alert, began, ended, server_count)))

    def tell_reminder(self, server: Server, status: Status, since: float) -> None:
        """A server is not up yet, and nobody takes care of it."""
        write = partial(screens.reminder_alert, server, status, since)
        self._tell_all(_light(server, False, write, is_reminder=True))

    def tell_taken(
        self,
        call: CallbackQuery,
        server: Server,
        status: Status,
        since: float,
        who: str,
        is_alert: bool,
    ) -> None:
        """Somebody takes care of a server: its alert shows who, and the others get a line.
        `is_alert`: the button was under the alert, not on the Status screen."""
        # First the line: whatever becomes of the edit, no reminder will tell the others any more.
        write = partial(screens.taken_alert, server, who)
        self._tell_all(Alert(write, server=server), not_to=telegram.seen_by(call))
        text = screens.state_alert(server, status, since=since, taken_by=who)
        pressed, keyboard = call if is_alert else None, keyboards.to_menus([server])
        self._show_everywhere(pressed, server, OUTAGE, text, keyboard)

    def tell_paused(self, server: Server, who: str, not_to: tuple[int, ...]) -> None:
        """Somebody has paused a server, so that the others do not rely on its alerts."""
        until = server.paused_until or time.time()
        write = partial(screens.paused_alert, server, until, who)
        self._tell_all(Alert(write, keyboards.to_menus([server]), server), not_to=not_to)

    def tell_pause_over(self, server: Server, status: Status, changes: list[list]) -> None:
        """A pause has ended. `changes`: the times and states of what was not announced."""
        is_up = status.state == UP
        server.told_states = [] if is_up else [status.state]
        write = partial(screens.pause_over_alert, server, status, changes)
        self._tell_all(_light(server, is_up, write))

    def tell_certificate(self, server: Server, end: float) -> None:
        """The certificate of a server ends soon."""
        write = partial(screens.certificate_alert, server, end)
        self._tell_all(Alert(write, keyboards.to_menus([server]), server))

    def tell_forgotten(self, server: Server, found: list[Forgotten]) -> None:
        """Somebody forgot these conferences."""
        if len(found) == 1:
            session_id = found[0].conference.session_id
            write = partial(screens.forgotten_alert, server, found[0])
            keyboard = keyboards.forgotten_alert(server, keyboards.short_id(session_id))
            self._tell_all(Alert(write, keyboard, server, key=session_id))
        else:
            write = partial(screens.forgotten_list_alert, server, found)
            self._tell_all(Alert(write, keyboards.forgotten_list_alert(server), server))

    def tell_decision(
        self, call: CallbackQuery, server: Server, session_id: str, who: str, until: float
    ) -> None:
        """Somebody has decided about a forgotten conference: its alert shows who and what.
        `until`: time.time() of the reminder, 0 for "Not forgotten"."""
        alert = telegram.html_of(call)
        if alert:
            keyboard = None
            if until:
                keyboard = keyboards.forgotten_alert(server, keyboards.short_id(session_id), False)
            text = screens.decided_alert(alert, who, until)
            self._show_everywhere(call, server, session_id, text, keyboard)

    def _show_everywhere(
        self,
        call: CallbackQuery | None,
        server: Server,
        key: str,
        text: texts.Html,
        keyboard: InlineKeyboardMarkup | None,
    ) -> None:
        """Change an alert in every chat that got it: first the message whose button was pressed,
        if it was one of them, as somebody is waiting there."""
        done = None
        try:
            if call:
                telegram.edit(self.bot, call, text, keyboard)
                done = telegram.place_of(call)
        finally:  # if Telegram did not take that edit, it is tried again like the others
            self._edit_all(Edit(server, key, lambda: text, keyboard, done))

    def forget(self, chat_id: int, message_id: int) -> None:
        """A message that showed an alert shows a screen from now on: leave it to who reads it."""
        here = [(one.recipient, message_id) for one in self.mailboxes if one.chat_id == chat_id]
        for server in [watcher.server for watcher in self._watchers]:
            with server.shared.lock:
                server.alert_messages = {
                    key: dict(place for place in places.items() if place not in here)
                    for key, places in server.alert_messages.items()
                }

    def _tell_all(self, *news: Alert, not_to: tuple[int, ...] = ()) -> None:
        for mailbox in self._different_mailboxes():
            if mailbox.chat_id not in not_to:
                mailbox.put(*news)

    def _edit_all(self, edit: Edit) -> None:
        for mailbox in self._different_mailboxes():
            mailbox.put(edit)

    def _different_mailboxes(self) -> Iterable[Mailbox]:
        """By the chat, as a group that has moved may have been listed by its new ID too."""
        return {(one.chat_id, one.topic): one for one in self.mailboxes}.values()
