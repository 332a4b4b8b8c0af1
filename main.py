"""A Telegram bot for the administrators of TrueConf Server.

Run it with `python main.py`. What it needs to know stands in settings.json (see README.md);
`python main.py --demo` shows it without any account or server.

This file is the bot itself: what happens when somebody writes a command or presses a button.
To add a button of your own, make four small edits (docs/own-button.md walks through them):

1. trueconf_api.py   a function that asks the server something
2. texts/            its words, in each language
3. keyboards.py      the button
4. main.py           a handler of a few lines, as below
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # python -P and -I leave it out

from lib import ending

if __name__ == "__main__":  # first of all, so that Ctrl+C never prints a traceback
    ending.end_at_once()

from lib import own_python

if __name__ == "__main__":  # before anything that needs the libraries
    own_python.ensure_libraries("requirements.txt")

import logging
import time
from collections.abc import Callable

from telebot import types

import alerts
import command_line
import keyboards
import stopping
import texts
import trueconf_api
from gate import COMMANDS, Gate, on_button, on_command
from keyboards import NO_PRESS, Press, short_id
from lib import heartbeat, settings, telegram
from lib.entries import Entry
from lib.evidence import Evidence
from memory import Record
from status_watcher import Watcher, settle
from texts import history, screens
from trueconf_api import Server

SAVE_EVERY_S = 0.5

log = logging.getLogger("bot")

# Filled by run(); the servers in the order of the settings.
bot: telegram.Bot
config: settings.Settings
announcer: alerts.Announcer
servers: dict[str, Server] = {}  # short_id(name) -> server
watchers: dict[str, Watcher] = {}  # short_id(name) -> watcher

Call = types.CallbackQuery  # a press of a button, as Telegram tells of it
Target = types.Message | Call  # what is answered
Keyboard = types.InlineKeyboardMarkup | None


def show(target: Target, text: str, keyboard: Keyboard = None, is_result: bool = False) -> None:
    """Show a screen: in place of the one whose button was pressed, or as a new message. A message
    is its newest press's: where another came meanwhile, only a result is shown, as a new one."""
    if isinstance(target, types.Message):
        telegram.reply(bot, target, text, keyboard)
        return
    telegram.edit(bot, target, text, keyboard, is_result)


def is_viewer(target: Target) -> bool:
    return target.from_user is not None and target.from_user.id in config.viewers


def not_saved() -> str | None:
    """The pop-up for who has switched something that the settings cannot keep, else None."""
    config.save()
    if not config.save_problem:
        return None
    reason = texts.words(f"not_saved_{config.save_problem}")
    return texts.plain_text("not_saved", reason=reason)


# ------------------------------------------------------------ commands and servers


# /start: a button for each server, each with its light, and "All servers" below them.
@on_command("start", for_viewers=True)
@on_button("servers", of_server=False, for_viewers=True)
def show_servers(target: Target, server: Server | None = None, press: Press = NO_PRESS) -> None:
    """One page of them; from a server's menu, the page that this server is on."""
    listed = list(servers.values())
    number = listed.index(server) // screens.SERVERS_A_PAGE if server else press.page
    page = screens.page_of(listed, number, screens.SERVERS_A_PAGE)
    show(target, screens.servers_screen(page, listed), keyboards.servers(page))


# /status and the button "All servers": the state of each, a button for each that is not up.
@on_command("status", for_viewers=True)
@on_button("all", of_server=False, for_viewers=True)
def show_overviews(target: Target, server: Server | None = None, press: Press = NO_PRESS) -> None:
    """One page of all servers, asked at the same time."""
    page = screens.page_of(list(servers.values()), press.page, screens.OVERVIEWS_A_PAGE)
    overviews = trueconf_api.get_overviews(page.items)
    show(target, screens.overviews_screen(page, overviews), keyboards.overviews(page, overviews))


# /who NAME: people of that name on all servers, and what they do now. Not where others read it.
@on_command("who", for_viewers=True)
def find_people(message: types.Message) -> None:
    asked, is_private = texts.clean(telegram.words_of(message)), message.chat.type == "private"
    found = trueconf_api.find_people([*servers.values()], asked) if asked and is_private else []
    show(message, screens.who_screen(asked, found, is_private), keyboards.who(found))


# /id: the numbers that belong into tg-users-id, of the person and of the group.
@on_command("id", for_viewers=True)
def send_id(message: types.Message) -> None:
    user, place = message.from_user, (message.chat.id, telegram.topic_of(message))
    show(message, screens.ids(user.id if user else None, *place, is_viewer(message)))


# /help, and whatever the bot does not understand in a private chat: what it can do.
@on_command("help", for_viewers=True)
def send_help(message: types.Message) -> None:
    show(message, screens.help_screen(list(servers.values()), is_viewer(message)))


# The menu of one server: Status, Running conferences, Online users, Forgotten conferences.
@on_button("menu", for_viewers=True)
def show_menu(call: Call, server: Server, press: Press) -> None:
    show(call, screens.menu_screen(server), keyboards.menu(server))


# "Status": the light and the reason, since when, and the switch of the monitoring.
@on_button("status", for_viewers=True)
def show_status(call: Call, server: Server, press: Press) -> None:
    status = trueconf_api.get_status(server)
    watcher = watchers[press.server]
    text = screens.status_screen(server, status, watcher.since_when(status), watcher.lost_looks())
    show(call, text, keyboards.status(server))


# "I'll take it" under the alert of a server that is not up, or on Status; the same for all servers
# of an alert. Everybody sees the name in the alert, and the others get a line.
@on_button("take", for_viewers=True)
@on_button("take_on_status", for_viewers=True)
@on_button("take_all", of_server=False, for_viewers=True)
def take(call: Call, server: Server | None, press: Press) -> str | None:
    outages, person = outages_of(call, server, press), call.from_user
    if not outages:
        return texts.plain_text("outage_over")
    seen_by = telegram.seen_by(call)
    first = announcer.take(outages, texts.name_of(person), person.id, seen_by)
    if first:
        return texts.plain_text("taken_already", who=first)
    log.info("%s taken by %s", ", ".join(one.server for one in outages), texts.person(person))
    if server and press.action == "take_on_status":
        show_status(call, server, press)
    return None


# "Hand it over": nobody takes care of it any more.
@on_button("release", for_viewers=True)
@on_button("release_on_status", for_viewers=True)
@on_button("release_all", of_server=False, for_viewers=True)
def release(call: Call, server: Server | None, press: Press) -> str | None:
    outages, person = outages_of(call, server, press), call.from_user
    if not outages:
        return texts.plain_text("outage_over")
    if is_viewer(call) and any(one.by_id != person.id for one in outages):
        return texts.plain_text("viewer_popup")  # what somebody else has taken is not theirs
    announcer.release(outages, texts.name_of(person), telegram.seen_by(call))
    log.info("%s released by %s", ", ".join(one.server for one in outages), texts.person(person))
    if server and press.action == "release_on_status":
        show_status(call, server, press)
    return None


def outages_of(call: Call, server: Server | None, press: Press) -> list[Entry]:
    """What the press is about: an outage of one server, or all that the alert shows."""
    if server:
        return announcer.outages(server, press.outage_at)
    return announcer.outages_shown(*telegram.place_of(call))


# "Pause all 1 h" below all servers: those that are monitored and not paused yet.
@on_button("pause_all", of_server=False)
def pause_all(call: Call, server: Server | None, press: Press) -> None:
    person, until = call.from_user, time.time() + 60 * keyboards.PAUSES_MIN[0]
    paused = [one for one in servers.values() if one.is_monitored and not one.known.pause]
    announcer.pause(paused, until, texts.name_of(person), *telegram.seen_by(call))
    log.info("%d servers paused for 1 h, by %s", len(paused), texts.person(person))
    show_overviews(call, press=press)


# "Pause 1 h" and "End the pause" on Status. The person sees the same screen, the others get a line.
@on_button("pause")
@on_button("pause_end")
def pause(call: Call, server: Server, press: Press) -> None:
    person, minutes = call.from_user, min(press.pause_min, max(keyboards.PAUSES_MIN))
    if minutes and server.is_monitored:  # else there is nothing to pause
        until = time.time() + 60 * minutes
        announcer.pause([server], until, texts.name_of(person), *telegram.seen_by(call))
        log.info("%s: paused for %g h, by %s", server.name, minutes / 60, texts.person(person))
    elif server.known.pause:
        announcer.end_pause(server)
        log.info("%s: pause ended, by %s", server.name, texts.person(person))
    show_status(call, server, press)


# The switch of the monitoring on Status. The person sees the same screen, switched; the others get
# a line when it is off.
@on_button("monitoring_on")
@on_button("monitoring_off")
def switch_monitoring(call: Call, server: Server, press: Press) -> str | None:
    is_on, person = press.action == "monitoring_on", call.from_user
    was_on = server.is_monitored
    watchers[press.server].switch_monitoring(is_on, by=texts.person(person))
    if was_on and not is_on:
        who = texts.name_of(person)
        announcer.tell_switched_off(server, "monitoring", who, *telegram.seen_by(call))
    show_status(call, server, press)
    return not_saved()


# "History" on Status: the last hours and days, and the newest outages, from the record.
@on_button("history", for_viewers=True)
def show_history(call: Call, server: Server, press: Press) -> None:
    show(call, history.history_screen(server), keyboards.history(server))


# "Online users": how many, how many of them are free, how many in a call.
@on_button("online", for_viewers=True)
def show_online(call: Call, server: Server, press: Press) -> None:
    online = trueconf_api.get_online(server)
    show(call, screens.online_screen(server, online), keyboards.online(server))


# "By name": who they are, those in a call or conference first.
@on_button("by_name", for_viewers=True)
def show_by_name(call: Call, server: Server, press: Press) -> None:
    online = trueconf_api.get_online_people(server)
    page = screens.page_of(online, press.page, screens.PEOPLE_A_PAGE)
    show(call, screens.by_name_screen(server, page, online), keyboards.by_name(server, page))


# ------------------------------------------------------------ conferences


# "Running conferences": some of them, with a button for each.
@on_button("conferences", for_viewers=True)
def show_conferences(call: Call, server: Server, press: Press) -> None:
    running = trueconf_api.get_running_conferences(server)
    page = screens.page_of(running, press.page, screens.CONFERENCES_A_PAGE)
    text = screens.conferences_screen(server, page, len(running))
    show(call, text, keyboards.conferences(server, page))


# Such a button: the page of this conference, with who is in it and ⏹.
@on_button("conference", for_viewers=True)
def show_conference(call: Call, server: Server, press: Press) -> None:
    found = stopping.find_page(server, press)
    page = screens.page_of(screens.people_in(found), press.page, screens.PEOPLE_A_PAGE)
    text = screens.conference_screen(server, found, page)
    show(call, text, keyboards.conference(press, found, page))


# "Forgotten conferences": those older than the chosen age, each with the reason why it is here.
@on_button("forgotten", for_viewers=True)
def show_forgotten(call: Call, server: Server, press: Press) -> None:
    age_min = press.age_min or server.forgotten_age_min
    found = trueconf_api.find_forgotten(server, age_min)
    page = screens.page_of(found, press.page, screens.CONFERENCES_A_PAGE)
    text = screens.forgotten_screen(server, page, len(found), age_min)
    stop_count = len(stopping.stoppable(found))
    show(call, text, keyboards.forgotten(server, page, age_min, stop_count))


# The switch below them: whether the bot tells of forgotten conferences unasked, those that are
# older than the age that is chosen there.
@on_button("forgotten_alerts_on")
@on_button("forgotten_alerts_off")
def switch_forgotten_alerts(call: Call, server: Server, press: Press) -> str | None:
    is_on = press.action == "forgotten_alerts_on"
    if is_on and press.age_min in keyboards.ages_to_choose(server):
        server.forgotten_age_min = press.age_min
    was_on = server.has_forgotten_alerts
    watchers[press.server].switch_forgotten_alerts(is_on, by=texts.person(call.from_user))
    if was_on and not is_on:
        who = texts.name_of(call.from_user)
        announcer.tell_switched_off(server, "forgotten", who, *telegram.seen_by(call))
    show_forgotten(call, server, press)
    return not_saved()


# Under an alert, "Remind in 1 h" and "Not forgotten". The answer is a pop-up window.
@on_button("remind")
@on_button("not_forgotten")
def keep_quiet(call: Call, server: Server, press: Press) -> str:
    """Say nothing more of a conference: for an hour, or as long as it runs."""
    runs = announcer.forgotten_runs(server)
    session_id = next((run for run in runs if short_id(run) == press.item), None)
    if session_id is None:
        return texts.plain_text("out_of_date")
    is_reminder = press.action == "remind"
    if is_reminder and not server.has_forgotten_alerts:
        return texts.plain_text("reminder_off")
    until = time.time() + screens.REMIND_IN_S if is_reminder else 0
    decision, person = "reminder" if is_reminder else "not_forgotten", call.from_user
    announcer.decide(server, session_id, decision, texts.name_of(person), until)
    log.info("%s: %s by %s: %s", server.name, decision, texts.person(person), session_id)
    if not is_reminder:
        return texts.plain_text("not_forgotten_set")
    return texts.plain_text("reminder_set", pause=texts.duration(screens.REMIND_IN_S))


# ------------------------------------------------------------ stopping


# ⏹: the question before a stop, with who is in the conference and a red "Yes, stop".
@on_button("ask_stop")
def ask_stop(call: Call, server: Server, press: Press, has_changed: bool = False) -> None:
    """Reads the conference again, as the list may be old."""
    conference = stopping.find_one(server, press)
    if conference is None:
        show(call, screens.not_running(server), keyboards.back_to_list(press))
        return
    people = trueconf_api.or_error(trueconf_api.get_people, server, conference)
    text = screens.confirm_stop(server, conference, people, has_changed)
    as_shown = stopping.key_of_shown([(conference, people)])
    show(call, text, keyboards.confirm("stop", press, as_shown))


# "Stop all": the same question about every forgotten conference, with who is in each.
@on_button("ask_stop_all")
def ask_stop_all(call: Call, server: Server, press: Press, has_changed: bool = False) -> str | None:
    found = stopping.find_all(server, press)
    if not found:
        show_forgotten(call, server, press)
        return texts.plain_text("list_changed") if has_changed else None
    text = screens.confirm_stop_all(server, found, press.age_min, has_changed)
    as_shown = stopping.key_of_shown([(one.conference, one.people) for one in found])
    show(call, text, keyboards.confirm("stop_all", press, as_shown))
    return None


# "Yes, stop": what became of it. The others who are listed get a line about who stopped what.
@on_button("stop")
@on_button("stop_all")
def stop(call: Call, server: Server, press: Press) -> str | None:
    """Stops what the question showed, nothing else. A list that has changed is asked about anew."""
    try:
        results = stopping.stop_once(server, press, call.from_user)
    except stopping.NotAsShown:
        ask_again = ask_stop if press.action == "stop" else ask_stop_all
        return ask_again(call, server, press, has_changed=True)
    who = texts.name_of(call.from_user)
    announcer.tell_stopped(server, results, who, *telegram.seen_by(call))
    text = screens.stop_result(server, results)
    show(call, text, keyboards.back_to_list(press), is_result=bool(results))
    return None


# ------------------------------------------------------------ starting and ending


def run(loaded: settings.Settings, record: Record, is_ending: Callable[[], bool]) -> None:
    """Run the bot until Ctrl+C, or until the system ends it. Raises TokenRefused."""
    global bot, config, announcer
    config = loaded
    bot = telegram.Bot(config.token, config.api_url, config.proxy, screens.telegram_trouble)
    evidence = Evidence()
    for position, server in enumerate(config.servers.values()):
        key = short_id(server.name)
        servers[key] = server
        watchers[key] = Watcher(server, record, evidence, position)
    announcer = alerts.Announcer(bot, config, record, evidence, lambda: settle(watchers.values()))
    Gate(bot, config, servers, announcer.hear, show).open()
    announcer.start()
    for watcher in watchers.values():
        watcher.start()

    commands = [types.BotCommand(name, texts.plain_text(f"command_{name}")) for name in COMMANDS]
    polling = telegram.Polling(bot, commands)
    polling.start()
    heart = heartbeat.Heartbeat(
        config.heartbeat_url,
        lambda: heartbeat.trouble_of(bot, watchers.values(), announcer.longest_wait_s()),
    )
    heart.start()
    while polling.is_alive() and not polling.is_token_refused and not is_ending():
        config.save_when_due()
        record.save()
        time.sleep(SAVE_EVERY_S)

    heart.stop()
    bot.sender.is_ending = True
    for watcher in watchers.values():
        watcher.stop()
    record.save()
    if polling.is_token_refused:
        raise telegram.TokenRefused


if __name__ == "__main__":
    command_line.main(run)
