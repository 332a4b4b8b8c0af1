"""The bot at work for a long time: `python -m tests.laboratory.soak --minutes 60`.

Fifty simulated servers go up and down at random while people press buttons. Each change of a
server must be told once and in order, and nothing that did not happen; threads, memory and open
sockets must be level at the end. Prints what it saw; the exit status is 1 if something was wrong.
"""

import argparse
import random
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from demo.telegram.server import TelegramServer
from demo.trueconf.server import TrueConfServer
from keyboards import Press, pack, short_id
from tests.conftest import PATIENCE_S, TOKEN, BotProcess

SERVERS, LISTENERS, PRESSERS = 50, 2, 4
CHECK_S = 2
ANNOUNCED_WITHIN_S = 90  # far more than it takes, so that a slow computer proves nothing
BLIP_S = 0.5  # shorter than what is told
MORE_MEMORY_MB, MORE_FILES = 40, 2 * SERVERS
MORE_THREADS = SERVERS  # the bot keeps those that ask: one for the second part of each server
SCREENS = ("menu", "status", "conferences", "online", "forgotten", "all", "servers")
STATES = {
    "🟢": TrueConfServer.come_back,
    "🟡": TrueConfServer.core_down,
    "🟠": TrueConfServer.web_down,
    "🔴": TrueConfServer.go_down,
}
ALERT = re.compile(r"^(🟢|🟡|🟠|🔴) (server \d\d)(?:$|[:,])", re.MULTILINE)


class Life(threading.Thread):
    """One server that goes up and down. `told` is what has happened to it, in order."""

    def __init__(self, soak: "Soak", name: str, server: TrueConfServer):
        super().__init__(daemon=True)
        self.soak, self.name_of_server, self.server = soak, name, server
        self.state, self.happened = "🟢", []

    def run(self) -> None:
        while not self.soak.ending.wait(random.uniform(0, 8)):
            if self.state == "🟢" and random.random() < 0.3:
                self.server.core_down()
                time.sleep(BLIP_S)
                self.server.core_back()
                self.soak.counted["blips"] += 1
            else:
                self.become(random.choice([one for one in STATES if one != self.state]))
        if self.state != "🟢":
            self.become("🟢")

    def become(self, state: str) -> None:
        """Change, and wait until that was told."""
        self.server.come_back()
        STATES[state](self.server)
        self.state = state
        self.happened.append(state)
        deadline = time.monotonic() + ANNOUNCED_WITHIN_S
        while time.monotonic() < deadline and not self.is_told():
            time.sleep(0.2)
        if not self.is_told():
            self.soak.complain(f"{self.name_of_server}: {self.happened} was not told in time")

    def is_told(self) -> bool:
        told = [alerts.get(self.name_of_server, []) for alerts in self.soak.alerts]
        return all(len(one) >= len(self.happened) for one in told)


class Soak:
    """The simulators, the bot and what was seen of it."""

    def __init__(self, stack: ExitStack):
        self.ending = threading.Event()
        self.problems, self.counted, self.slowest_s = [], Counter(), 0.0
        self.telegram = stack.enter_context(TelegramServer(token=TOKEN))
        self.people = [
            self.telegram.person(1000 + number, f"Person {number}").starts_bot()
            for number in range(LISTENERS + PRESSERS)
        ]
        self.alerts = [{} for _ in range(LISTENERS)]  # name of a server -> its states, as told
        self.servers = {f"server {number:02}": TrueConfServer() for number in range(SERVERS)}
        for server in self.servers.values():
            stack.enter_context(server)
            server.add_conference("Meeting", people=("anna", "boris"))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        self.bot = BotProcess(Path(folder), self.settings())
        stack.callback(self.bot.kill)

    def settings(self) -> dict:
        check = {"state": 1, "timeout": CHECK_S}
        return {
            "tg-api-token": TOKEN,
            "tg-api-url": self.telegram.url,
            "tg-users-id": [person.id for person in self.people],
            "language": "en",
            "servers": {
                name: server.settings(server_status=check) for name, server in self.servers.items()
            },
        }

    def complain(self, problem: str) -> None:
        print("WRONG:", problem, flush=True)
        self.problems.append(problem)

    def listen(self) -> None:
        """Read the alerts as they come. The chats of listeners hold nothing else."""
        read = [0] * LISTENERS
        while True:
            for number, person in enumerate(self.people[:LISTENERS]):
                messages = person.chat.bot_messages
                for message in messages[read[number] :]:
                    for state, name in ALERT.findall(message.text):
                        self.alerts[number].setdefault(name, []).append(state)
                read[number] = len(messages)
            for server in self.servers.values():
                server.clear_requests()
            time.sleep(0.2)

    def press(self, person) -> None:
        """Press one button after the other, and wait for each answer."""
        asked = person.send("/start")
        message = person.chat.wait_for(lambda one: one.id > asked.id and one.buttons)
        while not self.ending.wait(random.uniform(0, 0.5)):
            action, name = random.choice(SCREENS), random.choice(list(self.servers))
            press = person.press_data(message, pack(Press(action, short_id(name))))
            try:
                press.wait(PATIENCE_S)
            except AssertionError:
                self.complain(f"{action} of {name} was not answered")
                continue
            self.counted["presses"] += 1
            self.slowest_s = max(self.slowest_s, press.answer_seconds)

    def go_through(self, minutes: float) -> None:
        """Let everything happen for so long, then let it come to rest."""
        ends_at = time.monotonic() + minutes * 60
        self.ending.clear()
        lives = [Life(self, name, server) for name, server in self.servers.items()]
        pressers = self.people[LISTENERS:]
        presses = [threading.Thread(target=self.press, args=(one,)) for one in pressers]
        for thread in (*lives, *presses):
            thread.start()
        while time.monotonic() < ends_at and not self.bot.has_ended:
            time.sleep(1)
        self.ending.set()
        for thread in (*lives, *presses):
            thread.join()
        self.compare(lives)

    def compare(self, lives: list[Life]) -> None:
        """What was told is what has happened: all of it, once, in order, and nothing else."""
        time.sleep(2 * CHECK_S)  # what would be told too much has time to come
        for life in lives:
            for alerts in self.alerts:
                told = alerts.pop(life.name_of_server, [])
                self.counted["announced"] += len(told)
                if told != life.happened:
                    self.complain(f"{life.name_of_server}: {life.happened}, but told {told}")
            self.counted["changes"] += len(life.happened)

    def measure(self) -> dict[str, int]:
        """Threads, memory (MB) and open files of the bot; nothing where /proc is missing."""
        folder = Path("/proc") / str(self.bot.process.pid)
        if not folder.exists():
            return {}
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        return {
            "threads": int(status["Threads"]),
            "MB": int(status["VmRSS"].split()[0]) // 1024,
            "open files": len(list((folder / "fd").iterdir())),
        }

    def check_level(self, before: dict[str, int], after: dict[str, int]) -> None:
        limits = {"threads": MORE_THREADS, "MB": MORE_MEMORY_MB, "open files": MORE_FILES}
        for what, number in after.items():
            print(f"{what}: {before[what]} after the warm-up, {number} at the end")
            if number > before[what] + limits[what]:
                self.complain(f"{what} have grown from {before[what]} to {number}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=2)
    minutes = parser.parse_args().minutes
    with ExitStack() as stack:
        soak = Soak(stack)
        soak.bot.start()
        soak.bot.wait_for_output("Bot is running...")
        soak.telegram.wait_for_poll(PATIENCE_S)
        threading.Thread(target=soak.listen, daemon=True).start()
        soak.go_through(minutes / 4)
        before = soak.measure()
        soak.go_through(minutes * 3 / 4)
        if soak.bot.has_ended:
            soak.complain(f"the bot has ended: {soak.bot.output[-2000:]}")
        else:
            soak.check_level(before, soak.measure())
            if soak.bot.stop() != 0:
                soak.complain("the bot did not end well")
        if "Traceback" in soak.bot.output:
            soak.complain(f"a traceback in the log: {soak.bot.output[-3000:]}")
    counted = ", ".join(f"{name}: {number}" for name, number in sorted(soak.counted.items()))
    print(f"{minutes:g} minutes, {SERVERS} servers; {counted} (to {LISTENERS} people)")
    print(f"slowest answer to a press: {soak.slowest_s:.1f} s; wrong: {len(soak.problems)}")
    return 1 if soak.problems else 0


if __name__ == "__main__":
    sys.exit(main())
