"""A Telegram bot for the administrators of TrueConf Server.

Run it with `python main.py`. What it needs to know stands in settings.json (see README.md);
`python main.py --demo` shows it without any account or server.

This file is the bot itself: what happens when somebody writes a command or presses a button.
To add a button of your own, make four small edits (README.md walks through them):

1. trueconf_api.py   a function that asks the server something
2. texts/            its words, in each language
3. keyboards.py      the button
4. main.py           a handler of a few lines, as below
"""

import logging
import signal
import sys
import time

try:
    from telebot import types
except ModuleNotFoundError:
    sys.exit(f"Install the libraries: {sys.executable} -m pip install -r requirements.txt")

import alerts
import command_line
import keyboards
import logs
import settings
import status_watcher
import stopping
import telegram_api
import texts
import trueconf_api
from keyboards import Press, key_of
from trueconf_api import Server, TrueConfError

STRANGER_PAUSE_S = 60
SAVE_EVERY_S = 0.5
FIRST_LOOKS_APART_S = 0.02  # so that many servers are not all asked at the same moment
FIRST_PAGE = Press("")

log = logging.getLogger("bot")
bot = telegram_api.new_bot()

# Filled by run(), in the order of the settings.
config: settings.Settings
announcer: alerts.Announcer
servers: dict[str, Server] = {}  # key_of(name) -> server
watchers: dict[str, status_watcher.Watcher] = {}  # key_of(name) -> watcher


def show(target: types.Message | types.CallbackQuery, text: str, keyboard=None) -> None:
    """Show a screen: in place of the one whose button was pressed, or as a new message."""
    if isinstance(target, types.CallbackQuery):
        telegram_api.edit(bot, target, text, keyboard)
    else:
        telegram_api.reply(bot, target, text, keyboard)


# ------------------------------------------------------------ the gate

COMMANDS = {}  # "start" -> function(message)
BUTTONS = {}  # action of a Press -> (function(call, server, press), is it about a server)
told_strangers: dict[int, float] = {}  # user ID -> when, time.monotonic()


def on_command(name: str):
    """Attach the function below to /name."""

    def attach(function):
        COMMANDS[name] = function
        return function

    return attach


def on_button(action: str, of_server: bool = True):
    """Attach the function below to all buttons of keyboards.py whose Press has this action.

    It is called with the press, the server that the button is about and what else the button
    carries. The text that it returns, if any, appears as a pop-up window.
    """

    def attach(function):
        BUTTONS[action] = (function, of_server)
        return function

    return attach


def is_listed(user: types.User) -> bool:
    """Whether this person may use the bot. Every message and every press passes here."""
    return user.id in config.users


def name_of(user: types.User) -> str:
    """How the log and the others get to know who did something."""
    return f"{texts.cut(user.full_name, 60)} ({user.id})"


@bot.message_handler(func=lambda message: True, content_types=["text"])
def receive_message(message: types.Message) -> None:
    """Everything that people write; what comes in the name of a channel or a group has no
    sender, or not one that could be listed."""
    if message.from_user is None:
        return
    command = telegram_api.command_of(bot, message)
    if not is_listed(message.from_user):
        refuse(message, command)
    elif command in COMMANDS:
        COMMANDS[command](message)
    elif message.chat.type == "private":
        send_help(message)


def refuse(message: types.Message, command: str | None) -> None:
    """Tell strangers their ID, in a private chat and not more than once a minute. What they say
    to each other in a group is no business of ours."""
    user, now, is_private = message.from_user, time.monotonic(), message.chat.type == "private"
    if is_private or command in COMMANDS:
        log.warning("refused a message of %s", name_of(user))
    if is_private and now - told_strangers.get(user.id, -STRANGER_PAUSE_S) >= STRANGER_PAUSE_S:
        told_strangers[user.id] = now
        show(message, texts.t("stranger", id=user.id))


@bot.callback_query_handler(func=lambda call: True)
def receive_press(call: types.CallbackQuery) -> None:
    """Every press of a button. The answer, which ends the spinner, is sent last and always."""
    popup = None
    try:
        popup = handle_press(call)
    finally:
        telegram_api.answer(bot, call, popup)


def handle_press(call: types.CallbackQuery) -> str | None:
    if not is_listed(call.from_user):
        log.warning("refused a press of %s", name_of(call.from_user))
        return texts.popup("stranger_popup", id=call.from_user.id)
    press = keyboards.unpack(call.data)
    function, of_server = BUTTONS.get(press.action, (None, False)) if press else (None, False)
    server = servers.get(press.server) if press else None
    if function is None or (of_server and server is None):
        return texts.popup("out_of_date")
    try:
        return function(call, server, press)
    except stopping.NotNow as refusal:
        return texts.popup(refusal.key, who=refusal.who)
    except TrueConfError as error:
        log.warning("%s for %s: %s", press.action, name_of(call.from_user), error)
        show(call, texts.error(error), keyboards.error(error.server, press))


# ------------------------------------------------------------ commands and servers


@on_command("id")
def send_id(message: types.Message) -> None:
    lines = [texts.t("your_id", id=message.from_user.id)]
    if message.chat.type != "private":
        lines.append(texts.t("group_id", id=message.chat.id))
    show(message, "\n".join(lines))


@on_command("help")
def send_help(message: types.Message) -> None:
    show(message, texts.t("help"))


@on_command("start")
@on_button("servers", of_server=False)
def show_servers(target, server=None, press: Press = FIRST_PAGE) -> None:
    """One page of them; from a server's menu, the page that this server is on."""
    listed = list(servers.values())
    number = listed.index(server) // texts.SERVERS_A_PAGE if server else press.page
    page = texts.page_of(listed, number, texts.SERVERS_A_PAGE)
    show(target, texts.servers(page), keyboards.servers(page))


@on_command("status")
@on_button("all", of_server=False)
def show_overviews(target, server=None, press: Press = FIRST_PAGE) -> None:
    """One page of all servers, asked at the same time."""
    page = texts.page_of(list(servers.values()), press.page, texts.OVERVIEWS_A_PAGE)
    overviews = trueconf_api.get_overviews(page.items)
    show(target, texts.overviews(page, overviews), keyboards.overviews(page))


@on_button("menu")
def show_menu(call, server: Server, press: Press) -> None:
    show(call, texts.menu(server), keyboards.menu(server))


@on_button("status")
def show_status(call, server: Server, press: Press) -> None:
    status = trueconf_api.get_status(server)
    since = watchers[press.server].since_when(status)
    show(call, texts.status(server, status, since), keyboards.status(server))


@on_button("check_on")
@on_button("check_off")
def switch_check(call, server: Server, press: Press) -> None:
    """Turn the constant check on or off, at once and for good."""
    server.is_checked = press.action == "check_on"
    server.save(("server_status", "state"), int(server.is_checked))
    watchers[press.server].check_now()
    log.info("%s: %s by %s", server.name, press.action, name_of(call.from_user))
    show_status(call, server, press)


@on_button("online")
def show_online(call, server: Server, press: Press) -> None:
    online = trueconf_api.get_online(server)
    show(call, texts.online(server, online), keyboards.refresh_and_back(server, "online"))


# ------------------------------------------------------------ conferences


@on_button("conferences")
def show_conferences(call, server: Server, press: Press) -> None:
    running = trueconf_api.get_running_conferences(server)
    page = texts.page_of(running, press.page, texts.CONFERENCES_A_PAGE)
    text = texts.conferences(server, page, len(running))
    show(call, text, keyboards.conferences(server, page))


@on_button("forgotten")
def show_forgotten(call, server: Server, press: Press) -> None:
    minutes = press.minutes or round(server.forgotten_age_h * 60)
    found = trueconf_api.find_forgotten(server, minutes / 60)
    page = texts.page_of(found, press.page, texts.CONFERENCES_A_PAGE)
    certain_count = min(sum(one.is_certain for one in found), texts.MOST_IN_A_LIST)
    text = texts.forgotten(server, page, len(found), minutes)
    show(call, text, keyboards.forgotten(server, page, minutes, certain_count))


@on_button("watch_on")
@on_button("watch_off")
def switch_watch(call, server: Server, press: Press) -> None:
    """Turn the unasked messages about forgotten conferences on or off."""
    server.is_forgotten_watched = press.action == "watch_on"
    server.save(("forgotten_conferences", "state"), int(server.is_forgotten_watched))
    watchers[press.server].search_now()
    log.info("%s: %s by %s", server.name, press.action, name_of(call.from_user))
    show_forgotten(call, server, press)


@on_button("remind")
def remind_later(call, server: Server, press: Press) -> str:
    answer = "reminder_set" if server.is_forgotten_watched else "reminder_off"
    return keep_quiet(server, press, time.time() + 3600, answer)


@on_button("not_forgotten")
def never_remind(call, server: Server, press: Press) -> str:
    return keep_quiet(server, press, 0, "not_forgotten_set")


def keep_quiet(server: Server, press: Press, until: float, answer: str) -> str:
    session_id = next((one for one in server.reported if key_of(one) == press.item), None)
    if session_id is None:
        return texts.popup("out_of_date")
    watchers[press.server].keep_quiet(session_id, until)
    return texts.popup(answer)


# ------------------------------------------------------------ stopping


@on_button("ask_stop")
def ask_stop(call, server: Server, press: Press) -> None:
    """The confirmation. Reads the conference again, as the list may be old."""
    found = stopping.find(server, press)
    if not found:
        show(call, texts.not_running(server), keyboards.back_to_list(server, press))
        return
    people = trueconf_api.or_error(trueconf_api.count_people, server, found[0])
    text = texts.confirm_stop(server, found[0], people)
    show(call, text, keyboards.confirm("stop", server, press, press.item))


@on_button("ask_stop_all")
def ask_stop_all(call, server: Server, press: Press, has_changed: bool = False) -> None:
    """The confirmation for all that is forgotten. Lists what would be stopped."""
    found = stopping.find(server, press)
    if not found:
        show_forgotten(call, server, press)
        if has_changed:
            raise stopping.NotNow("list_changed")
        return
    text = texts.confirm_stop_all(server, found, press.minutes, has_changed)
    show(call, text, keyboards.confirm("stop_all", server, press, stopping.key_of_all(found)))


@on_button("stop")
@on_button("stop_all")
def stop(call, server: Server, press: Press) -> None:
    """Stop what the confirmation showed, and say what is true afterwards: to who pressed, to
    the others who are listed and to the log. If it has changed, show the confirmation anew."""
    who = name_of(call.from_user)
    results = stopping.stop_once(server, press, who)
    for conference, result in results.items():
        log.info("%s: %s asked to stop %s: %s", server.name, who, texts.title(conference), result)
    if results:
        here = call.message.chat.id if call.message else call.from_user.id
        announcer.tell_stopped(server, results, who, not_to=(call.from_user.id, here))
        text = texts.stop_result(server, results)
        show(call, text, keyboards.back_to_list(server, press))
    elif press.action == "stop_all":
        ask_stop_all(call, server, press, has_changed=True)
    else:
        show(call, texts.not_running(server), keyboards.back_to_list(server, press))


# ------------------------------------------------------------ starting and ending


def run(loaded: settings.Settings) -> int:
    """Run the bot until Ctrl+C or SIGTERM. Returns the exit code."""
    global config, announcer
    config = loaded
    ending = []  # no Event: its lock may be held by the very thread that a signal interrupts
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, frame: ending.append(number))

    logs.start(config.secrets, config.log_file)
    log.info("settings: %s, servers: %s", config.source.name, len(config.servers))
    for warning in config.warnings:
        log.warning("%s", texts.problem(warning))

    telegram_api.connect(bot, config.token, config.api_url, config.proxy)
    announcer = alerts.Announcer(bot, config.users, config.move_user, watchers.values())
    for position, server in enumerate(config.servers.values()):
        key, delay_s = key_of(server.name), position * FIRST_LOOKS_APART_S
        servers[key] = server
        watchers[key] = status_watcher.Watcher(
            server, announcer.tell_state, announcer.tell_forgotten, delay_s
        )
    for watcher in watchers.values():
        watcher.start()

    commands = [types.BotCommand(name, texts.popup(f"command_{name}")) for name in COMMANDS]
    polling = telegram_api.Polling(bot, commands)
    polling.start()
    while polling.is_alive() and not polling.is_token_refused and not ending:
        config.save()
        time.sleep(SAVE_EVERY_S)

    for watcher in watchers.values():
        watcher.stop()
    config.save()
    if polling.is_token_refused:
        log.error("%s", texts.popup("token_refused"))
    return command_line.EXIT_OK if ending else command_line.EXIT_FAILED


if __name__ == "__main__":
    command_line.main(bot, run)
