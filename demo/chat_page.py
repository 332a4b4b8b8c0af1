"""The chat page of the demo: a simulated Telegram that also serves a chat to a web browser.

The page (`chat.html`) asks GET /news for what has changed since the last answer, and POSTs what
the visitor writes and presses and what happens to the world. There are two people, the visitor
and a colleague, and a group that both are in: the page shows the private chat of either, or the
group as either sees it. The bot notices no difference to any other people.
"""

import base64
import hashlib
import itertools
import json
import re
import secrets
import time
from pathlib import Path

from demo.telegram.checks import Parameters
from demo.telegram.server import TelegramServer
from demo.wire import Answer, HangUp
from demo.words import words_of_page

HTML_FILE = Path(__file__).with_name("chat.html")
VISITOR_ID, COLLEAGUE_ID, GROUP_ID = 481516234, 481516235, -481516236
BOT_ID = 5032177032
FIRST_PORT, PORTS = 8080, 100
NEWS_POLL_S, WORLD_LOOK_S = 25, 0.5
BOT_PATIENCE_S = 20  # what the visitor writes waits so long for a bot that is still starting
MOST_MESSAGES = 300  # of each chat, that a page which is opened anew gets to see
LONGEST_TEXT = 4096

WORLD_ACTIONS = {  # action: (method of World, its note on the page)
    "down": ("take_down", "note_down"),
    "up": ("bring_up", "note_up"),
    "service_down": ("stop_service", "note_service_down"),
    "service_up": ("start_service", "note_service_up"),
    "web_down": ("stop_web", "note_web_down"),
    "web_up": ("start_web", "note_web_up"),
}


class ChatPage(TelegramServer):
    """Telegram with two people, whom one visitor plays from a web browser.

    has_chat=False: the bot talks to the real Telegram, and the page has only the controls.
    """

    def __init__(self, world, language, port=0, has_chat=True):
        # Nobody but our bot knows the token, so no other page in the browser can play the bot.
        super().__init__(f"{BOT_ID}:{secrets.token_urlsafe(26)}", port)
        self.world = world
        self.when_a_day_passes = lambda: None  # what else is to be done then
        self.has_chat = has_chat
        self.words = words_of_page(language)
        self.people = {
            name: self.person(number, self.words[name], language_code=language).starts_bot()
            for name, number in (("visitor", VISITOR_ID), ("colleague", COLLEAGUE_ID))
        }
        self.visitor, colleague = self.people.values()
        # A small group: its messages have numbers of their own in no chat but this.
        self.group_chat = self.group(GROUP_ID, self.words["group"], self.people.values())
        self.chats = {
            "visitor": self.visitor.chat,
            "colleague": colleague.chat,
            "group": self.group_chat,
        }
        self._html, self._headers = _read_page(language, self.words, has_chat)
        self._start_name = secrets.token_hex(8)  # a page of yesterday's demo notices the change
        self._change_numbers = itertools.count(1)
        self._last_change = 0
        self._seen = {}  # message ID or Press -> (what it was like, number of that change)

    def start(self):
        """Listen on the given port, or on the first free one from 8080 on."""
        if self.port:
            return super().start()
        for port in (*range(FIRST_PORT, FIRST_PORT + PORTS), 0):
            self._door.port = port
            try:
                return super().start()
            except OSError:
                continue
        raise OSError("no free port")

    # -- HTTP

    def answer_page(self, request):
        """Answer our own page only: no other site may read or press anything here."""
        hosts = (f"127.0.0.1:{self.port}", f"localhost:{self.port}")
        if request.headers.get("Host") not in hosts:
            return Answer(403, b"", "text/plain")
        kind = request.headers.get("Content-Type", "")
        if request.method == "POST" and not kind.startswith("application/json"):
            return Answer(415, b"", "text/plain")
        answer = super().answer_page(request)
        answer.headers = self._headers
        return answer

    def page(self, request):
        if request.path == "/":
            return Answer(200, self._html, "text/html; charset=utf-8")
        return Answer.json(self._wait_for_news(request)) if request.path == "/news" else None

    def page_action(self, path, fields):
        actions = {"/send": self._send, "/press": self._press, "/world": self._change_world}
        action = actions.get(path)
        return action(fields) if action and isinstance(fields, dict) else None

    # -- what the visitor sees

    def _wait_for_news(self, request):
        asked = Parameters(request.query)
        since, known_world = asked.integer("since"), asked.text("world")
        deadline, life = time.monotonic() + NEWS_POLL_S, self._life
        while True:
            world = self._world_now()
            mark = hashlib.sha256(json.dumps(world).encode()).hexdigest()[:16]
            with self.changed:
                self._note_changes()
                is_over = time.monotonic() > deadline
                if self._last_change > since or mark != known_world or is_over:
                    return {**self._news(since), "world": world, "worldMark": mark}
                self.changed.wait(WORLD_LOOK_S)
                if self._life != life:
                    raise HangUp

    def _world_now(self):
        with self.changed:
            commands, is_polled = self.commands, self.polls > 0
        return {"servers": self.world.overview(), "commands": commands, "isOnline": is_polled}

    def _note_changes(self):
        """Give a number to everything that is not as it was when we looked last."""
        messages = {
            message.id: message.edits for chat in self.chats.values() for message in chat.messages
        }
        gone = {each for each in self._seen if isinstance(each, int)} - messages.keys()
        presses = {press.id: True for press in self._presses.values() if press.answered}
        now = {**messages, **dict.fromkeys(gone), **presses}
        for each, state in now.items():
            if each not in self._seen or self._seen[each][0] != state:
                self._last_change = next(self._change_numbers)
                self._seen[each] = (state, self._last_change)

    def _news(self, since):
        def is_new(each):
            return self._seen[each][1] > since

        chats = {name: chat.messages for name, chat in self.chats.items()}
        ids = {message.id for messages in chats.values() for message in messages}
        gone = [each for each in self._seen if isinstance(each, int) and each not in ids]
        return {
            "start": self._start_name,
            "number": self._last_change,
            "messages": [
                {**_shown(each), "chat": name, "sender": self._name_of(each.sender)}
                for name, messages in chats.items()
                for each in messages[-MOST_MESSAGES:]
                if is_new(each.id)
            ],
            "gone": [each for each in gone if is_new(each)],
            "answers": [
                {"press": each.id, "text": each.text, "isAlert": each.show_alert}
                for each in self._presses.values()
                if each.answered and is_new(each.id)
            ],
        }

    def _name_of(self, sender):
        return next((name for name, person in self.people.items() if person is sender), None)

    # -- what the visitor does, as either of the two people

    def _who_and_where(self, fields):
        who = str(fields.get("who"))
        where = "group" if fields.get("isInGroup") is True else who
        return self.people.get(who, self.visitor), self.chats.get(where, self.visitor.chat)

    def _send(self, fields):
        person, chat = self._who_and_where(fields)
        text = str(fields.get("text", "")).strip()[:LONGEST_TEXT]
        self.wait(lambda: self.polls, BOT_PATIENCE_S)
        if text:
            person.send(text, chat)
        return {}

    def _press(self, fields):
        """Press a button, if it is still what the visitor saw."""
        person, chat = self._who_and_where(fields)
        with self.changed:
            message = chat.find(fields.get("message"))
            buttons = message.buttons if message else ()
            data = fields.get("data")
            button = next((each for each in buttons if each.data and each.data == data), None)
            return {"press": person.press(message, button).id if button else None}

    def _change_world(self, fields):
        action, key = fields.get("action"), fields.get("server")
        if action == "hour":
            self.world.pass_hour()
            return self._note("note_hour")
        if action == "day":
            self.world.pass_day()
            self.when_a_day_passes()
            return self._note("note_day")
        site = self.world.sites.get(key)
        if site is None:
            return None
        if action == "conference":
            conference = self.world.start_conference(key)
            people = len(conference.people)
            return self._note("note_conference", site, title=conference.title, people=people)
        if action == "leave":
            return self._note("note_leave", site, number=self.world.everybody_leaves(key))
        if action not in WORLD_ACTIONS:
            return None
        method, note = WORLD_ACTIONS[action]
        getattr(self.world, method)(key)
        return self._note(note, site)

    def _note(self, name, site=None, **values):
        note = self.words[name].format(server=site.name if site else "", **values)
        is_change = name in [note for _, note in WORLD_ACTIONS.values()]
        return {"note": f"{note} {self.words['note_wait']}" if is_change else note}


def _shown(message):
    """What the page needs to know of a message, wherever it stands and whoever has written it."""
    return {
        "id": message.id,
        "text": message.sent_text,
        "entities": message.entities,
        "rows": message.rows,
        "date": message.date,
        "isEdited": message.edit_date is not None,
        "isSilent": message.is_silent,
    }


def _read_page(language, words, has_chat):
    """Return the page in this language, and the headers that let it run nothing but itself."""
    page = HTML_FILE.read_text(encoding="utf-8")
    data = json.dumps(words, ensure_ascii=False).replace("<", "\\u003c")
    page = page.replace("{{language}}", language).replace("{{words}}", data)
    page = page.replace("{{kind}}", "" if has_chat else "controls-alone")
    style, script = (_hash_of(page, tag) for tag in ("style", "script"))
    policy = (
        f"default-src 'none'; connect-src 'self'; img-src data:; style-src {style}; "
        f"script-src {script}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page.encode(), {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }


def _hash_of(page, tag):
    content = re.search(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)[1]
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
