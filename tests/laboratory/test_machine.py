"""What the bot's own computer does to it: a clock that jumps, a disk that is full or read-only."""

import contextlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import open_menu, press, wait_until
from tests.laboratory.conftest import need_programs

CLOCK_LIBRARIES = "/usr/lib/*/faketime/libfaketimeMT.so.1"
# libfaketime 0.9 breaks the sleep of Python 3.11 and newer (an absolute time of the steady clock).
OTHER_SLEEP = "import select, time; time.sleep = lambda s: select.select([], [], [], max(0, s))"
DISK_SIZE = "256k"


# ---------------------------------------------------------------- the clock


@pytest.fixture
def set_clock(own_stage):
    """A function that puts the bot's clock so many seconds ahead of the real one."""
    found = sorted(Path("/").glob(CLOCK_LIBRARIES.lstrip("/")))
    if sys.platform != "linux" or not found:
        pytest.skip("not installed: libfaketime")
    file = own_stage.bot.folder / "clock"

    def put(ahead_s: int) -> None:
        new = file.with_suffix(".new")
        new.write_text(f"{ahead_s:+}\n")
        new.replace(file)

    put(0)
    (own_stage.bot.folder / "sitecustomize.py").write_text(OTHER_SLEEP)
    own_stage.bot.python = [
        "env",
        f"LD_PRELOAD={found[0]}",
        f"FAKETIME_TIMESTAMP_FILE={file}",
        "FAKETIME_NO_CACHE=1",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
        f"PYTHONPATH={own_stage.bot.folder}",
        sys.executable,
    ]
    return put


@pytest.mark.parametrize("ahead_s", [3600, -3600, 86400])
def test_clock_that_jumps_in_an_outage_changes_no_duration(own_stage, set_clock, ahead_s):
    """E2: "0 s: from 22:38 to 21:39", or "1 h" for an outage of seconds."""
    office = own_stage.new_server(tls=False)  # its certificate is not valid at every time
    office.add_conference("Weekly planning")
    own_stage.start_bot({"office": office.settings(server_status={"state": 1, "timeout": 1})})
    looks = len(office.requests)
    wait_until(lambda: len(office.requests) > looks + 4, what="two looks")

    office.go_down()
    own_stage.anna.chat.wait_for("🔴")
    set_clock(ahead_s)
    office.come_back()
    recovery = own_stage.anna.chat.wait_for("🟢")

    told = [message.text for message in own_stage.anna.chat.bot_messages]
    assert len(told) == 2, told
    lasted = re.search(r"for ([^:]+):", recovery.text)[1]
    assert re.fullmatch(r"[1-9]\d? s|1 min( \d+ s)?", lasted), recovery.text
    # The bot goes on as before: screens come, and the next outage is told.
    menu = open_menu(own_stage.anna, "office")
    press(own_stage.anna, menu, "Running")
    assert "Weekly planning" in menu.text
    office.go_down()
    wait_until(
        lambda: sum("🔴" in one.text for one in own_stage.anna.chat.bot_messages) == 2,
        what="the second alert",
    )


# ---------------------------------------------------------------- the disk


@pytest.fixture
def small_disk(own_stage):
    """The folder of the settings on a disk of its own."""
    need_programs("mount", root=True)
    folder = own_stage.bot.folder / "disk"
    folder.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE}", "tmpfs", str(folder)]
    done = subprocess.run(mounted, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount a tmpfs: {done.stderr.strip()}")
    own_stage.bot.settings_file = folder / "settings.json"
    yield folder
    own_stage.bot.kill()
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    with open(folder / "filler", "wb", 0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(b"x" * 4096)


def empty(folder: Path) -> None:
    (folder / "filler").unlink()


def forbid_writing(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


def allow_writing(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)


@pytest.mark.parametrize(
    ("break_disk", "mend_disk", "words"),
    [(fill, empty, "the disk is full"), (forbid_writing, allow_writing, "read-only")],
    ids=["full", "read_only"],
)
def test_switch_that_cannot_be_saved_says_so(own_stage, small_disk, break_disk, mend_disk, words):
    """B19: in the log with the reason, and to who pressed; it is saved when that is possible."""
    office = own_stage.new_server()
    own_stage.start_bot({"office": office.settings()})
    bot, anna = own_stage.bot, own_stage.anna
    menu = press(anna, open_menu(anna, "office"), "Running", "Back", "Status")
    wait_until(lambda: bot.read_settings()["servers"]["office"]["access_token"], what="a token")

    break_disk(small_disk)
    before = bot.settings_file.read_text()
    pressed = anna.press(menu, lambda button: button.data.startswith("monitoring_on")).wait()
    assert "restart" in (pressed.text or ""), pressed.text
    wait_until(lambda: words in bot.output, what=repr(words))
    assert bot.settings_file.read_text() == before
    assert json.loads(before)["servers"]["office"]["server_status"]["state"] == 0

    mend_disk(small_disk)
    wait_until(
        lambda: bot.read_settings()["servers"]["office"]["server_status"]["state"] == 1,
        60,
        "the switch in the file",
    )
    left = sorted(file.name for file in small_disk.iterdir())
    assert {*left} <= {"settings.json", "settings-memory.json"}  # and nothing half-written
