"""The heartbeat against receivers that are good, slow, dead, dripping and wrong; what it takes for
the bot to be well; and the bot itself, in a copy whose minutes are short."""

import contextlib
import logging
import os
import socketserver
import threading
import time
from datetime import datetime
from types import SimpleNamespace

import pytest

import demo.run
from lib import heartbeat
from lib.clock import steady_clock
from lib.heartbeat import MOST_LATE_S, MOST_SILENT_S, MOST_WAITING_S, Heartbeat, fetch, trouble_of
from tests.conftest import (
    ANNA,
    BORIS,
    PATIENCE_S,
    TOKEN,
    ask,
    label,
    open_menu,
    press,
    saying,
    says,
    wait_until,
)
from tests.test_readme import copy_project
from texts import plain_text, words

PATH = "/8d0e6a6e-1d2f-4c3b-9a55-00aa11bb22cc"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


class Receiver:
    """Gives each request `answer`, None: never; drips it if `drips`. Counts what came."""

    def __init__(self, answer: bytes | None = OK, drips: bool = False):
        self.answer, self.drips, self.requests, self.times = answer, drips, [], []
        self.is_over = threading.Event()
        receiver = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                receiver.times.append(time.time())
                receiver.requests.append(self.rfile.readline(1000).decode("latin-1"))
                while self.rfile.readline(1000).strip():
                    pass
                if receiver.answer is None:
                    receiver.is_over.wait()
                    return
                with contextlib.suppress(OSError):
                    for letter in receiver.answer if receiver.drips else ():
                        self.wfile.write(bytes([letter]))
                        if receiver.is_over.wait(0.05):
                            return
                    self.wfile.write(receiver.answer)

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}{PATH}"

    def stop(self):
        self.is_over.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    """A function that makes a receiver."""
    made = []

    def make(*options, **more):
        made.append(Receiver(*options, **more))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def status(line: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {line}", *headers, "Content-Length: 0", "", ""]).encode()


def test_what_a_receiver_answers(receiver):
    for answer, trouble in [
        (OK, ""),
        (status("204 No Content"), ""),
        (status("404 Not Found"), "http_404"),
        (status("500 Oops"), "http_500"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", ""),  # the body is not read
        (b"what?\r\n\r\n", "cut"),
        (b"", "cut"),
    ]:
        one = receiver(answer)
        assert fetch(one.url) == trouble, answer
        assert one.requests == [f"GET {PATH} HTTP/1.1\r\n"]


def test_redirect_is_not_followed(receiver):
    second = receiver()
    first = receiver(status("302 Found", f"Location: {second.url}"))
    assert fetch(first.url) == "http_302"
    assert second.requests == []


def test_receiver_that_is_dead_hangs_or_drips_has_its_limit(receiver):
    dead = receiver()
    dead.stop()
    assert fetch(dead.url) == "refused"
    hanging = receiver(None)
    assert fetch(hanging.url, 0.5) == "no_answer"
    drip = b"HTTP/1.1 200 OK\r\n" + b"X-Slow: drip\r\n" * 10_000  # for hours
    for answer in (drip, b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000):
        dripping = receiver(answer, drips=True)
        assert fetch(dripping.url, 0.5) == "no_answer"


def test_certificate_is_checked_by_the_systems_authorities(new_server, monkeypatch):
    server = new_server()
    assert fetch(f"https://{server.address}{PATH}") == "certificate_chain"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.ca_file))
    assert fetch(f"https://{server.address}{PATH}") == "http_404"
    for kind, trouble in [("other_name", "certificate_name"), ("expired", "certificate_expired")]:
        wrong = new_server(certificate=kind)
        assert fetch(f"https://{wrong.address}{PATH}") == trouble
        assert wrong.requests == []


def test_systems_proxy_counts(receiver, monkeypatch):
    proxy = receiver()
    monkeypatch.setenv("http_proxy", proxy.url.removesuffix(PATH))
    assert fetch(f"http://nowhere.invalid{PATH}") == ""
    assert proxy.requests == [f"GET http://nowhere.invalid{PATH} HTTP/1.1\r\n"]


# ---------------------------------------------------------------- the thread


def test_beats_while_well_is_silent_while_not_and_ends(receiver):
    one, trouble = receiver(), [""]
    heart = Heartbeat(one.url, lambda: trouble[0], interval_s=0.02)
    heart.start()
    wait_until(lambda: len(one.requests) > 2)
    trouble[0] = "unwell"
    asked = []
    heart.find_trouble = lambda: asked.append(len(one.requests)) or "unwell"
    wait_until(lambda: len(asked) > 5)
    assert len(set(asked[1:])) == 1
    heart.find_trouble = lambda: ""
    wait_until(lambda: len(one.requests) > asked[-1] + 2)
    heart.stop()
    heart.join(10)
    assert not heart.is_alive()


def test_without_an_address_there_is_no_heartbeat():
    asked = []
    heart = Heartbeat("", lambda: asked.append(1) or "")
    heart.start()
    heart.join(10)
    assert not heart.is_alive()
    assert asked == []


def settle(asked) -> None:
    count = len(asked)
    wait_until(lambda: len(asked) > count + 3)


def lines_of(caplog):
    return [one.getMessage() for one in caplog.records if one.name == heartbeat.log.name]


def test_one_line_a_change_and_the_address_in_none(receiver, caplog):
    caplog.set_level(logging.DEBUG)
    one, asked, trouble = receiver(status("404 Not Found")), [], [""]
    heart = Heartbeat(one.url, lambda: asked.append(1) or trouble[0], interval_s=0.01)
    heart.start()
    settle(asked)
    for one.answer, trouble[0] in [
        (status("500 Oops"), ""), (OK, ""), (OK, "unwell"), (OK, "worse"), (OK, ""),
    ]:  # fmt: skip
        settle(asked)
    heart.stop()
    heart.join(10)
    host = "heartbeat: 127.0.0.1"
    assert lines_of(caplog) == [
        f"{host}: http_404",
        f"{host}: http_500",
        f"{host} takes it",
        f"{host}: not sent, unwell",
        f"{host}: not sent, worse",
        f"{host} takes it",
    ]
    assert not any(PATH in one.getMessage() for one in caplog.records if "bot" in one.name)


def test_bot_that_begins_is_not_called_unwell_until_it_could_have_been_well(receiver, caplog):
    caplog.set_level(logging.INFO)
    asked, trouble = [], ["not yet"]

    def find_trouble():
        asked.append(1)
        return trouble[0]

    patient = Heartbeat(receiver().url, find_trouble, interval_s=3600)
    heartbeat_again_s, heartbeat.AGAIN_S = heartbeat.AGAIN_S, 0.01
    try:
        patient.start()
        settle(asked)
        trouble[0] = ""
        wait_until(lambda: lines_of(caplog))
        patient.stop()
        trouble[0] = "stuck"
        impatient = Heartbeat(receiver().url, find_trouble, interval_s=0.1)
        impatient.start()
        wait_until(lambda: len(lines_of(caplog)) > 1)
        impatient.stop()
    finally:
        heartbeat.AGAIN_S = heartbeat_again_s
    host = "heartbeat: 127.0.0.1"
    assert lines_of(caplog) == [f"{host} takes it", f"{host}: not sent, stuck"]


def test_heartbeat_survives_what_it_is_handed(receiver, caplog):
    one, asked = receiver(), []

    def find_trouble() -> str:
        asked.append(1)
        if len(asked) == 1:
            raise RuntimeError("a defect")
        return ""

    heart = Heartbeat(one.url, find_trouble, interval_s=0.01)
    heart.start()
    wait_until(lambda: one.requests)
    heart.stop()
    heart.join(10)


# ---------------------------------------------------------------- what it takes to be well


def watcher(age_s, interval_s=15, is_monitored=True):
    server = SimpleNamespace(name="office", is_monitored=is_monitored, look_interval_s=interval_s)
    return SimpleNamespace(server=server, steady=lambda: age_s, last_look_began_at=0)


LATE = "office is not looked at"
WELLNESS = [  # since the last poll, the watchers, the oldest message; why it is not well
    (0, [], 0, ""),
    (MOST_SILENT_S - 5, [watcher(45 + MOST_LATE_S)], MOST_WAITING_S, ""),
    (MOST_SILENT_S + 1, [], 0, "Telegram answers no polls"),
    (float("inf"), [], 0, "Telegram answers no polls"),
    (0, [watcher(0), watcher(46 + MOST_LATE_S)], 0, LATE),
    (0, [watcher(10**6, is_monitored=False)], 0, ""),
    (0, [watcher(3 * 3600 + MOST_LATE_S, 3600)], 0, ""),
    (0, [watcher(3 * 3600 + MOST_LATE_S + 1, 3600)], 0, LATE),
    (0, [watcher(0)], MOST_WAITING_S + 1, "a message is not delivered"),
]


def test_bot_is_well_as_long_as_it_does_what_it_is_there_for():
    for polled_s, watchers, waiting_s, trouble in WELLNESS:
        bot = SimpleNamespace(polled_at=steady_clock() - polled_s)
        assert trouble_of(bot, watchers, waiting_s) == trouble, (polled_s, watchers, waiting_s)


# ---------------------------------------------------------------- the bot


# In a copy its heart beats five times a second, and what may last minutes lasts seconds.
SHORT = {
    "lib/heartbeat.py": {
        "INTERVAL_S, LIMIT_S = 60": "INTERVAL_S, LIMIT_S = 0.2",
        "MOST_SILENT_S = 120": "MOST_SILENT_S = 4",
        "MOST_LATE_S = 3, 120": "MOST_LATE_S = 3, 2",
        "MOST_WAITING_S = 600": "MOST_WAITING_S = 1",
    },
    "lib/telegram_sender.py": {"LONG_POLL_S = 5": "LONG_POLL_S = 1"},
}


@pytest.fixture(scope="module")
def hasty_project(tmp_path_factory):
    project = copy_project(tmp_path_factory.mktemp("hasty"))
    for name, changes in SHORT.items():
        text = (project / name).read_text(encoding="utf-8")
        for old, new in changes.items():
            assert text.count(f"\n{old}") + text.count(f", {old}") == 1, old
            text = text.replace(old, new)
        (project / name).write_text(text, encoding="utf-8")
    return project


@pytest.fixture
def server(own_stage):
    return own_stage.new_server()


@pytest.fixture
def start(own_stage, server, hasty_project):
    """A function that starts the bot with this heartbeat."""

    def start(url, variables=(), **more):
        watched = server.settings(server_status={"state": 1, "timeout": 1})
        own_stage.write_settings({"Moscow": watched}, **{"heartbeat-url": url}, **more)
        bot = own_stage.bot
        arguments = ("--settings", str(bot.settings_file))
        bot.start(*arguments, main=hasty_project / "main.py", **dict(variables))
        bot.wait_for_output("Bot is running...")
        return bot

    yield start
    assert PATH not in own_stage.bot.output
    chats = (own_stage.anna.chat, own_stage.boris.chat)
    said = [text for chat in chats for one in chat.bot_messages for text, *_ in one.history]
    assert not any(PATH in text for text in said)


def go_on(one, count=3):
    before = len(one.requests)
    wait_until(lambda: len(one.requests) >= before + count, what=f"{count} beats")


def pause_of(bot, one, trouble, mend):
    """Wait until the log says why no beats come, and when they come again. None came between."""
    silent, taken = f"heartbeat: 127.0.0.1: not sent, {trouble}", "heartbeat: 127.0.0.1 takes it"
    said_before = bot.output.count(silent)
    bot.wait_for_output(lambda output: output.count(silent) > said_before)
    since = time.time()
    wait_until(lambda: time.time() > since + 1)  # five beats
    mend()
    bot.wait_for_output(lambda output: taken in output.rpartition(silent)[2])
    lines = bot.output.splitlines()
    begin = max(place for place, line in enumerate(lines) if silent in line)
    end = next(place for place, line in enumerate(lines) if taken in line and place > begin)
    between = [at for at in one.times if moment(lines[begin]) < at < moment(lines[end])]
    assert len(between) <= 1  # the one that was taken again
    go_on(one)


def moment(line):
    """When a line of the log was written, time.time()."""
    return datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").timestamp()


@pytest.mark.waits(8)
def test_bot_beats_while_a_server_is_down_and_not_while_telegram_is(
    start, own_stage, server, receiver
):
    one = receiver()
    bot = start(one.url)
    go_on(one)
    assert set(one.requests) == {f"GET {PATH} HTTP/1.1\r\n"}
    server.go_down()
    own_stage.anna.chat.wait_for("🔴 Moscow\n")
    go_on(one)
    own_stage.telegram.go_down()
    pause_of(bot, one, "Telegram answers no polls", own_stage.telegram.come_back)
    assert bot.stop() == 0


@pytest.mark.waits(8)
def test_bot_is_silent_while_another_copy_takes_its_polls(start, own_stage, receiver):
    """Telegram answers then, and the bot is deaf."""
    one = receiver()
    bot = start(one.url)
    go_on(one)
    own_stage.telegram.fail("getUpdates", 409, "Conflict: terminated by other getUpdates", times=99)
    pause_of(bot, one, "Telegram answers no polls", own_stage.telegram.clear_faults)


@pytest.mark.waits(8)
def test_bot_is_silent_while_a_server_is_not_looked_at(start, server, receiver):
    """A look that hangs is none yet."""
    one = receiver()
    bot = start(one.url)
    go_on(one)
    server.blackhole()
    pause_of(bot, one, "Moscow is not looked at", server.come_back)


@pytest.mark.waits(6)
def test_bot_is_silent_while_a_message_waits(start, own_stage, server, receiver):
    one = receiver()
    bot = start(one.url)
    go_on(one)
    own_stage.telegram.fail(
        "sendMessage",
        parameters={"retry_after": 1},
        times=99,
        when=lambda parameters: parameters["chat_id"] == str(BORIS),
    )
    server.add_conference("Meeting", people=())
    anna = own_stage.anna
    stopping = (label("conferences"), "Meeting", label("stop"), label("confirm_stop"))
    press(anna, open_menu(anna, "Moscow"), *stopping)
    pause_of(bot, one, "a message is not delivered", own_stage.telegram.clear_faults)
    own_stage.boris.chat.wait_for(saying("stopped_by", title="Meeting"))


@pytest.mark.parametrize("answer", [None, status("404 Not Found"), status("302 Found"), b"x"])
def test_bot_works_and_ends_whatever_the_receiver_does(start, own_stage, receiver, answer):
    one = receiver(answer)
    bot = start(one.url)
    wait_until(lambda: one.requests)
    assert says(ask(own_stage.anna, "/id"), "your_id")
    assert bot.stop() == 0
    one.answer = OK


def test_secret_of_the_environment_beats_and_its_host_alone_is_shown(start, receiver):
    one = receiver()
    start("", {"HEARTBEAT_URL": one.url})
    go_on(one)


# ---------------------------------------------------------------- --check, --demo


def check(stage, url, **more):
    """What --check says, and its exit code."""
    stage.write_settings(
        {"office": stage.new_server().settings()}, **{"heartbeat-url": url}, **more
    )
    stage.bot.start("--settings", str(stage.bot.settings_file), "--check", "--report")
    code = stage.bot.process.wait(PATIENCE_S)
    assert PATH not in stage.bot.output
    return code, stage.bot.output


def test_check_tries_the_heartbeat_and_names_its_host_alone(own_stage, receiver):
    one = receiver()
    code, said = check(own_stage, one.url)
    assert code == 0
    assert f"[OK] {plain_text('check_heartbeat', host='127.0.0.1')}\n" in said
    assert one.requests == [f"GET {PATH} HTTP/1.1\r\n"]


def test_check_says_what_is_wrong_with_the_heartbeat(own_stage, receiver):
    wrong = receiver(status("404 Not Found"))
    code, said = check(own_stage, wrong.url)
    assert code == 1
    reason = words("reason_http", status=404)
    failed = plain_text("check_heartbeat_failed", host="127.0.0.1", reason=reason)
    assert f"[!!] {failed}\n" in said


def test_heartbeat_does_not_go_through_the_proxy_for_telegram(own_stage, receiver):
    one, proxy = receiver(), receiver(status("502 Bad Gateway"))
    code, said = check(own_stage, one.url, **{"tg-proxy": proxy.url.removesuffix(PATH)})
    assert code == 1
    assert says(said, "telegram_by_proxy")
    assert says(said, "check_heartbeat", host="127.0.0.1")
    assert one.requests == [f"GET {PATH} HTTP/1.1\r\n"]
    assert not any(PATH in request for request in proxy.requests)


def test_demo_takes_the_heartbeat_of_a_real_bot_away_and_keeps_its_viewers(monkeypatch):
    monkeypatch.setenv("HEARTBEAT_URL", "https://hc-ping.com/x")
    people = {"tg-users-id": [ANNA], "tg-viewers-id": [BORIS]}
    played = demo.run.start("en", {"tg-api-token": TOKEN, **people})
    try:
        assert "HEARTBEAT_URL" not in os.environ
        assert played.settings["tg-viewers-id"] == [BORIS]
    finally:
        played.stop()
        played.page.stop()
        os.environ.pop("TG_API_TOKEN", None)
