"""The way to Telegram: what is said of each trouble, what is tried again, and what is not."""

import contextlib
import http.server
import os
import queue
import re
import shutil
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from telebot import apihelper

import texts
from demo import portal
from demo.trueconf import certificates
from lib import connections
from lib import telegram as ours
from lib import telegram_sender as sender
from lib.logs import MOST_REMEMBERED, OnceAMinute
from tests import conftest
from tests.conftest import (
    ANNA,
    PATIENCE_S,
    TOKEN,
    BotProcess,
    ask,
    calm,
    label,
    open_menu,
    press,
    saying,
    says,
    wait_until,
)
from tests.test_readme import copy_project
from texts import plain_text, screens, words

OFFICE = {"ip": "127.0.0.1:9", "client_id": "a" * 20, "client_secret": "b" * 40}


@pytest.fixture(autouse=True)
def _own_settings_of_telebot(monkeypatch):
    for name in ("API_URL", "CUSTOM_REQUEST_SENDER", "READ_TIMEOUT"):
        monkeypatch.setattr(apihelper, name, getattr(apihelper, name))


@pytest.fixture
def launch(tmp_path):
    """A function that starts the bot and waits for nothing."""
    bot = BotProcess(tmp_path)

    def start(settings: dict, *arguments: str, main: Path | None = None, **variables: str):
        bot.write_settings(settings)
        given = ("--settings", str(bot.settings_file), *arguments)
        return bot.start(*given, main=main, **variables)

    yield start
    bot.kill()
    assert "Traceback" not in bot.output, bot.output
    assert TOKEN not in bot.output


@contextlib.contextmanager
def listening(answer: bytes):
    """Something on a port of this computer that says this to whoever connects. Yields the port
    and a list with the first bytes that each of them sent."""
    heard: list[bytes] = []

    class Answering(http.server.BaseHTTPRequestHandler):
        def handle(self):
            heard.append(self.request.recv(1024))
            self.request.sendall(answer)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port, heard
        server.shutdown()


def trouble_of(bot: ours.Bot) -> str:
    with pytest.raises(ours.Unreachable) as caught:
        bot.get_me()
    return screens.telegram_trouble(caught.value.trouble)


# ---------------------------------------------------------------- what is said

PROXIES = {
    "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n": "telegram_proxy_login",
    "HTTP/1.1 403 Forbidden\r\n\r\n": "telegram_proxy_refuses",
    "HTTP/1.1 502 Bad Gateway\r\n\r\n": "telegram_proxy_cannot",
    "no proxy at all": "telegram_by_proxy",
    "": "telegram_by_proxy",
}


@pytest.mark.parametrize(("answer", "key"), PROXIES.items())
def test_each_refusal_of_a_proxy_has_its_own_sentence(answer, key):
    with listening(answer.encode()) as (port, _):
        said = trouble_of(ours.Bot(TOKEN, proxy=f"http://anna:secret@127.0.0.1:{port}"))
    found = says(said, key, proxy=f"127.0.0.1:{port}", where="tg-proxy")
    assert found
    assert answer or found["reason"] == words("reason_cut")
    assert "secret" not in said


VARIABLES = [
    ("ALL_PROXY", "ftp://127.0.0.1:1", "telegram_proxy_address", {"proxy": "127.0.0.1:1"}),
    ("https_proxy", "http://[x", "telegram_proxy_address", {"proxy": "[x"}),
    ("HTTPS_PROXY", "http://127.0.0.1:1", "telegram_by_proxy", {"reason": words("reason_refused")}),
    ("HTTPS_PROXY", "http://a:1/proxy.pac", "telegram_proxy_script", {"proxy": "a:1/proxy.pac"}),
    ("ALL_PROXY", "http://a/wpad.dat?b", "telegram_proxy_script", {"proxy": "a/wpad.dat?b"}),
    ("REQUESTS_CA_BUNDLE", "/no/such.pem", "telegram_ca_file", {}),
    ("CURL_CA_BUNDLE", __file__, "telegram_ca_file", {}),
]


@pytest.mark.parametrize(("name", "value", "key", "known"), VARIABLES)
def test_variable_that_keeps_the_bot_from_telegram_is_named(
    launch, monkeypatch, name, value, key, known
):
    """In --check and in the log, once, while the bot goes on trying."""
    monkeypatch.setattr(conftest, "FOREIGN_VARIABLES", re.compile("(?!)"))
    settings = {"tg-api-token": TOKEN, "tg-users-id": [ANNA], "language": "en"}
    if name.endswith("BUNDLE"):
        settings["tg-api-url"] = "https://127.0.0.1:1"
    settings["servers"] = {"office": OFFICE}
    bot = launch(settings, "--check", **{name: value})
    assert bot.process.wait(PATIENCE_S) == 1
    where = name.upper() if os.name == "nt" else name  # small letters do not exist there
    is_said = saying(key, where=where, **known)
    if value != __file__:  # a file without certificates is noticed when there is a connection
        assert is_said(bot.output)
        bot.output_file.write_text("")
        launch(settings, **{name: value})
        bot.wait_for_output(is_said)
        assert sum(bool(is_said(line)) for line in bot.output.splitlines()) == 1
        assert bot.stop() == 0


@pytest.mark.parametrize("answer", PROXIES)
def test_server_of_a_proxy_script_is_no_proxy_whatever_it_answers(monkeypatch, answer):
    with listening(answer.encode()) as (port, _):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}/proxy.pac")
        said = trouble_of(ours.Bot(TOKEN))
    assert says(said, "telegram_proxy_script", where="HTTPS_PROXY")


@pytest.mark.parametrize("kind", ["expired", certificates.Certificate(starts_in_days=2)])
def test_clock_is_looked_at_first_where_telegrams_certificate_is_not_valid_now(
    launch, telegram, anna, settings_for, kind
):
    telegram._door.tls = lambda: certificates.server_context(kind)
    address = {"tg-api-url": telegram.url.replace("http:", "https:")}
    settings = {**settings_for({"office": OFFICE}), **address}
    bot = launch(settings, REQUESTS_CA_BUNDLE=certificates.ca_file())
    bot.wait_for_output(saying("telegram_clock", reason=words("reason_certificate_expired")))
    assert time.strftime("%Y") in says(bot.output, "telegram_clock").group("now")
    assert bot.stop() == 0


def test_socks_proxy_as_gnome_writes_it_is_understood(monkeypatch):
    with listening(b"") as (port, heard):
        monkeypatch.setenv("ALL_PROXY", f"socks://127.0.0.1:{port}/")
        said = trouble_of(ours.Bot(TOKEN))
    assert heard[0][:1] == b"\x05"  # SOCKS 5 is spoken
    assert "ALL_PROXY" in said


def test_proxy_of_the_system_is_named_as_that(monkeypatch):
    """Windows and macOS have one that stands in no variable."""
    monkeypatch.setattr("requests.utils.getproxies", lambda: {"https": "http://127.0.0.1:1"})
    assert says(trouble_of(ours.Bot(TOKEN)), "telegram_by_proxy", where=words("system_proxy"))


def test_telegram_out_of_reach_is_said_in_the_language_of_the_settings(
    launch, telegram, settings_for
):
    telegram.go_down()
    for language in texts.LANGUAGES:
        texts.use(language)
        sentence = plain_text("telegram_silent", reason=words("reason_refused"))
        bot = launch({**settings_for({"office": OFFICE}), "language": language})
        bot.wait_for_output(sentence)
        assert bot.stop() == 0


NO_TELEGRAM = [
    (404, "<html></html>"),
    (200, '{"ok": true, "result": null}'),
    (200, '{"ok": true, "result": {"id": 1}}'),
    (200, "[" * 100_000),
    (302, ""),
]


@pytest.mark.parametrize(("status", "body"), NO_TELEGRAM, ids=lambda value: str(value)[:20])
def test_what_answers_at_tg_api_url_and_is_no_telegram_is_named(launch, status, body):
    head = (
        f"HTTP/1.1 {status} OK\r\nLocation: /\r\nno header\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with listening((head + body).encode()) as (port, _):
        url = f"http://127.0.0.1:{port}"
        settings = {"tg-api-token": TOKEN, "tg-api-url": url, "tg-users-id": [ANNA]}
        settings |= {"language": "en", "servers": {"office": OFFICE}}
        bot = launch(settings, "--check")
        assert bot.process.wait(PATIENCE_S) == 1
        is_said = saying("telegram_foreign_api", where=url)
        assert is_said(bot.output)
        bot.output_file.write_text("")
        launch(settings)
        bot.wait_for_output(is_said)
        assert bot.stop() == 0


@pytest.mark.parametrize("answer", portal.ANSWERS)
def test_sign_in_page_is_not_taken_for_telegram(monkeypatch, answer):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificates.ca_file())
    with portal.Portal(answer=answer) as page:
        ways = [("http", page.plain, page.certificate)]
        ways += [("https", page.encrypted, kind) for kind in portal.CERTIFICATES]
        for scheme, door, page.certificate in ways:
            bot, noted = noting(f"{scheme}://{page.host}:{door.port}")
            assert not ours.answers(bot), (scheme, page.certificate)
            assert bot.sender.silent_since is not None
            assert noted == [False], (scheme, page.certificate)


def noting(url: str) -> tuple[ours.Bot, list[bool]]:
    """A bot whose Telegram is on another computer, and what it notes of each answer."""
    bot, noted = ours.Bot(TOKEN, url), []
    bot.sender.is_local = False
    bot.sender.note = lambda is_there, *_: noted.append(is_there)
    return bot, noted


@pytest.mark.parametrize(("answer", "is_there"), [("busy", True), ("refusal", False)])
def test_excuse_of_telegrams_own_front_is_told_from_a_sign_in_page(monkeypatch, answer, is_there):
    """Whoever has a certificate for it is Telegram, or a company's gateway that wants a login."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificates.ca_file())
    with portal.Portal(answer=answer, certificate="good") as page:
        bot, noted = noting(f"https://{page.host}:{page.encrypted.port}")
        trouble_of(bot)
    assert noted == [is_there]


def test_excuse_in_telegrams_own_words_is_telegrams(telegram):
    bot, noted = noting(telegram.url)
    telegram.fail("getMe", 502)
    trouble_of(bot)
    telegram.fail("getMe", 502, html=True)
    trouble_of(bot)
    assert noted == [True, False]


def test_webhook_is_told_from_a_second_copy_and_taken_off(start_bot, telegram, anna, settings_for):
    bot = start_bot(settings_for({"office": OFFICE}))
    apihelper.API_URL = f"{telegram.url}/bot{{0}}/{{1}}"
    telegram.webhook_url = "https://example.org/hook"
    telegram.push_update({})
    bot.wait_for_output(saying("telegram_webhook"))
    anna.send("/start")
    anna.chat.wait_for(saying("servers"))
    assert telegram.webhook_url == ""
    assert not says(bot.output, "telegram_second_copy")


# ---------------------------------------------------------------- what is tried again


@pytest.mark.waits(20)
def test_edit_or_answer_that_gets_no_reply_is_sent_again(start_bot, telegram, anna, settings_for):
    """As over a kept connection that the network has forgotten."""
    start_bot(settings_for({"office": OFFICE}))
    message = ask(anna, "/start")
    for method, button in (("editMessageText", "office"), ("answerCallbackQuery", label("back"))):
        calls = telegram.count(method)
        telegram.hang(method)
        pressed = anna.press(message, button).wait(PATIENCE_S)
        assert pressed.text is None
        assert telegram.count(method) == calls + 2
    assert says(message, "servers")
    telegram.fail("editMessageText", 502, html=True)
    anna.press(message, "office").wait()
    assert says(message, "menu_question")


@pytest.mark.waits(20)
@pytest.mark.parametrize(("code", "html"), [(502, True), (502, False), (503, True), (504, True)])
def test_front_of_telegram_that_is_restarted_keeps_no_screen_back(
    start_bot, telegram, anna, settings_for, code, html
):
    """nginx before a Bot API server of one's own answers so for a second or two."""
    bot = start_bot(settings_for({"office": OFFICE}))
    message = ask(anna, "/start")
    telegram.fail("editMessageText", code, html=html, times=2)
    pressed = anna.press(message, "office").wait(PATIENCE_S)
    assert pressed.text is None
    assert says(message, "menu_question")
    telegram.fail("editMessageText", code, html=html, times=3)
    pressed = anna.press(message, label("back")).wait(PATIENCE_S)
    assert pressed.text == plain_text("answer_lost")
    bot.wait_for_output(f"an answer did not reach Telegram: no answer came (http_{code})")
    assert "a handler failed" not in bot.output


LOST_ANSWERS = {
    "refused": {"code": 400, "description": "Bad Request: MESSAGE_TOO_LONG"},
    "forbidden": {"code": 403, "description": "Forbidden: bot was kicked from the group chat"},
    "a wait of an hour": {"code": 429, "parameters": {"retry_after": 3600}},
    "a front that stays away": {"code": 502, "html": True, "times": 3},
}


@pytest.mark.waits(8)
@pytest.mark.parametrize("why", LOST_ANSWERS)
def test_stop_whose_answer_telegram_does_not_take_is_no_failure_of_the_bot(
    start_bot, telegram, anna, new_server, settings_for, why
):
    server = new_server()
    conference = server.add_conference("Weekly planning")
    bot = start_bot(settings_for({"office": server.settings()}))
    buttons = (label("conferences"), "Weekly planning", label("stop"))
    message = calm(press(anna, open_menu(anna, "office"), *buttons))
    telegram.fail("editMessageText", **LOST_ANSWERS[why])
    pressed = anna.press(message, label("confirm_stop")).wait(PATIENCE_S)
    assert pressed.text == plain_text("answer_lost")
    assert not conference.is_running
    assert "a handler failed" not in bot.output


def test_wait_that_telegram_asks_for_holds_up_nobody_and_is_a_minute_at_most(telegram, monkeypatch):
    monkeypatch.setattr(ours, "LONGEST_WAIT_S", 1)
    bot = ours.Bot(TOKEN, telegram.url)
    done = queue.Queue()
    telegram.fail("getMe", 429, parameters={"retry_after": 2}, times=1)
    with pytest.raises(apihelper.ApiTelegramException):
        bot.say(bot.get_me)
    telegram.fail("getMe", 429, parameters={"retry_after": 0.3}, times=2)
    bot.say(lambda: done.put(bot.get_me()))
    assert done.empty()
    assert done.get(timeout=PATIENCE_S).is_bot


def test_time_out_drops_the_kept_connections_and_a_refusal_does_not(telegram, monkeypatch):
    monkeypatch.setattr(apihelper, "READ_TIMEOUT", 0.5)
    bot = ours.Bot(TOKEN, telegram.url)
    monkeypatch.setattr(apihelper, "READ_TIMEOUT", 0.5)
    assert bot.get_me().is_bot
    kept = bot.sender._session
    telegram.fail("getMe", 502)
    trouble_of(bot)
    assert bot.sender._session is kept
    telegram.hang("getMe")
    trouble_of(bot)
    assert bot.sender._session is not kept
    telegram.clear_faults()


@pytest.mark.parametrize("answer", ["403 Forbidden", "407 Login", "502 Bad Gateway"])
def test_proxy_that_says_no_is_asked_once(answer):
    with listening(f"HTTP/1.1 {answer}\r\n\r\n".encode()) as (port, heard):
        trouble_of(ours.Bot(TOKEN, proxy=f"http://127.0.0.1:{port}"))
    assert len(heard) == 1


def test_proxy_that_wants_a_login_is_named_without_tls_as_well():
    wants = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with listening(wants.encode()) as (port, _):
        url, proxy = "http://telegram.example", f"http://127.0.0.1:{port}"
        said = trouble_of(ours.Bot(TOKEN, url, proxy))
    assert says(said, "telegram_proxy_login", proxy=f"127.0.0.1:{port}", where="tg-proxy")


def test_who_keeps_the_evidence_is_told_of_every_request(telegram):
    """An excuse of Telegram's own front is an answer, what was cut off is none."""
    bot, noted = ours.Bot(TOKEN, telegram.url), []
    bot.sender.note = lambda is_answer, began, ended: noted.append((is_answer, began <= ended))
    assert bot.get_me().is_bot
    telegram.fail("getMe", 502)
    trouble_of(bot)
    telegram.cut("getMe", times=2)
    trouble_of(bot)
    assert noted == [(True, True), (True, True), (False, True)]


@pytest.mark.waits(15)
def test_resolver_that_is_slower_than_a_connection_keeps_nobody_from_telegram(
    telegram, monkeypatch
):
    """5 s where the first of two name servers is silent, 8 s where both are."""
    name, real, asked = "telegram.example.org", socket.getaddrinfo, []

    def answer(host, *args, **options):
        if host == name:
            asked.append(host)
            time.sleep(sender.CONNECT_LIMIT_S + 2)
        return real("127.0.0.1" if host == name else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    connections._names.pop(name, None)
    bot = ours.Bot(TOKEN, f"http://{name}:{telegram.port}")
    assert bot.get_me().is_bot
    bot.sender._drop_connections()
    assert bot.get_me().is_bot
    assert len(asked) == 2


@pytest.mark.waits(10)
def test_ca_file_that_vanishes_costs_no_alert(launch, telegram, anna, new_server, settings_for):
    """The alert is told when the file is there again."""
    telegram._door.tls = certificates.server_context
    file = Path(shutil.copy(certificates.ca_file(), launch.__closure__[0].cell_contents.folder))
    server = new_server()
    watched = {"office": server.settings(server_status={"state": 1, "timeout": 1})}
    settings = {**settings_for(watched), "tg-api-url": telegram.url.replace("http:", "https:")}
    bot = launch(settings, REQUESTS_CA_BUNDLE=str(file))
    bot.wait_for_output("Bot is running...")
    telegram.wait_for_poll(PATIENCE_S)
    file.rename(file.with_suffix(".away"))
    telegram.go_down()
    telegram.come_back()
    bot.wait_for_output(saying("telegram_ca_file", where="REQUESTS_CA_BUNDLE"))
    server.core_down()
    wait_until(lambda: "office: 🟡" in bot.output or "office: service" in bot.output)
    file.with_suffix(".away").rename(file)
    anna.chat.wait_for("🟡 office", 60)


# ---------------------------------------------------------------- strangers


def test_strangers_hold_up_nobody(start_bot, telegram, anna, settings_for):
    """Telegram asks to wait before it takes what is said to them: then they are told nothing."""
    bot = start_bot(settings_for({"office": OFFICE}))
    telegram.fail(
        "sendMessage",
        429,
        parameters={"retry_after": 40},
        times=1000,
        when=lambda parameters: parameters["chat_id"] != str(ANNA),
    )
    strangers = [telegram.person(500_000_000 + number, "Mallory") for number in range(80)]
    for stranger in strangers:
        stranger.send("/start")
    assert says(ask(anna, "/start"), "servers")
    for _ in range(200):
        strangers[0].send("hello")
    assert says(ask(anna, "/start"), "servers")
    assert bot.output.count(f"refused a message of Mallory ({strangers[0].id})") == 1
    assert "Telegram asks to wait" not in bot.output


def test_what_is_remembered_of_strangers_is_bounded():
    lately = OnceAMinute()
    assert all(lately.is_due(number) for number in range(2 * MOST_REMEMBERED))
    assert not lately.is_due(2 * MOST_REMEMBERED - 1)
    assert lately.is_due(0)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no file modes")
def test_new_log_file_is_readable_by_its_owner_alone(start_bot, settings_for):
    bot = start_bot(settings_for({"office": OFFICE}, **{"log-file": "bot.log"}))
    assert (bot.folder / "bot.log").stat().st_mode & 0o777 == 0o600


# ---------------------------------------------------------------- one's own buttons

OWN_BUTTONS = """
@on_button("menu")
def show_menu(call, server, press):
    raise ZeroDivisionError("my mistake")


from gate import BUTTONS
del BUTTONS["all"]


# ------------------------------------------------------------ starting and"""


def test_failing_button_says_so_and_a_misnamed_one_is_named(tmp_path, telegram, anna, settings_for):
    project = copy_project(tmp_path)
    text = (project / "main.py").read_text(encoding="utf-8")
    mark = "\n# ------------------------------------------------------------ starting and"
    assert text.count(mark) == 1
    (project / "main.py").write_text(text.replace(mark, OWN_BUTTONS), encoding="utf-8")
    bot = BotProcess(tmp_path, settings_for({"office": OFFICE, "second": OFFICE}))
    bot.start("--settings", str(bot.settings_file), main=project / "main.py")
    try:
        bot.wait_for_output("Bot is running...")
        message = ask(anna, "/start")
        pressed = anna.press(message, "office").wait()
        assert pressed.text == plain_text("bot_failed")
        bot.wait_for_output("ZeroDivisionError: my mistake")
        pressed = anna.press(message, label("all_servers")).wait()
        assert pressed.text == plain_text("out_of_date")
        bot.wait_for_output('main.py has no @on_button("all")')
    finally:
        bot.kill()


# ---------------------------------------------------------------- the end of the demo


def test_what_fails_after_the_end_has_begun_is_not_said(telegram, caplog):
    bot = ours.Bot(TOKEN, telegram.url, say=screens.telegram_trouble)
    telegram.go_down()
    bot.sender.is_ending = True
    assert says(trouble_of(bot), "telegram_silent")
    assert not says(caplog.text, "telegram_silent")


needs_sighup = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGHUP")


@pytest.mark.parametrize("how", ["SIGINT", pytest.param("SIGHUP", marks=needs_sighup)])
def test_last_line_of_the_demo_is_no_warning(tmp_path, how):
    bot = BotProcess(tmp_path)
    bot.start("--demo", BROWSER="none")
    try:
        bot.wait_for_output("Bot is running...")
        assert bot.stop(getattr(signal, how)) == 0
    finally:
        bot.kill()
    assert "Telegram" not in bot.output.splitlines()[-1]
    assert not says(bot.output, "telegram_silent")
