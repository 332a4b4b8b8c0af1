"""`python main.py --demo`: starts the simulated world and says how the bot reaches it.

    demo = start("en")
    print(demo.address)         # the page with the chat and the controls of the world
    demo.open_page()
    ...                         # run the bot with the settings in demo.settings_file
    demo.stop()

It does not start the bot: that is the same main.py as always, with other settings. What the bot
remembers is made by `demo.played(run)`.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from demo import past
from demo.chat_page import COLLEAGUE_ID, GROUP_ID, VISITOR_ID, ChatPage
from demo.trueconf import certificates
from demo.world import World

# What may be secret, as the token of a real bot is, goes to the bot in a variable and in no file.
# The heartbeat of a real bot is none of the demo's.
VARIABLES = {
    "tg-api-token": "TG_API_TOKEN",
    "tg-proxy": "TG_PROXY",
    "heartbeat-url": "HEARTBEAT_URL",
}


class Demo:
    """The simulated world, for the bot: `settings` in the format of settings.json."""

    def __init__(self, world, page, settings):
        self.world = world
        self.page = page
        self.settings = settings
        self.folder = Path(tempfile.mkdtemp(prefix="trueconf-bot-demo-"))
        self.settings_file = self.folder / "settings.json"
        text = json.dumps(settings, ensure_ascii=False, indent=4)
        self.settings_file.write_text(text, encoding="utf-8")

    @property
    def address(self):
        return self.page.url

    def played(self, run):
        """The same bot with a past, which goes on when the visitor lets a day pass."""

        def run_with_past(loaded, record, is_ending):
            names = dict(zip(self.world.sites, loaded.servers, strict=True))
            people = self.page.words["visitor"], self.page.words["colleague"]
            days = past.Past(record, names, people)
            days.begin(loaded.digest)
            self.page.when_a_day_passes = days.let_a_day_pass
            run(loaded, record, is_ending)

        return run_with_past

    def open_page(self):
        """Open the page where there is a browser; tell whether that was tried."""
        if not _may_open_browser():
            return False
        # A process of its own: some browsers block, and some print what nobody wants to read.
        options = {"start_new_session": True}
        if os.name == "nt":
            options = {"creationflags": subprocess.CREATE_NO_WINDOW}
        silent = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        secret = VARIABLES.values()
        environment = {key: value for key, value in os.environ.items() if key not in secret}
        with contextlib.suppress(OSError):
            command = [sys.executable, "-m", "webbrowser", self.address]
            subprocess.Popen(command, env=environment, **silent, **options)
        return True

    def stop(self):
        """End the world and remove everything from the disk. The page ends with the process: a bot
        that is still listening to it would log that Telegram is gone."""
        self.world.stop()
        certificates.remove()
        shutil.rmtree(self.folder, ignore_errors=True)


def start(language, telegram=None):
    """Start the simulated world and return a Demo.

    telegram: settings of a real bot (a dict with tg-api-token and tg-users-id, tg-api-url and
    tg-proxy), which then shows the simulated servers; None: the simulated Telegram.
    """
    world = World(language)
    page = ChatPage(world, language, has_chat=telegram is None)
    try:
        world.start()
        page.start()
        if telegram is None:
            telegram = {
                "tg-api-token": page.token,
                "tg-api-url": page.url,
                "tg-users-id": [VISITOR_ID, COLLEAGUE_ID, GROUP_ID],
            }
        for key, name in VARIABLES.items():
            os.environ.pop(name, None)
            if telegram.get(key):
                os.environ[name] = telegram[key]
        keys = ("tg-users-id", "tg-viewers-id", "tg-api-url")
        kept = {key: telegram[key] for key in keys if telegram.get(key)}
        # A name of their own, so that nobody takes their alerts for those of real servers.
        prefix = "" if page.has_chat else "Demo: "
        servers = {f"{prefix}{name}": section for name, section in world.settings().items()}
        kept |= {"language": language, "digest": time.strftime("%H:%M"), "servers": servers}
        return Demo(world, page, kept)
    except BaseException:  # Ctrl+C too: main.py ends without the usual clean-up
        world.stop()
        certificates.remove()
        raise


def _may_open_browser():
    if os.environ.get("CI") or os.environ.get("BROWSER", "").lower() == "none":
        return False
    has_screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(has_screen or os.name == "nt" or sys.platform == "darwin")
