"""Telegram as the bot needs it: limits obeyed, what may be repeated repeated, one log line each.

pyTelegramBotAPI does the talking. This adds what it leaves to its users: a bot that polls whatever
happens, a wait when Telegram asks for one, a second try where no answer came. It decides nothing:
what is said stands in `main.py`.
"""

import contextlib
import functools
import heapq
import itertools
import logging
import math
import queue
import re
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import telebot
from telebot import apihelper, types
from telebot.apihelper import ApiTelegramException

from lib.clock import steady_clock
from lib.telegram_presses import Presses, note_arrival, place_of
from lib.telegram_sender import LONG_POLL_S, Sender, Trouble, Unreachable

WORKERS = 32  # presses handled at the same time; a press waits for a server up to 12 s
READ_LIMIT_S = 10  # of everything else: a person is waiting
ALERT_LIMIT_S = 30  # nobody waits for an alert, and a second try would bring it twice
RETRY_S = 3
AGAIN_S = (1, 3)  # before each new try, where Telegram itself or a proxy has said no
REFUSED_POLLS = 3  # so many in a row, and the token is no longer good
LONGEST_WAIT_S = 60  # for Telegram's permission to say something
MOST_ASIDE = 1000  # what strangers are told and nobody has sent yet; more than that is dropped
NO_PREVIEW = types.LinkPreviewOptions(is_disabled=True)

# Telegram's words for "there is nothing to do", each part of a description of a 400.
_NOT_MODIFIED = "message is not modified"
_TOO_OLD = "query is too old"
_MESSAGE_GONE = (
    "message to edit not found",
    "message can't be edited",
    "message_id_invalid",
    "message identifier is not specified",
)

log = logging.getLogger("bot.telegram")

# Whatever goes wrong between here and Telegram.
FAILURES = (Unreachable, apihelper.ApiException)
# What pyTelegramBotAPI raises over fields that it does not expect.
UNREADABLE = (KeyError, TypeError, AttributeError, ValueError)

Result = TypeVar("Result")
Keyboard = types.InlineKeyboardMarkup | None


class TokenRefused(Exception):
    """Telegram does not know the bot's token."""


class Bot(telebot.TeleBot):
    """A TeleBot that knows its way to Telegram. Sends nothing until it is asked to.

    `api_url`: address of another Bot API server, "" for Telegram's own; `proxy`: "" for none;
    `say(trouble)` puts what is wrong on the way into words for the log.
    """

    def __init__(
        self,
        token: str,
        api_url: str = "",
        proxy: str = "",
        say: Callable[[Trouble], str] = str,
    ):
        super().__init__(token, parse_mode="HTML", num_threads=WORKERS)
        self.sender = Sender(api_url, proxy, WORKERS + 8, say)
        self.refused_polls = 0  # in a row
        self.polled_at = -math.inf  # steady_clock(); when Telegram last answered a poll
        self.presses = Presses()
        self._delayed: list[tuple[float, int, Callable[[], object]]] = []  # a heap, when first
        self._delays = itertools.count()  # so that no two of them are equal
        self._is_delayed = threading.Condition()  # guards the heap
        threading.Thread(target=self._hand_out_delayed, name="delayed", daemon=True).start()
        self._asides: queue.Queue[Callable[[], object]] = queue.Queue(MOST_ASIDE)
        threading.Thread(target=self._speak_aside, name="asides", daemon=True).start()
        # pyTelegramBotAPI has these settings for the whole process and not for each bot.
        url = f"{api_url}/bot{{0}}/{{1}}" if api_url else None
        apihelper.API_URL = url  # type: ignore[assignment]
        apihelper.READ_TIMEOUT = READ_LIMIT_S
        apihelper.CUSTOM_REQUEST_SENDER = self.sender.send  # type: ignore[assignment]
        telebot.logger.setLevel(logging.CRITICAL)  # the sender says it better, and once

    def get_updates(
        self, offset: int | None = None, limit: int | None = None, timeout: Any = None,
        *args: Any, **options: Any
    ) -> list[types.Update]:  # fmt: skip
        """As pyTelegramBotAPI does, but again and again until there is an answer; and an update
        that it cannot read costs that update alone, where by default nothing after it is read."""
        while True:
            try:
                found = apihelper.get_updates(self.token, offset, limit, None, *args, **options)
                self.refused_polls, self.polled_at = 0, steady_clock()
                updates = [update for update in map(_read_update, found or ()) if update]
                for update in updates:
                    if update.callback_query:
                        note_arrival(update.callback_query)
                return updates
            except ApiTelegramException as error:
                time.sleep(self._deal_with_refused_poll(error))
            except (*FAILURES, *UNREADABLE) as error:
                has_waited = isinstance(error, Unreachable) and error.trouble.is_timeout
                time.sleep(0 if has_waited else RETRY_S)

    def _deal_with_refused_poll(self, error: ApiTelegramException) -> float:
        """Returns how many seconds to wait before the next poll."""
        self.refused_polls = self.refused_polls + 1 if error.error_code == 401 else 0
        if error.error_code == 429:
            log.warning("Telegram asks to wait %s s", asked_wait_s(error))
            return asked_wait_s(error)
        if error.error_code != 409:
            if error.error_code != 401:  # the end of the bot will say it
                self.sender.log_once_a_minute(f"Telegram refused getUpdates: {describe(error)}")
        elif "webhook" in error.description.lower():
            self.sender.log_once_a_minute(self.sender.say(Trouble("webhook")))
            with contextlib.suppress(*FAILURES):
                self.delete_webhook()
        else:
            self.sender.log_once_a_minute(self.sender.say(Trouble("second_copy")))
        return RETRY_S

    def say(self, act: Callable[[], object]) -> None:
        """Do it as `insist` does. A wait of up to a minute that Telegram asks for holds up nobody:
        it goes on later, and whoever called goes on now. Raises one of FAILURES."""
        try:
            insist(act)
        except ApiTelegramException as error:
            wait_s = asked_wait_s(error)
            if error.error_code != 429 or wait_s > LONGEST_WAIT_S:
                raise
            log.warning("Telegram asks to wait %s s", wait_s)
            with self._is_delayed:
                due_at = time.monotonic() + wait_s
                heapq.heappush(self._delayed, (due_at, next(self._delays), act))
                self._is_delayed.notify()

    def _hand_out_delayed(self) -> None:
        """Give what may be said again to the threads that deal with presses."""
        again = logged(self.say)
        with self._is_delayed:
            while True:
                wait_s = self._delayed[0][0] - time.monotonic() if self._delayed else None
                if wait_s is None or wait_s > 0:
                    self._is_delayed.wait(wait_s)
                else:
                    self.worker_pool.put(again, heapq.heappop(self._delayed)[2])

    def do_aside(self, act: Callable[[], object]) -> None:
        """Say something to somebody for whom nobody else shall wait: one thing after the other,
        each tried once, and not at all where too much is waiting."""
        with contextlib.suppress(queue.Full):
            self._asides.put_nowait(act)

    def _speak_aside(self) -> None:
        while True:
            with contextlib.suppress(*FAILURES, *UNREADABLE):
                self._asides.get()()


def _read_update(fields: Any) -> types.Update | None:
    try:
        return types.Update.de_json(fields)
    except UNREADABLE as error:
        log.warning("an update of Telegram cannot be read: %r", error)
        update_id = fields.get("update_id") if isinstance(fields, dict) else None
        return types.Update.de_json({"update_id": update_id}) if update_id else None


def logged(handler: Callable[[Any], None]) -> Callable[[Any], None]:
    """Let a handler that fails cost nothing but a line in the log; else telebot stops polling."""

    @functools.wraps(handler)
    def handle(update: Any) -> None:
        try:
            handler(update)
        except FAILURES as error:
            log.warning("an answer did not reach Telegram: %s", describe(error))
        except Exception:  # a defect of ours, or of the handler that somebody has added
            log.exception("a handler failed")

    return handle


def insist(ask: Callable[[], Result]) -> Result:
    """Ask, and where no answer came once more, on a new connection, or twice where somebody said
    no at once: a front that is restarted takes a moment. Raises one of FAILURES."""
    waits_s = list(AGAIN_S)
    while True:
        try:
            return ask()
        except Unreachable as error:
            if not waits_s:
                raise
            wait_s: float = waits_s.pop(0)
            if error.trouble.is_timeout:
                wait_s, waits_s = 0, []
        time.sleep(wait_s)


def asked_wait_s(error: ApiTelegramException) -> float:
    """How long Telegram asks to wait."""
    parameters = error.result_json.get("parameters")
    asked_s = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return asked_s if isinstance(asked_s, (int, float)) and asked_s > 0 else RETRY_S


def describe(error: Exception) -> str:
    """Say what went wrong without the address, which holds the token."""
    if isinstance(error, ApiTelegramException):
        return f"{error.error_code} {error.description}"
    return str(error) if isinstance(error, Unreachable) else type(error).__name__


# ---------------------------------------------------------------- logging in, polling


def ask_name(bot: Bot) -> str:
    """The bot's name in Telegram. Raises TokenRefused, or one of FAILURES."""
    try:
        return str(bot.user.username)
    except ApiTelegramException as error:
        if error.error_code in (401, 404):
            raise TokenRefused from error
        raise


def answers(bot: Bot) -> bool:
    """Whether Telegram answers just now."""
    try:
        bot.get_me()
    except Unreachable:
        return False
    except (ApiTelegramException, *UNREADABLE):
        pass  # an answer, whatever it says
    return True


def log_in(bot: Bot, commands: list[types.BotCommand]) -> None:
    """Find out who the bot is; ask until Telegram answers.

    What was sent or pressed while the bot was off is dropped: a press carries no time, and
    yesterday's "stop" must not happen today. Raises TokenRefused.
    """
    name = _ask_until_it_works(lambda: ask_name(bot))
    log.info("Telegram knows the bot as @%s", name)
    _ask_until_it_works(lambda: bot.delete_webhook(drop_pending_updates=True))
    try:
        bot.set_my_commands(commands)
    except FAILURES as error:  # without its menu the bot works all the same
        log.warning("Telegram did not take the list of commands: %s", describe(error))


def _ask_until_it_works(ask: Callable[[], Result]) -> Result:
    while True:
        wait_s: float = RETRY_S
        try:
            return ask()
        except ApiTelegramException as error:
            log.warning("Telegram refused: %s", describe(error))
            wait_s = asked_wait_s(error)
        except FAILURES:
            pass  # the sender has logged it
        time.sleep(wait_s)


def command_of(bot: Bot, message: types.Message) -> str | None:
    """`start` for "/start" and, in a group, for "/start@this_bot", not for another bot's."""
    words = re.match(r"/([A-Za-z0-9_]+)(?:@([A-Za-z0-9_]+))?(?:\s|$)", message.text or "")
    if not words or (words[2] and words[2].lower() != str(bot.user.username).lower()):
        return None
    return words[1].lower()


def words_of(message: types.Message) -> str:
    """What stands after the command, "" if nothing does."""
    return " ".join((message.text or "").split(maxsplit=1)[1:])


def _say_that_it_runs() -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody reads what we print any more
        # With its line end in one piece: the log has a thread of its own.
        print("Bot is running...\n", end="", flush=True)


class Polling(threading.Thread):
    """Logs in and receives messages and presses, for ever."""

    def __init__(self, bot: Bot, commands: list[types.BotCommand]):
        super().__init__(name="polling", daemon=True)
        self.bot, self.commands = bot, commands
        self._is_refused = False

    @property
    def is_token_refused(self) -> bool:
        """Whether Telegram does not know the token, at the start or any more."""
        return self._is_refused or self.bot.refused_polls >= REFUSED_POLLS

    def run(self) -> None:
        try:
            log_in(self.bot, self.commands)
        except TokenRefused:
            self._is_refused = True
            return
        # In a thread of its own, as a console may hold up whoever writes to it (see logs.py).
        threading.Thread(target=_say_that_it_runs, daemon=True).start()
        self.bot.infinity_polling(
            long_polling_timeout=LONG_POLL_S,
            allowed_updates=["message", "callback_query"],
            logger_level=None,
        )


# ---------------------------------------------------------------- saying things


def send(
    bot: Bot,
    chat_id: int,
    text: str,
    keyboard: types.InlineKeyboardMarkup | None = None,
    topic: int | None = None,
    is_silent: bool = False,
    limit_s: int = READ_LIMIT_S,
) -> int | None:
    """Send one message. Returns its ID, None if that is not known. Raises one of FAILURES."""
    try:
        sent = bot.send_message(
            chat_id,
            text,
            reply_markup=keyboard,
            message_thread_id=topic,
            disable_notification=is_silent,
            link_preview_options=NO_PREVIEW,
            timeout=limit_s,
        )
        return sent.message_id
    except UNREADABLE as error:  # it was sent, and must not be sent again
        log.warning("an answer of Telegram cannot be read: %r", error)
        return None


def edit_sent(
    bot: Bot,
    chat_id: int,
    message_id: int,
    text: str | None,
    keyboard: types.InlineKeyboardMarkup | None,
) -> None:
    """Change a message that was sent some time ago, or, without a text, only its buttons. One that
    cannot be changed any more is left as it is. Raises one of FAILURES."""
    try:
        if text is None:
            bot.edit_message_reply_markup(chat_id, message_id, reply_markup=keyboard)
        else:
            bot.edit_message_text(
                text, chat_id, message_id, reply_markup=keyboard, link_preview_options=NO_PREVIEW
            )
    except UNREADABLE as error:  # it was changed
        log.warning("an answer of Telegram cannot be read: %r", error)
    except ApiTelegramException as error:
        if not any(words in error.description.lower() for words in (_NOT_MODIFIED, *_MESSAGE_GONE)):
            raise


def topic_of(message: Any) -> int | None:
    """The topic of a group that a message is in. A message that is too old for Telegram to show
    (InaccessibleMessage) does not tell."""
    is_known = isinstance(message, types.Message)
    return message.message_thread_id if is_known and message.is_topic_message else None


def reply(bot: Bot, message: Any, text: str, keyboard: Keyboard = None) -> None:
    """Send a message where `message` came from, in its topic if the group has topics."""
    bot.say(lambda: send(bot, message.chat.id, text, keyboard, topic_of(message)))


def chat_of(call: types.CallbackQuery) -> int:
    return place_of(call)[0]


def seen_by(call: types.CallbackQuery) -> tuple[int, int]:
    """Who knows already what the press did: the person, and the group if it was in one."""
    return call.from_user.id, chat_of(call)


def keep_message(call: types.CallbackQuery) -> None:
    """The message whose button was pressed stays as it is: what `edit` shows comes as a new one."""
    call.keeps_message = True  # type: ignore[attr-defined]


def edit(
    bot: Bot, call: types.CallbackQuery, text: str, keyboard: Keyboard, is_result: bool = False
) -> None:
    """Put a new screen where the pressed button is; where that cannot be, send it anew. Where
    somebody has pressed a newer button meanwhile, the message is theirs: nothing of this press
    is shown, but for a result (`is_result`), which is sent anew."""
    if call.message is None or hasattr(call, "keeps_message"):
        topic = None if call.message is None else topic_of(call.message)
        bot.say(lambda: send(bot, chat_of(call), text, keyboard, topic))
    else:
        bot.say(lambda: _edit_if_newest(bot, call, text, keyboard, is_result))


def _edit_if_newest(
    bot: Bot, call: types.CallbackQuery, text: str, keyboard: Any, is_result: bool
) -> None:
    message: Any = call.message
    if not bot.presses.begin_edit(call):
        if is_result:
            send(bot, message.chat.id, text, keyboard, topic_of(message))
        return
    try:
        bot.edit_message_text(
            text,
            message.chat.id,
            message.message_id,
            reply_markup=keyboard,
            link_preview_options=NO_PREVIEW,
        )
    except ApiTelegramException as error:
        if any(words in error.description.lower() for words in _MESSAGE_GONE):
            send(bot, message.chat.id, text, keyboard, topic_of(message))
        elif _NOT_MODIFIED not in error.description:
            raise
    except UNREADABLE as error:  # it was done
        log.warning("an answer of Telegram cannot be read: %r", error)
    finally:
        bot.presses.end_edit(call)


def answer(bot: Bot, call: types.CallbackQuery, popup: str | None) -> None:
    """End the press: the spinner of its button, with a pop-up window if there is something to
    say."""
    bot.presses.end(call)
    bot.say(lambda: _answer(bot, call, popup))


def _answer(bot: Bot, call: types.CallbackQuery, popup: str | None) -> None:
    try:
        bot.answer_callback_query(call.id, popup, show_alert=bool(popup))
    except ApiTelegramException as error:
        if _TOO_OLD not in error.description:
            raise


def new_chat_id(error: ApiTelegramException) -> int | None:
    """Where a group went that became a supergroup, None if that is not what happened."""
    parameters = error.result_json.get("parameters")
    return parameters.get("migrate_to_chat_id") if isinstance(parameters, dict) else None
