"""The bot ends when it is told to: soon, with exit code 0 and without a traceback."""

import os
import signal
import sys
import time

import pytest

from tests.conftest import label, open_menu, press, saying, wait_until

GENEROUS_S = 5  # it should be 2; more would be a hang
# A Windows program can be sent Ctrl+C from outside; what else ends it, ends it without a word.
NAMES = ("SIGINT",) if os.name == "nt" else ("SIGTERM", "SIGINT", "SIGHUP")
SIGNALS = [getattr(signal, name) for name in NAMES]

each_signal = pytest.mark.parametrize("how", SIGNALS, ids=lambda one: one.name)


def ends_well(bot, how):
    began_at = time.monotonic()
    code = bot.stop(how)
    took_s = time.monotonic() - began_at
    assert code == 0, bot.output
    assert "Traceback" not in bot.output, bot.output
    assert took_s < GENEROUS_S


@pytest.fixture
def server(own_stage):
    server = own_stage.new_server()
    watched = {"state": 1, "timeout": 1}
    own_stage.write_settings(
        {"Moscow": server.settings(server_status=watched, forgotten_conferences=watched)}
    )
    return server


@each_signal
def test_bot_ends_while_it_is_idle(own_stage, server, how):
    own_stage.wake_bot()
    wait_until(lambda: server.requests, what="the first look")
    ends_well(own_stage.bot, how)
    assert f"ended by {how.name}" in own_stage.bot.output


def test_bot_ends_while_telegram_cannot_be_reached_from_the_start(own_stage, server):
    own_stage.telegram.go_down()
    own_stage.bot.start()
    own_stage.bot.wait_for_output(saying("telegram_silent"))
    ends_well(own_stage.bot, signal.SIGTERM)


def test_bot_ends_while_telegram_has_gone(own_stage, server):
    own_stage.wake_bot()
    own_stage.telegram.go_down()
    own_stage.bot.wait_for_output(saying("telegram_silent"))
    ends_well(own_stage.bot, signal.SIGTERM)


def test_bot_ends_while_telegram_is_silent(own_stage, server):
    own_stage.telegram.hang("getMe")
    own_stage.bot.start()
    own_stage.telegram.wait_until(lambda: own_stage.telegram.count("getMe"))
    ends_well(own_stage.bot, signal.SIGTERM)


@each_signal
def test_bot_ends_while_presses_and_watchers_wait_for_a_server(own_stage, server, how):
    own_stage.wake_bot()
    menu = open_menu(own_stage.anna, "Moscow")
    press(own_stage.anna, menu, label("online"))
    server.break_path("vsstatus", "hang")
    server.break_path("", "hang")
    server.clear_requests()
    own_stage.anna.press(menu, label("refresh"))

    def waiting():
        paths = {one.path for one in server.requests}
        return "/api/v3.3/users" in paths and len(paths) > 1

    wait_until(waiting, what="a press and a look that wait")
    ends_well(own_stage.bot, how)


def test_what_was_switched_just_before_the_end_is_saved(own_stage, server):
    own_stage.wake_bot()
    screen = press(own_stage.anna, open_menu(own_stage.anna, "Moscow"), label("status"))
    press(own_stage.anna, screen, label("monitoring_off"))
    ends_well(own_stage.bot, signal.SIGTERM)
    settings = own_stage.bot.read_settings()["servers"]["Moscow"]
    assert settings["server_status"]["state"] == 0
    assert server.scopes_of_token(settings["access_token"])


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows ignores no signal")
@pytest.mark.parametrize(
    ("ignored", "starter", "end"),
    [
        ("SIGHUP", ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"], "SIGTERM"),
        ("SIGHUP", ["nohup"], "SIGINT"),
        ("SIGINT", ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"], "SIGHUP"),  # as a script's &
        ("SIGTERM", ["sh", "-c", "trap '' TERM; exec \"$@\"", "sh"], "SIGINT"),
    ],
)
def test_signal_that_was_ignored_at_the_start_stays_ignored(
    own_stage, server, ignored, starter, end
):
    """As when somebody closes the SSH window of `nohup python3 main.py &`."""
    own_stage.bot.python = [*starter, sys.executable]
    own_stage.wake_bot()
    own_stage.bot.process.send_signal(getattr(signal, ignored))
    polls = own_stage.telegram.polls
    own_stage.anna.send("/id")
    wait_until(lambda: own_stage.telegram.polls > polls, what="a bot that lives")
    ends_well(own_stage.bot, getattr(signal, end))
    assert f"ended by {end}" in own_stage.bot.output
    assert f"ended by {ignored}" not in own_stage.bot.output


@pytest.mark.skipif(os.name == "nt", reason="sent with os.kill")
@pytest.mark.parametrize("number", range(1, 5))
def test_ctrl_c_while_the_modules_are_imported_prints_nothing(own_stage, server, number):
    """Sent by the process itself as soon as so many of our modules are being looked for."""
    hook = own_stage.bot.folder / "sitecustomize.py"
    hook.write_text(CTRL_C_AT_AN_IMPORT, encoding="utf-8")
    own_stage.bot.start(PYTHONPATH=str(hook.parent), AT=str(number))
    assert own_stage.bot.process.wait(GENEROUS_S) == 0
    assert own_stage.bot.output == ""


CTRL_C_AT_AN_IMPORT = """
import os, signal, sys
MODULES = ["", "lib.own_python", "requests", "alerts", "lib.telegram"]
class Finder:
    def find_spec(self, name, *_):
        if name == MODULES[int(os.environ["AT"])]:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
"""
