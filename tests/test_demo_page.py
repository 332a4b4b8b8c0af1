"""`python main.py --demo` without a browser: what it starts, serves, refuses and ends."""

import os
import re
import signal
import socket
import time
from contextlib import closing, suppress

import pytest
import requests

from demo import run as demo_run
from demo.words import PAGE, words_of_page
from lib import settings
from lib.entries import OUTAGE
from lib.history import measure
from memory import Record
from tests.conftest import (
    ANNA,
    PATIENCE_S,
    ROOT,
    TOKEN,
    BotProcess,
    label,
    says,
    settings_of,
    wait_until,
)


def session():
    session = requests.Session()
    session.trust_env = False
    return session


def test_ctrl_c_ends_everything_and_leaves_nothing_behind(start_demo):
    demo = start_demo()
    assert demo.stop(signal.SIGINT) == 0
    assert list(demo.temporary.iterdir()) == []
    assert not says(demo.output, "telegram_silent")  # the bot ends before its Telegram


def test_a_port_that_is_taken_is_left_alone(start_demo):
    with closing(socket.socket()) as taken:
        with suppress(OSError):  # somebody else has it: as good
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", 8080))
            taken.listen()
        assert start_demo().port > 8080


def test_no_other_site_can_use_the_page(start_demo):
    address = start_demo().address
    with session() as client:
        page = client.get(address, timeout=10)
        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        rebound = client.get(address, headers={"Host": "evil.example:80"}, timeout=10)
        assert rebound.status_code == 403
        form = client.post(f"{address}/world", data='{"action": "hour"}', timeout=10)
        assert form.status_code == 415
        for nonsense in ([], {}, {"action": "hours"}, {"action": "down", "server": "x"}):
            answer = client.post(f"{address}/world", json=nonsense, timeout=10)
            assert answer.status_code == 404
        made_up = {"message": 1, "data": "stop:x:y"}
        answer = client.post(f"{address}/press", json=made_up, timeout=10)
        assert answer.json() == {"press": None}


def test_too_much_and_odd_lengths_are_refused_before_anything_is_read(start_demo):
    port = start_demo().port
    for length in ("400000000", "-5", "\u00b2", "abc"):
        with closing(socket.create_connection(("127.0.0.1", port), PATIENCE_S)) as raw:
            head = f"POST /send HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n"
            raw.sendall(head.encode("latin-1"))
            assert raw.recv(1000).startswith(b"HTTP/1.1 413 ")


class Visitor:
    """Somebody at the page, without a browser: what the page asks and posts."""

    def __init__(self, demo):
        self.address = demo.address
        self.client = session()

    def messages(self, chat):
        news = self.client.get(f"{self.address}/news", params={"since": 0}, timeout=60).json()
        return [message for message in news["messages"] if message["chat"] == chat]

    def post(self, path, **fields):
        answer = self.client.post(f"{self.address}/{path}", json=fields, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def wait_for(self, chat, key, **values):
        def look():
            found = [one for one in self.messages(chat) if says(one["text"], key, **values)]
            return found[-1] if found else None

        return wait_until(look, PATIENCE_S, what=f"{key} in {chat}")

    def press(self, who, message, key):
        buttons = [button for row in message["rows"] for button in row]
        data = next(each["callback_data"] for each in buttons if each["text"] == label(key))
        is_in_group = message["chat"] == "group"
        pressed = self.post(
            "press", who=who, isInGroup=is_in_group, message=message["id"], data=data
        )
        assert pressed["press"]


def test_a_colleague_and_the_group_see_who_has_taken_an_outage(start_demo):
    visitor = Visitor(start_demo())
    visitor.post("world", action="down", server="branch")
    alerts = {
        chat: visitor.wait_for(chat, "state_down") for chat in ("visitor", "colleague", "group")
    }
    assert len({alert["id"] for alert in alerts.values()}) == 3
    assert visitor.post("press", who="visitor", message=alerts["colleague"]["id"], data="x") == {
        "press": None
    }
    visitor.press("colleague", alerts["group"], "take")
    for chat in alerts:
        visitor.wait_for(chat, "mark_taken", who="Colleague")


def test_each_of_the_two_writes_in_their_own_chat_or_in_the_group(start_demo):
    visitor = Visitor(start_demo())
    visitor.post("send", who="colleague", text="/help")
    visitor.post("send", who="visitor", isInGroup=True, text="/start")
    visitor.wait_for("colleague", "help")
    menu = visitor.wait_for("group", "servers")
    visitor.press("colleague", menu, "all_servers")
    assert [one["sender"] for one in visitor.messages("group") if one["sender"]] == ["visitor"]
    assert [one["sender"] for one in visitor.messages("colleague") if one["sender"]] == [
        "colleague"
    ]
    assert not [one for one in visitor.messages("visitor") if one["sender"]]
    visitor.post("send", who="nobody", text="/id")
    visitor.wait_for("visitor", "your_id")


def test_the_panel_promises_no_message_where_there_may_be_a_pause(start_demo):
    visitor = Visitor(start_demo())
    wait = PAGE["en"]["note_wait"]
    for action in ("service_down", "web_down", "up"):
        assert visitor.post("world", action=action, server="branch")["note"].endswith(wait)
    assert "unless this server is paused" in wait
    assert not visitor.post("world", action="leave", server="branch")["note"].endswith(wait)


def test_the_end_of_the_demo_names_a_python_that_is_there(monkeypatch):
    for system, python in (("posix", "python3 main.py"), ("nt", ": python main.py")):
        monkeypatch.setattr(os, "name", system)
        assert all(python in words_of_page(language)["ended"] for language in PAGE)


def test_the_page_needs_nothing_from_elsewhere():
    page = (ROOT / "demo" / "chat.html").read_text(encoding="utf-8")
    addresses = set(re.findall(r"https?://[^'\"\s)]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert "innerHTML" not in page


def test_a_real_bot_shows_the_simulated_servers_and_its_token_is_in_no_file(tmp_path, telegram):
    anna = telegram.person(ANNA, first_name="Anna").starts_bot()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    own = {"ip": "192.0.2.1", "client_id": "x" * 40, "client_secret": "x" * 40}
    bot = BotProcess(tmp_path, settings_of(telegram, {"Own": own}, users=[ANNA]))
    given = ("--demo", "--settings", str(bot.settings_file))
    bot.start(*given, BROWSER="none", TMPDIR=str(temporary))
    try:
        bot.wait_for_output("Bot is running...")
        files = [each for each in temporary.rglob("*") if each.is_file()]
        assert files
        assert not [each for each in files if TOKEN.encode() in each.read_bytes()]
        anna.send("/start")  # the first alerts may come before the answer
        anna.chat.wait_for(lambda message: sum("Demo: " in label for label in message.labels) == 3)
        address = re.search(r"http://127\.0\.0\.1:\d+", bot.output)[0]
        with session() as client:
            assert "controls-alone" in client.get(address, timeout=10).text
            down = {"action": "down", "server": "branch"}
            client.post(f"{address}/world", json=down, timeout=10).raise_for_status()
        anna.chat.wait_for("🔴", timeout=PATIENCE_S)
        assert bot.stop(signal.SIGINT) == 0
    finally:
        bot.kill()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("name", ["CI", "BROWSER"])
def test_no_browser_is_opened_where_none_is_wanted(monkeypatch, name):
    from demo import run

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("BROWSER", "true")
    assert run._may_open_browser()
    monkeypatch.setenv(name, "none")
    assert not run._may_open_browser()


@pytest.mark.parametrize("language", settings.LANGUAGES)
def test_history_is_full_from_the_start_and_goes_on_when_a_day_passes(language, monkeypatch):
    """What the demo invents is what the bot remembers, with no word about it left to say."""
    monkeypatch.setenv("TG_API_TOKEN", "")  # put back at the end: the demo sets it
    demo = demo_run.start(language)
    try:
        config = settings.load(demo.settings_file)
        record = Record(config.memory_path, config.servers.values())

        def months():
            now = time.time()
            return [measure(one.known, now - 30 * 86400, now) for one in config.servers.values()]

        def begins():
            return [one.begun for one in record.entries.values() if one.kind == OUTAGE]

        def bot(config, record, is_ending):
            record.add_chats(str(user) for user in config.users)
            record.close_told()
            assert not record.open

        demo.played(bot)(config, record, None)
        assert [one.outages for one in months()] == [3, 2, 0]
        assert 9900 < (months()[0].hundredths or 0) < 10000
        assert months()[2].hundredths == 10000
        assert abs(months()[0].looked_s - 30 * 86400) < 1
        assert config.digest
        begun = begins()
        demo.page.when_a_day_passes()
        record.close_told()
        assert not record.open
        assert [one.outages for one in months()] == [3, 2, 1]
        assert begins()[:-1] == [at - 86400 + 1800 for at in begun]
        assert abs(months()[0].looked_s - 30 * 86400) < 1
    finally:
        demo.stop()


def test_next_day_the_digest_comes_and_an_outage_is_of_yesterday(start_demo):
    visitor = Visitor(start_demo())
    visitor.post("world", action="service_down", server="office")
    visitor.wait_for("visitor", "state_service_down")
    visitor.post("world", action="service_up", server="office")
    visitor.wait_for("visitor", "alert_up")
    visitor.post("world", action="down", server="branch")
    alert = visitor.wait_for("visitor", "state_down")
    note = visitor.post("world", action="day")["note"]
    assert note == PAGE["en"]["note_day"]

    def yesterday():
        [same] = [one for one in visitor.messages("visitor") if one["id"] == alert["id"]]
        return same["text"] if says(same["text"], "alert_since").group("time") != since else None

    since = says(alert["text"], "alert_since").group("time")
    wait_until(yesterday, PATIENCE_S, what="another time in the alert")
    for chat in ("visitor", "colleague", "group"):
        digest = visitor.wait_for(chat, "digest")
        assert says(digest["text"], "digest_lasts")
        assert "🟢 Training centre" in digest["text"]
        assert "🟢 Head office: 1\u00a0outage" in digest["text"]  # of what the visitor did
