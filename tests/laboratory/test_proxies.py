"""Telegram behind real proxies: squid, tinyproxy, microsocks and Dante, with TLS all the way."""

import contextlib

import pytest

from demo.telegram.server import TelegramServer
from demo.trueconf.certificates import ca_file
from tests.conftest import ANNA, TOKEN, BotProcess, ask, settings_of, wait_until
from tests.laboratory import parts
from tests.laboratory.parts import NAME, QUOTED_PASSWORD
from texts.en import WORDS

WRONG_PASSWORD, REFUSES, CANNOT_REACH = (
    WORDS[f"telegram_proxy_{kind}"].partition("{proxy}")[2].partition(".")[0]
    for kind in ("login", "refuses", "cannot")
)


class Behind:
    """A Telegram that speaks TLS, with an authority that only the environment names."""

    def __init__(self, folder, stack: contextlib.ExitStack):
        self.telegram = stack.enter_context(TelegramServer(token=TOKEN))
        self.anna = self.telegram.person(ANNA, first_name="Anna").starts_bot()
        server = f"{parts.tls()} location / {{ proxy_pass {self.telegram.url}; }}"
        self.front = stack.enter_context(parts.nginx(server))
        self.bot = BotProcess(folder)
        stack.callback(self.bot.kill)
        office = {"ip": "127.0.0.1", "client_id": "0" * 20, "client_secret": "0" * 20}
        self.settings = settings_of(self.telegram, {"office": office}, users=[ANNA])

    def start_bot(self, proxy: str, port: int | None = None, *arguments: str) -> BotProcess:
        """`port`: another than that of Telegram."""
        url = f"https://127.0.0.1:{port or self.front.port}"
        self.bot.write_settings({**self.settings, "tg-api-url": url, "tg-proxy": proxy})
        if arguments:
            arguments = ("--settings", str(self.bot.settings_file), *arguments)
        return self.bot.start(*arguments, REQUESTS_CA_BUNDLE=ca_file())


@pytest.fixture
def behind(tmp_path):
    with contextlib.ExitStack() as stack:
        built = Behind(tmp_path, stack)
        yield built
        assert "Traceback" not in built.bot.output, built.bot.output
        assert TOKEN not in built.bot.output
        assert QUOTED_PASSWORD not in built.bot.output
        assert parts.PASSWORD not in built.bot.output


RIGHT = [
    (parts.squid, f"http://{NAME}:{QUOTED_PASSWORD}@"),
    (parts.tinyproxy, f"http://{NAME}:secret1@"),
    (parts.microsocks, f"socks5h://{NAME}:{QUOTED_PASSWORD}@"),
    (parts.danted, "socks5h://"),
]


@pytest.mark.parametrize(("proxy", "who"), RIGHT, ids=lambda value: getattr(value, "__name__", ""))
def test_bot_answers_through_a_real_proxy(behind, proxy, who):
    with proxy() as port:
        bot = behind.start_bot(f"{who}127.0.0.1:{port}")
        bot.wait_for_output("Bot is running...")
        behind.telegram.wait_for_poll(30)
        assert "office" in ask(behind.anna, "/start").labels


WRONG = [
    ("squid_password", parts.squid, f"http://{NAME}:wrong@", False, WRONG_PASSWORD),
    ("squid_no_password", parts.squid, "http://", False, WRONG_PASSWORD),
    ("squid_no_way", parts.squid, RIGHT[0][1], True, CANNOT_REACH),
    ("squid_rules", lambda: parts.squid(""), RIGHT[0][1], False, REFUSES),
    ("tinyproxy_password", parts.tinyproxy, f"http://{NAME}:wrong@", False, WRONG_PASSWORD),
    ("tinyproxy_no_way", parts.tinyproxy, RIGHT[1][1], True, CANNOT_REACH),
    ("microsocks_password", parts.microsocks, f"socks5h://{NAME}:wrong@", False, WRONG_PASSWORD),
    ("microsocks_no_password", parts.microsocks, "socks5h://", False, WRONG_PASSWORD),
    ("microsocks_no_way", parts.microsocks, RIGHT[2][1], True, CANNOT_REACH),
    ("danted_rules", lambda: parts.danted("block"), "socks5h://", False, REFUSES),
    ("danted_no_way", parts.danted, "socks5h://", True, CANNOT_REACH),
]


@pytest.mark.parametrize(
    ("proxy", "who", "is_away", "words"),
    [case[1:] for case in WRONG],
    ids=[case[0] for case in WRONG],
)
def test_bot_says_what_a_real_proxy_does_not_like(behind, proxy, who, is_away, words):
    """B7: in the log and in --check, and the bot goes on trying."""
    away = parts.free_port() if is_away else None
    with proxy() as port:
        address = f"{who}127.0.0.1:{port}"
        bot = behind.start_bot(address, away, "--check")
        wait_until(lambda: bot.has_ended, what="the end of --check")
        checked = bot.output
        print(checked)
        behind.start_bot(address, away)
        said = wait_until(lambda: bot.output[len(checked) :], what="a line in the log")
        wait_until(lambda: words in bot.output[len(checked) :], 15, what=repr(words))
        print(said)
        assert words in checked
        assert not bot.has_ended
