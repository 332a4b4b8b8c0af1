"""Planned windows: nothing is announced in them, and what is true at their end is told then."""

import re
import time

import pytest

from tests.conftest import (
    ANNA,
    PATIENCE_S,
    label,
    open_menu,
    press,
    says,
    wait_until,
)
from texts import plain, words

MINUTE_S = 60


class Wall:
    """A clock on the wall that shows 12:00 now less so many seconds, by a zone for the bot."""

    def __init__(self, before_noon_s: int):
        self.noon = int(time.time()) + before_noon_s
        ahead_s = (12 * 3600 - self.noon) % 86400  # of UTC
        hours, seconds = divmod(ahead_s, 3600)
        self.zone = f"WALL-{hours:02}:{seconds // 60:02}:{seconds % 60:02}"

    def start(self, bot) -> None:
        before = bot.output.count("Bot is running...") if bot.output_file.exists() else 0
        bot.start(TZ=self.zone)
        bot.wait_for_output(lambda output: output.count("Bot is running...") > before)

    def wait_for(self, minutes: int) -> None:
        """Until so many minutes after noon."""
        at = self.noon + MINUTE_S * minutes
        wait_until(lambda: time.time() >= at, 3 * MINUTE_S, "the time")


def write_settings(stage, windows):
    """Servers that are looked at each second, with their windows, and Anna, who is told."""
    servers = {name: stage.new_server() for name in windows}
    watched = {"state": 1, "timeout": 1}
    settings = {
        name: server.settings(server_status={**watched, "maintenance": windows[name]})
        for name, server in servers.items()
    }
    stage.write_settings(settings, users=[ANNA])
    return servers


def told_of(stage, name):
    """The first lines of all that Anna was told unasked of this server."""
    lines = [one.text.partition("\n")[0] for one in stage.anna.chat.bot_messages]
    return [line for line in lines if line[2:] == name]


needs_zones = pytest.mark.skipif(
    not hasattr(time, "tzset"), reason="this system sets no zone for a process"
)


@needs_zones
@pytest.mark.waits(85)
def test_windows_of_several_servers_over_a_restart(own_stage):
    """Moscow goes down in its window and stays so, Riga comes back in it, Tver comes back after it,
    and of Omsk people were told before its window."""
    long, short = ["11:50-12:01"], ["12:00-12:01"]
    windows = {"Moscow": long, "Riga": ["11:50-11:59", "11:58-12:01"], "Tver": long, "Omsk": short}
    servers, bot, chat = write_settings(own_stage, windows), own_stage.bot, own_stage.anna.chat
    wall = Wall(20)
    wall.start(bot)
    for server in servers.values():
        server.go_down()
    for name in servers:
        bot.wait_for_output(f"{name}: down (port")
    chat.wait_for("🔴 Omsk\n")
    status = press(own_stage.anna, open_menu(own_stage.anna, "Moscow"), label("status"))
    assert says(status, "planned", time="12:01:00")
    assert bot.stop() == 0
    wall.start(bot)
    wall.wait_for(0)
    bot.wait_for_output("Omsk: a planned window begins")
    overviews = press(own_stage.anna, own_stage.anna.chat.bot_messages[-1], label("back"))
    press(own_stage.anna, overviews, label("back"), label("all_servers"))
    planned = words("planned", time="12:01:00")
    assert overviews.text.count(plain(planned)) == 4
    for name in ("Riga", "Omsk"):
        servers[name].come_back()
        bot.wait_for_output(f"{name}: up")
    assert [told_of(own_stage, name) for name in servers] == [[], [], [], ["🔴 Omsk"]]

    wall.wait_for(1)
    down = chat.wait_for("🔴 2 ", PATIENCE_S)
    assert {"Moscow", "Tver"} <= set(re.findall(r"\w+", down.text))
    chat.wait_for("🟢 Omsk\n")
    servers["Tver"].come_back()
    chat.wait_for("🟢 Tver\n")
    assert not any("Riga" in one.text for one in chat.bot_messages if one.text[0] in "🔴🟢🔧")


@needs_zones
@pytest.mark.waits(35)
def test_window_that_ends_while_the_bot_is_off_ends_as_any(own_stage):
    """Both computers restart at night: what has come back is no news, what has not is."""
    windows = {"Moscow": ["11:59-12:00"], "Riga": ["11:59-12:00"], "Tver": []}
    servers, bot, chat = write_settings(own_stage, windows), own_stage.bot, own_stage.anna.chat
    wall = Wall(20)
    wall.start(bot)
    for server in servers.values():
        server.go_down()
    for name in servers:
        bot.wait_for_output(f"{name}: down (port")
    chat.wait_for("🔴 Tver\n")  # which has no window
    assert bot.stop() == 0
    wall.wait_for(0)
    servers["Riga"].come_back()
    wall.start(bot)
    chat.wait_for("🔴 Moscow\n")
    bot.wait_for_output("Riga: up")
    for name in ("Moscow", "Riga"):
        bot.wait_for_output(f"{name}: a planned window is over")
    servers["Tver"].come_back()
    chat.wait_for("🟢 Tver\n")  # all that comes before it has been told
    assert [told_of(own_stage, name) for name in ("Moscow", "Riga")] == [["🔴 Moscow"], []]
