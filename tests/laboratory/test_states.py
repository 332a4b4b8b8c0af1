"""What the bot costs in each state of a server: no state makes a thread turn without a pause."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import label, open_menu, press, wait_until
from texts import duration

MEASURED_S = 8
MOST_CPU = 0.25  # of one core; a thread that turns takes all of it


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def on_status(stage, *buttons: str) -> None:
    press(stage.anna, open_menu(stage.anna, "Moscow"), label("status"), *buttons)


def pause(stage, server) -> None:
    on_status(stage, label("pause", duration=duration(3600)))


def sleep(stage, server) -> None:
    """For longer than the watcher takes for a gap between two looks."""
    os.kill(stage.bot.process.pid, signal.SIGSTOP)
    time.sleep(75)
    os.kill(stage.bot.process.pid, signal.SIGCONT)


STATES = {
    "up": lambda stage, server: None,
    "off": lambda stage, server: on_status(stage, label("monitoring_off")),
    "paused": pause,
    "without its service": lambda stage, server: server.core_down(),
    "without its website": lambda stage, server: server.web_down(),
    "down": lambda stage, server: server.go_down(),
    "silent": lambda stage, server: server.break_path("", "hang"),
    "unsteady": lambda stage, server: server.break_path("vsstatus", "status", status=503, times=2),
    "without a token": lambda stage, server: server.break_path("token", "status", status=500),
    "asleep": sleep,
}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("enter", STATES.values(), ids=STATES)
def test_no_state_of_a_server_burns_a_core(own_stage, enter):
    server = own_stage.new_server()
    watched = {"state": 1, "timeout": 2, "repeat": 1}
    forgotten = {"state": 1, "timeout": 2}
    own_stage.start_bot(
        {"Moscow": server.settings(server_status=watched, forgotten_conferences=forgotten)}
    )
    wait_until(lambda: len(server.requests) > 6, what="the first looks and the first search")
    enter(own_stage, server)
    time.sleep(10)  # a change is confirmed and told, everything has fallen due once
    pid = own_stage.bot.process.pid
    before = cpu_s(pid)
    time.sleep(MEASURED_S)
    used = (cpu_s(pid) - before) / MEASURED_S
    print(f"{used:.1%} of a core")
    assert used < MOST_CPU
