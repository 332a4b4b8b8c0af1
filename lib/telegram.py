"""Telegram as the bot needs it: one connection for all, limits obeyed, failures in one place.

pyTelegramBotAPI does the talking. This adds what it leaves to its users: parameters in the body
instead of the address, a wait when Telegram asks for one, one log line when Telegram cannot be
reached and one when it answers again. It decides nothing: what is said stands in `main.py`.
"""

import contextlib
import functools
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
import telebot
from requests.adapters import HTTPAdapter
from telebot import apihelper, types
from telebot.apihelper import ApiTelegramException

WORKERS = 32  # presses handled at the same time; a press waits for a server up to 12 s
LONG_POLL_S = 25
RETRY_S = 3
REFUSED_POLLS = 3  # so many in a row, and the token is no longer good
REFUSAL_LOG_S = 60
LONGEST_WAIT_S = 60  # of a press for Telegram's permission to answer it
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

# Whatever goes wrong between here and Telegram; ValueError: an answer that is not JSON.
FAILURES = (requests.RequestException, apihelper.ApiException, ValueError)
# What pyTelegramBotAPI raises over fields that it does not expect.
UNREADABLE = (KeyError, TypeError, AttributeError)


class TokenRefused(Exception):
    """Telegram does not know the bot's token."""


class NotTelegram(requests.RequestException):
    """Somebody on the way answered in Telegram's place. One of FAILURES."""


class Bot(telebot.TeleBot):
    """A TeleBot that knows its way to Telegram. Sends nothing until it is asked to.

    `api_url`: address of another Bot API server, "" for Telegram's own; `proxy`: "" for none.
    """

    def __init__(self, token: str, api_url: str = "", proxy: str = ""):
        super().__init__(token, parse_mode="HTML", num_threads=WORKERS)
        self.sender = _Sender(api_url, proxy)
        # pyTelegramBotAPI has these settings for the whole process and not for each bot.
        apihelper.API_URL = f"{api_url}/bot{{0}}/{{1}}" if api_url else None
        apihelper.CUSTOM_REQUEST_SENDER = self.sender.send
        telebot.logger.setLevel(logging.CRITICAL)  # the sender says it better, and once

    def get_updates(self, offset=None, limit=None, timeout=20, *args, **options):
        """As pyTelegramBotAPI does, but an update that it cannot read costs that update alone;
        by default nothing after it would ever be read."""
        found = apihelper.get_updates(self.token, offset, limit, timeout, *args, **options)
        return [_read_update(fields) for fields in found]


def _read_update(fields: dict) -> types.Update:
    try:
        return types.Update.de_json(fields)
    except (*UNREADABLE, ValueError) as error:
        log.warning("an update of Telegram cannot be read: %r", error)
        return types.Update.de_json({"update_id": fields["update_id"]})


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


@dataclass
class _Sender:
    """Sends the requests of pyTelegramBotAPI. Its session keeps connections open for all
    threads: by default each thread would begin with a TLS handshake of its own."""

    api_url: str
    proxy: str
    session: requests.Session = field(default_factory=requests.Session)
    failing_since: float | None = None  # time.time()
    refusal_logged_at: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)  # guards the two above
    unauthorized_polls: int = 0  # in a row

    def __post_init__(self) -> None:
        for scheme in ("https://", "http://"):
            self.session.mount(scheme, HTTPAdapter(pool_maxsize=WORKERS + 8))
        if self.proxy:
            self.session.proxies = {"http": self.proxy, "https": self.proxy}
        is_local = urlsplit(self.api_url).hostname in ("127.0.0.1", "localhost", "::1")
        self.session.trust_env = not (self.proxy or is_local)

    def proxy_in_use(self) -> str:
        """The proxy on the way to Telegram, of the settings or of the system; "" for none."""
        url = self.api_url or "https://api.telegram.org"
        options = self.session.merge_environment_settings(url, {}, None, None, None)
        return requests.utils.select_proxy(url, options["proxies"]) or ""

    def send(self, method, url, params=None, files=None, timeout=None, proxies=None):
        """Called by telebot for each request. `getUpdates` is repeated until it succeeds; for
        everything else a wait that Telegram asks for is kept, and failures are raised."""
        is_poll = url.endswith("/getUpdates")
        # A kept connection may be closed just as it is used again. Twice is better than never.
        tries_left = 1
        while True:
            try:
                response = self.session.post(url, data=params, files=files, timeout=timeout)
            except requests.RequestException as error:
                tries_left -= 1
                is_broken = isinstance(error, requests.ConnectionError)
                if is_broken and tries_left >= 0 and not isinstance(error, requests.Timeout):
                    continue
                self.note_failure(describe(error))
                if not is_poll:
                    raise
                time.sleep(RETRY_S)
                continue
            wait_s = self.note_answer(response, is_poll)
            if wait_s is None and not _is_telegrams(response):
                raise NotTelegram(f"HTTP {response.status_code}")
            if wait_s is None:
                return response
            time.sleep(wait_s)

    def note_answer(self, response: requests.Response, is_poll: bool) -> float | None:
        """Return how long to wait before this request is sent again, None if not at all."""
        status = response.status_code
        if is_poll:
            is_refused = status == 401 and _is_telegrams(response)  # and not a portal's own 401
            self.unauthorized_polls = self.unauthorized_polls + 1 if is_refused else 0
        if status == 409 and is_poll:
            self.note_refusal("409 Conflict: another copy of this bot is running; stop one of them")
            return RETRY_S
        if status >= 500 or not _is_telegrams(response):
            self.note_failure(f"HTTP {status}")
            return RETRY_S if is_poll else None
        self.note_success()
        if status == 429:
            asked_s = asked_wait_s(response.json())
            log.warning("Telegram asks to wait %s s", asked_s)
            return asked_s if is_poll or asked_s <= LONGEST_WAIT_S else None
        if status != 200 and is_poll:
            self.note_refusal(f"Telegram refused getUpdates: HTTP {status}")
            return RETRY_S
        return None

    def note_refusal(self, text: str) -> None:
        """Log it, but not at each of the attempts that follow."""
        with self.lock:
            is_due = time.monotonic() - self.refusal_logged_at >= REFUSAL_LOG_S
            if is_due or not self.refusal_logged_at:
                self.refusal_logged_at = time.monotonic()
                log.error("%s", text)

    def note_failure(self, reason: str) -> None:
        with self.lock:
            is_news = self.failing_since is None
            self.failing_since = self.failing_since or time.time()
        if is_news:
            log.warning("Telegram cannot be reached: %s", reason)

    def note_success(self) -> None:
        with self.lock:
            since, self.failing_since = self.failing_since, None
        if since is not None:
            log.info("Telegram answers again after %.0f s", time.time() - since)


def _is_telegrams(response: requests.Response) -> bool:
    """Whether it has the shape that telebot counts on; a proxy's page or JSON has not."""
    try:
        answer = response.json()
    except ValueError:
        return False
    if not isinstance(answer, dict) or "ok" not in answer:
        return False
    if response.ok:
        return "result" in answer
    kinds = {"error_code": int, "description": str}
    return all(isinstance(answer.get(name), kind) for name, kind in kinds.items())


def asked_wait_s(answer: dict) -> float:
    """How long Telegram asks to wait, in its decoded answer."""
    parameters = answer.get("parameters")
    asked_s = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return asked_s if isinstance(asked_s, (int, float)) and asked_s > 0 else RETRY_S


def describe(error: Exception) -> str:
    """Say what went wrong without the address, which holds the token."""
    if isinstance(error, ApiTelegramException):
        return f"{error.error_code} {error.description}"
    return type(error).__name__


def ask_name(bot: Bot) -> str:
    """The bot's name in Telegram. Raises TokenRefused, or one of FAILURES."""
    try:
        return bot.get_me().username
    except ApiTelegramException as error:
        if error.error_code in (401, 404):
            raise TokenRefused from error
        raise


def log_in(bot: Bot, commands: list[types.BotCommand]) -> None:
    """Find out who the bot is; ask until Telegram answers.

    What was sent or pressed while the bot was off is dropped: a press carries no time, and
    yesterday's "stop" must not happen today. Raises TokenRefused.
    """
    _ask_until_it_works(lambda: bot.user)
    log.info("Telegram knows the bot as @%s", bot.user.username)
    _ask_until_it_works(lambda: bot.delete_webhook(drop_pending_updates=True))
    try:
        bot.set_my_commands(commands)
    except FAILURES as error:  # without its menu the bot works all the same
        log.warning("Telegram did not take the list of commands: %s", describe(error))


def _ask_until_it_works(ask: Callable[[], object]) -> None:
    while True:
        wait_s = RETRY_S
        try:
            ask()
            return
        except ApiTelegramException as error:
            if error.error_code in (401, 404):
                raise TokenRefused from error
            log.warning("Telegram refused: %s", describe(error))
            wait_s = asked_wait_s(error.result_json)
        except FAILURES:
            pass  # the sender has logged it
        time.sleep(wait_s)


def command_of(bot: Bot, message: types.Message) -> str | None:
    """`start` for "/start" and, in a group, for "/start@this_bot", not for another bot's."""
    words = re.match(r"/([A-Za-z0-9_]+)(?:@([A-Za-z0-9_]+))?(?:\s|$)", message.text or "")
    if not words or (words[2] and words[2].lower() != bot.user.username.lower()):
        return None
    return words[1].lower()


def _say_that_it_runs() -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody reads what we print any more
        print("Bot is running...", flush=True)


class Polling(threading.Thread):
    """Logs in and receives messages and presses, for ever."""

    def __init__(self, bot: Bot, commands: list[types.BotCommand]):
        super().__init__(name="polling", daemon=True)
        self.bot, self.commands = bot, commands
        self._is_refused = False

    @property
    def is_token_refused(self) -> bool:
        """Whether Telegram does not know the token, at the start or any more."""
        return self._is_refused or self.bot.sender.unauthorized_polls >= REFUSED_POLLS

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


def send(
    bot: Bot,
    chat_id: int,
    text: str,
    keyboard: types.InlineKeyboardMarkup | None = None,
    topic: int | None = None,
    is_silent: bool = False,
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


def reply(bot: Bot, message: types.Message, text: str, keyboard=None) -> None:
    """Send a message where `message` came from, in its topic if the group has topics."""
    is_known = isinstance(message, types.Message)  # else it is too old for Telegram to show
    topic = message.message_thread_id if is_known and message.is_topic_message else None
    send(bot, message.chat.id, text, keyboard, topic)


def chat_of(call: types.CallbackQuery) -> int:
    return call.message.chat.id if call.message else call.from_user.id


def place_of(call: types.CallbackQuery) -> tuple[int, int]:
    """The chat and the ID of the message whose button was pressed; 0 for one that is gone."""
    return chat_of(call), call.message.message_id if call.message else 0


def html_of(call: types.CallbackQuery) -> str | None:
    """The text of the message whose button was pressed; None for one that is too old."""
    return getattr(call.message, "html_text", None)


def seen_by(call: types.CallbackQuery) -> tuple[int, int]:
    """Who knows already what the press did: the person, and the group if it was in one."""
    return call.from_user.id, chat_of(call)


def edit(bot: Bot, call: types.CallbackQuery, text: str, keyboard) -> None:
    """Put a new screen where the pressed button is; where that cannot be, send it anew."""
    message = call.message
    if message is None:
        send(bot, chat_of(call), text, keyboard)
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
            reply(bot, message, text, keyboard)
        elif _NOT_MODIFIED not in error.description:
            raise


def answer(bot: Bot, call: types.CallbackQuery, popup: str | None) -> None:
    """End the spinner of the pressed button, with a pop-up window if there is something to say."""
    try:
        bot.answer_callback_query(call.id, popup, show_alert=bool(popup))
    except ApiTelegramException as error:
        if _TOO_OLD not in error.description:
            raise


def new_chat_id(error: ApiTelegramException) -> int | None:
    """Where a group went that became a supergroup, None if that is not what happened."""
    parameters = error.result_json.get("parameters")
    return parameters.get("migrate_to_chat_id") if isinstance(parameters, dict) else None
