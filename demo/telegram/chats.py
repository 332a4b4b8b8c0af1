"""The people and chats of the simulated Telegram: what tests and the chat page see and do.

    anna.send("/start")
    menu = anna.chat.wait_for("Servers")
    anna.press(menu, "Moscow").wait()

All of it lives in a TelegramServer, whose condition `changed` guards it. It knows nothing of HTTP.
"""

import copy
import itertools
import re
import time
from collections import deque
from dataclasses import dataclass

from demo.telegram.checks import ApiError, bad_request
from demo.telegram.html import FormattedText, as_read, telegram_links
from demo.telegram.html import utf16_length as length_of

BURST, GROUP_MESSAGES_A_MINUTE = 5, 20
COMMAND_IN_TEXT = re.compile(r"(?<!\S)/[A-Za-z0-9_]{1,32}(?:@\w+)?(?!\w)")
GENERAL = 1  # the topic of a forum that messages without a topic are in
ANONYMOUS_ADMIN = {
    "id": 1087968824,
    "is_bot": True,
    "first_name": "Group",
    "username": "GroupAnonymousBot",
}


CHANNEL_BOT = {
    "id": 136817688,
    "is_bot": True,
    "first_name": "Channel",
    "username": "Channel_Bot",
}


A_CHANNEL = {"id": -1009876543210, "title": "A channel", "type": "channel"}


@dataclass(frozen=True)
class Button:
    """A button under a message: one of `data` (sent back when pressed) and `url` is set."""

    text: str
    data: str | None = None
    url: str | None = None
    style: str | None = None


class Message:
    """A message in a chat. `sender` is a Person, or None (the bot, or Telegram's own notes)."""

    def __init__(self, chat, sender, formatted, html=None, rows=(), extra=None, topic=None):
        self.chat = chat
        self.id = chat.next_message_id()
        self.sender = sender
        self.by_bot = sender is None and not extra
        self.date = int(time.time())
        self.edit_date = None
        self.deleted = False
        self.is_accessible = True
        self.is_silent = False
        self.topic = topic
        self.history = []
        self.links_made = []  # what Telegram made clickable by itself, in any of its contents
        self._extra = extra or {}
        self.change(formatted, html, rows)

    def change(self, formatted, html, rows):
        """Take over a new content (the first one too) and remember it in the history."""
        self.sent_text = formatted.text
        self.text = as_read(formatted.text)
        self.entities = formatted.entities
        self.dropped_entities = formatted.dropped_entities
        self.dropped_links = formatted.dropped_links
        self.links_made += telegram_links(formatted)
        self.html = formatted.text if html is None else html
        self.rows = [list(row) for row in rows]
        self.history.append((self.text, self.labels, time.monotonic()))

    @property
    def edits(self):
        return len(self.history) - 1

    @property
    def keyboard(self):
        return [[_button(fields) for fields in row] for row in self.rows]

    @property
    def buttons(self):
        return [button for row in self.keyboard for button in row]

    @property
    def labels(self):
        return [button.text for button in self.buttons]

    def button(self, wanted):
        """Return the button with this label (else: with it in its label, or `wanted(button)`)."""
        if callable(wanted):
            found = [button for button in self.buttons if wanted(button)]
        else:
            found = [button for button in self.buttons if button.text == wanted]
            found += [button for button in self.buttons if wanted in button.text]
        if not found:
            raise AssertionError(f"no button {wanted!r} among {self.labels} under {self.text!r}")
        return found[0]

    def wait_edit(self, after=0, timeout=20):
        """Wait until the message was edited more than `after` times; return it."""
        server = self.chat.server
        if not server.wait(lambda: self.edits > after, timeout):
            raise AssertionError(
                f"{self.edits} edits, more than {after} expected within {timeout} s\n"
                f"{self.chat.describe()}"
            )
        return self

    def to_dict(self):
        """The Message object of the Bot API. Fields without a value are left out."""
        sender = self.sender.user() if self.sender else self.chat.server.bot_user()
        fields = {"message_id": self.id, "from": sender, "chat": self.chat.to_dict()}
        fields["date"] = self.date
        if self.topic:
            fields |= {"message_thread_id": self.topic, "is_topic_message": True}
        if self.edit_date:
            fields["edit_date"] = self.edit_date
        if self.sent_text:
            fields["text"] = self.sent_text
        if self.entities:
            fields["entities"] = self.entities
        if self.rows:
            fields["reply_markup"] = {"inline_keyboard": self.rows}
        return copy.deepcopy({**fields, **self._extra})

    def __repr__(self):
        author = self.sender.first_name if self.sender else "bot" if self.by_bot else "note"
        state = " (deleted)" if self.deleted else f" (edits: {self.edits})" if self.edits else ""
        return f"<{self.id} {author}{state}: {self.text!r} {self.labels or ''}>"


def _button(fields):
    names = ("text", "callback_data", "url", "style")
    return Button(*(fields.get(name) for name in names))


class Chat:
    """A private chat with the bot, or (as a Group) a group that the bot is in."""

    def __init__(self, server, chat_id):
        self.server = server
        self.id = chat_id
        self.closed_topics = set()  # of a forum
        self._messages = []
        self._written_at = deque(maxlen=GROUP_MESSAGES_A_MINUTE)
        self._allowance = (float(BURST), 0.0)  # messages that may go now, and when that was

    @property
    def messages(self):
        """What is in the chat now, oldest first."""
        with self.server.changed:
            return [message for message in self._messages if not message.deleted]

    @property
    def bot_messages(self):
        return [message for message in self.messages if message.by_bot]

    @property
    def last(self):
        """The newest message of the bot; None if there is none."""
        return (self.bot_messages or [None])[-1]

    def wait_for(self, condition, timeout=20):
        """Wait for a message of the bot; return the newest for which the condition holds.

        `condition` is a part of the text, or a function of the message.
        """
        holds = condition if callable(condition) else lambda message: condition in message.text

        def find():
            return next((message for message in self.bot_messages[::-1] if holds(message)), None)

        message = self.server.wait(find, timeout)
        if message is None:
            raise AssertionError(
                f"no message of the bot with {condition!r} in {timeout} s\n{self.describe()}"
            )
        return message

    def describe(self):
        """The chat as text, for the messages of failed tests."""
        lines = [f"chat {self.id}:", *(f"  {message!r}" for message in self.messages)]
        return "\n".join(lines)

    def find(self, message_id):
        return next((message for message in self.messages if message.id == message_id), None)

    def next_message_id(self):
        return self.server.next_message_id()

    def add(self, message):
        self._messages.append(message)
        self.server.notify()
        return message

    def pause_s(self, now):
        """Seconds until Telegram takes another message here; 0: it takes one now, and counts it."""
        allowance, since = self._allowance
        allowance = min(BURST, allowance + now - since)
        pause = max(0.0, 1 - allowance, self._group_pause_s(now))
        if not pause:
            self._allowance = (allowance - 1, now)
            self._written_at.append(now)
        return pause

    def _group_pause_s(self, now):
        is_full = len(self._written_at) == GROUP_MESSAGES_A_MINUTE
        return self._written_at[0] + 60 - now if is_full and self.id < 0 else 0.0


class PrivateChat(Chat):
    def __init__(self, server, person):
        super().__init__(server, person.id)
        self.person = person

    def refusal(self):
        """The ApiError that the bot gets when it writes here, or None."""
        if self.person.has_blocked:
            return ApiError(403, "Forbidden: bot was blocked by the user")
        if not self.person.has_started:
            return ApiError(403, "Forbidden: bot can't initiate conversation with a user")
        return None

    def to_dict(self):
        user = self.person.user()
        names = ("id", "first_name", "last_name", "username")
        return {**{name: user[name] for name in names if name in user}, "type": "private"}


class Group(Chat):
    def __init__(self, server, chat_id, title, members=(), topics=None):
        super().__init__(server, chat_id)
        self.title = title
        self.members = list(members)
        self.topics = topics or {}
        self.is_supergroup = str(chat_id).startswith("-100") and len(str(chat_id)) >= 14
        self.bot_was_kicked = False
        self.upgraded_to = None  # the supergroup that this group became
        self._own_ids = itertools.count(1)

    def refusal(self):
        if self.upgraded_to:
            error = bad_request("group chat was upgraded to a supergroup chat")
            error.parameters["migrate_to_chat_id"] = self.upgraded_to.id
            return error
        if self.bot_was_kicked:
            kind = "supergroup" if self.is_supergroup else "group"
            return ApiError(403, f"Forbidden: bot was kicked from the {kind} chat")
        return None

    def to_dict(self):
        if self.is_supergroup:
            fields = {"id": self.id, "title": self.title, "type": "supergroup"}
            return {**fields, "is_forum": True} if self.topics else fields
        fields = {"id": self.id, "title": self.title, "type": "group"}
        return {**fields, "all_members_are_administrators": True}

    def upgrade_to_supergroup(self, new_id):
        """The group gets a new ID, as groups do when they grow. Return the new Group."""
        with self.server.changed:
            new = self.server.group(new_id, title=self.title, members=self.members)
            new.is_supergroup = True
            self._note(migrate_to_chat_id=new_id)
            new._note(migrate_from_chat_id=self.id)
            self.upgraded_to = new
            return new

    def kick_bot(self):
        with self.server.changed:
            self.bot_was_kicked = True
            person = self.members[0] if self.members else None
            self.server.push_membership(self, person, "member", "kicked")

    def next_message_id(self):
        return next(self._own_ids) if self.is_supergroup else super().next_message_id()

    def _note(self, **fields):
        """A service message. Telegram names the group itself as its author."""
        fields = {"from": ANONYMOUS_ADMIN, "sender_chat": self.to_dict(), **fields}
        note = self.add(Message(self, None, FormattedText(""), extra=fields))
        self.server.push({"message": note.to_dict()}, self)


class Person:
    """A user of Telegram. A new one has not pressed Start: the bot may not write to them yet."""

    def __init__(self, server, user_id, first_name, last_name, username, language_code):
        self.server = server
        self.id = user_id
        self.first_name = first_name
        self.last_name = last_name
        self.username = username
        self.language_code = language_code
        self.has_started = False
        self.has_blocked = False
        self.chat = PrivateChat(server, self)

    def user(self):
        """The User object of the Bot API."""
        fields = {"id": self.id, "is_bot": False, "first_name": self.first_name}
        for name in ("last_name", "username", "language_code"):
            if getattr(self, name):
                fields[name] = getattr(self, name)
        return fields

    def starts_bot(self):
        """Pressed Start some time ago: the bot may write, no update is sent."""
        with self.server.changed:
            self.has_started = True
        return self

    def block_bot(self):
        self._set_blocked(True)

    def unblock_bot(self):
        self._set_blocked(False)

    def _set_blocked(self, blocked):
        with self.server.changed:
            if self.has_blocked != blocked:
                self.has_blocked = blocked
                states = ("member", "kicked") if blocked else ("kicked", "member")
                self.server.push_membership(self.chat, self, *states)

    def send(self, text, chat=None, topic=None, write_as="person"):
        """Write to the bot (or, with `chat`, in a group, in one of its topics); return the Message.

        write_as: "anonymous" for an administrator who shows only the group's name, "channel" for
        somebody who shows that of a channel. Telegram names a bot of its own as the sender then.
        """
        with self.server.changed:
            chat = self._where_to_write(chat)
            extra = {
                "person": {},
                "anonymous": {"from": ANONYMOUS_ADMIN, "sender_chat": chat.to_dict()},
                "channel": {"from": CHANNEL_BOT, "sender_chat": A_CHANNEL},
            }[write_as]
            entities = [
                {"type": "bot_command", "offset": length_of(text[: found.start()])}
                | {"length": len(found.group())}
                for found in COMMAND_IN_TEXT.finditer(text)
            ]
            formatted = FormattedText(text, entities)
            message = chat.add(Message(chat, self, formatted, extra=extra, topic=topic))
            self.server.push({"message": message.to_dict()}, chat)
            return message

    def _where_to_write(self, chat):
        chat = self.chat if chat is None else chat
        if chat is self.chat:
            if self.has_blocked:
                raise AssertionError(f"{self.first_name} blocked the bot: unblock_bot() first")
            self.has_started = True
            return chat
        if not isinstance(chat, Group):
            raise AssertionError(f"{self.first_name} cannot write in the chat {chat.id}")
        chat = chat.upgraded_to or chat
        if self not in chat.members:
            chat.members.append(self)
        return chat

    def press(self, message, button):
        """Press a button of a message; return the Press. `button`: as for Message.button()."""
        if message.deleted:
            raise AssertionError(f"{message!r} is deleted, nobody sees its buttons")
        if isinstance(message.chat, PrivateChat) and message.chat is not self.chat:
            raise AssertionError(f"{self.first_name} does not see {message!r}; see press_data()")
        with self.server.changed:
            found = button if isinstance(button, Button) else message.button(button)
            if found.data is None:
                raise AssertionError(f"the button {found.text!r} is a link to {found.url}")
            return self.server.press(self, message, found.data, found.text)

    def press_data(self, message, data):
        """Send made-up callback data for a message, as a modified app can; None: for no message."""
        with self.server.changed:
            return self.server.press(self, message, data, "(made up)")


class Press:
    """A pressed button (a callback query) and what the bot answered to it."""

    def __init__(self, server, query_id, person, message, data, label):
        self.server = server
        self.id = query_id
        self.person = person
        self.message = message
        self.data = data
        self.label = label
        self.at = time.monotonic()
        self.answered = False
        self.text = None
        self.show_alert = False
        self.url = None
        self.answer_seconds = None

    def wait(self, timeout=20):
        """Wait until the bot answered the query; return the Press."""
        if not self.server.wait(lambda: self.answered, timeout):
            raise AssertionError(
                f"the button {self.label!r} ({self.data!r}) was not answered in {timeout} s\n"
                f"calls since: {self.server.calls_since(self.at)}\n"
                f"{self.message.chat.describe() if self.message else ''}"
            )
        return self

    def answer(self, text, show_alert, url):
        self.answered = True
        self.text = text
        self.show_alert = show_alert
        self.url = url
        self.answer_seconds = time.monotonic() - self.at
        self.server.notify()
