"""`python main.py --demo` without a browser: what it starts, serves, refuses and ends."""

import re
import signal
import socket
from contextlib import closing, suppress

import pytest
import requests

from tests.conftest import ANNA, PATIENCE_S, ROOT, TOKEN, BotProcess, says, settings_of


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
