"""A simulated Telegram: the Bot API over HTTP, and people to write and press buttons.

    with TelegramServer() as telegram:
        anna = telegram.person(111, first_name="Anna")
        anna.send("/start")                     # the bot, connected to telegram.url, answers
        menu = anna.chat.wait_for("Servers")
        anna.press(menu, "Moscow").wait()

It refuses what Telegram refuses, with Telegram's codes and descriptions, so that a bot which
works here works there. It is no Telegram for strangers: it listens on this computer only, keeps
everything in memory and knows the methods and kinds of messages that this bot uses.
"""

import copy
import itertools
import json
import math
import re
import threading
import time
import zlib
from collections import deque
from dataclasses import dataclass
from urllib.parse import unquote

from demo.telegram.chats import GENERAL, Group, Message, Person, Press
from demo.telegram.checks import (
    ApiError,
    Parameters,
    bad_request,
    checked_command,
    formatted_text,
    keyboard_rows,
    parameters_of,
)
from demo.telegram.html import FormattedText
from demo.telegram.html import utf16_length as length_of
from demo.wire import HOST, Answer, Door, HangUp, html_page, phrase

DEFAULT_TOKEN = "5032177032:AAGahjzZ6zbWSEsVFj13Ki-YMPhPEPzQjxE"
MAX_URI = 8192
MAX_POLL_S = 50

CHAT_ACTIONS = ("typing", "upload_photo", "record_video", "upload_video", "record_voice")
CHAT_ACTIONS += ("upload_voice", "upload_document", "choose_sticker", "find_location")
CHAT_ACTIONS += ("record_video_note", "upload_video_note")
NOT_SENT_BY_DEFAULT = ("chat_member", "message_reaction", "message_reaction_count")

TOKEN_SHAPE = re.compile(r"[1-9]\d{4,15}:[\w-]{30,50}", re.ASCII)
QUERY_TOO_OLD = "query is too old and response timeout expired or query ID is invalid"
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly "
    "the same as a current content and reply markup of the message"
)
WEBHOOK_IS_SET = (
    "Conflict: can't use getUpdates method while webhook is active; "
    "use deleteWebhook to delete the webhook first"
)
WEBHOOK_WAS_SET = "Conflict: terminated by setWebhook request"
ANOTHER_POLL = (
    "Conflict: terminated by other getUpdates request; "
    "make sure that only one bot instance is running"
)


@dataclass(eq=False)
class Call:
    """One request of the bot. `at` is time.monotonic(); `status` is None until it is answered."""

    method: str
    parameters: dict
    at: float
    status: int | None = None
    response: dict | None = None


@dataclass(eq=False)
class Fault:
    """Something that goes wrong with the next `times` calls of a method (None: of any)."""

    kind: str  # fail, hang or cut
    method: str | None
    times: int
    when: object = None
    answer: tuple = ()  # of a failure: code, description, parameters, html
    in_the_middle: bool = False  # of a cut


# ---------------------------------------------------------------- the methods of the Bot API


class BotApi:
    """The methods. They run under the lock `changed`; getUpdates leaves it while it waits."""

    def get_me(self, parameters):
        abilities = ("can_join_groups", "can_read_all_group_messages")
        others = ("supports_inline_queries", "can_connect_to_business", "has_main_web_app")
        return {
            **self.bot_user(),
            **dict.fromkeys(abilities, True),
            **dict.fromkeys(others, False),
        }

    def get_updates(self, parameters):
        if self.webhook_url:
            raise ApiError(409, WEBHOOK_IS_SET)
        self._newest_poll += 1
        mine, life = self._newest_poll, self._life
        self.notify()  # ends the poll that is waiting now
        self._remember_allowed(parameters)
        self._confirm(parameters.integer("offset"))
        limit = min(max(parameters.integer("limit", 100), 1), 100)
        deadline = time.monotonic() + min(parameters.integer("timeout"), MAX_POLL_S)
        self._waiting_poll = self._connection_of_call
        try:
            while not self._updates and time.monotonic() < deadline:
                self.changed.wait(deadline - time.monotonic())
                if self._newest_poll != mine:
                    raise ApiError(409, ANOTHER_POLL)
                if self.webhook_url:
                    raise ApiError(409, WEBHOOK_WAS_SET)
                if self._life != life:
                    raise HangUp
        finally:
            if self._newest_poll == mine:
                self._waiting_poll = None
        return copy.deepcopy(list(itertools.islice(self._updates, limit)))

    def _remember_allowed(self, parameters):
        allowed = parameters.json("allowed_updates")
        if isinstance(allowed, list):
            self.allowed_updates = allowed or None

    def _confirm(self, offset):
        if offset < 0:
            offset = self._updates[offset]["update_id"] if len(self._updates) > -offset else 0
        while self._updates and self._updates[0]["update_id"] < offset:
            self._updates.popleft()
        self.notify()

    def set_webhook(self, parameters):
        self.webhook_url = parameters.text("url")
        self.notify()
        return True

    def delete_webhook(self, parameters):
        self.webhook_url = ""
        if parameters.flag("drop_pending_updates"):
            self._updates.clear()
        return True

    def get_webhook_info(self, parameters):
        info = {"url": self.webhook_url, "has_custom_certificate": False}
        info["pending_update_count"] = len(self._updates)
        return info | ({"allowed_updates": self.allowed_updates} if self.allowed_updates else {})

    def set_my_commands(self, parameters):
        commands = parameters.json("commands")
        if not isinstance(commands, list):
            raise bad_request("expected an Array of BotCommand")
        if len(commands) > 100:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        checked = [checked_command(fields) for fields in commands]
        self._commands[self._scope(parameters)] = checked
        return True

    def get_my_commands(self, parameters):
        return self._commands.get(self._scope(parameters), [])

    def delete_my_commands(self, parameters):
        self._commands.pop(self._scope(parameters), None)
        return True

    def _scope(self, parameters):
        scope = parameters.json("scope") or {"type": "default"}
        return json.dumps(scope, sort_keys=True), parameters.text("language_code")

    def set_my_description(self, parameters):
        return True

    def set_my_short_description(self, parameters):
        return True

    def get_chat(self, parameters):
        chat = self._chat(parameters)
        gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription")
        full = {"accent_color_id": 0, "max_reaction_count": 11}
        full["accepted_gift_types"] = dict.fromkeys((*gifts, "gifts_from_channels"), False)
        return chat.to_dict() | full

    def send_chat_action(self, parameters):
        self._topic(self._chat_to_write(parameters), parameters)
        if parameters.text("action").lower() not in CHAT_ACTIONS:
            raise bad_request("wrong parameter action in request")
        return True

    def send_message(self, parameters):
        formatted = formatted_text(parameters)
        rows = keyboard_rows(parameters)
        self._check_options(parameters)
        chat = self._chat_to_write(parameters)
        topic = self._topic(chat, parameters)
        self._check_reply(chat, parameters)
        self._pace(chat)
        message = Message(chat, None, formatted, parameters.text("text"), rows, topic=topic)
        message.is_silent = parameters.flag("disable_notification")
        return chat.add(message).to_dict()

    def edit_message_text(self, parameters):
        formatted = formatted_text(parameters)
        rows = keyboard_rows(parameters, only_inline=True)
        self._check_options(parameters)
        return self._edit(parameters, formatted, parameters.text("text"), rows)

    def edit_message_reply_markup(self, parameters):
        rows = keyboard_rows(parameters, only_inline=True)
        return self._edit(parameters, None, None, rows)

    def _edit(self, parameters, formatted, html, rows):
        message = self._message(parameters, "message to edit not found")
        if not message.by_bot:
            raise bad_request("message can't be edited")
        if formatted is None:
            formatted, html = copy.deepcopy(self._content(message)), message.html
        same_text = (formatted.text, formatted.entities) == (message.sent_text, message.entities)
        if same_text and rows == message.rows:
            raise bad_request(NOT_MODIFIED)
        self._pace(message.chat)
        message.change(formatted, html, rows)
        message.edit_date = int(time.time())
        self.notify()
        return message.to_dict()

    @staticmethod
    def _content(message):
        dropped = (message.dropped_entities, message.dropped_links)
        return FormattedText(message.sent_text, message.entities, *dropped)

    def delete_message(self, parameters):
        message = self._message(parameters, "message to delete not found")
        if not message.by_bot and isinstance(message.chat, Group):
            raise bad_request("message can't be deleted")
        message.deleted = True
        self.notify()
        return True

    def answer_callback_query(self, parameters):
        if length_of(parameters.text("text")) > 200:
            raise bad_request("MESSAGE_TOO_LONG")
        press = self._presses.get(parameters.text("callback_query_id"))
        if not press or press.answered or time.monotonic() - press.at > self.query_life_s:
            raise bad_request(QUERY_TOO_OLD)
        text, url = parameters.text("text") or None, parameters.text("url") or None
        press.answer(text, parameters.flag("show_alert"), url)
        return True

    def _chat(self, parameters):
        if not parameters.text("chat_id"):
            raise bad_request("chat_id is empty")
        chat = self._chats.get(parameters.integer("chat_id", None))
        if chat is None:
            raise bad_request("chat not found")
        return chat

    def _chat_to_write(self, parameters):
        chat = self._chat(parameters)
        if chat.refusal():
            raise chat.refusal()
        return chat

    @staticmethod
    def _topic(chat, parameters):
        """Return the topic of a forum that is to be written in; None: no topic, or General."""
        topic = parameters.integer("message_thread_id", None)
        topics = chat.topics if isinstance(chat, Group) else {}
        if topic is not None and topic not in topics:
            raise bad_request("message thread not found")
        if (topic or GENERAL) in chat.closed_topics:
            raise bad_request("TOPIC_CLOSED")
        return topic

    def _message(self, parameters, problem):
        if parameters.text("inline_message_id"):
            raise bad_request("MESSAGE_ID_INVALID")
        chat = self._chat(parameters)
        # What was written may be edited after the person blocked the bot, but not after a group
        # threw it out.
        if isinstance(chat, Group) and chat.refusal():
            raise chat.refusal()
        if not parameters.text("message_id"):
            raise bad_request("message identifier is not specified")
        message = chat.find(parameters.integer("message_id"))
        if message is None:
            raise bad_request(problem)
        return message

    def _check_reply(self, chat, parameters):
        options = parameters.json("reply_parameters")
        wanted = options.get("message_id") if isinstance(options, dict) else None
        wanted = wanted or parameters.integer("reply_to_message_id")
        if wanted and chat.find(wanted) is None:
            raise bad_request("message to be replied not found")

    @staticmethod
    def _check_options(parameters):
        options = parameters.json("link_preview_options")
        if options is not None and not isinstance(options, dict):
            raise bad_request("can't parse link preview options: expected an Object")

    def _pace(self, chat):
        pause = math.ceil(chat.pause_s(time.monotonic())) if self.strict_pacing else 0
        if pause:
            description = f"Too Many Requests: retry after {pause}"
            raise ApiError(429, description, retry_after=pause)


def _telegram_name(name):
    first, *others = name.split("_")
    return first + "".join(part.title() for part in others)


# Telegram does not care about the case of a method's name.
METHODS = {
    _telegram_name(name).lower(): (_telegram_name(name), name)
    for name in vars(BotApi)
    if not name.startswith("_")
}


# ---------------------------------------------------------------- the server


class TelegramServer(BotApi):
    """Telegram on a port of this computer (0: any free one). Every method may be called from
    any thread; one condition, `changed`, guards everything and is notified at each change.

    `round_trip_s` is the time that a new connection and each request cost. With `strict_pacing`
    messages and edits that come faster than Telegram takes them get 429. `query_life_s` is how
    long a pressed button can be answered. To serve a chat page, override page() and page_action().
    """

    def __init__(
        self,
        token=DEFAULT_TOKEN,
        port=0,
        round_trip_s=0.0,
        strict_pacing=False,
        host=HOST,
    ):
        self.token = token
        self.strict_pacing = strict_pacing
        self.query_life_s = 20.0
        self.bot_id = int(token.partition(":")[0])
        self.bot_username = "trueconf_demo_bot"
        self.bot_name = "TrueConf Server"
        self.allowed_updates = None
        self.webhook_url = ""  # where somebody else lets the updates go
        self.polls = 0
        self.changed = threading.Condition()
        self._changes = 0
        self._chats = {}
        self._people = {}
        self._presses = {}
        self._commands = {}
        self._calls = deque(maxlen=100_000)
        self._faults = []
        self._updates = deque()
        self._update_ids = itertools.count(800_000_001)
        self._message_ids = itertools.count(1)
        self._query_ids = itertools.count(4_382_000_000_000_000_001)
        self._newest_poll = 0
        self._waiting_poll = None  # the connection of the getUpdates that waits now
        self._connection_of_call = None
        self._life = 0  # one more after each stop(): calls that wait then end
        self._door = Door(self._answer, host, port, round_trip_s=round_trip_s)

    # -- running

    def start(self):
        """Listen; the second time on the same port. Chats and updates are kept."""
        self._door.open()
        return self

    def stop(self):
        """Close the port and every connection; calls that wait end without an answer."""
        self._door.release()
        self._end_calls()

    def _end_calls(self):
        with self.changed:
            self._life += 1
            self._waiting_poll = None
            self.notify()
        self._door.hang_up()

    def lose_connections(self):
        """The way forgets the open connections, see Door."""
        self._door.lose_connections()

    def go_down(self):
        """Telegram cannot be reached: the port refuses, open connections are closed."""
        self._door.shut()
        self._end_calls()

    def come_back(self):
        self.start()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def url(self):
        """The address for the setting `tg-api-url`."""
        return f"http://{self._door.host}:{self.port}"

    @property
    def port(self):
        return self._door.port

    @property
    def connections(self):
        """The connections that are open now."""
        return self._door.connections

    def _answer(self, connection, request):
        if len(request.target) > MAX_URI:
            connection.send(html_page("Request-URI Too Large", 414))
            raise HangUp
        if request.path.startswith("/bot"):
            self._answer_api(connection, request)
        else:
            connection.send(self.answer_page(request))

    # -- for the chat page, by overriding

    def page(self, request):
        """A GET outside the Bot API: return an Answer, or None for a 404."""

    def page_action(self, path, fields):
        """A POST of JSON outside the Bot API: return a dict, or None for a 404."""

    def answer_page(self, request):
        if request.method == "GET":
            return self.page(request) or html_page("404 Not Found", 404)
        try:
            fields = json.loads(request.body or "{}")
        except ValueError:
            return html_page("400 Bad Request", 400)
        answer = self.page_action(request.path, fields)
        return html_page("404 Not Found", 404) if answer is None else Answer.json(answer)

    # -- the Bot API over HTTP

    def _answer_api(self, connection, request):
        """Do what a request of the bot asks for."""
        token, _, name = unquote(request.path).removeprefix("/bot").partition("/")
        official_name, _ = METHODS.get(name.lower(), (name, None))
        try:
            parameters = parameters_of(request)
        except ValueError:
            connection.send(Answer.json({"ok": False, "error_code": 400}, 400))
            return
        call = Call(official_name, parameters, time.monotonic())
        with self.changed:
            self._calls.append(call)
            self.notify()
            answer = self._reply(call, token, connection)
            self.notify()
        connection.send(answer)

    def _reply(self, call, token, connection):
        fault = None
        try:
            self._check_token(token)
            self.polls += call.method == "getUpdates"
            fault = self._next_fault(call)
            if fault and fault.kind == "fail":
                return self._failure(call, *fault.answer)
            if fault and fault.kind == "hang":
                self._hang(fault, connection)
            if fault and not fault.in_the_middle:
                raise HangUp
            self._connection_of_call = connection
            call.status, call.response = 200, {"ok": True, "result": self._result(call)}
        except ApiError as error:
            return self._failure(call, error.status, error.description, error.parameters)
        answer = Answer.json(call.response)
        if fault:
            connection.send_bytes(answer.head(time.time()) + answer.body[:20])
            raise HangUp
        return answer

    def _check_token(self, token):
        if token != self.token:
            is_possible = TOKEN_SHAPE.fullmatch(token)
            raise ApiError(401, "Unauthorized") if is_possible else ApiError(404, "Not Found")

    def _result(self, call):
        if call.method.lower() not in METHODS:
            raise ApiError(404, "Not Found: method not found")
        try:
            "".join(call.parameters.values()).encode()
        except UnicodeEncodeError:
            raise bad_request("strings must be encoded in UTF-8") from None
        _, own_name = METHODS[call.method.lower()]
        return getattr(self, own_name)(call.parameters)

    def _failure(self, call, code, description, parameters=None, html=False):
        call.status = code
        call.response = {"ok": False, "error_code": code, "description": description}
        if parameters:
            call.response["parameters"] = parameters
        if html:
            return html_page(f"{code} {phrase(code)}", code)
        return Answer.json(call.response, code)

    # -- faults

    def fail(
        self,
        method,
        code=429,
        description=None,
        parameters=None,
        times=1,
        html=False,
        when=None,
    ):
        """Let the next `times` calls of a method (None: any) fail; nothing is carried out.

        With `html` the body is a page, as proxies send it; `when` is a function of the parameters.
        """
        if code == 429:
            parameters = parameters or {"retry_after": 3}
            seconds = parameters.get("retry_after", 3)
            description = description or f"Too Many Requests: retry after {seconds}"
        description = description or phrase(code)
        answer = (code, description, parameters, html)
        return self._add_fault(Fault("fail", method, times, when, answer))

    def hang(self, method, times=1):
        """Never answer, until clear_faults() or stop(); nothing is carried out."""
        return self._add_fault(Fault("hang", method, times))

    def cut(self, method, times=1, in_the_middle=False):
        """Close the connection: before anything is carried out, or in the middle of the answer."""
        return self._add_fault(Fault("cut", method, times, in_the_middle=in_the_middle))

    def clear_faults(self):
        """Nothing goes wrong any more; calls that hang are cut."""
        with self.changed:
            for fault in self._faults:
                fault.times = -1
            self._faults.clear()
            self.notify()

    def _add_fault(self, fault):
        with self.changed:
            self._faults.append(fault)
        return fault

    def _next_fault(self, call):
        for fault in self._faults:
            is_meant = fault.method is None or fault.method.lower() == call.method.lower()
            if fault.times > 0 and is_meant and (not fault.when or fault.when(call.parameters)):
                fault.times -= 1
                return fault
        return None

    def _hang(self, fault, connection):
        life = self._life
        while self._life == life and fault.times >= 0 and connection.is_open():
            self.changed.wait(0.5)
        raise HangUp

    # -- people, groups, updates

    def person(
        self, user_id, first_name="Somebody", last_name=None, username=None, language_code="ru"
    ):
        """Return the person with this ID; a new one if there was none."""
        with self.changed:
            if user_id not in self._people:
                names = (first_name, last_name, username, language_code)
                self._people[user_id] = Person(self, user_id, *names)
                self._chats[user_id] = self._people[user_id].chat
            return self._people[user_id]

    def group(self, chat_id, title="Group", members=(), topics=None):
        """Return the group with this (negative) ID; a new one, with the bot, if there was none.

        topics: {ID: name} of a forum, besides General, which has no ID in messages.
        """
        with self.changed:
            if chat_id not in self._chats:
                self._chats[chat_id] = Group(self, chat_id, title, members, topics)
            return self._chats[chat_id]

    def next_message_id(self):
        """Private chats and small groups number their messages together."""
        return next(self._message_ids)

    def bot_user(self):
        fields = {"id": self.bot_id, "is_bot": True}
        return {**fields, "first_name": self.bot_name, "username": self.bot_username}

    def forget_messages(self, chat):
        """What is in the chat now becomes too old: presses on it carry an InaccessibleMessage."""
        with self.changed:
            for message in chat.messages:
                message.is_accessible = False

    def push_update(self, fields):
        """Send the bot a raw update of any kind, allowed or not; return it with its update_id."""
        with self.changed:
            update = {"update_id": next(self._update_ids), **copy.deepcopy(fields)}
            self._updates.append(update)
            self.notify()
            return update

    def push(self, fields, chat=None):
        """Send an update, unless its kind was not asked for or the bot is not in the chat."""
        kind = next(iter(fields))
        wanted = self.allowed_updates
        is_wanted = kind in wanted if wanted else kind not in NOT_SENT_BY_DEFAULT
        if is_wanted and not (chat and chat.refusal()):
            self.push_update(fields)

    def push_membership(self, chat, person, old, new):
        def member(status):
            fields = {"user": self.bot_user(), "status": status}
            return fields | ({"until_date": 0} if status == "kicked" else {})

        author = person.user() if person else self.bot_user()
        fields = {"chat": chat.to_dict(), "from": author, "date": int(time.time())}
        fields |= {"old_chat_member": member(old), "new_chat_member": member(new)}
        self.push({"my_chat_member": fields})

    def press(self, person, message, data, label):
        press = Press(self, str(next(self._query_ids)), person, message, data, label)
        self._presses[press.id] = press
        query = {"id": press.id, "from": person.user()}
        chat = message.chat if message else person.chat
        if message is None:
            query["inline_message_id"] = f"AAAAA{press.id}"
        elif message.is_accessible and not message.deleted:
            query["message"] = message.to_dict()
        else:
            place = {"chat": chat.to_dict(), "message_id": message.id}
            query["message"] = {**place, "date": 0}
        query |= {"chat_instance": str(zlib.crc32(str(chat.id).encode()) << 31), "data": data}
        if isinstance(chat, Group) and person not in chat.members:
            chat.members.append(person)
        self.push({"callback_query": query}, chat if message else None)
        return press

    @property
    def pending(self):
        """Updates that the bot has not confirmed yet."""
        with self.changed:
            return list(self._updates)

    @property
    def commands(self):
        """The commands in the menu for everybody, as setMyCommands got them."""
        return self.get_my_commands(Parameters())

    # -- looking at what the bot does

    @property
    def calls(self):
        with self.changed:
            return list(self._calls)

    def count(self, method):
        return sum(call.method.lower() == method.lower() for call in self.calls)

    def clear_calls(self):
        with self.changed:
            self._calls.clear()

    def wait_until(self, condition, timeout=20):
        """Wait until the function returns something true; return that."""
        deadline = time.monotonic() + timeout
        while True:
            changes = self._changes
            result = condition()  # without the lock: it may well make a request to this server
            left = deadline - time.monotonic()
            if result:
                return result
            if left <= 0:
                calls = [f"{call.method}: {call.status}" for call in self.calls[-10:]]
                raise AssertionError(f"not within {timeout} s; the last calls: {calls}")
            with self.changed:
                # It may look at things whose changes nobody tells us, so look again soon.
                if self._changes == changes:
                    self.changed.wait(min(left, 0.05))

    def wait_for_poll(self, timeout=20):
        """Wait until a getUpdates waits for updates."""

        def is_polled():
            return self._waiting_poll is not None and self._waiting_poll.is_open()

        if not self.wait(is_polled, timeout):
            raise AssertionError(f"no getUpdates is waiting after {timeout} s")

    def wait(self, condition, timeout):
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                result = condition()
                left = deadline - time.monotonic()
                if result or left <= 0:
                    return result
                self.changed.wait(min(left, 0.05))

    def notify(self):
        """Tell everybody who waits that something changed (under the lock)."""
        self._changes += 1
        self.changed.notify_all()

    def calls_since(self, at):
        return [f"{call.method}: {call.status}" for call in self.calls if call.at >= at]
