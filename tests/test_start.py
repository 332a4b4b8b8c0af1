"""Starting: `python main.py` as people start it, what it prints, logs and returns; and what holds
for the modules as files."""

import ast
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from telebot import apihelper

import command_line
import lib.telegram
import texts
from demo.telegram.server import TelegramServer
from lib import own_venv
from tests.conftest import (
    ANNA,
    OWN_CONSOLE,
    PATIENCE_S,
    ROOT,
    TOKEN,
    BotProcess,
    clean_environment,
    label,
    press,
    saying,
    says,
    wait_until,
)
from tests.this_version import sources
from texts import plain_text

SECRET = "b97fc03b30d8f3011dc13abd205ec9f5610861e0"
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (INFO|WARNING|ERROR) \S")
# What a Russian Windows does to a script whose output goes to a file, and a bare Linux.
CONSOLES = {
    "cp1251": {"PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1251"},
    "cp866": {"PYTHONUTF8": "0", "PYTHONIOENCODING": "cp866"},
    "ascii": {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
}
if os.name == "nt":  # LC_ALL says nothing about the encoding there
    CONSOLES["ascii"] = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
MODULES = [path.stem for path in sources("*.py")]
FOLDERS = ("lib", "texts", "alerts", "demo", "demo/telegram", "demo/trueconf")


@pytest.fixture
def project(copied_project, tmp_path) -> Path:
    """The project as somebody has just downloaded it, without any settings."""
    return Path(shutil.copytree(copied_project, tmp_path / "bot"))


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    """The folder in which people stand when they start the bot."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


@pytest.fixture
def new_bot(tmp_path):
    """A function that makes a BotProcess; whatever still runs afterwards is killed."""
    made = []

    def make(settings: dict | None = None) -> BotProcess:
        folder = tmp_path / f"started{len(made)}"
        folder.mkdir()
        made.append(BotProcess(folder, settings))
        return made[-1]

    yield make
    for bot in made:
        bot.kill()


def run_main(project: Path, *arguments: str, cwd: Path, **variables: str):
    """Run main.py to its end. Returns its exit code and what it printed, both streams together."""
    run = subprocess.run(
        [sys.executable, str(project / "main.py"), *arguments],
        cwd=cwd,
        env=clean_environment(**{"LC_ALL": "en_US.UTF-8", **variables}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE_S,
    )
    assert b"Traceback" not in run.stdout, run.stdout.decode(errors="replace")
    return run.returncode, run.stdout


# ---------------------------------------------------------------- settings that are not right


def test_first_start_says_the_three_ways_on(project, elsewhere):
    for language in texts.LANGUAGES:
        code, printed = run_main(project, cwd=elsewhere, LC_ALL=f"{language}_XX.UTF-8")
        said = "\n".join(printed.decode().splitlines()).strip()
        assert code == 2
        texts.use(language)
        assert said == plain_text("settings_none", python="python")
        for way in ("settings.json.example", "python main.py --demo", "README"):
            assert way in said


def test_first_start_names_the_python_that_it_was_started_with(project):
    """Where the libraries are in .venv, another Python would not find them."""
    venv.create(project / ".venv", symlinks=os.name == "posix")
    python = Path("Scripts", "python.exe") if os.name == "nt" else Path("bin", "python")
    # It has the libraries of the one that the tests run in, and they are what is needed.
    libraries = "\n".join(path for path in sys.path if path.endswith("site-packages"))
    [own] = (project / ".venv").rglob("site-packages")
    (own / "of-the-tests.pth").write_text(libraries, encoding="utf-8")
    needed = own_venv.read_requirements(str(ROOT / "requirements.txt"))
    (project / ".venv" / Path(own_venv.STAMP).name).write_text("\n".join(needed), encoding="utf-8")
    run = subprocess.run(
        [str(project / ".venv" / python), "main.py"],
        cwd=project,
        env=clean_environment(LC_ALL="en_US.UTF-8"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2, run.stderr
    assert f"{Path('.venv', python)} main.py --demo" in run.stderr


def test_settings_with_a_hidden_ending_are_found(project, elsewhere):
    (project / "settings.json.txt").write_text("{}", encoding="utf-8")
    code, printed = run_main(project, cwd=elsewhere)
    assert code == 2
    assert says(printed.decode(), "problem_hidden_ending", key="settings.json.txt")


def test_first_start_on_replit_names_the_secret(project, elsewhere):
    code, printed = run_main(project, cwd=elsewhere, REPL_ID="1")
    assert code == 2
    assert printed.decode().strip() == plain_text("settings_none_replit")
    assert "Secrets" in printed.decode()


@pytest.mark.parametrize("variables", [{"REPL_ID": "1"}, {}], ids=["Replit", "elsewhere"])
def test_broken_secret_is_named_as_such(project, elsewhere, variables):
    for secret in ("", "{", '{"language": "en",\n}'):
        code, printed = run_main(project, cwd=elsewhere, settings=secret, **variables)
        assert code == 2
        assert printed.decode().count("environment variable settings") >= 2
        assert printed.decode().count("\n- ") == 1


def test_all_problems_are_printed_with_exit_code_2(project, elsewhere):
    text = '{"language": "en", "servers": {"a": {}}}'
    (project / "settings.json").write_text(text, encoding="utf-8")
    code, printed = run_main(project, cwd=elsewhere)
    assert code == 2
    lines = printed.decode().splitlines()
    assert lines[0] == plain_text("settings_wrong", source="settings.json")
    assert sum(line.startswith("- ") for line in lines) == 5


def test_broken_file_is_told_with_line_and_column(project, elsewhere):
    text = '{"language": "en",\n  "tg-users-id": 1 2}'
    (project / "settings.json").write_text(text, encoding="utf-8")
    code, printed = run_main(project, cwd=elsewhere)
    assert code == 2
    said = says(printed.decode(), "problem_json", line=2, column=20)
    assert said["key"].endswith("settings.json")


def test_example_as_it_is_is_told_to_be_filled_in(project, elsewhere):
    shutil.copy(project / "settings.json.example", project / "settings.json")
    code, printed = run_main(project, cwd=elsewhere)
    assert code == 2
    assert "tg-api-token" in printed.decode()


def test_settings_are_found_beside_main_and_not_in_the_current_folder(
    project, elsewhere, new_bot, telegram, settings_for
):
    """Windows' task scheduler starts in System32."""
    (elsewhere / "settings.json").write_text("{", encoding="utf-8")
    (elsewhere / ".env").write_text("settings='{'\nTG_API_TOKEN=wrong\n", encoding="utf-8")
    server = {"ip": "127.0.0.1:9", "client_id": "a", "client_secret": SECRET}
    bot = new_bot(settings_for({"office": server}))
    shutil.copy(bot.settings_file, project / "settings.json")
    bot.folder = elsewhere
    command = [sys.executable, str(project / "main.py")]
    with open(bot.output_file, "ab") as output:
        bot.process = subprocess.Popen(
            command, cwd=elsewhere, env=clean_environment(), stdout=output, stderr=output
        )
    bot.wait_for_output("Bot is running...")
    assert "settings: settings.json, servers: 1" in bot.output


@pytest.mark.parametrize("encoding", CONSOLES)
def test_what_is_printed_at_once_fits_every_console(project, elsewhere, encoding):
    text = '{"language": "ru", "tg-users-id": ["🟢 Анна"], "servers": {"Сервер 🟢": {}}}'
    (elsewhere / "broken.json").write_text(text, encoding="utf-8")
    variables = {"LC_ALL": "ru_RU.CP1251", **CONSOLES[encoding]}
    texts.use("ru")
    for arguments, expected in (
        ([], plain_text("settings_none", python="python")),
        (["--help"], plain_text("command_line")),
        (["--settings", "broken.json"], "Сервер 🟢"),
    ):
        code, printed = run_main(project, *arguments, cwd=elsewhere, **variables)
        assert code == (0 if arguments == ["--help"] else 2)
        said = " ".join(printed.decode(encoding).split())
        shown = expected.encode(encoding, "replace").decode(encoding)
        assert encoding == "ascii" or " ".join(shown.split()) in said


# ---------------------------------------------------------------- Telegram at the start


def office(server) -> dict:
    return {"office": server.settings(server_status={"state": 1, "timeout": 1})}


def test_refused_token_ends_the_bot_with_a_sentence(new_bot, new_server, settings_for):
    with TelegramServer(token="5032177032:AAGahjzZ6zbWSEsVFj13Ki-YMPhPEPzQjxX") as telegram:
        bot = new_bot({**settings_for(office(new_server())), "tg-api-url": telegram.url}).start()
        assert bot.process.wait(PATIENCE_S) == 1
        assert {call.status for call in telegram.calls} == {401}
    assert plain_text("token_refused_api", url=telegram.url) in bot.output
    assert "Traceback" not in bot.output
    assert "Bot is running" not in bot.output


@pytest.mark.waits(25)
def test_token_that_is_revoked_while_the_bot_runs_ends_it_with_a_sentence(
    new_bot, new_server, telegram, settings_for
):
    """Also where nobody sees the console, as under pythonw: the log file has it."""
    settings = settings_for(office(new_server()), **{"log-file": "bot.log"})
    bot = new_bot(settings).start()
    bot.wait_for_output("Bot is running...")
    fault = telegram.fail("getUpdates", 401, times=2)  # that may pass
    telegram.push_update({})
    telegram.wait_until(lambda: fault.times == 0)
    telegram.wait_for_poll(PATIENCE_S)
    fault = telegram.fail("getUpdates", 401, times=4, html=True)  # of a portal on the way
    telegram.push_update({})
    telegram.wait_until(lambda: fault.times == 0)
    telegram.wait_for_poll(PATIENCE_S)
    assert not bot.has_ended
    telegram.fail("getUpdates", 401, times=1000)
    telegram.push_update({})
    assert bot.process.wait(PATIENCE_S) == 1
    sentence = plain_text("token_refused_api", url=telegram.url)
    assert sentence in bot.output
    assert sentence in (bot.folder / "bot.log").read_text(encoding="utf-8")
    assert "Traceback" not in bot.output


@pytest.mark.waits(10)
def test_wait_of_any_length_that_telegram_asks_for_at_the_start_is_kept(telegram, monkeypatch):
    """Also one that is too long for a press to wait for."""
    for name in ("API_URL", "CUSTOM_REQUEST_SENDER"):
        monkeypatch.setattr(apihelper, name, None)
    monkeypatch.setattr(lib.telegram, "LONGEST_WAIT_S", 0)
    for method in ("getMe", "deleteWebhook"):
        telegram.fail(method, 429, parameters={"retry_after": 4})
    bot = lib.telegram.Bot(TOKEN, telegram.url)
    lib.telegram.log_in(bot, [])
    for method in ("getMe", "deleteWebhook"):
        refused, taken = [call for call in telegram.calls if call.method == method]
        assert (refused.status, taken.status) == (429, 200)
        assert taken.at - refused.at >= 4


def test_menu_of_commands_that_telegram_refuses_keeps_nobody_from_the_bot(
    new_bot, new_server, telegram, anna, settings_for
):
    telegram.fail("setMyCommands", 429, parameters={"retry_after": 9999}, times=1000)
    bot = new_bot(settings_for(office(new_server()))).start()
    bot.wait_for_output("Bot is running...")
    bot.wait_for_output("Telegram did not take the list of commands: 429 Too Many Requests")
    anna.send("/start")
    anna.chat.wait_for(saying("servers"))


NO_THREADS = """
import threading
start = threading.Thread.start
def refuse(thread):
    if thread.name.startswith("watcher of"):
        raise RuntimeError("can't start new thread")
    start(thread)
threading.Thread.start = refuse
"""


def test_bot_that_cannot_run_says_why(new_bot, new_server, settings_for, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(NO_THREADS, encoding="utf-8")
    bot = new_bot(settings_for(office(new_server())))
    bot.start(PYTHONPATH=str(tmp_path))
    assert bot.process.wait(PATIENCE_S) == 1
    assert "RuntimeError: can't start new thread" in bot.output


@pytest.mark.skipif(
    os.name == "nt" and sys.version_info < (3, 12), reason="no os.set_blocking for pipes there"
)
def test_bot_ends_although_nobody_reads_what_it_prints(
    tmp_path, new_server, telegram, settings_for
):
    """A pipe that is full holds up whoever writes to it, as a click into Windows' console does."""
    watched = {"state": 1, "timeout": 1}
    bot = BotProcess(
        tmp_path, settings_for({"office": new_server().settings(server_status=watched)})
    )
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(OSError):  # each system has an error of its own for a full pipe
        while True:
            os.write(writing, b"x")
    os.set_blocking(writing, True)
    command = [sys.executable, str(BotProcess.main), "--settings", str(bot.settings_file)]
    bot.process = subprocess.Popen(
        command,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=writing,
        creationflags=OWN_CONSOLE,
    )
    try:
        telegram.wait_for_poll(PATIENCE_S)
        assert bot.stop() == 0
    finally:
        bot.kill()
        os.close(reading)
        os.close(writing)


def test_unreachable_telegram_is_asked_until_it_answers_while_the_servers_are_watched(
    new_bot, new_server, telegram, anna, settings_for
):
    server = new_server()
    telegram.go_down()
    bot = new_bot(settings_for(office(server))).start()
    wait_until(lambda: sum("/vsstatus" in str(one.path) for one in server.requests) >= 3)
    wait_until(lambda: bot.read_settings()["servers"]["office"]["access_token"])
    assert not bot.has_ended
    assert "Bot is running" not in bot.output
    telegram.come_back()
    bot.wait_for_output("Bot is running...")
    anna.send("/start")
    anna.chat.wait_for(saying("servers"))
    assert sum(bool(says(line, "telegram_silent")) for line in bot.output.splitlines()) == 1
    assert bot.output.count("Telegram answers again") == 1
    assert bot.stop() == 0
    assert "Traceback" not in bot.output


def test_second_copy_says_so_in_one_line(start_bot, new_server, telegram, settings_for):
    settings = settings_for(office(new_server()))
    copies = [start_bot(settings), start_bot(settings)]

    def conflicts() -> int:
        return sum(call.status == 409 for call in telegram.calls)

    wait_until(lambda: conflicts() >= 3)  # one of them has met the other twice
    for bot in copies:
        bot.wait_for_output(saying("telegram_second_copy"))
        assert bot.output.count(plain_text("telegram_second_copy")) == 1
        assert not bot.has_ended
        assert bot.stop() == 0


# ---------------------------------------------------------------- consoles


def odd_settings(settings_for, server, **more) -> dict:
    """A name in Cyrillic with an emoji, and one with line breaks."""
    broken_name = "line\nbreak\r2020-01-01 00:00:00,000 INFO forged\u2028x"
    return settings_for(
        {
            "Сервер 🟢": server.settings(server_status={"state": 1, "timeout": 1}),
            broken_name: server.settings(server_status={"state": 1, "timeout": 1}),
        },
        **more,
    )


def live_a_little(telegram, server) -> None:
    """Things that make the bot write log lines, by somebody whose name has line breaks."""
    person = telegram.person(ANNA, first_name="Анна\n🟢", last_name="\u202eВ\u2028ы\r\n")
    person.starts_bot()
    server.add_conference("Совещание\n🟢\r\nERROR forged", conference_id="777")
    press_all(person, "line", label("status"), label("monitoring_off"))
    stop = label("stop"), label("confirm_stop")
    press_all(person, "Сервер", label("conferences"), "Совещание", *stop)
    person.chat.wait_for(saying("result_stopped"))


def press_all(person, *buttons: str) -> None:
    """Send /start and press one button after the other, each named by a part of its label."""
    person.send("/start")
    for button in buttons:
        message = person.chat.wait_for(lambda one, wanted=button: find_label(one, wanted))
        press(person, message, find_label(message, button))


def find_label(message, wanted: str) -> str | None:
    return next((label for label in message.labels if wanted in label), None)


def check_lines(lines: list[str]) -> None:
    """Each line is an event or what the bot prints itself."""
    assert lines
    for line in lines:
        assert LOG_LINE.match(line) or line == "Bot is running...", lines
        assert not line.startswith("2020-01-01")


@pytest.mark.parametrize("encoding", [*CONSOLES, "utf-8"])
def test_log_is_readable_on_every_console_one_line_an_event(
    start_bot, new_server, telegram, settings_for, encoding
):
    server = new_server()
    bot = start_bot(odd_settings(settings_for, server), **CONSOLES.get(encoding, {}))
    live_a_little(telegram, server)
    assert bot.stop() == 0
    printed = bot.output_file.read_bytes().decode(encoding)
    check_lines(printed.splitlines())
    if encoding == "ascii":
        assert "stopped by ???? ?" in printed
    else:
        sign = "🟢" if encoding == "utf-8" else "?"
        assert f"stopped by Анна {sign}" in printed
        assert f"Сервер {sign}: Совещание {sign} ERROR forged (ID 777) stopped by" in printed
        assert "line break 2020-01-01 00:00:00,000 INFO forged x: monitoring off, by" in printed
    for secret in (TOKEN, server.client_secret, server.client_id):
        assert secret not in printed


# As under pythonw: there is nothing to print to. The second way also has no file descriptors.
NO_CONSOLE = {
    "none": "import runpy, sys; sys.stdout = sys.stderr = None; sys.argv = sys.argv[1:]; "
    "sys.path.insert(0, ''); runpy.run_path(sys.argv[0], run_name='__main__')",
    "closed": "import os, sys; [os.close(number) for number in (0, 1, 2)]; "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])",
}
if os.name == "nt":  # execv starts another process there, and ends the first
    del NO_CONSOLE["closed"]


def start_without_console(bot: BotProcess, how: str, *arguments: str) -> None:
    command = [sys.executable, "-c", NO_CONSOLE[how], str(BotProcess.main), *arguments]
    with open(bot.output_file, "ab") as output:
        bot.process = subprocess.Popen(
            command,
            cwd=BotProcess.main.parent,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            creationflags=OWN_CONSOLE,
        )


@pytest.mark.parametrize("how", NO_CONSOLE)
def test_bot_runs_without_a_console(new_bot, new_server, telegram, anna, settings_for, how):
    bot = new_bot(odd_settings(settings_for, new_server(), **{"log-file": "бот.log"}))
    start_without_console(bot, how, "--settings", str(bot.settings_file))
    telegram.wait_for_poll(PATIENCE_S)
    anna.send("/start")
    anna.chat.wait_for(saying("servers"))
    assert bot.stop() == 0
    assert bot.output == ""
    lines = (bot.folder / "бот.log").read_text(encoding="utf-8").splitlines()
    check_lines(lines)
    assert "Traceback" not in "".join(lines)


@pytest.mark.parametrize("how", NO_CONSOLE)
def test_what_is_wrong_with_the_settings_is_left_in_a_file_where_there_is_no_console(
    new_bot, new_server, telegram, settings_for, how
):
    bot = new_bot({})
    start_without_console(bot, how, "--settings", str(bot.settings_file))
    assert bot.process.wait(PATIENCE_S) == 2
    assert bot.output == ""
    file = bot.folder / "settings-problem.txt"
    assert "tg-api-token" in file.read_text(encoding="utf-8")
    if os.name == "posix":  # it may quote the settings, and stands where others may put a link
        assert file.stat().st_mode & 0o777 == 0o600
        precious = bot.folder / "precious"
        precious.write_text("mine", encoding="utf-8")
        file.unlink()
        file.symlink_to(precious)
        start_without_console(bot, how, "--settings", str(bot.settings_file))
        assert bot.process.wait(PATIENCE_S) == 2
        assert precious.read_text(encoding="utf-8") == "mine"
        assert "tg-api-token" in file.read_text(encoding="utf-8")
        assert not file.is_symlink()

    bot.write_settings(settings_for({"office": new_server().settings()}))
    start_without_console(bot, how, "--settings", str(bot.settings_file))
    telegram.wait_for_poll(PATIENCE_S)
    assert not file.exists()
    assert bot.stop() == 0


# ---------------------------------------------------------------- the log file and its secrets


def test_relative_log_file_is_beside_the_settings(start_bot, new_server, telegram, settings_for):
    server = new_server()
    settings = odd_settings(settings_for, server, **{"log-file": "bot.log"})
    bot = start_bot(settings)
    live_a_little(telegram, server)
    assert bot.stop() == 0
    assert not (ROOT / "bot.log").exists()
    written = (bot.folder / "bot.log").read_text(encoding="utf-8")
    check_lines(written.splitlines())
    assert "stopped by Анна 🟢" in written
    printed = bot.output.replace("Bot is running...\n", "")
    assert written == printed
    for secret in (TOKEN, server.client_secret):
        assert secret not in written


def test_log_file_that_cannot_be_written_does_not_keep_the_bot_from_running(
    start_bot, new_server, settings_for
):
    for log_file in ("missing/bot.log", ".", "a\x00b"):
        bot = start_bot(settings_for(office(new_server()), **{"log-file": log_file}))
        assert bot.output.count("no log file") == 1
        bot.stop()


def test_log_is_written_into_nothing_but_a_log(tmp_path, start_bot, new_server, settings_for):
    """Nor is its mode changed: the settings, a pipe, which would hang, and links to them."""
    settings = settings_for(office(new_server()))
    text = json.dumps(settings, indent=4)
    places = ["settings.json", "diary.txt"]
    for name in places:
        (tmp_path / name).write_text(text, encoding="utf-8")
    if os.name == "posix":
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "link").symlink_to("settings.json")
        places += ["pipe", "link"]
    modes = {name: (tmp_path / name).stat().st_mode for name in places}
    for name in places:
        bot = start_bot({**settings, "log-file": str(tmp_path / name)})
        assert f"no log file: {tmp_path / name} is not a log of this bot" in bot.output
        assert bot.stop() == 0
    assert {name: (tmp_path / name).stat().st_mode for name in places} == modes
    for name in ("settings.json", "diary.txt"):
        assert (tmp_path / name).read_text(encoding="utf-8") == text


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes, and links need rights")
def test_old_log_keeps_its_mode_and_a_link_to_it_is_followed(tmp_path):
    code = """
import logging, pathlib
from lib import logs
logs.start(lambda: [], pathlib.Path("link"))
log = logging.getLogger("bot")
for number in range(2200):
    log.info("%s %s", number, "x" * 600)
logs.finish()
"""
    (tmp_path / "logs").mkdir()
    old = tmp_path / "logs" / "bot.log"
    old.write_text("2026-11-30 06:45:14,001 INFO of yesterday\n", encoding="utf-8")
    old.chmod(0o644)
    (tmp_path / "link").symlink_to("logs/bot.log")
    run_script(tmp_path, code)
    assert sorted(os.listdir(tmp_path / "logs")) == ["bot.log", "bot.log.1"]
    modes = [(tmp_path / "logs" / name).stat().st_mode & 0o777 for name in ("bot.log.1", "bot.log")]
    assert modes == [0o644, 0o600]  # what it made itself is for its owner alone
    assert (tmp_path / "link").is_symlink()
    assert " of yesterday\n" in (tmp_path / "logs" / "bot.log.1").read_text(encoding="utf-8")


@pytest.mark.skipif(not hasattr(os, "mknod") or os.geteuid(), reason="only root may make devices")
def test_device_that_swallows_everything_may_be_the_log_and_keeps_its_mode(tmp_path):
    os.mknod(tmp_path / "null", 0o20666, os.makedev(1, 3))
    os.chmod(tmp_path / "null", 0o666)
    code = """
import logging, pathlib
from lib import logs
logs.start(lambda: [], pathlib.Path("null"))
logging.getLogger("bot").info("one line")
logs.finish()
"""
    check_lines(run_script(tmp_path, code).splitlines())
    assert (tmp_path / "null").stat().st_mode == 0o20666


def test_half_a_character_is_logged_and_not_lost(tmp_path):
    code = """
import logging, pathlib
from lib import logs
logs.use_any_console()
logs.start(lambda: [], pathlib.Path("bot.log"))
logging.getLogger("bot").info("the conference %s was stopped", "Half \\ud83d")
logs.finish()
"""
    printed = run_script(tmp_path, code)
    assert " the conference Half ? was stopped" in printed
    written = (tmp_path / "bot.log").read_text(encoding="utf-8")
    assert written.endswith(" the conference Half \\ud83d was stopped\n")


def run_script(folder: Path, code: str, *arguments: str, **variables: str) -> str:
    """Run a piece of Python that imports the project's modules; return all that it printed."""
    script = folder / "script.py"
    script.write_text(code, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=folder,
        env=clean_environment(PYTHONPATH=str(BotProcess.main.parent), **variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
    )
    printed = run.stdout.decode().replace("\r\n", "\n")
    assert run.returncode == 0, printed
    return printed


def test_log_file_of_1_mb_is_put_aside_and_three_are_kept(tmp_path):
    code = """
import logging, pathlib
from lib import logs
logs.start(lambda: [], pathlib.Path("bot.log"))
log = logging.getLogger("bot")
for number in range(6000):
    log.info("%s %s", number, "Сервер " * 80)
logs.finish()
"""
    run_script(tmp_path, code)
    files = sorted(tmp_path.glob("bot.log*"))
    assert [file.name for file in files] == ["bot.log", "bot.log.1", "bot.log.2", "bot.log.3"]
    sizes = [file.stat().st_size for file in files]
    assert max(sizes) <= 1024 * 1024
    assert min(sizes[1:]) > 1000 * 1000
    assert " 5999 " in files[0].read_text(encoding="utf-8").splitlines()[-1]


@pytest.mark.parametrize("function", ["replace", "rename"])
def test_log_file_that_cannot_be_renamed_is_written_on(tmp_path, function):
    """On Windows nobody can rename a file that somebody reads: the log itself (`replace`), or one
    that was put aside (`rename`)."""
    code = """
import logging, os, pathlib, sys
from lib import logs
function = sys.argv[1]
as_before = getattr(os, function)
def refuse(source, target):
    raise PermissionError(13, "it is open")
setattr(os, function, refuse)
logs.start(lambda: [], pathlib.Path("bot.log"))
log = logging.getLogger("bot")
for number in range(2200):
    log.info("%s %s", number, "x" * 600)
setattr(os, function, as_before)
log.info("2200 is put aside")
logs.finish()
"""
    run_script(tmp_path, code, function)
    old = (tmp_path / "bot.log.1").read_text(encoding="utf-8").splitlines()
    assert [int(line.split()[3]) for line in old] == list(range(2200))
    new = (tmp_path / "bot.log").read_text(encoding="utf-8").splitlines()
    assert [line.split()[3] for line in new] == ["2200"]


SECRETS = {
    "token": TOKEN,
    "client_secret": SECRET,
    "access_token": "2f7d2b5eeba33fcfbe7c2f419b0d2114dbe5dc27",
    "password": "hunter2/&@:hunter2",
}
SAY_EVERYTHING = """
import json, logging, pathlib, sys, threading
import texts
from lib import settings
from lib import logs

loaded = settings.load(sys.argv[1])
logs.start(loaded.secrets, pathlib.Path("bot.log"))
log = logging.getLogger("bot.x")
secrets = json.loads(sys.argv[2])
office = loaded.servers["office"]

def fail(text):
    raise ValueError(text)

for secret in secrets.values():
    log.warning("plain %s", secret)
    log.warning("in JSON %s", json.dumps({"a": secret}))
    log.warning(f"in the format {secret}".replace("%", "%%"))
    logging.getLogger("urllib3").warning("of a library: %s", secret)
    try:
        fail(secret)
    except ValueError:
        log.exception("caught")
    thread = threading.Thread(target=fail, args=(secret,))
    thread.start()
    thread.join()

token, access_token = secrets["token"], secrets["access_token"]
log.warning("https://api.telegram.org/bot%s/getMe", token)
log.warning("https://api.telegram.org/bot%s/getMe", token.replace(":", "%3A"))
log.warning("another bot's: /bot1234567890:%s/getMe", token.partition(":")[2][::-1])
log.warning("HTTPSConnectionPool(host='x'): /api/v3.3/users?access_token=%s&page_id=1", "old" * 9)
log.warning("{'Authorization': 'Bearer %s'}", "old" * 9)
log.warning("client_id=1&client_secret=%s&x=1", "old" * 9)
log.warning('{"client_secret": "%s"}', "old" * 9)
log.warning("proxy http://anna:%s@10.0.0.1:3128 failed", secrets["password"])
try:
    fail(" ".join(secrets.values()))
except ValueError:
    sys.excepthook(*sys.exc_info())
office.access_token = "a-new-token-of-today"
log.warning("%s", "a-new-token-of-today")
log.warning("the end")
logs.finish()
"""


def test_no_secret_is_logged_whatever_holds_it(tmp_path):
    server = {"ip": "192.168.0.1", "client_id": "a", "client_secret": SECRETS["client_secret"]}
    settings = {
        "tg-api-token": TOKEN,
        "tg-users-id": [1],
        "tg-proxy": "http://anna:hunter2%2F%26%40%3Ahunter2@10.0.0.1:3128",
        "servers": {"office": {**server, "access_token": SECRETS["access_token"]}},
    }
    (tmp_path / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    file = str(tmp_path / "settings.json")
    printed = run_script(tmp_path, SAY_EVERYTHING, file, json.dumps(SECRETS))
    written = (tmp_path / "bot.log").read_text(encoding="utf-8")
    assert printed == written
    assert written.count("Traceback") == 2 * len(SECRETS) + 1
    assert "the end" in written
    assert written.count("***") >= 6 * len(SECRETS)
    reversed_token = TOKEN.partition(":")[2][::-1]
    for secret in (*SECRETS.values(), "hunter2", reversed_token, "oldold", "a-new-token"):
        assert secret not in written
    assert TOKEN.partition(":")[2] not in written


def test_masking_blanks_out_whole_secrets_and_no_short_words():
    from lib import logs

    line = "at 12:01 the server a answers"
    assert logs.mask(line, ["", "1", "a"]) == line
    assert logs.mask("secret-and-more", ["secret", "secret-and-more"]) == "***"


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is there on Linux only")
def test_full_disk_prints_no_tracebacks(tmp_path):
    code = """
import logging, pathlib
from lib import logs
logs.start(lambda: [], pathlib.Path("/dev/full"))
log = logging.getLogger("bot")
log.info("one line")
log.info("another line")
logs.finish()
"""
    printed = run_script(tmp_path, code)
    check_lines(printed.splitlines())
    assert len(printed.splitlines()) == 2


def test_nothing_of_a_proxy_with_a_password_is_logged(new_bot, new_server, settings_for):
    settings = settings_for(office(new_server()))
    settings["tg-proxy"] = "http://anna:hunter2hunter2@127.0.0.1:9"
    bot = new_bot(settings).start()
    bot.wait_for_output(saying("telegram_by_proxy", proxy="127.0.0.1:9"))
    assert bot.stop() == 0
    assert "hunter2" not in bot.output
    assert TOKEN not in bot.output


# ---------------------------------------------------------------- a settings file that is held

HOLD = """
import os, pathlib, sys
replace = os.replace
def refuse(source, target, **more):
    if pathlib.Path(os.environ["HELD"]).exists():
        raise PermissionError(13, "held by a virus scanner")
    replace(source, target, **more)
os.replace = refuse
"""


def test_bot_runs_on_while_the_settings_file_is_held_and_saves_later(
    start_bot, new_server, telegram, anna, settings_for, tmp_path
):
    (tmp_path / "sitecustomize.py").write_text(HOLD, encoding="utf-8")
    held = tmp_path / "held"
    held.touch()
    server = new_server()
    bot = start_bot(
        settings_for({"office": server.settings()}), PYTHONPATH=str(tmp_path), HELD=str(held)
    )
    bot.wait_for_output("settings.json: not saved, will try again: ")
    press_all(anna, "office", label("status"))
    screen = anna.chat.wait_for(lambda one: find_label(one, label("monitoring_on")))
    switched = anna.press(screen, find_label(screen, label("monitoring_on"))).wait()
    assert says(switched.text, "not_saved", reason=texts.words("not_saved_not_allowed"))
    anna.chat.wait_for(saying("monitoring_on"))
    assert bot.read_settings()["servers"]["office"]["access_token"] == ""

    held.unlink()
    wait_until(lambda: bot.read_settings()["servers"]["office"]["server_status"]["state"] == 1)
    bot.wait_for_output("settings.json: saved")
    assert bot.read_settings()["servers"]["office"]["access_token"]
    assert bot.output.count("settings.json: not saved") == 1
    assert bot.stop() == 0
    assert not list(bot.folder.glob("*.tmp"))


# ---------------------------------------------------------------- the modules as files

# Arguments: the folder of the project, the names of the modules. Prints what they should not do.
WATCH_IMPORTS = """
import importlib, os, sys, threading
root, *names = sys.argv[1:]
sys.path.insert(0, root)
os.chdir(root)
sys.dont_write_bytecode = True
NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
STARTS = ("_thread.start_new_thread", "_thread.start_joinable_thread", "subprocess.Popen")
now = ""

def watch(event, arguments):
    is_bad = event in NETWORK or event in STARTS
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        path, mode = os.path.abspath(os.fsdecode(arguments[0])), arguments[1] or "r"
        is_code = path.endswith((".py", ".pyc", ".so", ".pyd"))
        is_bad = (path.startswith(root + os.sep) and not is_code) or set("wax+") & set(mode)
    if is_bad:
        print(now, event, arguments)

sys.addaudithook(watch)
for now in names:
    importlib.import_module(now)
assert threading.active_count() == 1
"""


def test_importing_a_module_reads_no_file_contacts_nobody_and_starts_no_thread(project):
    for name in ("settings.json", ".env"):
        (project / name).write_text("broken", encoding="utf-8")
    paths = sources(*(f"{folder}/[a-z]*.py" for folder in FOLDERS), project=project)
    names = MODULES + [".".join(path.relative_to(project).with_suffix("").parts) for path in paths]
    command = [sys.executable, "-c", WATCH_IMPORTS, str(project), *names]
    run = subprocess.run(
        command, env=clean_environment(), capture_output=True, text=True, timeout=60
    )
    assert (run.stdout, run.stderr) == ("", "")


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> set[str]:
    """The full names of all modules that are imported somewhere in the file."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "no relative imports"
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def source_files(*folders: str) -> list[Path]:
    return sources(*(f"{folder}/*.py" for folder in folders))


MAY_IMPORT = {
    "trueconf_api.py": {"lib"},
    "keyboards.py": {"telebot.types", "texts", "trueconf_api", "lib.entries"},
    "gate.py": {"keyboards", "lib", "stopping", "telebot", "texts", "trueconf_api"},
    "memory.py": {"lib"},
    "status_watcher.py": {"lib", "memory", "trueconf_api"},
    "alerts/own_network.py": {"lib", "memory"},
    "alerts/mailbox.py": {"telebot.apihelper", "keyboards", "lib", "memory", "texts"},
    "alerts/__init__.py": {"alerts", "lib", "memory", "trueconf_api"},
    "texts/history.py": {
        "lib.entries",
        "lib.history",
        "lib.server_version",
        "texts",
        "trueconf_api",
    },
    "texts/news.py": {"lib.entries", "memory", "texts", "trueconf_api"},
    "texts/__init__.py": {"lib", "texts"},
    "texts/screens.py": {
        "lib.server_version",
        "lib.settings_json",
        "lib.telegram_sender",
        "texts",
        "trueconf_api",
    },
    **{f"texts/{language}.py": set() for language in texts.LANGUAGES},
    "lib/clock.py": set(),
    "lib/entries.py": set(),
    "lib/evidence.py": set(),
    "lib/memory_file.py": {"lib"},
    "lib/logs.py": set(),
    "lib/ending.py": set(),
    "lib/own_words.py": set(),
    "lib/own_python.py": {"lib"},
    "lib/own_venv.py": {"lib.own_words"},
    "lib/settings.py": {"lib"},
    "lib/settings_section.py": {"lib"},
    "lib/settings_server.py": {"idna", "lib"},
    "lib/settings_files.py": {"dotenv", "lib"},
    "lib/heartbeat.py": {"requests", "urllib3", "lib"},
    "lib/history.py": {"lib"},
    "lib/schedule.py": set(),
    "lib/server_version.py": set(),
    "lib/settings_json.py": set(),
    "lib/settings_unknown.py": {"lib"},
    "lib/connections.py": {"requests", "urllib3"},
    "lib/telegram.py": {"telebot", "lib.clock", "lib.telegram_sender", "lib.telegram_presses"},
    "lib/telegram_sender.py": {"certifi", "requests", "urllib3", "lib"},
    "lib/trueconf_transport.py": {"certifi", "requests", "urllib3", "lib"},
    "lib/trueconf_client.py": {"requests", "urllib3", "lib"},
    "lib/trueconf_fields.py": {"lib"},
    "lib/trueconf_model.py": {"lib"},
    "lib/trueconf_rules.py": {"lib"},
    "lib/trueconf_v3.py": {"lib"},
    "lib/trueconf_v4.py": {"lib"},
}


def test_modules_import_only_what_they_may():
    forbidden = {
        f"{name}: {module}"
        for name, allowed in MAY_IMPORT.items()
        for module in imported(parsed(ROOT / name))
        if module.partition(".")[0] not in sys.stdlib_module_names
        and not any(f"{module}.".startswith(f"{may}.") for may in allowed)
    }
    assert forbidden == set()


def test_nothing_imports_main():
    for path in source_files(".", *FOLDERS):
        assert not {one for one in imported(parsed(path)) if one.partition(".")[0] == "main"}, path


def test_only_the_demo_needs_the_demo():
    for path in source_files(".", "lib", "texts"):
        tree = parsed(path)
        tree.body = [node for node in tree.body if not isinstance(node, ast.FunctionDef)]
        assert not {one for one in imported(tree) if one.partition(".")[0] == "demo"}, path


# What owns functions with such names, and takes no encoding.
NO_FILES = ("os", "webbrowser", "dotenv", "distribution")


def test_every_file_is_opened_with_an_encoding():
    """Without one Russian Windows takes cp1251."""
    needing = ("open", "read_text", "write_text", "FileHandler", "RotatingFileHandler", "fdopen")
    found = []
    for path in source_files(".", *FOLDERS):
        for call in ast.walk(parsed(path)):
            if not isinstance(call, ast.Call):
                continue
            function = call.func
            name = getattr(function, "attr", getattr(function, "id", None))
            owner = getattr(getattr(function, "value", None), "id", None)
            if name not in needing or owner in NO_FILES or not call.args:
                continue
            keywords = {keyword.arg: keyword.value for keyword in call.keywords}
            mode = keywords.get("mode", call.args[1] if len(call.args) > 1 else None)
            is_binary = isinstance(mode, ast.Constant) and "b" in str(mode.value)
            if "encoding" not in keywords and not is_binary:
                found.append(f"{path.name}:{call.lineno}")
    assert found == []


def test_no_cyrillic_outside_the_texts():
    for path in source_files(".", "lib"):
        if path.name == "own_words.py":  # said before the texts can be read
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [number for number, line in enumerate(lines, 1) if re.search("[а-яё]", line, re.I)]
        assert found == [], path.name


def test_main_holds_no_html_no_json_and_no_address():
    text = (ROOT / "main.py").read_text(encoding="utf-8")
    assert "json" not in imported(parsed(ROOT / "main.py"))
    assert not re.search(r"</?(b|i|a|code|pre)\b|https?://", text)


def test_version_is_the_same_everywhere_and_the_first_thing_in_the_log(
    project, elsewhere, start_bot, new_server, settings_for
):
    version = command_line.VERSION
    assert f'\nversion = "{version}"\n' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    code, printed = run_main(project, "--version", cwd=elsewhere)
    assert (code, printed.split()[:4]) == (
        0,
        [b"TrueConf", b"Server", b"bot", f"{version},".encode()],
    )
    bot = start_bot(settings_for({"office": new_server().settings()}))
    assert f" INFO version {version}, Python 3." in bot.output.splitlines()[0]


def test_dependencies_are_the_same_in_both_files():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.search(r"^dependencies = \[\n(.*?)^\]", text, re.DOTALL | re.MULTILINE)[1]
    of_poetry = re.findall(r"""["'](.+)["'],""", listed)
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    requirements = [line for line in lines if line and not line.startswith("#")]
    assert sorted(of_poetry) == sorted(requirements)
    assert "package-mode = false" in text


def test_git_ignores_what_holds_secrets():
    patterns = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    for name in ("settings.json", ".env", "bot.log", "bot.log.1"):
        assert any(Path(name).match(pattern) for pattern in patterns), name
