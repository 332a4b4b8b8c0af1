"""What `python main.py` understands: its options, and how it ends. Hands over to `run`."""

import argparse
import contextlib
import logging
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

from telebot.apihelper import ApiTelegramException

import texts
import trueconf_api
from lib import clock, connections, ending, heartbeat, logs, own_words, settings, telegram
from lib.server_version import first_safe_version
from lib.trueconf_client import VERSIONS
from lib.trueconf_fields import DOCUMENTED, Answer
from memory import Record
from texts import plain_text, screens
from trueconf_api import Server, TrueConfError

VERSION = "2.1.0"
CLOCK_LIMIT_S = 120
LOOKUP_LIMIT_S = 5
CERTIFICATE_SOON_S = 14 * 24 * 3600
DEEPEST_SHAPE = 20  # no answer of a server is so deep
MOST_SHAPES = 10  # that rows of one list have
EXIT_OK, EXIT_FAILED, EXIT_SETTINGS = 0, 1, 2

Run = Callable[[settings.Settings, Record, Callable[[], bool]], None]

log = logging.getLogger("bot")


def main(run: Run) -> None:
    """Do what the command line asks for and end the process with the exit code of that.

    `run(settings, record, is_ending)` is the bot itself: it returns soon after `is_ending()` is
    true, or raises TokenRefused.
    """
    logs.use_any_console()
    _allow_many_connections()
    try:
        ending.raise_at_ctrl_c()
        code = _start(run)
    except KeyboardInterrupt:  # during --check; the bot itself ends by its own handler
        code = EXIT_OK
    except BrokenPipeError:  # nobody reads on: `--check | head`
        code = EXIT_FAILED
    except Exception:  # a defect of ours: say it before the process ends
        sys.excepthook(*sys.exc_info())
        code = EXIT_FAILED
    logs.finish()
    if code:
        own_words.hold_window()
    # Not sys.exit: that would wait for requests which are still under way.
    os._exit(code)


def _allow_many_connections() -> None:
    """500 watched servers keep 1000 connections open, and Linux's usual limit is 1024 files."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has no such limit
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _start(run: Run) -> int:
    arguments = _read_arguments()
    if arguments.demo:
        return _run_demo(arguments.settings, run)
    try:
        loaded = settings.load(arguments.settings)
    except settings.SettingsError as error:
        return _say_settings_error(error, arguments.settings)
    with contextlib.suppress(OSError):
        _problem_file(arguments.settings).unlink()
    texts.use(loaded.language)
    if arguments.check or arguments.report:
        is_well = check(loaded)
        if arguments.report:
            _print_report(list(loaded.servers.values()))
        return EXIT_OK if is_well else EXIT_FAILED
    return _run(loaded, run, ending.note())


def _run(loaded: settings.Settings, run: Run, signals: list[int]) -> int:
    """Run the bot, with its log, until one of the signals to end has been noted."""
    logs.start(loaded.secrets, loaded.log_file)
    log.info("version %s, Python %s, %s", VERSION, platform.python_version(), sys.platform)
    log.info("settings: %s, servers: %s", loaded.source.name, len(loaded.servers))
    for warning in loaded.warnings:
        log.warning("%s", screens.problem(warning))
    if unknown := clock.unknown_zone():
        log.warning("%s", plain_text("check_own_zone", zone=unknown))
    try:
        run(loaded, Record(loaded.memory_path, loaded.servers.values()), lambda: bool(signals))
    except telegram.TokenRefused:
        log.error("%s", _token_refused(loaded))
    loaded.save()
    if not signals:
        return EXIT_FAILED
    log.info("ended by %s", ending.name_of(signals[0]))
    return EXIT_OK


def _token_refused(loaded: settings.Settings) -> str:
    if loaded.api_url:
        return plain_text("token_refused_api", url=loaded.api_url)
    return plain_text("token_refused")


def _read_arguments() -> argparse.Namespace:
    texts.use(texts.system_language())
    parser = argparse.ArgumentParser(description=texts.plain_text("command_line"))
    parser.add_argument("--settings", metavar="PATH", help=texts.plain_text("option_settings"))
    parser.add_argument("--check", action="store_true", help=texts.plain_text("option_check"))
    parser.add_argument("--report", action="store_true", help=texts.plain_text("option_report"))
    parser.add_argument("--demo", action="store_true", help=texts.plain_text("option_demo"))
    about = f"TrueConf Server bot {VERSION}, Python {platform.python_version()}"
    parser.add_argument(
        "--version", action="version", version=about, help=texts.plain_text("option_version")
    )
    return parser.parse_args()


def python() -> str:
    """The Python that runs this, as people write it in the folder of main.py."""
    try:
        return str(Path(sys.executable or "").relative_to(Path(__file__).resolve().parent))
    except ValueError:  # it is not in that folder, as .venv/bin/python would be
        return "python"


def _say_settings_error(error: settings.SettingsError, path: str | None) -> int:
    """Print what is wrong with the settings; under pythonw, which has no console, leave it in a
    file beside them."""
    text = settings_error(error)
    if sys.stderr is None:
        with contextlib.suppress(OSError):
            _leave(_problem_file(path), text + "\n")
    else:
        print(text, file=sys.stderr)
    return EXIT_SETTINGS


def _leave(file: Path, text: str) -> None:
    """Make the file anew, for its owner alone: what was there may be a link to somewhere else."""
    file.unlink(missing_ok=True)
    with open(
        file, "x", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)
    ) as new:
        new.write(text)


def _problem_file(path: str | None) -> Path:
    return Path(path or __file__).resolve().with_name("settings-problem.txt")


def settings_error(error: settings.SettingsError) -> str:
    """All that is wrong with the settings, a `settings.SettingsError`, and the way on."""
    texts.use(error.language or texts.system_language())
    if not error.source:
        where = "settings_none_replit" if "REPL_ID" in os.environ else "settings_none"
        return texts.plain_text(where, python=python())
    lines = [texts.plain(texts.words("settings_wrong", source=error.source))]
    lines += [f"- {screens.problem(one)}" for one in error.problems]
    return "\n".join([*lines, texts.plain(texts.words("settings_help_file"))])


def _run_demo(path: str | None, run: Run) -> int:
    """The bot with simulated servers, and a simulated Telegram unless there are settings."""
    import demo.run  # only here: without --demo the bot does not need it

    try:
        own = settings.load(path)
    except settings.SettingsError as error:
        if path:
            return _say_settings_error(error, path)
        own = None
    language = own.language if own else texts.system_language()
    texts.use(language)
    signals = ending.note()  # what is started has to be stopped, however soon the end comes
    played = demo.run.start(language, own.telegram_keys() if own else None)
    try:
        key = "demo_in_telegram" if own else "demo_running"
        print(texts.plain_text(key, url=played.address), flush=True)
        played.open_page()
        # From its own folder: a .env beside main.py is about the real bot.
        loaded = settings.load(str(played.settings_file), played.folder)
        return _run(loaded, played.played(run), signals)
    finally:
        played.stop()


# ---------------------------------------------------------------- --check


class _Report:
    """Prints the lines and remembers whether all is well."""

    def __init__(self) -> None:
        self.is_well = True

    def ok(self, key: str, **values: object) -> None:
        print(f"[OK] {plain_text(key, **values)}", flush=True)

    def bad(self, key: str, **values: object) -> None:
        self.is_well = False
        print(f"[!!] {plain_text(key, **values)}", flush=True)

    def doubtful(self, key: str, **values: object) -> None:
        print(f"[??] {plain_text(key, **values)}", flush=True)

    def bad_sentence(self, sentence: str) -> None:
        self.is_well = False
        print(f"[!!] {sentence}", flush=True)

    def failed(self, error: TrueConfError) -> None:
        self.bad_sentence(texts.plain(screens.error_sentence(error)))


def check(loaded: settings.Settings) -> bool:
    """Check the settings, Telegram and each server. Returns whether all is well."""
    logging.disable()  # what fails is said here
    report = _Report()
    report.ok("check_settings", source=loaded.source.name)
    for warning in loaded.warnings:
        print(f"[??] {screens.problem(warning)}")
    for silence in screens.silences(list(loaded.servers.values())):
        print(f"[??] {texts.plain(silence)}")
    zone = time.strftime("%Z (UTC%z)")
    report.ok("check_own_clock", time=texts.moment(time.time()), zone=zone)
    if unknown := clock.unknown_zone():
        report.doubtful("check_own_zone", zone=unknown)
    if loaded.log_file:
        _check_log_file(report, loaded.log_file)
    _check_telegram(report, loaded)
    if loaded.heartbeat_url:
        _check_heartbeat(report, loaded.heartbeat_url)
    for server in loaded.servers.values():
        print(f"\n{texts.cut(server.name, screens.LONGEST_NAME)} ({server.url})")
        _check_server(report, server)
    print()
    if report.is_well:
        report.ok("check_all_well", python=python())
    else:
        report.bad("check_not_well")
    return report.is_well


def _check_log_file(report: _Report, file: Path) -> None:
    if not file.parent.is_dir():
        report.bad("check_log_file", folder=file.parent)
    else:
        try:
            logs.log_path(file)
        except logs.NotALog:
            report.bad("check_log_file_other", file=file)
        except OSError:  # it may not be read, which its owner will be told when the bot starts
            pass


def _check_telegram(report: _Report, loaded: settings.Settings) -> None:
    bot = telegram.Bot(loaded.token, loaded.api_url, loaded.proxy)
    proxy, _ = bot.sender.proxy_in_use()
    if proxy:
        report.ok("check_proxy", host=proxy.rpartition("@")[2].rpartition("//")[2])
    try:
        name = telegram.ask_name(bot)
        report.ok("check_telegram", name=name)
        for chat, topic in loaded.listed:
            key = "check_topic" if topic else "check_group" if chat < 0 else "check_user"
            _check_recipient(report, bot, key, (chat, topic), name)
        for viewer in loaded.viewers:
            _check_recipient(report, bot, "check_viewer", (viewer, None), name)
    except telegram.TokenRefused:
        report.bad_sentence(_token_refused(loaded))
    except telegram.Unreachable as error:
        report.bad_sentence(screens.telegram_trouble(error.trouble))
    except telegram.FAILURES as error:
        report.bad_sentence(telegram.describe(error))


def _check_heartbeat(report: _Report, url: str) -> None:
    host, trouble = heartbeat.host_of(url), heartbeat.fetch(url)
    if trouble:
        report.bad("check_heartbeat_failed", host=host, reason=screens.reason_words(trouble))
    else:
        report.ok("check_heartbeat", host=host)


def _check_recipient(
    report: _Report, bot: telegram.Bot, key: str, recipient: settings.Recipient, name: str
) -> None:
    chat, topic = recipient
    listed = f"{chat}:{topic}" if topic else chat
    try:
        # "typing..." needs the same right as a message, and leaves nothing behind.
        bot.send_chat_action(chat, "typing", message_thread_id=topic)
    except ApiTelegramException:
        report.bad(f"{key}_silent", id=listed, name=name)
    else:
        report.ok(key, id=listed)


def _check_server(report: _Report, server: Server) -> None:
    if not _resolves(report, server):
        return
    _check_service(report, server)
    is_web_well = _check_web(report, server)
    if version := screens.version_line(server):
        is_attacked = first_safe_version(server.product_version)
        print("[??]" if is_attacked else "[OK]", texts.plain(version), flush=True)
    if is_web_well and _check_login(report, server):
        _check_permissions(report, server)


def _check_permissions(report: _Report, server: Server) -> None:
    try:
        found = trueconf_api.try_permissions(server)
    except TrueConfError as error:
        report.failed(error)
        return
    for permission, refusal in found.items():
        if refusal is None:
            report.ok("check_permission", permission=permission)
        else:
            report.failed(refusal)
    trueconf_api.or_error(trueconf_api.get_running_conferences, server)
    if server.learnt.unknown_zone:
        report.doubtful("check_zone", zone=server.learnt.unknown_zone)


def _resolves(report: _Report, server: Server) -> bool:
    host = server.host.strip("[]")
    try:
        _, address = connections.look_up(host, LOOKUP_LIMIT_S)[0]
    except OSError as error:
        is_silent = isinstance(error, connections.LookupTimedOut)
        report.bad("check_dns_silent" if is_silent else "check_name_not_found", host=host)
        return False
    if address != host:
        report.ok("check_name", host=host, address=address)
    return True


def _check_service(report: _Report, server: Server) -> None:
    if not server.status_port:
        return
    status = trueconf_api.or_error(trueconf_api.get_status, server)
    if isinstance(status, TrueConfError):
        report.failed(status)
    elif status.service_reason:
        reason = screens.reason_words(status.service_reason)
        report.bad("check_service_silent", port=server.status_port, reason=reason)
    else:
        report.ok("check_service", port=server.status_port)


def _check_web(report: _Report, server: Server) -> bool:
    try:
        skew_s = trueconf_api.get_clock_skew(server)
    except TrueConfError as error:
        is_of_tls = error.reason.startswith(("certificate_", "tls_", "ca_file"))
        key, of_file = f"check_{error.reason}", f"check_{error.reason}_file"
        if server.url.startswith("http://"):
            key = "check_web_silent_plain"
        elif isinstance(server.verify, str) and texts.has_words(of_file):
            key = of_file
        elif not (is_of_tls and texts.has_words(key)):
            key = "check_web_silent"
        report.bad(key, url=server.url, reason=screens.reason_of(error))
        return False
    key = "check_web" if server.verify else "check_web_unchecked"
    if server.url.startswith("http://"):
        key = "check_web_plain"
    report.ok(key, url=server.url)
    if sentence := screens.certificate_line(server.learnt.certificate_end):
        is_soon = (server.learnt.certificate_end or 0) - time.time() < CERTIFICATE_SOON_S
        print("[??]" if is_soon else "[OK]", texts.plain(sentence), flush=True)
    if skew_s is not None and abs(skew_s) > CLOCK_LIMIT_S:
        report.bad("check_clock", difference=texts.duration(abs(skew_s)))
    elif skew_s is not None:
        report.ok("check_clock_right")
    return True


def _check_login(report: _Report, server: Server) -> bool:
    """The token, and the version of the API that answers."""
    try:
        version = trueconf_api.search_version(server)  # needs a token, and so says if it got none
    except TrueConfError as error:
        report.failed(error)
        return False
    report.ok("check_login")
    wanted = server.api_version
    if not version:
        report.bad("check_no_version", versions=", ".join(VERSIONS))
    elif wanted not in ("auto", version):
        report.bad("check_other_version", wanted=wanted, version=version)
    else:
        report.ok("check_version", version=version)
    return wanted in ("auto", version) and bool(version)


# ---------------------------------------------------------------- --report


def _print_report(servers: list[Server]) -> None:
    """What somebody with a real server can send to the project: for each call of the API the
    status and the names and types of the fields. No values, no names, no addresses."""
    print()
    print(plain_text("report_begins"))
    print(f"\nbot {VERSION}, Python {platform.python_version()}")
    for number, server in enumerate(servers, 1):
        answers = trueconf_api.get_raw_answers(server)
        print(f"\nserver {number}: API {server.version or 'not found'}")
        for call, answer in answers.items():
            print(f"{call}: {_outcome(answer)}")
    print()
    print(plain_text("report_ends"))


def _outcome(answer: Answer | TrueConfError) -> str:
    if isinstance(answer, TrueConfError):
        return answer.reason
    body = answer.json()
    return f"{answer.status} {'no JSON' if body is None and answer.body else _shape(body)}"


def _shape(value: object, depth: int = 0) -> str:
    """The names and types of what JSON holds: {"cnt": 2, "list": []} -> {cnt: int, list: []}.
    Fields that no document knows are only counted: {"anna": 1, "boris": 2} -> {+2}."""
    if isinstance(value, (dict, list)) and depth == DEEPEST_SHAPE:
        return "…"
    if isinstance(value, dict):
        known = [name for name in value if name in DOCUMENTED]
        fields = [f"{name}: {_shape(value[name], depth + 1)}" for name in known]
        if len(known) < len(value):
            fields.append(f"+{len(value) - len(known)}")
        return f"{{{', '.join(fields)}}}"
    if isinstance(value, list):
        shapes = sorted({_shape(entry, depth + 1) for entry in value})
        more = [f"+{len(shapes) - MOST_SHAPES}"] if len(shapes) > MOST_SHAPES else []
        return f"[{' | '.join(shapes[:MOST_SHAPES] + more)}]"
    return "null" if value is None else type(value).__name__
