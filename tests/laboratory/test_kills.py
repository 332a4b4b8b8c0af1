"""The bot is killed at any moment, and its settings are whole afterwards."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from keyboards import Press, pack, short_id
from tests.conftest import (
    PATIENCE_S,
    ROOT,
    BotProcess,
    clean_environment,
    open_menu,
    wait_until,
)
from tests.test_settings import BASE, load, put, read

# Forks, as 200 starts of Python would take minutes. Arguments: the file, what stands in it.
KILLER = """
import json, os, pathlib, signal, sys, time
from lib import settings

file = pathlib.Path(sys.argv[1])
most_litter = 0
for number in range(200):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        loaded = settings.load(str(file))
        for round in range(10**6):
            loaded.servers["office"].access_token = f"{number}-{round}-" + "x" * 500
            loaded.save()
            os.write(writer, b"saved")
    os.read(reader, 5)
    time.sleep(number % 40 / 10000)  # somewhere else in its work each time
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reader)
    os.close(writer)
    content = json.loads(file.read_text(encoding="utf-8"))
    token = content["servers"]["office"].pop("access_token")
    assert token.startswith(f"{number}-") and token.endswith("x" * 500), token
    assert content == json.loads(sys.argv[2]), content
    most_litter = max(most_litter, len(list(file.parent.iterdir())) - 1)
print(most_litter)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_200_times_while_saving_the_file_is_always_whole(tmp_path):
    loaded = load(tmp_path, put(BASE, "note", "Сервер " * 2000))
    file = tmp_path / "settings.json"
    command = [sys.executable, "-c", KILLER, str(file), json.dumps(read(tmp_path))]
    run = subprocess.run(
        command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=300
    )
    assert run.stderr == ""
    assert run.returncode == 0
    # A process that was killed leaves its temporary file; the next one that saves takes it away.
    assert int(run.stdout) <= 1
    loaded.servers["office"].access_token = "the-token-of-the-last-one"
    loaded.save()
    assert [one.name for one in tmp_path.iterdir()] == ["settings.json"]


BOTS_KILLED = 10
PRESSED = ("monitoring_on", "monitoring_off", "forgotten_alerts_on", "forgotten_alerts_off")
PRESSED += ("online", "conferences")


@contextmanager
def pressing(person, message):
    """Somebody who turns the switches all the while."""
    ending = threading.Event()

    def go_on():
        for action in PRESSED * 10**6:
            if ending.wait(0.01):
                return
            person.press_data(message, pack(Press(action, short_id("office"))))

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def test_bot_that_is_killed_under_load_starts_again_and_works(
    telegram, anna, new_server, tmp_path, settings_for
):
    office = new_server()
    office.token_lifetime_s = 1  # renewed, and saved, all the while
    bot = BotProcess(tmp_path, settings_for({"office": office.settings()}))
    before = bot.read_settings()
    try:
        for _ in range(BOTS_KILLED):
            bot.start()
            telegram.wait_for_poll(PATIENCE_S)
            message = open_menu(anna, "office")
            with pressing(anna, message):
                office.clear_requests()
                wait_until(lambda: len(office.requests) > 5)
                time.sleep(random.uniform(0, 0.7))  # any moment of the half second between saves
                bot.process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
                bot.process.wait(PATIENCE_S)
            content = bot.read_settings()
            server = content["servers"]["office"]
            assert set(before["servers"]["office"]) <= set(server)
            assert {**content, "servers": 0} == {**before, "servers": 0}
            telegram.clear_calls()
    finally:
        bot.kill()
    assert "Traceback" not in bot.output
