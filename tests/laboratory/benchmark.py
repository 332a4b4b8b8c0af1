"""Measures the bot: what a press costs, and how many servers one bot can watch.

    python -m tests.laboratory.benchmark [--short] [--round-trip MS] [--only PART]

The real bot, the simulated TrueConf Servers and a bare client run in processes of their own; this
one is Telegram and the person who presses. The network is modelled: one round trip for TCP, one
for TLS, one for each request, half a one until the bot gets a press and half a one until Telegram
gets its edit. Seconds depend on the computer and on what else it does, so the results are counts
and ratios; presses of the bot and of the bare client take turns. Exit code 1: a target is missed.
"""

import argparse
import contextlib
import http.client
import json
import multiprocessing
import os
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing.managers import BaseManager
from pathlib import Path
from urllib.parse import quote, urlencode

import requests

from demo.telegram.server import TelegramServer
from demo.trueconf.server import Person, TrueConfServer
from tests.conftest import ANNA, PATIENCE_S, TOKEN, BotProcess, calm, wait_until

PARTS = ("start", "presses", "dead", "hostile", "many")
MOST_RATIO, MOST_FORGOTTEN_RATIO, MOST_ROUND_TRIPS, MOST_DEAD_RATIO = 1.15, 1.5, 8, 1.5
MOST_LATE_S, MOST_MB, MOST_CPU, MOST_START_S = 1, 150, 0.25, 1.5
MOST_ANSWER_S, MOST_HOSTILE_MB = 13, 400
BOT_API_CALLS = 2  # the edit and the answer to the query
CANDIDATES = (1, 10, 50)
MANY_ROWS = 1200  # three pages
NAMED = (1000, 5000)  # accounts, all of them online
DEAD_PRESSES = 8
# What a hostile server does to whoever asks it, on both ports where it makes sense.
HOSTILE = ("drip_header", "drip_status_line", "continue", "chunk_drip", "gzip_drip")
HOSTILE += ("large_rows", "many_rows", "nested_gzip")
MANY, MANY_EVERY_S = 500, 15
START_LIMIT_S = 120  # to read the authorities for 500 servers while others use the processor
IS_LINUX = sys.platform == "linux"


# ------------------------------------------------------------ the simulated servers


class World:
    """The simulated TrueConf Servers. It lives in a process of its own, so that their work holds
    up nobody who measures; its methods are called from here through a proxy."""

    def __init__(self, round_trip_s: float):
        self.round_trip_s = round_trip_s
        self.servers: dict[str, TrueConfServer] = {}

    def start(self, name: str) -> tuple[dict, str]:
        """Start a server; return its part of settings.json and an access token."""
        server = TrueConfServer(name=f"{name}.example.org", round_trip_s=self.round_trip_s)
        self.servers[name] = server.start()
        return server.settings(), server.new_token()

    def counts(self) -> tuple[int, int]:
        """How many requests and TLS handshakes there were so far, on all servers."""
        servers = self.servers.values()
        return sum(len(one.requests) for one in servers), sum(one.handshakes for one in servers)

    def add_conferences(
        self, name: str, count: int, age_s: float = 60, people: Iterable[str] = ()
    ) -> list[tuple[str, str]]:
        """Start conferences with these in them; return the ID and the session of each."""
        server = self.servers[name]
        added = [server.add_conference("Meeting", people=people, age_s=age_s) for _ in range(count)]
        return [(one.id, one.session_id) for one in added]

    def end_conferences(self, name: str) -> None:
        for conference in self.servers[name].conferences:
            conference.end()

    def add_people(self, name: str, count: int) -> None:
        self.servers[name].people += [Person(f"person{number}") for number in range(count)]

    def set_people(self, name: str, count: int) -> None:
        self.servers[name].people[:] = [Person(f"person{number}") for number in range(count)]

    def blackhole(self, name: str) -> None:
        self.servers[name].blackhole()

    def spoil(self, name: str, fault: str) -> None:
        """Meet everybody who asks this server with one of the simulator's faults."""
        for part in ("logs/calls", "participants", "users", "conferences", "v4/server", "vsstatus"):
            self.servers[name].break_path(part, fault)

    def mend(self, name: str) -> None:
        self.servers[name].mend()

    def start_many(self, count: int) -> dict[str, dict]:
        """Start so many servers; return their parts of settings.json."""
        import resource  # not on Windows

        _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
        return {f"server{number}": self.start(f"server{number}")[0] for number in range(count)}

    def arrivals(self, names: Iterable[str]) -> list[list[float]]:
        """When each of these servers was asked for its status, time.monotonic()."""
        return [
            [one.at for one in self.servers[name].requests if one.path == "/vsstatus"]
            for name in names
        ]


class Simulators(BaseManager):
    """The process in which the World lives."""


Simulators.register("World", World)


# ------------------------------------------------------------ the bare client


@dataclass(frozen=True)
class Get:
    """A request of the bare client."""

    url: str  # "https://127.0.0.1:443", without a path
    path: str
    token: str = ""
    method: str = "GET"


class BareClient:
    """The least that could answer a press: open connections, nothing parsed, one edit.

    It also makes its requests with `requests`, to show how much of the bot's time that takes.
    """

    def __init__(self, ca_file: str):
        self.context = ssl.create_default_context(cafile=ca_file)
        self.connections: dict[tuple[str, int], http.client.HTTPConnection] = {}
        self.ca_file, self.session = ca_file, requests.Session()
        self.session.trust_env = False
        self.session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=max(CANDIDATES)))

    def ask(self, place: int, get: Get) -> None:
        """Send it over the connection number `place` to that server."""
        connection = self.connections.get((get.url, place)) or self.connect(place, get.url)
        headers = {"Authorization": f"Bearer {get.token}"}
        connection.request(get.method, get.path, headers=headers)
        response = connection.getresponse()
        response.read()
        assert response.status == 200, (get, response.status)

    def connect(self, place: int, url: str) -> http.client.HTTPConnection:
        scheme, _, address = url.partition("://")
        if scheme == "https":
            connection = http.client.HTTPSConnection(address, context=self.context)
        else:
            connection = http.client.HTTPConnection(address)
        self.connections[url, place] = connection
        return connection

    def ask_with_requests(self, place: int, get: Get) -> None:
        headers = {"Authorization": f"Bearer {get.token}"}
        self.session.request(
            get.method, get.url + get.path, headers=headers, verify=self.ca_file
        ).raise_for_status()


def call(telegram: http.client.HTTPConnection, method: str, **parameters: object) -> object:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    telegram.request("POST", f"/bot{TOKEN}/{method}", urlencode(parameters), headers)
    return json.loads(telegram.getresponse().read())["result"]


def run_bare_client(telegram: str, ca_file: str, plans) -> None:
    """Out of the pipe `plans` comes, for each press, a list of stages, each a list of Get that are
    sent side by side, and whether to do it with `requests`."""
    client, pool = BareClient(ca_file), ThreadPoolExecutor(max(CANDIDATES))
    polling, editing = (http.client.HTTPConnection(telegram) for _ in range(2))
    keyboard = json.dumps({"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]})
    message = call(editing, "sendMessage", chat_id=ANNA, text="bare", reply_markup=keyboard)
    place = {"chat_id": ANNA, "message_id": message["message_id"], "reply_markup": keyboard}
    next_id = 0
    while True:
        for update in call(polling, "getUpdates", timeout=25, offset=next_id):
            next_id = update["update_id"] + 1
            stages, with_requests = plans.recv()
            ask = client.ask_with_requests if with_requests else client.ask
            for stage in stages:
                if len(stage) == 1:
                    ask(0, stage[0])
                else:
                    list(pool.map(ask, range(len(stage)), stage))
            call(editing, "editMessageText", text=f"bare {next_id}", **place)
            query_id = update["callback_query"]["id"]
            call(editing, "answerCallbackQuery", callback_query_id=query_id)


# ------------------------------------------------------------ the person


class Phone:
    """Somebody's chat with a bot: one message, whose buttons are pressed."""

    def __init__(self, telegram: TelegramServer, message):
        self.telegram, self.message, self.person = telegram, message, message.chat.person

    def buttons(self, action: str) -> list:
        """The buttons with this action, the first part of what they carry."""
        return [one for one in self.message.buttons if (one.data or "").split(":")[0] == action]

    def press(self, action: str, label: str = "") -> tuple[float, int]:
        """Press the first button with this action and label. Returns the seconds until the bot's
        edit came, and how many calls of the Bot API it made."""
        self.telegram.wait_for_poll()
        button = next(one for one in self.buttons(action) if label in one.text)
        press = self.person.press(self.message, button)
        press.wait(PATIENCE_S)
        calls, mine = self.calls_since(press.at), str(self.message.id)
        edit = next(one for one in calls if one.parameters.get("message_id") == mine)
        return edit.at - press.at, len(calls)

    def write(self, text: str) -> tuple[float, int]:
        """The same for a message to the bot, until its answer came."""
        self.telegram.wait_for_poll()
        began = time.monotonic()
        written = self.person.send(text)
        written.chat.wait_for(lambda message: message.id > written.id)
        calls = self.calls_since(began)
        return calls[0].at - began, len(calls)

    def calls_since(self, moment: float) -> list:
        calls = [one for one in self.telegram.calls if one.at >= moment]
        return [one for one in calls if one.method != "getUpdates"]


# ------------------------------------------------------------ results


@dataclass
class Screen:
    """One line of the first table: the same press again and again. The first time, with its new
    connections, stands apart. Times in seconds."""

    name: str
    least: int  # requests
    most_ratio: float = MOST_RATIO
    times: list[float] = field(default_factory=list)
    bare_times: list[float] = field(default_factory=list)
    library_times: list[float] = field(default_factory=list)  # the bare client with requests
    requests: list[int] = field(default_factory=list)
    handshakes: list[int] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return middle(self.times) / middle(self.bare_times)

    @property
    def misses(self) -> list[str]:
        """Which of the targets are missed."""
        checks = {
            "requests": max(self.requests) <= self.least,
            "Bot API": max(self.calls) <= BOT_API_CALLS,
            "ratio": self.ratio <= self.most_ratio,
        }
        return [name for name, is_met in checks.items() if not is_met]

    def cells(self) -> list[str]:
        shown_s = [self.times[0], middle(self.times), max(self.times[1:])]
        shown_s += [middle(self.bare_times), middle(self.library_times)]
        return [
            self.name,
            f"{max(self.requests)} ({self.least})",
            f"{self.handshakes[0]} / {max(self.handshakes[1:])}",
            str(max(self.calls)),
            *(f"{seconds * 1000:.0f}" for seconds in shown_s),
            f"{self.ratio:.2f}",
            f"{self.most_ratio:.2f}",
            "MISSED: " + ", ".join(self.misses) if self.misses else "met",
        ]


SCREEN_HEADINGS = ["screen", "requests (least)", "TLS first/then", "Bot API", "first ms", "median"]
SCREEN_HEADINGS += ["worst", "bare", "by requests", "ratio", "target", ""]
RESULT_HEADINGS = ["what", "measured", "target", ""]


def middle(times: list[float]) -> float:
    """The median of all but the first."""
    return statistics.median(times[1:])


def table(headings: list[str], rows: Iterable[list[str]]) -> str:
    """Lines with columns as wide as their widest cell."""
    rows = [headings, *rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def lateness(arrivals: list[list[float]], every_s: float, until: float) -> float:
    """By how many seconds the latest of all checks came too late. `arrivals`: of each server;
    one that had not come when we looked, at `until`, counts too."""
    gaps = [later - one for times in arrivals for one, later in pairwise([*times, until])]
    return max(0.0, max(gaps) - every_s)


def read_status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def cpu_s(pid: int) -> float:
    """Seconds that a process has used the processor: fields 14 and 15, see `man 5 proc`."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ------------------------------------------------------------ the benchmark


class Benchmark:
    """Everything that runs, and what came out of it."""

    def __init__(self, folder: Path, world: World, round_trip_s: float, is_short: bool):
        self.folder, self.world = folder, world
        self.round_trip_s, self.is_short = round_trip_s, is_short
        self.repetitions = 5 if is_short else 15
        self.screens: dict[str, Screen] = {}
        self.results: list[tuple[list[str], bool]] = []  # cells, is the target met
        self.ending = contextlib.ExitStack()
        self.settings, self.tokens = {}, {}
        for name in ("office", "branch", "dead", "hostile"):
            self.settings[name], self.tokens[name] = world.start(name)
        # All authorities of the world and the simulated one: to load them costs what it costs
        # with "ssl_certificate": true, which the simulators cannot offer.
        authorities = [requests.certs.where(), self.settings["office"]["ssl_certificate"]]
        self.ca_file = str(folder / "authorities.pem")
        Path(self.ca_file).write_bytes(b"".join(Path(one).read_bytes() for one in authorities))

    def new_telegram(self) -> TelegramServer:
        telegram = TelegramServer(token=TOKEN, round_trip_s=self.round_trip_s)
        self.ending.callback(telegram.stop)
        telegram.person(ANNA, first_name="Anna", language_code="en").starts_bot()
        return telegram.start()

    def start_bot(self, servers: dict) -> tuple[BotProcess, TelegramServer]:
        """Returns when the first getUpdates came."""
        telegram = self.new_telegram()
        settings = {
            "tg-api-token": TOKEN,
            "tg-api-url": telegram.url,
            "tg-users-id": [ANNA],
            "language": "en",
            "servers": {
                name: {**one, "ssl_certificate": self.ca_file} for name, one in servers.items()
            },
        }
        bot = BotProcess(Path(tempfile.mkdtemp(dir=self.folder)), settings)
        self.ending.callback(bot.kill)
        bot.start()
        telegram.wait_until(lambda: telegram.count("getUpdates"), START_LIMIT_S)
        return bot, telegram

    def start_phones(self) -> None:
        """Start the bot and the bare client, and open a chat with each."""
        self.bot, telegram = self.start_bot(self.settings)
        # The watcher of each server gets its access token and finds out the version of the API.
        wait_until(lambda: self.world.counts()[0] >= 2 * len(self.settings), what="the versions")
        self.phone = self.new_phone(telegram)

        telegram = self.new_telegram()
        self.plans, plans = multiprocessing.Pipe()
        bare = multiprocessing.get_context("spawn").Process(
            target=run_bare_client,
            args=(telegram.url.partition("://")[2], self.ca_file, plans),
            daemon=True,
        )
        bare.start()
        self.ending.callback(bare.kill)
        self.bare_phone = Phone(telegram, telegram.person(ANNA).chat.wait_for("bare"))

    def new_phone(self, telegram: TelegramServer) -> Phone:
        written = telegram.person(ANNA).send("/start")
        return Phone(telegram, written.chat.wait_for(lambda message: message.id > written.id))

    # -------------------------------------------------------- what the bare client asks

    def status(self, name: str) -> list[Get]:
        """Both parts of the server, asked side by side."""
        port = self.settings[name]["server_status"]["port"]
        website = Get(f"https://{self.settings[name]['ip']}", "/api/v4/server")
        return [website, Get(f"http://127.0.0.1:{port}", "/vsstatus")]

    def api(self, name: str, path: str, method: str = "GET", **query: object) -> Get:
        address = f"/api/v3.3/{path}" + (f"?{urlencode(query)}" if query else "")
        return Get(f"https://{self.settings[name]['ip']}", address, self.tokens[name], method)

    def rows(self, name: str, path: str, page: int = 1, **query: object) -> Get:
        return self.api(name, path, page_size=500, page_id=page, **query)

    def calls(self, name: str, page: int = 1) -> Get:
        return self.rows(name, "logs/calls", page, sort_field="end_time", sort_order=1)

    def running(self, name: str, page: int = 1) -> list[Get]:
        """The log and the server's own list, asked side by side."""
        return [self.calls(name, page), self.rows(name, "conferences", page, state="running")]

    def people(self, name: str, session: str) -> Get:
        return self.rows(name, f"logs/calls/{quote(session, safe='')}/participants")

    # -------------------------------------------------------- the presses

    def press(self, action: str, screen: str, stages: list[list[Get]]) -> None:
        """Press a button, then let the bare client do the same, and note both."""
        most = MOST_FORGOTTEN_RATIO if action == "forgotten" else MOST_RATIO
        self.compare(lambda: self.phone.press(action), screen, stages, most)

    def compare(
        self,
        act: Callable[[], tuple[float, int]],
        screen: str,
        stages: list[list[Get]],
        most: float = MOST_RATIO,
    ) -> None:
        before = self.world.counts()
        seconds, call_count = act()
        after = self.world.counts()
        row = self.screens.setdefault(screen, Screen(screen, sum(map(len, stages)), most))
        row.times.append(seconds)
        row.requests.append(after[0] - before[0])
        row.handshakes.append(after[1] - before[1])
        row.calls.append(call_count)
        for times, with_requests in ((row.bare_times, False), (row.library_times, True)):
            self.plans.send((stages, with_requests))
            times.append(self.bare_phone.press("go")[0])

    def open_menu(self, name: str) -> None:
        if self.phone.buttons("servers"):
            self.phone.press("servers")
        self.phone.press("menu", name)

    def measure_presses(self) -> None:
        self.measure_screens()
        self.measure_stops()
        self.measure_who()
        self.measure_names()
        for count in CANDIDATES:
            self.measure_forgotten(count)
        self.measure_pages()

    def measure_screens(self) -> None:
        self.world.add_conferences("office", 5)
        self.open_menu("office")
        users = {name: self.rows(name, "users") for name in self.settings}
        everything = [
            get for name in users for get in (*self.status(name), *self.running(name), users[name])
        ]
        for _ in range(self.repetitions + 1):
            self.press("status", "status", [self.status("office")])
            self.press("history", "history", [])
            self.phone.press("status")
            self.phone.press("menu")
            self.press("conferences", "running conferences, 5", [self.running("office")])
            self.phone.press("menu")
            self.press("online", "online users, 12 accounts", [[users["office"]]])
            self.phone.press("menu")
            self.press("servers", "servers", [])
            self.press("all", f"all servers, {len(users)}", [everything])
            self.phone.press("servers")
            self.press("menu", "menu of a server", [])

    def measure_stops(self) -> None:
        """The confirmation and the stop; the bot and the bare client have conferences to stop."""
        self.open_menu("branch")
        find = [self.calls("branch")]
        for _ in range(self.repetitions + 1):
            # With somebody in them: one that was shown empty is looked into again before the stop.
            added = self.world.add_conferences("branch", 2, people=("anna",))
            conference_id, session = added[0]
            self.phone.press("conferences")
            people = [self.people("branch", session)]
            self.press("conference", "page of a conference", [self.running("branch"), people])
            asking = [find, people]
            self.press("ask_stop", "confirmation of a stop", asking)
            path = f"conferences/{conference_id}"
            calm(self.phone.message)
            stop, look = self.api("branch", f"{path}/stop", "POST"), self.api("branch", path)
            self.press("stop", "stop", [find, [stop], [look]])
            self.world.end_conferences("branch")
            self.phone.press("conferences")
            self.phone.press("menu")

    def measure_forgotten(self, count: int) -> None:
        self.world.end_conferences("office")
        added = self.world.add_conferences("office", count, age_s=7200)
        stages = [self.running("office"), [self.people("office", session) for _, session in added]]
        self.open_menu("office")
        screen = f"forgotten, candidates: {count}"
        for _ in range(self.repetitions + 1):
            self.press("forgotten", screen, stages)
            self.phone.press("menu")
        times = self.screens[screen].times
        trips, first = middle(times) / self.round_trip_s, times[0] / self.round_trip_s
        found = f"{trips:.1f} round trips (the first time {first:.1f})"
        self.note(screen, found, f"at most {MOST_ROUND_TRIPS}", trips <= MOST_ROUND_TRIPS)

    def measure_who(self) -> None:
        """On all servers there is such an account, and on one of them it is in a conference."""
        self.world.end_conferences("office")
        [(_, session)] = self.world.add_conferences("office", 1, people=("anna",))
        stages = [[self.rows(name, "users") for name in self.settings], self.running("office")]
        stages.append([self.people("office", session)])
        for _ in range(self.repetitions + 1):
            screen = f"/who, {len(self.settings)} servers"
            self.compare(lambda: self.phone.write("/who anna"), screen, stages)

    def measure_names(self) -> None:
        """Who is online by name, on pages that the server gives one after the other."""
        for count in NAMED:
            self.world.set_people("branch", count)
            pages = [[self.rows("branch", "users", page)] for page in range(1, count // 500 + 1)]
            self.open_menu("branch")
            self.phone.press("online")
            for _ in range(self.repetitions + 1):
                self.press("by_name", f"by name, {count} accounts", pages)
                self.phone.press("online")
            self.phone.press("menu")

    def measure_pages(self) -> None:
        """Lists of several pages, of which each is asked for after the one before."""
        self.world.end_conferences("office")
        self.world.add_conferences("office", MANY_ROWS)
        self.world.add_people("office", MANY_ROWS)
        self.open_menu("office")
        for _ in range(self.repetitions + 1):
            pages = [self.running("office", page) for page in (1, 2, 3)]
            self.press("conferences", f"running conferences, {MANY_ROWS}", pages)
            self.phone.press("menu")
            pages = [[self.rows("office", "users", page)] for page in (1, 2, 3)]
            self.press("online", f"online users, {MANY_ROWS + 12} accounts", pages)
            self.phone.press("menu")

    # -------------------------------------------------------- the rest

    def note(self, what: str, found: str, target: str, is_met: bool) -> None:
        self.results.append(([what, found, target, "met" if is_met else "MISSED"], is_met))

    def measure_start(self) -> None:
        times = []
        for _ in range(self.repetitions):
            began = time.monotonic()
            bot, telegram = self.start_bot(self.settings)
            poll = next(one for one in telegram.calls if one.method == "getUpdates")
            times.append(poll.at - began)
            bot.stop()
        found = f"{middle(times):.2f} s (worst {max(times):.2f})"
        target, is_met = f"under {MOST_START_S} s", middle(times) < MOST_START_S
        self.note("start to the first getUpdates", found, target, is_met)

    def measure_dead(self) -> None:
        """Press on a live server while other presses wait for a dead one."""
        live = self.phone
        self.open_menu("branch")
        self.phone = dead = self.new_phone(live.telegram)
        self.open_menu("dead")
        self.phone = live
        idle = self.live_times(lambda: True)
        self.world.blackhole("dead")
        button = dead.buttons("status")[0]
        waiting = [dead.person.press(dead.message, button) for _ in range(DEAD_PRESSES)]
        busy = self.live_times(lambda: not any(one.answered for one in waiting))
        usual = statistics.median(idle)
        ratio, worst = statistics.median(busy) / usual, max(busy) / usual
        what = f"a press while {DEAD_PRESSES} presses wait for a dead server"
        found, target = f"{ratio:.2f} x idle (worst {worst:.2f})", f"at most {MOST_DEAD_RATIO} x"
        self.note(what, found, target, ratio <= MOST_DEAD_RATIO)

    def measure_hostile(self) -> None:
        """Press on a live server while other presses wait for a hostile one."""
        live = self.phone
        self.open_menu("branch")
        self.phone = victim = self.new_phone(live.telegram)
        self.open_menu("hostile")
        self.phone = live
        usual = statistics.median(self.live_times(lambda: True))
        busy, slowest_s = [], 0.0
        buttons = [victim.buttons(action)[0] for action in ("status", "conferences", "forgotten")]
        for fault in HOSTILE:
            self.world.spoil("hostile", fault)
            began = time.monotonic()
            pressed = [victim.person.press(victim.message, button) for button in buttons]
            busy += self.live_times(lambda: True)
            for press in pressed:
                press.wait(4 * PATIENCE_S)
            slowest_s = max(slowest_s, time.monotonic() - began)
            self.world.mend("hostile")
        ratio = statistics.median(busy) / usual
        found, target = f"{ratio:.2f} x idle (worst {max(busy) / usual:.2f})", "at most 1.5 x"
        what = "a hostile server: "
        self.note(what + "a press on another", found, target, ratio <= MOST_DEAD_RATIO)
        found, target = f"{slowest_s:.1f} s", f"at most {MOST_ANSWER_S} s"
        self.note(what + "the last answer about it", found, target, slowest_s <= MOST_ANSWER_S)
        most_mb = int(read_status(self.bot.process.pid)["VmHWM"].split()[0]) / 1024
        found, target = f"{most_mb:.0f} MB at most", f"under {MOST_HOSTILE_MB} MB"
        self.note(what + "memory", found, target, most_mb < MOST_HOSTILE_MB)

    def live_times(self, is_valid: Callable[[], bool]) -> list[float]:
        times = []
        for _ in range(2 * self.repetitions):
            seconds, _ = self.phone.press("conferences")
            self.phone.press("menu")
            if not is_valid():
                break
            times.append(seconds)
        assert times, "the presses for the dead server ended too early"
        return times

    def measure_many(self) -> None:
        """Many servers that are checked all the time."""
        servers = self.world.start_many(MANY)
        for one in servers.values():
            one["server_status"] |= {"state": 1, "timeout": MANY_EVERY_S}
        bot, _ = self.start_bot(servers)
        wait_until(lambda: all(self.world.arrivals(servers)), START_LIMIT_S, "the first checks")
        began, cpu_before = time.monotonic(), cpu_s(bot.process.pid)
        time.sleep(16 if self.is_short else 120)
        ended, cpu_after = time.monotonic(), cpu_s(bot.process.pid)
        late_s = lateness(self.world.arrivals(servers), MANY_EVERY_S, ended)
        share = (cpu_after - cpu_before) / (ended - began)
        status = read_status(bot.process.pid)
        most_mb = int(status["VmHWM"].split()[0]) / 1024
        files = len(list(Path(f"/proc/{bot.process.pid}/fd").iterdir()))
        bot.stop()

        what = f"{MANY} servers checked every {MANY_EVERY_S} s: "
        found, target = f"{late_s:.2f} s late", f"at most {MOST_LATE_S} s"
        self.note(what + "latest check", found, target, late_s <= MOST_LATE_S)
        target = f"under {MOST_CPU:.0%}"
        self.note(what + "share of one core", f"{share:.1%}", target, share < MOST_CPU)
        found = f"{most_mb:.0f} MB at most, {status['Threads']} threads, {files} files"
        self.note(what + "memory", found, f"under {MOST_MB} MB", most_mb < MOST_MB)

    def run(self, parts: Iterable[str]) -> None:
        with self.ending:
            if "start" in parts:
                self.measure_start()
            if {"presses", "dead", "hostile"} & set(parts):
                self.start_phones()
                if "presses" in parts:
                    self.measure_presses()
                if "dead" in parts:
                    self.measure_dead()
                if "hostile" in parts:
                    self.measure_hostile()
                self.bot.kill()
            if "many" in parts:
                self.measure_many()


def load() -> str:
    return ", ".join(f"{one:.1f}" for one in os.getloadavg()) if IS_LINUX else "unknown"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="fewer repetitions: about a minute")
    parser.add_argument("--round-trip", type=float, default=30, metavar="MS", help="30 by default")
    parser.add_argument("--only", choices=PARTS, action="append", help="may be repeated")
    arguments = parser.parse_args()
    parts = arguments.only or PARTS
    if not IS_LINUX:
        parts = [part for part in parts if part in ("start", "presses")]
        print('"dead" and "many" are left out: lost packets and /proc are there on Linux only')
    round_trip_s = arguments.round_trip / 1000
    print(f"Round trip {arguments.round_trip:g} ms, {os.cpu_count()} processors, load {load()}\n")

    simulators = Simulators(ctx=multiprocessing.get_context("spawn"))
    with tempfile.TemporaryDirectory() as folder, simulators:
        world = simulators.World(round_trip_s)
        benchmark = Benchmark(Path(folder), world, round_trip_s, arguments.short)
        benchmark.run(parts)

    screens, results = benchmark.screens.values(), benchmark.results
    if screens:
        print(table(SCREEN_HEADINGS, [screen.cells() for screen in screens]) + "\n")
    if results:
        print(table(RESULT_HEADINGS, [cells for cells, _ in results]) + "\n")
    print(f"Load at the end: {load()}")
    met = [not screen.misses for screen in screens] + [is_met for _, is_met in results]
    print(f"{sum(met)} of {len(met)} targets are met.")
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
