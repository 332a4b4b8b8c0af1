"""People in tg-viewers-id: they see everything, get the alerts and take outages, and change
nothing, from whatever message, by whatever data and in whatever chat."""

import re
import time
from dataclasses import replace

import pytest

from keyboards import Press, pack, short_id
from tests.conftest import (
    ANNA,
    BORIS,
    ROOT,
    STRANGER,
    ask,
    calm,
    label,
    open_menu,
    press,
    saying,
    says,
    wait_until,
)
from tests.test_readme import copy_project
from texts import plain_text

GROUP = -5005
TITLE = "Board meeting"
VIEWERS = {"tg-viewers-id": [BORIS]}
KEY = short_id("Moscow")

# Everything that changes something -> what somebody with all rights sees after it.
CHANGING = {
    "stop": "confirm_expired",
    "stop_all": "confirm_expired",
    "ask_stop": "confirm_stop",
    "ask_stop_all": "confirm_stop_all",
    "remind": "reminder_off",
    "not_forgotten": "not_forgotten_set",
    "forgotten_alerts_on": "forgotten_alerts_on",
    "forgotten_alerts_off": "forgotten_alerts_off",
    "monitoring_on": "monitoring_on",
    "pause": "paused",
    "pause_end": "monitoring_on",
    "pause_all": "all_servers",
    "monitoring_off": "monitoring_off",
}
# Everything else -> what everybody who is listed sees.
LOOKING = {
    "servers": "servers",
    "all": "all_servers",
    "menu": "menu_question",
    "status": "state_up",
    "online": "online_of",
    "conferences": "conferences_number",
    "forgotten": "entry_title",
    "take": "outage_over",
    "take_on_status": "outage_over",
    "take_all": "outage_over",
    "release": "outage_over",
    "release_on_status": "outage_over",
    "release_all": "outage_over",
    "conference": "entry_id",
    "by_name": "online_free",
    "history": "history_looked",
}
COMMANDS = {"start": "servers", "status": "all_servers", "id": "your_id", "help": "help"}


def registered(kind):
    """What main.py attaches, with what else it says there: its own, and those of its users."""
    text = (ROOT / "main.py").read_text(encoding="utf-8")
    return dict(re.findall(rf'^@on_{kind}\("(\w+)"(.*)\)$', text, re.M))


def made_up(action, server, shown_at):
    """A press as good as a real one can be."""
    runs = sorted(conference.session_id for conference in server.conferences)
    one, everything = short_id(runs[0]), short_id("\n".join(f"{run} True" for run in runs))
    more = {
        "stop": {"item": one, "as_shown": short_id(f"{runs[0]} True"), "shown_at": shown_at},
        "stop_all": {"age_min": 60, "as_shown": everything, "shown_at": shown_at},
        "ask_stop": {"item": one},
        "conference": {"item": one},
        "ask_stop_all": {"age_min": 60},
        "remind": {"item": one},
        "not_forgotten": {"item": one},
        "pause": {"pause_min": 60},
    }
    return replace(Press(action, KEY), **more.get(action, {}))


@pytest.fixture(scope="module")
def server(stage):
    server = stage.new_server()
    server.add_conference(TITLE, people=(), age_s=7200)
    server.add_conference("Second", people=(), age_s=7200)
    return server


@pytest.fixture(scope="module")
def group(stage):
    """There before the bot tells it anything."""
    return stage.telegram.group(GROUP, members=[stage.anna, stage.boris, stage.stranger])


@pytest.fixture(scope="module")
def anna(stage, server, group):
    """Anna, with all rights. Boris is a viewer; all three are in the group."""
    told = {one.session_id: 0 for one in server.conferences}
    section = server.settings(forgotten_conferences={"state": 0, "reported": told})
    stage.start_bot(
        {"Moscow": section, "Berlin": server.settings()}, users=[ANNA, GROUP], **VIEWERS
    )
    wait_until(lambda: all(tokens_of(stage.bot)), what="the first access tokens in the file")
    return stage.anna


def tokens_of(bot):
    return [section["access_token"] for section in bot.read_settings()["servers"].values()]


class Place:
    """Where a person writes and presses: in the own chat with the bot, or in the group."""

    def __init__(self, stage, group, who, where):
        self.stage, self.who, self.where = stage, who, where
        self.person = {"user": stage.anna, "viewer": stage.boris, "stranger": stage.stranger}[who]
        self.chat = group if where == "group" else self.person.chat
        self.message = ask(stage.anna if where == "group" else self.person, "/start", self.chat)

    def press(self, made_up_press):
        """What stands in the pop-up, else on the message."""
        pressed = self.person.press_data(self.message, pack(made_up_press)).wait()
        assert pressed.show_alert == bool(pressed.text)
        return pressed.text or self.message.text

    def answers(self, command, seen):
        """What the bot says here from then on, until it has answered."""
        number = len(self.chat.bot_messages)
        self.person.send(f"/{command}", self.chat)
        if self.who != "stranger" or (self.where, command) == ("group", "id"):
            says_it = "your_id" if self.who == "stranger" else seen
            self.chat.wait_for(
                lambda one: one in self.chat.bot_messages[number:] and says(one, says_it)
            )
        else:
            ask(self.stage.anna, "/id")  # it has dealt with what came before
        return self.chat.bot_messages[number:]


@pytest.mark.parametrize("where", ["private", "group"])
@pytest.mark.parametrize("who", ["viewer", "stranger", "user"])
def test_every_button_and_command_for_everybody_everywhere(stage, server, anna, group, who, where):
    place = Place(stage, group, who, where)
    refused = {"viewer": CHANGING, "stranger": {**CHANGING, **LOOKING}, "user": {}}[who]
    popup = "viewer_popup" if who == "viewer" else "stranger_popup"
    # A "yes" of the others is as good as it can be; Anna's comes too late, as it would stop them.
    shown_at = 1 if who == "user" else int(time.time())
    own = dict.fromkeys(registered("button").keys() - {*CHANGING, *LOOKING}, "")
    for action, seen in {**CHANGING, **LOOKING, **own}.items():
        before = place.message.text, stage.bot.read_settings()
        server.clear_requests()
        shown = place.press(made_up(action, server, shown_at))
        is_own_word = action in own and "for_viewers=True" in registered("button")[action]
        if action in refused or (action in own and who != "user" and not is_own_word):
            assert says(shown, popup), action
            assert (place.message.text, stage.bot.read_settings()) == before, action
            assert server.requests == [], action
        else:
            assert not seen or says(shown, seen), (action, shown)
    for command, seen in COMMANDS.items():
        told = place.answers(command, seen)
        if who == "stranger":
            is_answered = (where, command) == ("group", "id")
            assert [bool(says(one, "your_id", id=STRANGER)) for one in told] == [True] * is_answered
        else:  # beside the answer may come what the others have switched
            [answer] = [one for one in told if says(one, seen)]
            is_about_rights = who == "viewer" and command in ("id", "help")
            assert bool(says(answer, "viewer_rights")) == is_about_rights, command
    assert server.stops == []


def test_all_that_a_viewer_can_press_shows_something_or_says_why_not(stage, anna, server):
    """Button by button, as they stand on the screens."""
    boris, pressed, waiting = stage.boris, set(), []
    message = ask(boris, "/start")
    for _ in range(500):
        waiting += [one.data for one in message.buttons if one.data not in pressed]
        if not waiting:
            break
        data, text = waiting.pop(), message.text
        pressed.add(data)
        told = boris.press_data(message, data).wait()
        action = data.partition(":")[0]
        assert says(told, "viewer_popup") if action in CHANGING else told.text is None, action
        assert told.text is None or message.text == text
    actions = {data.partition(":")[0] for data in pressed}
    of_outages = {action for action in LOOKING if action.startswith(("take", "release"))}
    assert actions >= {*LOOKING} - of_outages
    assert actions >= {"ask_stop", "ask_stop_all", "monitoring_on", "forgotten_alerts_on"}
    assert not waiting


def test_question_that_somebody_else_asked_is_not_answered_by_a_viewer(stage, anna, group, server):
    """Nor does the press of the viewer cost the one who asked anything."""
    third = server.add_conference("Third", people=())
    buttons = ("Moscow", label("conferences"), "Third", label("stop"))
    screen = calm(press(anna, ask(anna, "/start", group), *buttons))
    pressed = stage.boris.press(screen, label("confirm_stop")).wait()
    assert says(pressed, "viewer_popup")
    assert says(screen, "confirm_stop")
    assert third.is_running
    press(anna, screen, label("confirm_stop"))
    assert server.stops == [third.id]
    stage.boris.chat.wait_for(saying("stopped_by", title="Third"))


def test_who_has_become_a_viewer_changes_nothing_by_old_messages(own_stage):
    server, boris = own_stage.new_server(), own_stage.boris
    conference = server.add_conference(TITLE, people=())
    sections = {"Moscow": server.settings(), "Berlin": server.settings()}
    own_stage.start_bot(sections)
    asking = (label("conferences"), TITLE, label("stop"))
    question = press(boris, open_menu(boris, "Moscow"), *asking)
    status = press(boris, open_menu(boris, "Moscow"), label("status"))
    own_stage.bot.stop()
    own_stage.start_bot(own_stage.bot.read_settings()["servers"], users=[ANNA], **VIEWERS)
    for message, button in [(question, "confirm_stop"), (status, "monitoring_on")]:
        assert says(boris.press(message, label(button)).wait(), "viewer_popup")
    assert conference.is_running
    assert own_stage.bot.read_settings()["servers"]["Moscow"]["server_status"]["state"] == 0
    press(boris, question, label("back"))
    assert TITLE in question.text


def test_viewer_gets_the_alerts_and_takes_an_outage(own_stage):
    server, anna, boris = own_stage.new_server(), own_stage.anna, own_stage.boris
    watched = server.settings(server_status={"state": 1, "timeout": 1})
    own_stage.start_bot({"Moscow": watched}, users=[ANNA], **VIEWERS)
    server.go_down()
    alerts = [person.chat.wait_for("🔴 Moscow\n") for person in (anna, boris)]
    press(boris, alerts[1], label("take"))
    who = "Boris"
    for alert in alerts:
        own_stage.telegram.wait_until(lambda alert=alert: says(alert, "mark_taken", who=who))
    anna.chat.wait_for(saying("alert_taken", server="Moscow", who=who))
    own_stage.bot.wait_for_output(f"Moscow taken by Boris ({BORIS})")
    server.come_back()
    for person in (anna, boris):
        assert says(person.chat.wait_for("🟢 Moscow\n"), "alert_up")


def test_who_is_in_both_lists_has_full_rights_and_is_told_once(own_stage):
    server, boris = own_stage.new_server(), own_stage.boris
    server.add_conference(TITLE, people=())
    own_stage.start_bot({"Moscow": server.settings()}, **VIEWERS)
    warning = plain_text("problem_viewer_too", key="tg-viewers-id[0]", id=BORIS)
    own_stage.bot.wait_for_output(warning)
    assert not says(ask(boris, "/id"), "viewer_rights")
    anna = own_stage.anna
    stopping = (label("conferences"), TITLE, label("stop"), label("confirm_stop"))
    press(anna, open_menu(anna, "Moscow"), *stopping)
    boris.chat.wait_for(saying("stopped_by", title=TITLE))
    press(boris, open_menu(boris, "Moscow"), label("status"), label("monitoring_on"))
    assert len([one for one in boris.chat.bot_messages if says(one, "stopped_by")]) == 1


OWN = """
@on_button("menu")
def change_something(call, server, press):
    return "changed"


@on_button("online", for_viewers=True)
def show_something(call, server, press):
    return "shown"


@on_command("reboot")
def change_more(message):
    show(message, "rebooted")


@on_command("weather", for_viewers=True)
def show_more(message):
    show(message, "sunny")


# ------------------------------------------------------------ starting and"""
OWN_WORDS = 'WORDS = {\n    "command_reboot": "Reboot",\n    "command_weather": "Weather",\n'


def test_ones_own_button_and_command_count_as_changing_without_their_word(own_stage, tmp_path):
    project = copy_project(tmp_path)
    mark = "\n# ------------------------------------------------------------ starting and"
    edits = [(f"texts/{one}.py", "WORDS = {\n", OWN_WORDS) for one in ("ru", "en", "de", "es")]
    for name, old, new in [("main.py", mark, OWN), *edits]:
        text = (project / name).read_text(encoding="utf-8")
        assert text.count(old) == 1
        (project / name).write_text(text.replace(old, new), encoding="utf-8")
    own_stage.write_settings({"office": own_stage.new_server().settings()}, users=[ANNA], **VIEWERS)
    settings = str(own_stage.bot.settings_file)
    own_stage.bot.start("--settings", settings, main=project / "main.py")
    own_stage.bot.wait_for_output("Bot is running...")
    refused = plain_text("viewer_popup")
    for person, may_change in ((own_stage.anna, True), (own_stage.boris, False)):
        message = ask(person, "/start")
        pressed = person.press(message, "office").wait()
        assert pressed.text == ("changed" if may_change else refused)
        online = pack(Press("online", short_id("office")))
        assert person.press_data(message, online).wait().text == "shown"
        assert ask(person, "/weather").text == "sunny"
        assert ask(person, "/reboot").text == ("rebooted" if may_change else refused)
