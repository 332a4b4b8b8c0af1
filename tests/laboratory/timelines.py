"""A simulated world by a plan, and the bot's own classes in it, in virtual time.

The network alone is replaced: `trueconf_api.get_status`, and below Telegram's methods the one
request of `lib.telegram_sender`. What people get to see is kept as they see it.
"""

import contextlib
import functools
import itertools
import logging
import os
import random
import re
from dataclasses import dataclass, field
from types import SimpleNamespace

import requests
from telebot.apihelper import ApiTelegramException

import alerts
import keyboards
import memory
import status_watcher
import trueconf_api
from alerts import Announcer, Mailbox, MakingSure
from demo.telegram.checks import ApiError, Parameters, formatted_text, keyboard_rows
from demo.telegram.html import as_read
from lib import settings_files, telegram_sender
from lib.clock import Clocks
from lib.evidence import Evidence
from lib.trueconf_model import DOWN, SERVICE_DOWN, UP, WEB_DOWN, Server, Status
from memory import Record
from status_watcher import Watcher, settle
from tests.laboratory.virtual_time import Loop, Signal, clocks_of

CARRIED = (0, 1, 3)  # when a packet that vanished is sent again
LOOK_LIMIT_S, CONNECT_LIMIT_S, POLL_LIMIT_S, LONG_POLL_S = 4, 6.1, 10, 5
POLL_AGAIN_S, SAVE_EVERY_S, RESTART_S = 3, 0.5, 2
FAILING = {UP: (), SERVICE_DOWN: ("service",), WEB_DOWN: ("web",), DOWN: ("service", "web")}


@dataclass
class Span:
    """From when to when something is so. `more`: the state of a server, seconds."""

    begin: float
    end: float
    kind: str
    more: object = ""


@dataclass
class Plan:
    """All that happens, by seconds since the begin. `servers`: name -> what is wrong with it:
    "refused" or "vanish" with its state, or "slow" with how many seconds; `cuts` of the own
    network and of `telegram` alone: "refused", "swallowed", "portal"; `lags`: for up to
    how many seconds a request to Telegram is under way, and its answer; `chats`: recipient ->
    "403", "429", "topic" or "moved". `actions`: when, what, and with what."""

    seed: int
    interval_s: float = 15
    repeat_h: float = 0
    servers: dict[str, list[Span]] = field(default_factory=dict)
    cuts: list[Span] = field(default_factory=list)
    telegram: list[Span] = field(default_factory=list)
    lags: list[Span] = field(default_factory=list)
    chats: dict[tuple[int, int | None], list[Span]] = field(default_factory=dict)
    actions: list[tuple] = field(default_factory=list)
    quiet_from: float = 0
    ends_at: float = 0


def at_time(spans, at):
    return next((span for span in spans if span.begin <= at < span.end), None)


class Post:
    """A message in a chat. `versions`: when it came to be so, and how it reads then."""

    def __init__(self, number, at):
        self.id, self.at, self.versions = number, at, []
        self.is_confirmed = False  # the bot got to know that it is there
        self.is_left_behind = False  # in a group that has become a supergroup
        self.rows = []

    @property
    def text(self):
        return self.versions[-1][1]

    @property
    def first_text(self):
        return self.versions[0][1]

    def presses(self, *actions):
        """What its buttons say, of those with these actions."""
        data = [button["callback_data"] for row in self.rows for button in row]
        return [press for press in map(keyboards.unpack, data) if press.action in actions]


class World:
    """What is true, whatever the bot believes: servers, networks, chats and what came of presses.
    `alive`: from when to when there was a bot; `off` and `paused`: server -> the same."""

    def __init__(self, plan, folder):
        self.plan, self.loop, self.random = plan, Loop(), random.Random(plan.seed)
        self.file = folder / f"memory-{plan.seed}.json"
        self.posts = {chat_id: [] for chat_id, _ in plan.chats}
        self._post_ids = itertools.count(1)
        self.boot, self.bot = "boot 0", None
        self.moved = {}  # old ID of a group -> the new one
        self.listed = list(plan.chats)  # in the settings
        self.is_kill_next = False  # as soon as Telegram has taken something
        self.is_monitored = dict.fromkeys(plan.servers, True)
        self.alive, self.asleep, self.clock_sets = [], [], []
        self.off = {name: [] for name in plan.servers}
        self.paused = {name: [] for name in plan.servers}
        self.takes = []  # (at, who, [(server, outage_at)], chat, post, is_take)
        self.problems = []

    def check_buttons(self):
        """None that is left under an alert leads nowhere."""
        for (chat_id, _), spans in self.plan.chats.items():
            posts = [] if any(span.kind == "403" for span in spans) else self.posts[chat_id]
            for post in [one for one in posts if one.is_confirmed and not one.is_left_behind]:
                for press in post.presses("take", "take_all", "release", "release_all"):
                    chat_now = self.moved.get(chat_id, chat_id)
                    if not self.bot.outages_of(chat_now, post, press):
                        self.problems.append(f"{chat_id}: {press.action} does nothing: {post.text}")

    # ------------------------------------------------------------ servers

    def state(self, name, at):
        found = at_time([one for one in self.plan.servers[name] if one.kind != "slow"], at)
        return found.more if found else UP

    def get_status(self, server):
        began = self.loop.elapsed
        found = {part: self._answer(server.name, part, began) for part in ("service", "web")}
        self.loop.sleep(max(ends_at for ends_at, _ in found.values()) - began)
        service, web = found["service"][1], found["web"][1]
        is_doubtful = "portal" in (service, web)
        if is_doubtful:
            service, web = "http_302", ""
        state = DOWN if service and web else SERVICE_DOWN if service else WEB_DOWN if web else UP
        status = Status(state, service, web, self.loop.now(), is_doubtful=is_doubtful)
        server.learnt.last_status = status
        return status

    def _answer(self, name, part, began):
        """When the look at a part is over, and why nothing came of it."""
        for again in CARRIED:
            at = began + again
            cut = at_time(self.plan.cuts, at)
            wrong = cut or self._wrong_with(name, part, at)
            if wrong is None:
                return self._carried(name, at, began)
            if wrong.kind in ("refused", "portal"):
                reason = "portal" if wrong.kind == "portal" else "no_route" if cut else "refused"
                return at + 0.02, reason
        return began + LOOK_LIMIT_S, "timed_out"

    def _wrong_with(self, name, part, at):
        spans = [one for one in self.plan.servers[name] if one.kind != "slow"]
        found = at_time(spans, at)
        return found if found and part in FAILING[found.more] else None

    def _carried(self, name, at, began):
        slow = at_time([one for one in self.plan.servers[name] if one.kind == "slow"], at)
        ends_at = at + 0.05 + (slow.more if slow else 0)
        is_cut = any(at < cut.begin < ends_at for cut in self.plan.cuts)
        if is_cut or ends_at - began > LOOK_LIMIT_S:
            return began + LOOK_LIMIT_S, "no_answer"
        return ends_at, ""

    # ------------------------------------------------------------ Telegram

    def telegram_away(self, at):
        return at_time(self.plan.cuts, at) or at_time(self.plan.telegram, at)

    def ask_telegram(self, method, data, limit_s):
        """One request, as `requests` makes it. Raises what that raises."""
        began = self.loop.elapsed
        limit_s = POLL_LIMIT_S if method == "getUpdates" else limit_s
        if not self._arrive(began, self.random.choice([CONNECT_LIMIT_S, limit_s])):
            return _Answer(method, {"ok": False, "error_code": 502, "description": "Bad Gateway"})
        if method == "getUpdates":
            self.loop.sleep(LONG_POLL_S)
        answer, post = self._carry_out(method, data)
        if post and self.is_kill_next:
            self.loop.interrupt()
        self._return(began, limit_s)
        if post:
            post.is_confirmed = True
        return _Answer(method, answer)

    def _arrive(self, began, limit_s):
        """Whether the request comes to Telegram, and not only to its front."""
        for again in (*CARRIED, 7, 15, 25):
            if again >= limit_s:
                break
            self.loop.sleep(began + again - self.loop.elapsed)
            away = self.telegram_away(self.loop.elapsed)
            if away is None:
                self.loop.sleep(self._lag_s())
                return True
            if away.kind == "front":
                self.loop.sleep(0.02)
                return False
            if away.kind != "swallowed":
                self.loop.sleep(0.02)
                raise _failure(away.kind)
        self.loop.sleep(began + limit_s - self.loop.elapsed)
        raise requests.ConnectTimeout("timed out")

    def _lag_s(self):
        lag = at_time(self.plan.lags, self.loop.elapsed)
        return self.random.uniform(0.02, lag.more if lag else 0.2)

    def _return(self, began, limit_s):
        self.loop.sleep(self._lag_s())
        away = self.telegram_away(self.loop.elapsed)
        if away is None or away.kind == "front":
            return
        if away.kind != "swallowed":
            raise _failure(away.kind)
        until = min(away.end + 0.5, began + limit_s)
        self.loop.sleep(until - self.loop.elapsed)
        if until == began + limit_s:
            raise requests.ReadTimeout("timed out")

    def _carry_out(self, method, data):
        if method in ("getUpdates", "getMe"):
            return {"ok": True, "result": {"first_name": "Bot", "username": "a_bot"}}, None
        try:
            self._check_chat(data)
            text = as_read(formatted_text(_parameters(data)).text)
            rows = keyboard_rows(_parameters(data))
            if not any(rows):
                self.problems.append(f"no button under {text!r}")
            post = self._posted(data)
        except ApiError as error:
            if error.status == 400 and not re.search("thread|upgraded|not found", str(error)):
                self.problems.append(f"{error}: {data['text']!r}")
            answer = {"ok": False, "error_code": error.status, "description": str(error)}
            return {**answer, "parameters": error.parameters}, None
        post.versions.append((self.loop.elapsed, text))
        post.rows = rows
        return {"ok": True, "result": {"message_id": post.id}}, post

    def _move(self, chat_id):
        """The messages of before are there to read, and nobody can change them any more."""
        new_id = self.moved.setdefault(chat_id, chat_id - 1000)
        if new_id not in self.posts:
            self.posts[new_id] = self.posts[chat_id]
            for post in self.posts[chat_id]:
                post.is_left_behind = True
        return new_id

    def list_anew(self, old_id, new_id):
        moved = [(new_id if chat == old_id else chat, topic) for chat, topic in self.listed]
        self.listed = list(dict.fromkeys(moved))

    def _posted(self, data):
        posts = self.posts[data["chat_id"]]
        if "message_id" in data:
            post = next(post for post in posts if post.id == data["message_id"])
            if post.is_left_behind:
                raise ApiError(400, "Bad Request: message to edit not found")
            return post
        posts.append(Post(next(self._post_ids), self.loop.elapsed))
        return posts[-1]

    def _check_chat(self, data):
        at = self.loop.elapsed
        spans = [
            span
            for chat, each in self.plan.chats.items()
            if chat[0] == data["chat_id"]
            for span in each
        ]
        trouble = at_time(spans, at)
        if trouble is None:
            return
        if trouble.kind == "moved":
            new_id = self._move(data["chat_id"])
            problem = "Bad Request: group chat was upgraded to a supergroup chat"
            raise ApiError(400, problem, migrate_to_chat_id=new_id)
        if trouble.kind == "403":
            raise ApiError(403, "Forbidden: bot was blocked by the user")
        if trouble.kind == "429":
            wait_s = int(trouble.end - at) + 1
            raise ApiError(429, f"Too Many Requests: retry after {wait_s}", retry_after=wait_s)
        if data.get("message_thread_id"):
            raise ApiError(400, "Bad Request: message thread not found")


def _failure(kind):
    if kind == "portal":
        return requests.exceptions.SSLError("certificate verify failed")
    return requests.ConnectionError("refused")


def _parameters(data):
    given = {**data, "parse_mode": "HTML"}
    return Parameters((name, str(value)) for name, value in given.items() if value is not None)


class _Answer:
    def __init__(self, method, fields):
        self.fields, self.url = fields, f"http://127.0.0.1/bot/{method}"
        self.ok = fields["ok"]
        self.status_code = 200 if self.ok else fields["error_code"]

    def json(self):
        return self.fields


class _Sender(telegram_sender.Sender):
    def __init__(self, world):
        super().__init__("http://127.0.0.1:1", "", 1, str)
        self.world = world

    def _post(self, url, **request):
        limit_s = request["timeout"][1]
        return self.world.ask_telegram(url.rpartition("/")[2], request["data"] or {}, limit_s)

    def _drop_connections(self):
        pass


class _TeleBot:
    """As much of telebot's bot as alerts need."""

    def __init__(self, world):
        self.sender = _Sender(world)

    def ask(self, method, timeout=10, **fields):
        url = f"http://127.0.0.1:1/bot/{method}"
        answer = self.sender.send("post", url, params=fields, timeout=(15, timeout)).json()
        if not answer["ok"]:
            answer = {**answer, "result": None}
            raise ApiTelegramException(method, None, answer)
        return answer["result"]

    def get_me(self):
        return self.ask("getMe")

    def send_message(self, chat_id, text, reply_markup=None, message_thread_id=None, **more):
        fields = {"text": text, "reply_markup": reply_markup and reply_markup.to_json()}
        fields |= {"chat_id": chat_id, "message_thread_id": message_thread_id}
        result = self.ask("sendMessage", more.get("timeout", 10), **fields)
        return SimpleNamespace(**result)

    def edit_message_text(self, text, chat_id, message_id, reply_markup=None, **_):
        fields = {"text": text, "reply_markup": reply_markup and reply_markup.to_json()}
        self.ask("editMessageText", **fields, chat_id=chat_id, message_id=message_id)


# ---------------------------------------------------------------- the bot in this world


class Bot:
    """One process: made from the file of the record, and gone without a word when killed."""

    def __init__(self, world):
        self.world, self.loop, plan = world, world.loop, world.plan
        clocks = Clocks(self.loop.now, self.loop.steady, self.loop.steady)
        self.servers = {
            name: Server(
                name,
                f"https://192.0.2.{number}",
                is_monitored=world.is_monitored[name],
                look_interval_s=plan.interval_s,
                repeat_h=plan.repeat_h,
            )
            for number, name in enumerate(plan.servers, 1)
        }
        self.record = Record(world.file, self.servers.values(), clocks)
        evidence = Evidence()
        self.watchers = [
            Watcher(server, self.record, evidence, position, clocks)
            for position, server in enumerate(self.servers.values())
        ]
        self.telebot = _TeleBot(world)
        config = SimpleNamespace(
            servers=self.servers,
            recipients=world.listed,
            move_user=world.list_anew,
            is_quiet_at=lambda at: False,
            drop_earlier=lambda: None,
            digest=None,
        )
        alerts.Mailbox = functools.partial(Mailbox, clocks=clocks)
        alerts.MakingSure = functools.partial(MakingSure, clocks=clocks)
        self.announcer = Announcer(
            self.telebot, config, self.record, evidence, lambda: settle(self.watchers)
        )
        self._start()

    def _start(self):
        *mailboxes, making_sure = self.announcer._threads
        for mailbox in mailboxes:
            mailbox.wake = Signal(self.loop)
            self.record.listen(mailbox.wake.set)
        making_sure._wake = Signal(self.loop)
        self.record.listen(making_sure._wake.set)
        for watcher in self.watchers:
            watcher._wake = Signal(self.loop)
        lives = [one.run for one in (*mailboxes, making_sure, *self.watchers)]
        self._turns = [self.loop.start(live) for live in (*lives, self._poll, self._save)]

    def _poll(self):
        while True:
            try:
                self.telebot.ask("getUpdates")
            except telegram_sender.Unreachable as error:
                self.loop.sleep(0 if error.trouble.is_timeout else POLL_AGAIN_S)

    def _save(self):
        while True:
            self.record.save()
            self.loop.sleep(SAVE_EVERY_S)

    def kill(self):
        self.loop.kill(self._turns)

    def outages_of(self, chat_id, post, press):
        """What a press in a chat is about, as in main.py."""
        for name, server in self.servers.items():
            if keyboards.short_id(name) == press.server:
                return self.announcer.outages(server, press.outage_at)
        return self.announcer.outages_shown(chat_id, post.id)

    def watcher(self, name):
        return next(one for one in self.watchers if one.server.name == name)


# ---------------------------------------------------------------- what people do


class People:
    """What happens by the plan's actions. Each press is somebody else's, so that it can be told
    from all others."""

    def __init__(self, world):
        self.world, self.loop = world, world.loop
        self._number = 0

    def wait_until(self, at):
        self.loop.run_until(max(at, self.loop.elapsed))
        while self.world.is_kill_next and self.loop.elapsed < at:  # interrupted
            self.world.is_kill_next = False
            self._kill()
            self.loop.run_until(self.loop.elapsed + RESTART_S)
            self._start()
            self.loop.run_until(max(at, self.loop.elapsed))

    def act(self, what, *arguments):
        is_of_machine = what in ("kill", "kill_next", "start", "sleep", "clock")
        world = self.world
        if is_of_machine or (world.bot and not world.telegram_away(self.loop.elapsed)):
            getattr(self, f"_{what}")(*arguments)

    def _who(self):
        self._number += 1
        return f"Person{self._number}"

    def _kill(self, is_reboot=False):
        if self.world.bot:
            self.world.bot.kill()
            self.world.bot = None
            self.world.alive[-1][1] = self.loop.elapsed
        if is_reboot:
            self.loop.booted_at = self.loop.elapsed
            self.world.boot = f"boot at {self.loop.elapsed}"

    def _kill_next(self):
        self.world.is_kill_next = self.world.bot is not None

    def _start(self):
        if not self.world.bot:
            self.world.alive.append([self.loop.elapsed, float("inf")])
            self.world.bot = Bot(self.world)

    def _sleep(self, seconds):
        self.world.asleep.append((self.loop.elapsed, self.loop.elapsed + seconds))
        self.loop.suspend(seconds)

    def _clock(self, step_s):
        self.world.clock_sets.append(self.loop.elapsed)
        self.loop.offset += step_s

    def _hear(self, chat_id):
        self.world.bot.announcer.hear(self.world.moved.get(chat_id, chat_id))

    def _switch(self, name, is_on):
        world, who = self.world, self._who()
        if world.is_monitored[name] != is_on:
            world.is_monitored[name] = is_on
            spans = world.off[name]
            if is_on:
                spans[-1][1] = self.loop.elapsed
            else:
                spans.append([self.loop.elapsed, float("inf")])
                self._shorten_pauses(name)  # where nobody looks, there is nothing to pause
            world.bot.watcher(name).switch_monitoring(is_on, who)
            if not is_on:
                announcer = world.bot.announcer
                announcer.tell_switched_off(world.bot.servers[name], "monitoring", who)

    def _pause(self, name, seconds):
        world = self.world
        if world.is_monitored[name]:
            until = self.loop.now() + seconds
            world.bot.announcer.pause([world.bot.servers[name]], until, self._who())
            self._shorten_pauses(name)  # the new one takes the place of one that goes on
            world.paused[name].append([self.loop.elapsed, self.loop.elapsed + seconds])

    def _end_pause(self, name):
        server = self.world.bot.servers[name]
        if server.known.pause:
            self.world.bot.announcer.end_pause(server)
            self._shorten_pauses(name)

    def _shorten_pauses(self, name):
        for span in self.world.paused[name]:
            span[1] = max(span[0], min(span[1], self.loop.elapsed))

    def _take(self, chat_id, action):
        """Press the newest button of this kind in a chat: "take" or "release"."""
        for post in [one for one in self.world.posts[chat_id][::-1] if not one.is_left_behind]:
            for press in post.presses(action, f"{action}_all"):
                self._press_care(chat_id, post, press, action == "take")
                return

    def _press_care(self, chat_id, post, press, is_take):
        bot, who = self.world.bot, self._who()
        chat_now = self.world.moved.get(chat_id, chat_id)
        outages, seen_by = bot.outages_of(chat_now, post, press), (1, chat_now)
        mine = [one for one in outages if bool(one.by) != is_take]
        keys = [(one.server, int(one.begun)) for one in mine]
        if is_take:
            bot.announcer.take(outages, who, 1, seen_by)
        else:
            bot.announcer.release(outages, who, seen_by)
        if keys:
            self.world.takes.append((self.loop.elapsed, who, keys, chat_id, post, is_take))


# ---------------------------------------------------------------- running it


class _Defects(logging.Handler):
    """A defect is logged with its traceback, and nothing else is."""

    def __init__(self, world):
        super().__init__(logging.ERROR)
        self.world = world

    def emit(self, record):
        self.world.problems.append(f"logged: {logging.Formatter().format(record)}")


@contextlib.contextmanager
def _in_virtual_time(world, patch):
    loop = world.loop
    log = logging.getLogger("bot")
    handler, level = _Defects(world), log.level
    log.addHandler(handler)
    log.setLevel(logging.ERROR)
    log.propagate = False
    try:
        with clocks_of(loop, patch), patch.context() as patched:
            for module in (status_watcher, alerts, telegram_sender):
                patched.setattr(module, "steady_clock", loop.steady)
            patched.setattr(memory, "boot_id", lambda: world.boot)
            patched.setattr(trueconf_api, "get_status", world.get_status)
            patched.setattr(trueconf_api, "renew_access_token", functools.partial(_renew, loop))
            patched.setattr(trueconf_api, "get_certificate_end", lambda server: None)
            patched.setattr(settings_files, "_flush", lambda file: file.flush())
            patched.setattr(alerts, "Mailbox", Mailbox)
            patched.setattr(alerts, "MakingSure", MakingSure)
            yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = True


def _renew(loop, server):
    server.learnt.token_renewal_at = loop.steady() + 3600


def live_through(plan, folder, patch):
    """Let the plan happen, and return the World as it is then. `patch`: a MonkeyPatch."""
    world = World(plan, folder)
    people = People(world)
    with _in_virtual_time(world, patch):
        people.act("start")
        for at, what, *arguments in sorted(plan.actions, key=lambda action: action[0]):
            people.wait_until(at)
            people.act(what, *arguments)
        people.wait_until(plan.ends_at)
        world.check_buttons()
        if world.bot:
            world.bot.kill()
    with contextlib.suppress(OSError):
        os.remove(world.file)
    return world
