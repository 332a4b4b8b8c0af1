"""The gate that every message and every press passes: who may do what, and which function of
main.py is called for it.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from telebot import types

import keyboards
import stopping
import texts
from keyboards import NO_PRESS
from lib import logs, telegram
from lib.settings import Settings
from texts import screens
from trueconf_api import Server, TrueConfError

log = logging.getLogger("bot")

Handler = TypeVar("Handler", bound=Callable[..., Any])

COMMANDS: dict[str, tuple[Callable[..., None], bool]] = {}  # "start" -> (function, for_viewers)
# The action of a Press -> (function(call, server, press), of_server, for_viewers)
BUTTONS: dict[str, tuple[Callable[..., str | None], bool, bool]] = {}


def on_command(name: str, for_viewers: bool = False) -> Callable[[Handler], Handler]:
    """Attach the function below to /name. `for_viewers`: see on_button."""

    def attach(function: Handler) -> Handler:
        COMMANDS[name] = (function, for_viewers)
        return function

    return attach


def on_button(
    action: str, of_server: bool = True, for_viewers: bool = False
) -> Callable[[Handler], Handler]:
    """Attach the function below to all buttons of keyboards.py whose Press has this action.

    It is called with the press, the server that the button is about and what else the button
    carries. The text that it returns, if any, appears as a pop-up window. `of_server`: there is
    such a server. `for_viewers`: it changes nothing, so those in tg-viewers-id may press it too.
    """

    def attach(function: Handler) -> Handler:
        BUTTONS[action] = (function, of_server, for_viewers)
        return function

    return attach


class Gate:
    """Receives what Telegram sends. `servers`: short_id(name) -> server; `hear(chat_id)` is told
    where somebody who is listed has written; `show(target, text, keyboard)` shows a screen."""

    def __init__(
        self,
        bot: telegram.Bot,
        config: Settings,
        servers: Mapping[str, Server],
        hear: Callable[[int], None],
        show: Callable[..., None],
    ):
        self.bot, self.config, self.servers = bot, config, servers
        self._hear, self._show = hear, show
        self._refused_lately = logs.OnceAMinute()

    def open(self) -> None:
        """Begin to receive."""
        receive = telegram.logged(self.receive_message), telegram.logged(self.receive_press)
        self.bot.register_message_handler(receive[0], content_types=["text"])
        self.bot.register_callback_query_handler(receive[1], func=lambda call: True)

    def receive_message(self, message: types.Message) -> None:
        """Everything that people write. What a channel writes has no sender."""
        user = message.from_user
        if user is None:
            return
        command = telegram.command_of(self.bot, message)
        # Who is anonymous in a group shares one ID with all others who are: nobody can be listed.
        if message.sender_chat or not self.config.may_look(user.id):
            self._refuse_message(message, user, command)
            return
        self._hear(message.chat.id)
        if command in COMMANDS:
            function, for_viewers = COMMANDS[command]
            if user.id in self.config.viewers and not for_viewers:
                self._show(message, texts.words("viewer_popup"))
            else:
                function(message)
        elif message.chat.type == "private":
            COMMANDS["help"][0](message)

    def _refuse_message(
        self, message: types.Message, user: types.User, command: str | None
    ) -> None:
        """Tell strangers their ID, in a private chat or where they ask by /id, at most once a
        minute. What else they say in a group is not meant for the bot."""
        chat, topic, is_asked = message.chat, telegram.topic_of(message), command == "id"
        is_private, who = chat.type == "private", texts.person(user)
        if message.sender_chat:
            who = f"somebody anonymous in {chat.id}"
        is_meant = is_private or command in COMMANDS
        if not is_meant or not self._refused_lately.is_due(
            (user.id, chat.id, is_private or is_asked)
        ):
            return
        log.warning("refused a message of %s", who)
        text = texts.words("stranger", id=user.id)
        if is_asked and not is_private:
            text = screens.ids(None if message.sender_chat else user.id, chat.id, topic)
        if is_private or is_asked:
            self.bot.do_aside(lambda: telegram.send(self.bot, chat.id, text, topic=topic))

    def receive_press(self, call: types.CallbackQuery) -> None:
        """Every press of a button. The answer, which ends the spinner, is sent last and always."""
        if not self.config.may_look(call.from_user.id):
            self._refuse_press(call)
            return
        self.bot.presses.begin(call)
        popup: str | None = texts.plain_text("bot_failed")
        try:
            popup = self._handle_press(call)
        except telegram.FAILURES:
            popup = texts.plain_text("answer_lost")
            raise
        finally:
            telegram.answer(self.bot, call, popup)

    def _refuse_press(self, call: types.CallbackQuery) -> None:
        if self._refused_lately.is_due((call.from_user.id, "press")):
            log.warning("refused a press of %s", texts.person(call.from_user))
        popup = texts.plain_text("stranger_popup", id=call.from_user.id)
        self.bot.do_aside(lambda: self.bot.answer_callback_query(call.id, popup, show_alert=True))

    def _handle_press(self, call: types.CallbackQuery) -> str | None:
        """Find out what was pressed, for which server, and do it. Returns the pop-up's text."""
        press = keyboards.unpack(call.data) or NO_PRESS
        if press.action and press.action not in BUTTONS:
            log.warning('main.py has no @on_button("%s"), which somebody has pressed', press.action)
        function, of_server, for_viewers = BUTTONS.get(press.action, (None, False, False))
        server = self.servers.get(press.server)
        if function is None or (of_server and server is None):
            return texts.plain_text("out_of_date")
        if call.from_user.id in self.config.viewers and not for_viewers:
            return texts.plain_text("viewer_popup")
        if press.action in keyboards.CONFIRMED and self.bot.presses.is_hasty(call):
            return texts.plain_text("too_soon")
        if press.is_new:
            telegram.keep_message(call)
            press = replace(press, is_new=0)
        try:
            return function(call, server, press)
        except stopping.NotNow as refusal:
            return texts.plain_text(refusal.key, **refusal.details)
        except TrueConfError as error:
            log.warning('%s ("%s" of %s)', error, press.action, texts.person(call.from_user))
            self._show(call, screens.error_screen(error), keyboards.error(error.server, press))
            return None
