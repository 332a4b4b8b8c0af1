"""What the tests stand on: the simulators, and the bot as a real process."""

import collections
import contextlib
import functools
import importlib
import json
import os
import re
import shutil
import signal
import socketserver
import subprocess
import sys
import time
from pathlib import Path

import hypothesis
import pytest

import texts
from demo.telegram.chats import Button
from demo.telegram.html import as_read
from demo.telegram.server import TelegramServer
from demo.trueconf.server import TrueConfServer
from lib import ending
from lib.telegram_presses import FRESH_S
from tests import warm_start
from tests.this_version import GONE, ROOT, sources

# How long an example takes says nothing on a computer that does other things too.
hypothesis.settings.register_profile("ours", deadline=None)
hypothesis.settings.load_profile("ours")

collect_ignore = [str(ROOT / name) for name in GONE]
PATIENCE_S = 30
NOT_COPIED = shutil.ignore_patterns("__pycache__", ".*", "settings.json", "*.log")
TOKEN = "5032177032:AAGahjzZ6zbWSEsVFj13Ki-YMPhPEPzQjxE"
OWN_COMMANDS = {"/start", "/status", "/who", "/id", "/help"}  # are meant to be clickable
ANNA, BORIS, STRANGER = 111111111, 222222222, 999999999
FOREIGN_VARIABLES = re.compile(
    r"(?i)^(PYTHONDONTWRITEBYTECODE|.*_proxy|settings|tg_.*|heartbeat_url|requests_ca_bundle|curl_ca_bundle|ssl_cert_.*|repl.*)$"
)
READ_BY_PYTHON = re.compile("PYTHON|LC_|LANG|TZ")  # when it starts

# On Windows Ctrl+C goes to all processes of a console, so each bot gets a console of its own, and
# what presses Ctrl+C for a moment shares it.
OWN_CONSOLE = getattr(subprocess, "CREATE_NO_WINDOW", 0)
CTRL_C = """
import ctypes, sys
kernel = ctypes.WinDLL("kernel32")
kernel.FreeConsole()
assert kernel.AttachConsole(int(sys.argv[1]))
kernel.SetConsoleCtrlHandler(None, True)
assert kernel.GenerateConsoleCtrlEvent(0, 0)
"""

# How this computer reaches the internet: for those tests that install something.
SYSTEM_VARIABLES = {
    name: value
    for name, value in os.environ.items()
    if re.match(r"(?i).*_proxy$|.*ca_bundle$|ssl_cert_", name)
}


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without what would lead requests or the settings astray."""
    kept = {name: value for name, value in os.environ.items() if not FOREIGN_VARIABLES.match(name)}
    return {**kept, "PYTHONUTF8": "1", **more}


@pytest.fixture(scope="session", autouse=True)
def _warm_start(tmp_path_factory, request):
    if any((ROOT / name).exists() for name in ("settings.json", ".env")):
        # They are of whoever works here: the bots run in a copy, which has none.
        BotProcess.main = request.getfixturevalue("copied_project") / "main.py"
    if hasattr(os, "fork"):
        folder, project = tmp_path_factory.mktemp("warm"), BotProcess.main.parent
        with warm_start.starter(folder, project, clean_environment()) as BotProcess.warm_start:
            yield
    else:
        yield


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    texts.use("en")
    for name in list(os.environ):
        if FOREIGN_VARIABLES.match(name):
            monkeypatch.delenv(name)


texts.use("en")  # for what stands at the top of a file too


def pytest_sessionstart(session):
    """Compile the tests once, or each of the workers does it for itself: 20 s of a first run."""
    is_worker = hasattr(session.config, "workerinput")
    if session.config.getvalue("numprocesses") and not (is_worker or sys.dont_write_bytecode):
        for file in sources("tests/test_*.py"):
            # What is wrong with one of them is told where it is collected.
            with contextlib.suppress(Exception, pytest.skip.Exception):
                importlib.import_module(f"tests.{file.stem}")


def pytest_collection_modifyitems(items):
    """Deal out the tests that mostly wait to the first half of the workers, the longest first; the
    others run meanwhile. worksteal gives each worker an equal part of the list to begin with."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    waits = {item: mark.args[0] for item in items if (mark := item.get_closest_marker("waits"))}
    heads: list[list[pytest.Item]] = [[] for _ in range(max(1, workers // 2))]
    for item in sorted(waits, key=waits.__getitem__, reverse=True):
        min(heads, key=lambda head: sum(map(waits.__getitem__, head))).append(item)
    others = [item for item in items if item not in waits]
    sizes = [len(items) * (worker + 1) // workers for worker in range(workers)]
    dealt = []
    for worker, size in enumerate(sizes):
        dealt += heads[worker] if worker < len(heads) else []
        count = max(0, size - len(dealt))
        dealt += others[:count]
        del others[:count]
    items[:] = dealt + others


def wait_until(condition, limit_s: float = PATIENCE_S, what: str = "it"):
    """Wait for a fact and return it; the limit is there so that a broken test ends."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come true within {limit_s} s")


# The tests may run under nohup, or behind a shell's &: what they start must not inherit that.
for _name in filter(lambda name: hasattr(signal, name), ending.NAMES):
    if signal.getsignal(getattr(signal, _name)) == signal.SIG_IGN:
        usual = signal.default_int_handler if _name == "SIGINT" else signal.SIG_DFL
        signal.signal(getattr(signal, _name), usual)


def _fail_the_test(server, request, client_address):
    """For the little servers of single tests, which would print a traceback and stay green. A
    client that resets its kept connection has just ended."""
    if not isinstance(sys.exc_info()[1], ConnectionError):
        raise


socketserver.BaseServer.handle_error = _fail_the_test


class BotProcess:
    """`python main.py --settings FILE`, with its output in a file."""

    main = ROOT / "main.py"
    warm_start = None  # the faster way to start it, if there is one

    def __init__(self, folder: Path, settings: dict | None = None):
        self.folder = folder
        self.settings_file = folder / "settings.json"
        self.output_file = folder / "output.txt"
        self.python = [sys.executable]  # the laboratory runs it inside other programs
        self.process: subprocess.Popen | None = None
        if settings is not None:
            self.write_settings(settings)

    def write_settings(self, settings: dict) -> None:
        text = json.dumps(settings, ensure_ascii=False, indent=4)
        self.settings_file.write_text(text, encoding="utf-8")

    def read_settings(self) -> dict:
        return json.loads(self.settings_file.read_text(encoding="utf-8"))

    def start(self, *arguments: str, main: Path | None = None, **variables: str):
        main = main or self.main
        given = arguments or ("--settings", str(self.settings_file))
        environment = clean_environment(**variables)
        is_usual = self.python == [sys.executable] and main == self.main
        with open(self.output_file, "ab") as output:
            if self.warm_start and is_usual and not any(map(READ_BY_PYTHON.match, variables)):
                arguments = [str(main), *given]
                self.process = self.warm_start(arguments, self.folder, environment, output.name)
            else:
                self.process = subprocess.Popen(
                    [*self.python, str(main), *given],
                    cwd=self.folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    creationflags=OWN_CONSOLE,
                )
        return self

    @property
    def output(self) -> str:
        return self.output_file.read_text(encoding="utf-8", errors="replace")

    def wait_for_output(self, wanted) -> None:
        """Wait for these words, or for output that fulfils this condition."""
        holds = wanted if callable(wanted) else lambda output: wanted in output
        wait_until(lambda: holds(self.output) or self.has_ended, what=repr(wanted))
        assert holds(self.output), self.output

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def stop(self, how: int = signal.SIGTERM) -> int:
        """End it as a person or the system would. Returns the exit code."""
        if not self.has_ended and os.name == "nt":  # the only one that can be sent from here
            subprocess.run([sys.executable, "-c", CTRL_C, str(self.process.pid)], check=True)
        elif not self.has_ended:
            self.process.send_signal(how)
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        if self.process is not None and not self.has_ended:
            self.process.kill()
            self.process.wait(PATIENCE_S)


def settings_of(telegram: TelegramServer, servers: dict, users=(ANNA, BORIS), **more) -> dict:
    """Settings for the simulators, in English."""
    return {
        "tg-api-token": TOKEN,
        "tg-api-url": telegram.url,
        "tg-users-id": list(users),
        "language": "en",
        **more,
        "servers": servers,
    }


class Stage:
    """A Telegram with people, TrueConf Servers, and the bot between them.

    For files whose tests share one bot: to start it takes longer than most of the tests.
    """

    def __init__(self, folder: Path):
        self.telegram = TelegramServer(token=TOKEN).start()
        self.anna = self.telegram.person(ANNA, first_name="Anna").starts_bot()
        self.boris = self.telegram.person(BORIS, first_name="Boris").starts_bot()
        self.stranger = self.telegram.person(STRANGER, first_name="Mallory")
        self.servers: list[TrueConfServer] = []
        self.bot = BotProcess(folder)
        self.expected_refusals = ["message is not modified"]

    def new_server(self, **options) -> TrueConfServer:
        server = TrueConfServer(**options).start()
        self.servers.append(server)
        return server

    def write_settings(self, servers: dict, **more) -> None:
        self.bot.write_settings(settings_of(self.telegram, servers, **more))

    def start_bot(self, servers: dict, **more) -> None:
        self.write_settings(servers, **more)
        self.wake_bot()

    def wake_bot(self) -> None:
        """Start the bot with the settings that are there, and wait until it listens."""
        polls = self.telegram.polls
        self.bot.start()
        wait_until(lambda: self.telegram.polls > polls or self.bot.has_ended, what="a getUpdates")
        assert not self.bot.has_ended, self.bot.output
        self.telegram.wait_for_poll(PATIENCE_S)

    def refusals(self) -> list[str]:
        """What Telegram refused although the tests do not expect it."""
        refused = [call for call in self.telegram.calls if call.status == 400]
        said = [
            f"{one.method}: {one.response['description']}: {dict(one.parameters)}"
            for one in refused
        ]
        return [one for one in said if not any(words in one for words in self.expected_refusals)]

    def links_made(self) -> set[str]:
        """What Telegram made clickable by itself in what the bot wrote."""
        chats = [self.anna.chat, self.boris.chat, self.stranger.chat]
        return {link for chat in chats for one in chat.bot_messages for link in one.links_made}

    def close(self) -> None:
        self.bot.kill()
        self.telegram.stop()
        for server in self.servers:
            server.stop()


@contextlib.contextmanager
def new_stage(folder: Path):
    """A Stage whose bot, at the end, has crashed nowhere, was never refused by Telegram, and in
    whose messages Telegram found nothing of others to make clickable."""
    stage = Stage(folder)
    try:
        yield stage
        if stage.bot.process:
            assert "Traceback" not in stage.bot.output, stage.bot.output
        assert stage.refusals() == []
        assert stage.links_made() <= OWN_COMMANDS
    finally:
        stage.close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """The stage that the tests of a file share."""
    with new_stage(tmp_path_factory.mktemp("stage")) as shared:
        yield shared


@pytest.fixture
def own_stage(tmp_path):
    """A stage for one test alone."""
    with new_stage(tmp_path) as own:
        yield own


def ask(person, text: str, chat=None):
    """Write to the bot and return the message that it answers with."""
    sent = person.send(text, chat)
    return sent.chat.wait_for(lambda message: message.id > sent.id)


def open_menu(person, server_name: str):
    """The menu of a server, as a new message."""
    sent = person.send("/start")

    def is_list(message):
        return message.id > sent.id and any(server_name in label for label in message.labels)

    return press(person, person.chat.wait_for(is_list), server_name)


def press(person, message, *labels):
    """Press one button after the other; return the message, which shows the last screen."""
    hasty = {language["too_soon"] for language in texts.LANGUAGES.values()}
    for label in labels:
        button = label if isinstance(label, Button) else message.button(label)
        pressed = person.press(message, button).wait()
        while button.style == "danger" and pressed.text in hasty:
            time.sleep(0.1)
            pressed = person.press(message, button).wait()
        assert pressed.text is None, pressed.text
    return message


def calm(message):
    """The message when it has stood there long enough for its "Yes" to be taken at once."""
    wait_until(lambda: time.monotonic() > message.history[-1][2] + 2 * FRESH_S)
    return message


def label(key: str, **values) -> str:
    """What stands on the button `key`: tests name it by what it does, whatever its words are."""
    return texts.plain_text(f"button_{key}", **values)


def says(shown, key: str, number: int | None = None, /, **known) -> re.Match | None:
    """Find the words of `key` in a message or a text: `says(screen, "entry_owner", owner="anna")`.

    What is not known may be anything on one line, and can be read from the match. With `number`
    it is the form that goes with this number, without it any form.
    """
    forms = texts.LANGUAGES[texts._language][key]
    forms = (forms,) if isinstance(forms, str) else forms
    if number is not None:
        known["number"] = number
    missing = known.keys() - set(re.findall(r"\{(\w+)\}", "".join(forms)))
    assert not missing, f"{key} tells nothing of {missing}: {forms}"
    if number is not None:
        forms = (forms[texts.plural_form(texts._language, number)],)
    text = as_read(getattr(shown, "text", shown) or "")
    found = (re.search(_pattern(form, known), text) for form in forms)
    return next(filter(None, found), None)


def _pattern(form: str, known: dict) -> str:
    parts = re.split(r"\{(\w+)\}", texts.plain(form))
    parts[::2] = [re.escape(words.format()) for words in parts[::2]]
    for place, name in enumerate(parts[1::2]):
        value = known.get(name)
        shown = texts.plain(value) if isinstance(value, texts.Html) else str(value)
        parts[2 * place + 1] = f"(?P<{name}>{'.+' if value is None else re.escape(shown)})"
    return "".join(parts)


def saying(key: str, number: int | None = None, /, **known):
    """The condition that a message or a text `says` this, for whoever waits for it."""
    return lambda shown: says(shown, key, number, **known)


def walk(person, message, most=1000):
    """Press every button that can be reached, but those that stop something, and at most so many
    of each kind; yield each of them while the message shows where it led."""
    pressed, kinds, waiting = set(), collections.Counter(), list(message.buttons)
    while waiting:
        button = waiting.pop()
        kind = button.data.partition(":")[0]
        if button.data not in pressed and button.style != "danger" and kinds[kind] < most:
            pressed.add(button.data)
            kinds[kind] += 1
            press(person, message, button)
            yield button
            waiting += message.buttons


def shows_moment(found: re.Match | None, name: str, moment: float) -> bool:
    """Whether what `says` has found tells a time within some seconds of this one (time.time())."""
    near = range(int(moment) - 3, int(moment) + 15)
    clocks = {time.strftime("%H:%M:%S", time.localtime(second)) for second in near}
    return found is not None and found[name] in clocks | {texts.moment(second) for second in near}


@pytest.fixture
def telegram():
    with TelegramServer(token=TOKEN) as server:
        yield server


@pytest.fixture
def anna(telegram):
    person = telegram.person(ANNA, first_name="Anna", language_code="en")
    person.starts_bot()
    return person


@pytest.fixture
def boris(telegram):
    person = telegram.person(BORIS, first_name="Boris", language_code="en")
    person.starts_bot()
    return person


@pytest.fixture
def new_server():
    """A function that starts a simulated TrueConf Server; all of them end with the test."""
    started = []

    def start(**options) -> TrueConfServer:
        server = TrueConfServer(**options).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def settings_for(telegram):
    """A function that writes down settings for the simulators, in English."""
    return functools.partial(settings_of, telegram)


@pytest.fixture
def start_bot(tmp_path, telegram):
    """A function that starts the bot and waits until it listens to Telegram."""
    started = []

    def start(settings: dict, **variables: str) -> BotProcess:
        folder = tmp_path / f"bot{len(started)}"
        folder.mkdir()
        bot = BotProcess(folder, settings)
        started.append(bot)
        bot.start(**variables)
        bot.wait_for_output("Bot is running...")
        telegram.wait_for_poll(PATIENCE_S)
        return bot

    yield start
    for bot in started:
        bot.kill()
        assert "Traceback" not in bot.output, bot.output


@pytest.fixture(scope="session")
def copied_project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("copied") / "bot"
    shutil.copytree(ROOT, folder, ignore=NOT_COPIED)
    return folder


class Demo(BotProcess):
    """`python main.py --demo` in a language, in a folder of its own."""

    def __init__(self, folder: Path, language: str = "en"):
        super().__init__(folder)
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        variables = {"LC_ALL": f"{language}_XX.UTF-8", "TMPDIR": str(self.temporary)}
        self.start("--demo", BROWSER="none", **variables)
        self.wait_for_output("Bot is running...")
        self.address = re.search(r"http://127\.0\.0\.1:\d+", self.output)[0]

    @property
    def port(self):
        return int(self.address.rpartition(":")[2])


@pytest.fixture
def start_demo(tmp_path):
    """A function that starts the demo in a language; all of them end with the test."""
    started = []

    def start(language="en"):
        folder = tmp_path / f"demo{len(started)}"
        folder.mkdir()
        started.append(Demo(folder, language))
        return started[-1]

    yield start
    for demo in started:
        demo.kill()
        assert "Traceback" not in demo.output, demo.output
