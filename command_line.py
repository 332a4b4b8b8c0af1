"""What `python main.py` understands: --settings, --check, --demo. Hands over to `run`."""

import argparse
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable

import telebot

import check
import logs
import settings
import telegram_api
import texts

EXIT_OK, EXIT_FAILED, EXIT_SETTINGS = 0, 1, 2

Run = Callable[[settings.Settings, Callable[[], bool]], None]

log = logging.getLogger("bot")


def main(bot: telebot.TeleBot, run: Run) -> None:
    """Do what the command line asks for and end the process with the exit code of that.

    `run(settings, is_ending)` is the bot itself: it returns soon after `is_ending()` is true, or
    raises TokenRefused.
    """
    logs.use_any_console()
    _allow_many_connections()
    try:
        code = _start(bot, run)
    except KeyboardInterrupt:  # during --check; the bot itself ends by its own handler
        code = EXIT_OK
    except BrokenPipeError:  # nobody reads on: `--check | head`
        code = EXIT_FAILED
    except Exception:  # a defect of ours: say it before the process ends
        sys.excepthook(*sys.exc_info())
        code = EXIT_FAILED
    logs.finish()
    # Not sys.exit: that would wait for requests which are still under way.
    os._exit(code)


def _allow_many_connections() -> None:
    """500 watched servers keep 1000 connections open, and Linux's usual limit is 1024 files."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has no such limit
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _start(bot: telebot.TeleBot, run: Run) -> int:
    arguments = _read_arguments()
    if arguments.demo:
        return _run_demo(arguments.settings, run)
    try:
        loaded = settings.load(arguments.settings)
    except settings.SettingsError as error:
        print(texts.settings_error(error), file=sys.stderr)
        return EXIT_SETTINGS
    texts.use(loaded.language)
    if arguments.check:
        return EXIT_OK if check.run(bot, loaded) else EXIT_FAILED
    return _run(loaded, run)


def _run(loaded: settings.Settings, run: Run) -> int:
    """Run the bot, with its log, until Ctrl+C or SIGTERM."""
    ending = []  # no Event: its lock may be held by the very thread that a signal interrupts
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, frame: ending.append(number))
    logs.start(loaded.secrets, loaded.log_file)
    log.info("settings: %s, servers: %s", loaded.source.name, len(loaded.servers))
    for warning in loaded.warnings:
        log.warning("%s", texts.problem(warning))
    try:
        run(loaded, lambda: bool(ending))
    except telegram_api.TokenRefused:
        log.error("%s", texts.popup("token_refused"))
    loaded.save()
    return EXIT_OK if ending else EXIT_FAILED


def _read_arguments() -> argparse.Namespace:
    texts.use(texts.system_language())
    parser = argparse.ArgumentParser(description=texts.popup("command_line"))
    parser.add_argument("--settings", metavar="PATH", help=texts.popup("option_settings"))
    parser.add_argument("--check", action="store_true", help=texts.popup("option_check"))
    parser.add_argument("--demo", action="store_true", help=texts.popup("option_demo"))
    return parser.parse_args()


def _run_demo(path: str | None, run: Run) -> int:
    """The bot with simulated servers, and a simulated Telegram unless there are settings."""
    import demo.run  # only here: without --demo the bot does not need it

    try:
        own = settings.load(path)
    except settings.SettingsError as error:
        if path:
            print(texts.settings_error(error), file=sys.stderr)
            return EXIT_SETTINGS
        own = None
    language = own.language if own else texts.system_language()
    texts.use(language)
    played = demo.run.start(language, own.telegram_keys() if own else None)
    try:
        if played.address:
            print(texts.popup("demo_running", url=played.address), flush=True)
            played.open_page()
        else:
            print(texts.popup("demo_in_telegram"), flush=True)
        # From its own folder: a .env beside main.py is about the real bot.
        return _run(settings.load(str(played.settings_file), played.folder), run)
    finally:
        played.stop()
