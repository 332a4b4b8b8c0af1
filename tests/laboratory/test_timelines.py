"""Random timelines: whatever happens in which order, each chat ends with the truth."""

import os
import pprint
import random
import time
from collections import Counter

import pytest

import texts
from lib.trueconf_model import DOWN, SERVICE_DOWN, UP
from tests.conftest import ANNA, BORIS, PATIENCE_S, BotProcess, label, says, wait_until
from tests.laboratory.timeline_plans import plan_of
from tests.laboratory.timeline_truth import violations, words_of
from tests.laboratory.timelines import live_through
from texts import plain_text

# TIMELINES=3000 tries so many, TIMELINES_FROM=7 begins at another seed.
TIMELINES = int(os.environ.get("TIMELINES", "200"))
FIRST = int(os.environ.get("TIMELINES_FROM", "0"))
PARTS = 10
# With the real process and kills: TIMELINES_KILLED=100 tries so many.
KILLED, EVENTS = int(os.environ.get("TIMELINES_KILLED", "10")), 7
TWO_COPIES = int(os.environ.get("TIMELINES_TWO_COPIES", "2"))
NAMES, GROUP = ("Alpha", "Beta", "Gamma"), -5005
TAKE, RELEASE = label("take"), label("release")


@pytest.mark.parametrize("part", range(PARTS))
def test_chats_end_with_the_truth_in_random_timelines(part, tmp_path, monkeypatch):
    texts.use("en")
    for seed in range(FIRST + part, FIRST + TIMELINES, PARTS):
        plan = plan_of(seed)
        found = violations(live_through(plan, tmp_path, monkeypatch))
        assert not found, f"{found}\n{pprint.pformat(plan)}"


# ---------------------------------------------------------------- the real process


class Streets:
    """The real bot between the simulators, and what may happen to it at any moment."""

    def __init__(self, stage, chance):
        self.stage, self.chance, self.kills = stage, chance, 0
        self.servers = {name: stage.new_server() for name in NAMES}
        self.truth = dict.fromkeys(NAMES, UP)
        people = [stage.anna, stage.boris]
        self.chats = [*(one.chat for one in people), stage.telegram.group(GROUP, members=people)]
        watched = {"state": 1, "timeout": 1, "repeat": 0.002}
        settings = {name: one.settings(server_status=watched) for name, one in self.servers.items()}
        stage.start_bot(settings, users=(ANNA, BORIS, GROUP))

    def change_server(self):
        name = self.chance.choice(NAMES)
        server, state = self.servers[name], self.chance.choice([UP, UP, DOWN, DOWN, SERVICE_DOWN])
        server.come_back()
        if state != UP:
            (server.go_down if state == DOWN else server.core_down)()
        self.truth[name] = state

    def change_all(self):
        """One switch."""
        state = self.chance.choice([UP, DOWN])
        for name, server in self.servers.items():
            (server.come_back if state == UP else server.go_down)()
            self.truth[name] = state

    def lose_telegram(self):
        self.stage.telegram.go_down()
        time.sleep(self.chance.uniform(0.2, 4))
        self.stage.telegram.come_back()

    def slow_down(self):
        chat_id = self.chance.choice(self.chats).id
        meant = {"retry_after": self.chance.choice([1, 4])}
        self.stage.telegram.fail(
            "sendMessage",
            parameters=meant,
            times=self.chance.randint(1, 2),
            when=lambda parameters: parameters.integer("chat_id") == chat_id,
        )

    def block(self):
        if self.stage.boris.has_blocked:
            self.stage.boris.unblock_bot()
        else:
            self.stage.boris.block_bot()

    def take(self):
        taken = (TAKE, RELEASE, plain_text("button_take_all", number=2))
        for message in reversed(self.stage.anna.chat.bot_messages):
            for found in set(taken) & set(message.labels):
                self.stage.anna.press(message, found)
                return

    def kill(self):
        self.stage.bot.kill()
        self.kills += 1
        time.sleep(self.chance.uniform(0, 2))
        self.stage.bot.start()

    def calm_down(self):
        self.stage.telegram.clear_faults()
        self.stage.boris.unblock_bot()
        self.stage.telegram.wait_for_poll(PATIENCE_S)
        self.stage.boris.send("/start")

    def said_last(self, chat):
        """The state of each server by the newest that the chat was told of it: whoever has refused
        the alert learns it by the next reminder."""
        said = dict.fromkeys(NAMES, UP)
        for message in chat.bot_messages:
            words = words_of(message.history[0][0])
            kinds = ("down", "up", "reminder")
            said |= {one.server: one.state for one in words if one.kind in kinds}
        return said

    def marks_are_right(self, chat):
        """Whether the newest alert of each server is marked as over where that is so."""
        marks = {}
        for message in chat.bot_messages:
            for word in words_of(message.text):
                if word.kind in ("down", "reminder"):
                    marks[word.server] = word.is_over
        return all(marks[name] == (self.truth[name] == UP) for name in marks)

    def most_times_said(self, chat):
        """How often the chat was told the same news, reminders left out."""
        counts = Counter(
            (one.kind, one.server, one.state, one.since, one.until)
            for message in chat.bot_messages
            for one in words_of(message.history[0][0])
            if one.kind in ("down", "up")
        )
        return max(counts.values(), default=1)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + KILLED))
def test_chats_end_with_the_truth_however_often_the_bot_is_killed(own_stage, seed):
    streets = Streets(own_stage, random.Random(seed))
    events = [streets.change_server, streets.change_server, streets.kill, streets.kill]
    events += [streets.change_all, streets.lose_telegram, streets.slow_down, streets.take]
    events += [streets.block, streets.take]
    for _ in range(EVENTS):
        streets.chance.choice(events)()
        time.sleep(streets.chance.uniform(0, 3))  # any moment of looks, alerts and saves
    streets.calm_down()
    for chat in streets.chats:
        comes_true(chat, lambda chat=chat: streets.said_last(chat) == streets.truth)
        comes_true(chat, lambda chat=chat: streets.marks_are_right(chat))
        assert streets.most_times_said(chat) <= 1 + streets.kills, chat.describe()
    assert "Traceback" not in own_stage.bot.output


@pytest.mark.parametrize("seed", range(FIRST, FIRST + TWO_COPIES))
def test_chats_end_with_the_truth_where_two_copies_share_one_record(own_stage, seed):
    """Somebody has started it twice. Each tells what it sees, so most comes twice; of what Telegram
    hands out, each press comes to one of them."""
    streets = Streets(own_stage, random.Random(seed))
    second = BotProcess(own_stage.bot.folder)
    second.output_file = own_stage.bot.folder / "second.txt"
    second.start()
    try:
        second.wait_for_output("Bot is running...")
        events = [streets.change_server, streets.change_all, streets.kill, streets.take]
        for _ in range(EVENTS):
            streets.chance.choice(events)()
            time.sleep(streets.chance.uniform(0, 3))
        streets.calm_down()
        for chat in streets.chats:
            comes_true(chat, lambda chat=chat: streets.said_last(chat) == streets.truth)
        assert not second.has_ended
        assert says(second.output + own_stage.bot.output, "telegram_second_copy")
    finally:
        second.kill()
    # Who stays alone works on with what the two have left, and so does the next start.
    for how in (None, own_stage.bot.kill):
        if how:
            how()
            own_stage.bot.start()
        streets.change_all()
        for chat in streets.chats:
            comes_true(chat, lambda chat=chat: streets.said_last(chat) == streets.truth)
    assert "Traceback" not in own_stage.bot.output + second.output


def comes_true(chat, condition):
    try:
        wait_until(condition, 60)
    except AssertionError:
        raise AssertionError(chat.describe()) from None
