"""An independent witness: /start, press, edit with a Telegram that other people have simulated,
the npm package telegram-test-api. Needs Node, npm and the internet.
"""

import json
import shutil
import subprocess
import time

import pytest

from lib.telegram_presses import FRESH_S
from tests.conftest import ANNA, STRANGER, TOKEN, BotProcess, wait_until
from tests.laboratory.witness_front import Front, post

PACKAGE = "telegram-test-api@4.2.1"
INSTALL_LIMIT_S = 120
INSTALL = ["install", "--loglevel=error", "--engine-strict", "--ignore-scripts", "--no-audit"]
INSTALL += ["--fetch-retry-mintimeout=1000", "--fetch-retry-factor=3"]  # soon clear without net
# The port is a text, as the package takes the number 0 for none. It ends when its input does.
START = """
const TelegramServer = require("telegram-test-api");
const server = new TelegramServer({ host: "127.0.0.1", port: "0", storeTimeout: 3600 });
server.start().then(() => console.log(server.server.address().port));
process.stdin.resume().on("end", () => process.exit());
"""


@pytest.fixture(scope="session")
def package_folder(tmp_path_factory):
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        pytest.skip("Node or npm is missing")
    folder = tmp_path_factory.mktemp("witness")
    command = [npm, *INSTALL, "--prefix", str(folder), PACKAGE]
    try:
        done = subprocess.run(command, capture_output=True, cwd=folder, timeout=INSTALL_LIMIT_S)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm could not install {PACKAGE} within {INSTALL_LIMIT_S} s")
    if done.returncode:
        reason = done.stderr.decode(errors="replace").partition("\n")[0]
        pytest.skip(f"npm could not install {PACKAGE}: {reason}")
    return folder


@pytest.fixture
def package_port(package_folder):
    command, pipe = [shutil.which("node"), "-e", START], subprocess.PIPE
    with subprocess.Popen(command, cwd=package_folder, stdin=pipe, stdout=pipe) as package:
        port = package.stdout.readline()
        assert port, "the package did not start"
        yield int(port)
        package.kill()


class Person:
    """Somebody in a private chat with the bot, by way of the package's own requests."""

    def __init__(self, package_port: int, user_id: int):
        self.port = package_port
        self.user = {"id": user_id, "is_bot": False, "first_name": "Somebody"}
        self.chat = {"id": user_id, "first_name": "Somebody", "type": "private"}

    def ask(self, path: str, **fields):
        status, _, answer = post(self.port, path, json.dumps(fields).encode())
        assert status == 200, answer
        return json.loads(answer)["result"]

    def write(self, text: str) -> None:
        fields = {"from": self.user, "chat": self.chat, "date": int(time.time()), "text": text}
        self.ask("/sendMessage", botToken=TOKEN, **fields)

    @property
    def messages(self) -> list[dict]:
        """What the bot has written here, as it looks now. Only the bot's have a `chat_id`."""
        history = self.ask("/getUpdatesHistory", token=TOKEN)
        chat_id = str(self.user["id"])
        return [one for one in history if one.get("message", {}).get("chat_id") == chat_id]

    def wait_for(self, words: str) -> None:
        wait_until(
            lambda: any(words in one["message"]["text"] for one in self.messages), what=repr(words)
        )

    def press(self, label: str, by: "Person | None" = None) -> None:
        """Press the only button with these words under the only message; `by`: somebody else."""
        [found] = self.messages
        rows = found["message"]["reply_markup"]["inline_keyboard"]
        [data] = [one["callback_data"] for row in rows for one in row if label in one["text"]]
        message = {"message_id": found["messageId"], "date": int(time.time()), "chat": self.chat}
        fields = {"from": (by or self).user, "message": message, "data": data}
        self.ask("/sendCallback", botToken=TOKEN, **fields)


def test_start_press_and_edit_with_a_telegram_of_other_people(package_port, new_server, tmp_path):
    office = new_server(tls=False)
    planning = office.add_conference("Weekly planning")
    settings = {"tg-api-token": TOKEN, "tg-users-id": [ANNA], "language": "en"}
    settings["servers"] = {"office": office.settings()}
    anna, stranger = Person(package_port, ANNA), Person(package_port, STRANGER)

    with Front(package_port) as front:
        bot = BotProcess(tmp_path, {**settings, "tg-api-url": front.url})
        try:
            bot.start().wait_for_output("Bot is running...")
            anna.write("/start")
            anna.wait_for("Choose a server")
            for label, words in [
                ("office", "What would you like to see?"),
                ("Running conferences", "Weekly planning"),
                ("Back", "What would you like to see?"),
                ("Running conferences", "Weekly planning"),
                ("Weekly planning", "people are in it now"),
                ("⏹ Stop", "Stop this conference?"),
            ]:
                anna.press(label)
                anna.wait_for(words)

            stranger.write("Hello")
            stranger.wait_for(f"Your ID: <code>{STRANGER}</code>")
            anna.press("Yes, stop", by=stranger)
            wait_until(
                lambda: front.answered.count("answerCallbackQuery") == 7, what="an answer to all"
            )
            assert planning.is_running

            time.sleep(2 * FRESH_S)  # a "Yes" that is younger is not taken
            anna.press("Yes, stop")
            anna.wait_for("“Weekly planning” on “office” is stopped")
            assert not planning.is_running
            anna.press("Back")
            anna.wait_for("No conference is running now")
            assert (len(anna.messages), len(stranger.messages)) == (1, 1)
            assert "reply_markup" not in stranger.messages[0]["message"]
        finally:
            bot.kill()
    assert "Traceback" not in bot.output, bot.output
