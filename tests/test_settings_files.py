"""Where the settings come from, and how they are saved: whole, or not at all."""

import errno
import itertools
import json
import logging
import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import command_line
import texts
from keyboards import Press, pack, short_id
from lib import settings, settings_files
from lib.settings import SettingsError
from tests.conftest import PATIENCE_S, ROOT, TOKEN, BotProcess, clean_environment, says
from tests.test_settings import (
    BASE,
    GONE,
    ORIGINAL_GUIDE,
    STATUS,
    dumped,
    error_of,
    load,
    office,
    put,
    read,
)

NEW, NEWER = "new-token-of-the-server", "newer-token-of-the-server"


def set_token(loaded: settings.Settings, token: str, name: str = "office") -> None:
    loaded.servers[name].access_token = token


def token_of(content: dict, name: str = "office") -> str:
    return content["servers"][name].get("access_token", "")


# ---------------------------------------------------------------- sources


def with_token(number: int) -> dict:
    return put(BASE, "tg-api-token", f"{number}:AAGahjzZ6zbWSEsVFj13Ki-YMPhPEPzQjxE")


def fill_sources(folder: Path, monkeypatch) -> Path:
    """Settings in all four places, told apart by the number in the token."""
    given_file = folder / "given.json"
    given_file.write_text(dumped(with_token(100001)), encoding="utf-8")
    monkeypatch.setenv("settings", json.dumps(with_token(100002)))
    line = f"settings='{json.dumps(with_token(100003))}'\n"
    (folder / ".env").write_text(line, encoding="utf-8")
    (folder / "settings.json").write_text(dumped(with_token(100004)), encoding="utf-8")
    return given_file


def test_first_source_that_exists_wins(tmp_path, monkeypatch):
    given_file = fill_sources(tmp_path, monkeypatch)

    def found(path: str | None = None) -> tuple[str, str]:
        loaded = settings.load(path, tmp_path)
        return loaded.token.partition(":")[0], loaded.source.name

    assert found(str(given_file)) == ("100001", "given.json")
    assert found() == ("100002", "environment variable settings")
    monkeypatch.delenv("settings")
    assert found() == ("100003", ".env")
    (tmp_path / ".env").unlink()
    assert found() == ("100004", "settings.json")


def test_without_any_source_there_are_no_settings(tmp_path):
    with pytest.raises(SettingsError) as caught:
        settings.load(folder=tmp_path)
    assert (caught.value.source, caught.value.problems) == ("", [])


def test_settings_are_looked_for_beside_the_code():
    assert settings.load.__defaults__ == (None, ROOT)


def test_settings_of_the_current_folder_are_not_looked_at(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    fill_sources(elsewhere, monkeypatch)
    monkeypatch.delenv("settings")
    monkeypatch.chdir(elsewhere)
    beside_main = tmp_path / "bot"
    beside_main.mkdir()
    with pytest.raises(SettingsError):
        settings_files.find_source(None, beside_main, {})


def test_given_file_that_is_not_there_is_no_reason_to_take_another(tmp_path, monkeypatch):
    fill_sources(tmp_path, monkeypatch)
    with pytest.raises(SettingsError) as caught:
        settings.load(str(tmp_path / "missing.json"), tmp_path)
    [problem] = caught.value.problems
    assert (problem.code, problem.key) == ("no_file", "missing.json")


def test_broken_secret_is_named_and_nothing_else_is_taken(tmp_path, monkeypatch):
    fill_sources(tmp_path, monkeypatch)
    for secret in ["", "  \n", "{", "[]", "5"]:
        monkeypatch.setenv("settings", secret)
        with pytest.raises(SettingsError) as caught:
            settings.load(folder=tmp_path)
        assert caught.value.source == "environment variable settings"


def test_multi_line_secret_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("settings", ORIGINAL_GUIDE)
    assert list(settings.load(folder=tmp_path).servers) == ["192.168.0.1", "server #2", "Сервер 3"]


@pytest.mark.parametrize("place", ["environment", ".env"])
def test_token_and_proxy_may_stand_outside_the_json(tmp_path, monkeypatch, place):
    token, proxy = "100005:AAGahjzZ6zbWSEsVFj13Ki-YMPhPEPzQjxE", "socks5h://127.0.0.1:1080"
    if place == "environment":
        monkeypatch.setenv("TG_API_TOKEN", f" {token} ")
        monkeypatch.setenv("TG_PROXY", proxy)
    else:
        lines = f"TG_API_TOKEN={token}\nTG_PROXY={proxy}\n"
        (tmp_path / ".env").write_text(lines, encoding="utf-8")
    loaded = load(tmp_path, put(BASE, "tg-api-token", GONE))
    assert (loaded.token, loaded.proxy) == (token, proxy)


def test_environment_wins_over_dotenv_and_an_empty_variable_over_nothing(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("TG_PROXY=http://dotenv:3128\n", encoding="utf-8")
    monkeypatch.setenv("TG_PROXY", "http://environment:3128")
    monkeypatch.setenv("TG_API_TOKEN", "")
    loaded = load(tmp_path)
    assert (loaded.token, loaded.proxy) == (TOKEN, "http://environment:3128")


def test_wrong_value_of_a_variable_is_named_after_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("TG_API_TOKEN", "wrong")
    monkeypatch.setenv("TG_PROXY", "proxy:3128")
    error = error_of(tmp_path, BASE)
    assert [problem.key for problem in error.problems] == ["TG_API_TOKEN", "TG_PROXY"]


def test_token_of_a_variable_is_not_written_into_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("TG_API_TOKEN", "100005:AAGahjzZ6zbWSEsVFj13Ki-YMPhPEPzQjxE")
    loaded = load(tmp_path, put(BASE, "tg-api-token", GONE))
    set_token(loaded, NEW)
    loaded.save()
    assert "tg-api-token" not in read(tmp_path)


def test_dotenv_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    for raw, code in [
        ("# настройки\n".encode("cp1251"), "encoding"),
        ("A=1\n".encode("utf-16"), "utf_16"),
    ]:
        (tmp_path / ".env").write_bytes(raw)
        [problem] = error_of(tmp_path, BASE).problems
        assert (problem.code, problem.key) == (code, ".env")

    def refuse(*_, **__):
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", refuse)
    [problem] = error_of(tmp_path, BASE).problems
    assert (problem.code, problem.key) == ("unreadable", ".env")


def test_json_in_dotenv_without_quotes_is_one_sentence_and_no_noise(tmp_path, caplog, capfd):
    several_lines = dumped(BASE)
    one_line = json.dumps(BASE)
    for line in [
        f"settings={several_lines}",
        f"export settings = {several_lines}",
        f'settings="{several_lines}"\n',
        f'settings="{one_line}"\n',
        f"settings='{one_line.replace('office', chr(39))}'\n",
        'settings={"tg-api-token": "x",\n',
        f"settings=`{several_lines}`\n",
        f"settings=`{one_line}`\n",
        f"settings=“{several_lines}”\n",
        f"settings=$'{several_lines}'\n",
        f"settings=<<END\n{several_lines}\nEND\n",
    ]:
        (tmp_path / ".env").write_text(f"# mine\nA=1\n{line}B=2\n", encoding="utf-8")
        [problem] = error_of(tmp_path, BASE).problems
        assert (problem.code, problem.key) == ("dotenv_quotes", ".env")
        assert "settings='{ … }'" in command_line.settings_error(error_of(tmp_path, BASE))
    assert (caplog.text, capfd.readouterr()) == ("", ("", ""))


def test_line_of_dotenv_that_is_not_understood_is_named_and_the_others_count(tmp_path, caplog):
    line = f"settings='{json.dumps(BASE)}'\n"
    for lines, numbers in [("what is this\n", "1"), ("so it is\n# mine\nand so\n", "1, 3")]:
        text = f"{lines}TG_PROXY=http://host:1\n{line}"
        (tmp_path / ".env").write_text(text, encoding="utf-8")
        caplog.clear()
        loaded = settings.load(folder=tmp_path)
        assert loaded.proxy == "http://host:1"
        set_token(loaded, NEW)
        loaded.save()
        assert caplog.messages == [f".env, line {numbers}: not understood, ignored"]


def test_settings_that_cannot_be_read_end_the_start_with_a_sentence_and_nothing_else(tmp_path):
    """Through the process: no traceback, no Russian for who does not speak it, exit code 2."""
    unknown = dumped(put(BASE, "language", "xx")).encode()
    last = settings.LANGUAGES[-1]
    in_last = dumped(put(BASE, "language", last))[:-3].encode()
    for name, raw, language, code, known in [
        ("utf16.json", dumped(BASE).encode("utf-16"), "de", "utf_16", {"key": "utf16.json"}),
        ("comma.json", b'{\n"a": 1\n"b": 2\n}', "de", "json_comma", {"before": 2}),
        ("xx.json", unknown, "de", "choice", {"key": "language", "found": '"xx"'}),
        ("none.json", None, "de", "no_file", {"key": "none.json"}),
        ("last.json", in_last, last, "json_open", {"key": "last.json", "missing": "}"}),
    ]:
        if raw is not None:
            (tmp_path / name).write_bytes(raw)
        run = subprocess.run(
            [sys.executable, str(BotProcess.main), "--settings", name],
            cwd=tmp_path,
            env=clean_environment(LC_ALL="de_DE.UTF-8", PYTHONUTF8="1"),
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )
        assert (run.returncode, run.stdout) == (2, ""), run.stderr
        texts.use(language)
        assert says(run.stderr, f"problem_{code}", **known)
        assert len(run.stderr.splitlines()) == 3


# ---------------------------------------------------------------- saving


def test_saving_changes_the_one_value_and_nothing_else(tmp_path):
    content = {"comment": "моё", **put(BASE, f"{STATUS}/own", {"z": [1, 2.50], "a": None})}
    content["servers"]["office"]["access_token"] = "old"
    content["zone"] = "Москва 🟢"
    loaded = load(tmp_path, content)
    before = (tmp_path / "settings.json").read_text(encoding="utf-8")
    set_token(loaded, NEW)
    loaded.save()
    after = (tmp_path / "settings.json").read_text(encoding="utf-8")
    assert after == before.replace('"access_token": "old"', '"access_token": "' + NEW + '"')
    assert '\n    "zone": "Москва 🟢"\n}' in after


def test_whatever_the_bot_changes_is_saved_where_it_belongs(tmp_path):
    loaded = load(tmp_path)
    server = loaded.servers["office"]
    changed = {
        "access_token": "a-token-of-the-server",
        "is_monitored": True,
        "has_forgotten_alerts": True,
        "forgotten_age_min": 90,
    }
    assert set(changed) == set(settings.SAVED)
    for name, value in changed.items():
        setattr(server, name, value)
    loaded.save()
    saved = read(tmp_path)["servers"]["office"]
    assert saved == {
        **BASE["servers"]["office"],
        "access_token": "a-token-of-the-server",
        "server_status": {"state": 1},
        "forgotten_conferences": {"state": 1, "hours": 1.5},
    }
    again = settings.load(folder=tmp_path).servers["office"]
    assert {name: getattr(again, name) for name in changed} == changed

    server.is_monitored = False
    loaded.save()
    assert read(tmp_path)["servers"]["office"]["server_status"] == {"state": 0}


def test_every_age_comes_back_as_it_was_chosen(tmp_path):
    loaded = load(tmp_path)
    for minutes in (1, 7, 50, 59, 60, 61, 119, 24 * 60, 720 * 60):
        loaded.servers["office"].forgotten_age_min = minutes
        loaded.save()
        assert settings.load(folder=tmp_path).servers["office"].forgotten_age_min == minutes


def test_windows_line_ends_stay(tmp_path):
    loaded = load(tmp_path, dumped(BASE).replace("\n", "\r\n").encode())
    set_token(loaded, NEW)
    loaded.save()
    raw = (tmp_path / "settings.json").read_bytes()
    assert raw.count(b"\r\n") == raw.count(b"\n") > 10
    assert b"\r\r" not in raw


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
def test_mode_and_owner_of_the_file_stay(tmp_path):
    loaded, file = load(tmp_path), tmp_path / "settings.json"
    owner = (4711, 4712) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    for mode in (0o600, 0o640, 0o644):
        os.chown(file, *owner)
        file.chmod(mode)
        set_token(loaded, f"{NEW}-{mode}")
        loaded.save()
        assert token_of(read(tmp_path)) == f"{NEW}-{mode}"
        status = file.stat()
        assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (mode, *owner)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid(), reason="needs root")
def test_owner_that_may_not_be_kept_is_said_once_and_the_file_is_saved(
    tmp_path, monkeypatch, caplog
):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    loaded = load(tmp_path)
    os.chown(tmp_path / "settings.json", 4711, 4712)
    monkeypatch.setattr(os, "chown", refuse)
    for token in (NEW, NEWER):
        set_token(loaded, token)
        loaded.save()
        assert token_of(read(tmp_path)) == token
    assert caplog.messages == ["settings.json: it could not be left to its owner, it is now ours"]


IN_A_MOUNT = """
import pathlib, subprocess, sys
from lib import settings
path = pathlib.Path(sys.argv[1])
subprocess.run(["mount", "--bind", path, path], check=True)
loaded = settings.load(str(path))
loaded.servers["office"].access_token = sys.argv[2]
loaded.save()
sys.exit(loaded.save_problem or 0)
"""
MAY_MOUNT = os.name == "posix" and shutil.which("unshare") and not os.geteuid()
MAY_MOUNT = MAY_MOUNT and not subprocess.run(["unshare", "-m", "true"], check=False).returncode


@pytest.mark.skipif(not MAY_MOUNT, reason="only root may mount")
@pytest.mark.parametrize("token", ["t" * 20, "t" * 2000])
def test_file_that_is_mounted_alone_is_written_in_place(tmp_path, token):
    """As a container does: nothing can be renamed onto it."""
    path = tmp_path / "settings.json"
    path.write_text(dumped(BASE), encoding="utf-8")
    run = subprocess.run(
        ["unshare", "-m", sys.executable, "-c", IN_A_MOUNT, str(path), token],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert token_of(json.loads(path.read_text(encoding="utf-8"))) == token
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("call", "number"), [("chmod", errno.EPERM), ("fsync", errno.EINVAL), ("fsync", errno.ENOTSUP)]
)
def test_disk_without_modes_or_fsync_costs_those_and_not_the_save(
    tmp_path, monkeypatch, caplog, call, number
):
    path = tmp_path / "settings.json"
    path.write_text(dumped(BASE), encoding="utf-8")
    loaded = settings.load(str(path))

    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refuse)
    set_token(loaded, "t" * 20)
    loaded.save()
    assert not loaded.save_problem
    assert token_of(json.loads(path.read_text(encoding="utf-8"))) == "t" * 20
    assert "not saved" not in caplog.text


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
def test_temporary_file_can_be_read_by_nobody_else(tmp_path, monkeypatch):
    modes = []
    fsync = os.fsync

    def note_mode(number: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(number).st_mode))
        fsync(number)

    monkeypatch.setattr(os, "fsync", note_mode)
    loaded = load(tmp_path)
    set_token(loaded, NEW)
    loaded.save()
    assert modes == [0o600]


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
@pytest.mark.parametrize("name", ["settings.json", ".env"])
def test_link_stays_a_link(tmp_path, name):
    kept, bot = tmp_path / "kept", tmp_path / "bot"
    kept.mkdir()
    bot.mkdir()
    text = dumped(BASE) if name == "settings.json" else f"settings='{json.dumps(BASE)}'\n"
    (kept / "file").write_text(text, encoding="utf-8")
    (bot / name).symlink_to("../kept/file")
    loaded = settings.load(folder=bot)
    set_token(loaded, "new-token")
    loaded.save()
    assert (bot / name).is_symlink()
    assert "new-token" in (kept / "file").read_text(encoding="utf-8")
    assert [file.name for file in bot.iterdir()] == [name]


def test_nothing_is_written_when_nothing_changed(tmp_path):
    loaded = load(tmp_path, office("access_token", NEW))
    os.utime(tmp_path / "settings.json", (1, 1))
    loaded.save()
    set_token(loaded, NEW)
    loaded.save()
    assert (tmp_path / "settings.json").stat().st_mtime == 1


BROKEN = {
    "empty": b"",
    "half": b'{"tg-api-token": "5032',
    "a list": b"[]",
    "a number": b"5",
    "cp1251": "{'Сервер'".encode("cp1251"),
    "too deep": b"[" * 100_000,
}


def test_file_that_is_broken_now_is_left_alone_and_saved_later(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    loaded = load(tmp_path)
    set_token(loaded, NEW)
    loaded.move_user(111111111, 222222222)
    file = tmp_path / "settings.json"
    caplog.clear()
    for how, raw in BROKEN.items():
        file.write_bytes(raw)
        loaded.save()
        assert file.read_bytes() == raw, how
        assert loaded.save_problem == "broken", how
    assert len(caplog.records) == 1
    assert "settings.json: not saved, will try again" in caplog.text

    file.write_text(dumped(put(BASE, "language", "de")), encoding="utf-8")
    loaded.save()
    assert token_of(read(tmp_path)) == NEW
    assert read(tmp_path)["tg-users-id"] == [222222222]
    assert read(tmp_path)["language"] == "de"
    assert loaded.save_problem == ""
    assert [record.getMessage() for record in caplog.records][1:] == ["settings.json: saved"]


def test_file_that_is_away_now_is_not_made_anew(tmp_path):
    loaded = load(tmp_path)
    (tmp_path / "settings.json").rename(tmp_path / "away")
    set_token(loaded, NEW)
    loaded.save()
    assert [file.name for file in tmp_path.iterdir()] == ["away"]
    (tmp_path / "away").rename(tmp_path / "settings.json")
    loaded.save()
    assert token_of(read(tmp_path)) == NEW


def test_what_was_edited_by_hand_stays(tmp_path):
    loaded = load(tmp_path)
    by_hand = put(BASE, "servers/second", {**BASE["servers"]["office"], "ip": "10.0.0.2"})
    by_hand = put(by_hand, f"{STATUS}/timeout", 77)
    (tmp_path / "settings.json").write_text(dumped(by_hand), encoding="utf-8")
    set_token(loaded, NEW)
    loaded.save()
    assert read(tmp_path) == put(by_hand, "servers/office/access_token", NEW)


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_edit_by_hand_in_the_middle_of_a_save_is_not_lost(tmp_path, monkeypatch, moment):
    """Somebody presses Ctrl+S while we write, or while a virus scanner holds us up."""
    loaded = load(tmp_path)
    by_hand = dumped(put(BASE, f"{STATUS}/timeout", 77))
    real, calls = getattr(os, moment), []

    def edit_by_hand(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            (tmp_path / "settings.json").write_text(by_hand, encoding="utf-8")
            if moment == "replace":
                raise PermissionError
        real(*arguments)

    monkeypatch.setattr(os, moment, edit_by_hand)
    set_token(loaded, NEW)
    loaded.save()
    assert read(tmp_path)["servers"]["office"]["server_status"] == {"timeout": 77}
    assert token_of(read(tmp_path)) == ""
    loaded.save()
    assert read(tmp_path)["servers"]["office"]["server_status"] == {"timeout": 77}
    assert token_of(read(tmp_path)) == NEW
    assert [file.name for file in tmp_path.iterdir()] == ["settings.json"]


@pytest.mark.parametrize(
    "path", ["servers/office", "servers"], ids=["the server", "all of the servers"]
)
def test_server_that_was_taken_out_of_the_file_is_not_put_back(tmp_path, path):
    loaded = load(tmp_path)
    without = put(BASE, path, GONE)
    (tmp_path / "settings.json").write_text(dumped(without), encoding="utf-8")
    set_token(loaded, NEW)
    loaded.servers["office"].is_monitored = True
    loaded.save()
    assert read(tmp_path) == without


def test_group_that_moved_is_replaced_among_ids_that_were_added_by_hand(tmp_path):
    loaded = load(tmp_path, put(BASE, "tg-users-id", [111, -5, -6]))
    by_hand = put(BASE, "tg-users-id", ["222", "-5", 111, -6, [], 333])
    (tmp_path / "settings.json").write_text(dumped(by_hand), encoding="utf-8")
    loaded.move_user(-5, -1005)
    loaded.move_user(-6, -1006)
    loaded.save()
    assert loaded.users == [111, -1005, -1006]
    assert read(tmp_path)["tg-users-id"] == ["222", -1005, 111, -1006, [], 333]


# ---------------------------------------------------------------- saving on Windows


class Holder:
    """What os.replace meets on Windows while somebody holds the file: `tries` refusals."""

    def __init__(self, tries: int):
        self.tries, self.replace = tries, os.replace

    def __call__(self, source, target):
        self.tries -= 1
        if self.tries >= 0:
            raise PermissionError(13, "held by a virus scanner")
        self.replace(source, target)


def test_file_that_is_held_for_a_moment_is_saved_all_the_same(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(os, "replace", Holder(tries=3))
    loaded = load(tmp_path)
    set_token(loaded, NEW)
    loaded.save()
    assert token_of(read(tmp_path)) == NEW
    assert caplog.records == []


def test_file_that_is_held_for_long_is_saved_when_it_is_free(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(settings_files, "REPLACE_PAUSE_S", 0)
    holder = Holder(tries=10**9)
    monkeypatch.setattr(os, "replace", holder)
    loaded = load(tmp_path)
    for number in range(20):
        set_token(loaded, f"token{number}")
        loaded.save()
    assert token_of(read(tmp_path)) == ""
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert [file.name for file in tmp_path.iterdir()] == ["settings.json"]

    holder.tries = 0
    loaded.save()
    assert token_of(read(tmp_path)) == "token19"
    assert [record.getMessage() for record in caplog.records][1:] == ["settings.json: saved"]


def test_why_it_cannot_be_saved_is_told_in_words(tmp_path, monkeypatch, caplog):
    """`save_problem` is for whoever pressed a switch, the log for the others."""
    loaded = load(tmp_path)
    set_token(loaded, NEW)
    fsync = os.fsync
    for number, words, code in [
        (errno.ENOSPC, "the disk is full", "disk_full"),
        (errno.EROFS, "the disk is read-only", "read_only"),
        (errno.EACCES, "no right to write it, or another program holds it", "not_allowed"),
        (errno.EIO, "as the system says", "failed"),
    ]:

        def refuse(_, number=number):
            raise OSError(number, "as the system says")

        caplog.clear()
        monkeypatch.setattr(os, "fsync", refuse)
        loaded.save()
        assert caplog.messages == [f"settings.json: not saved, will try again: {words}"]
        assert loaded.save_problem == code
        assert read(tmp_path) == BASE
        assert [file.name for file in tmp_path.iterdir()] == ["settings.json"]
        monkeypatch.setattr(os, "fsync", fsync)
        loaded.save()
        assert (loaded.save_problem, read(tmp_path) == BASE) == ("", False)
        (tmp_path / "settings.json").write_text(dumped(BASE), encoding="utf-8")
        set_token(loaded, f"{NEW}-{number}")


# What a disk or a mount does not let us do; each is one function of os, and its error.
ODD_DISKS = {
    "mounted alone": ("replace", errno.EBUSY),
    "no renaming": ("replace", errno.ENOTSUP),
    "no modes": ("chmod", errno.EPERM),
    "no owners": ("chown", errno.EPERM),
    "no fsync": ("fsync", errno.EINVAL),
    "read-only folder": ("open", errno.EROFS),
    "folder of others": ("open", errno.EACCES),
}
if os.name == "nt":  # it knows no owners
    del ODD_DISKS["no owners"]


@pytest.mark.parametrize("name", ["settings.json", ".env"])
@pytest.mark.parametrize("disk", ODD_DISKS)
def test_odd_disk_costs_what_it_lacks_and_not_the_save(tmp_path, monkeypatch, disk, name):
    text = dumped(BASE) if name == "settings.json" else f"settings='{quoted(BASE)}'\n"
    (tmp_path / name).write_text(text, encoding="utf-8")
    loaded = settings.load(folder=tmp_path)
    refuse_on_this_disk(monkeypatch, *ODD_DISKS[disk])
    for token in (NEW * 9, NEW, NEWER * 9):  # the text grows, shrinks and grows
        set_token(loaded, token)
        loaded.save()
        assert loaded.save_problem == ""
        assert token_of(json.loads(settings.find_source(None, tmp_path, DOTENV[name]).read()))
        assert settings.load(folder=tmp_path).servers["office"].access_token == token
        assert [file.name for file in tmp_path.iterdir()] == [name]


DOTENV = {"settings.json": {}, ".env": {"settings": ""}}


def refuse_on_this_disk(monkeypatch, function: str, number: int) -> None:
    real = getattr(os, function)

    def refuse(path, *arguments, **more):
        if function != "open" or ".bot-" in str(path):
            raise OSError(number, os.strerror(number))
        return real(path, *arguments, **more)

    monkeypatch.setattr(os, function, refuse)
    if function == "chmod":  # Path.chmod has its own name for it
        monkeypatch.setattr(Path, "chmod", refuse)


def test_disk_that_is_full_while_the_file_itself_is_written_leaves_the_old_text(
    tmp_path, monkeypatch
):
    loaded = load(tmp_path)
    refuse_on_this_disk(monkeypatch, "replace", errno.EBUSY)
    overwrite = settings_files._overwrite
    before = (tmp_path / "settings.json").read_bytes()

    def overwrite_half(file, content: bytes) -> None:
        overwrite(file, content[: len(before)])
        if content != before:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(settings_files, "_overwrite", overwrite_half)
    set_token(loaded, NEW)
    loaded.save()
    assert loaded.save_problem == "disk_full"
    assert (tmp_path / "settings.json").read_bytes() == before


def test_what_cannot_be_saved_is_tried_again_later_and_later(tmp_path, monkeypatch):
    loaded = load(tmp_path)
    set_token(loaded, NEW)
    now, tries = [1000.0], []

    def refuse(_, __):
        tries.append(now[0])
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(settings.time, "monotonic", lambda: now[0])
    replace = os.replace
    monkeypatch.setattr(os, "replace", refuse)
    for _ in range(1000):
        loaded.save_when_due()
        now[0] += 0.5
    pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert pauses == [0.5, 1, 2, 4, 8, 16, 32, *[60] * len(pauses[7:])]
    assert len(pauses) > 10
    loaded.save()  # somebody has pressed a switch, or the bot ends
    assert tries[-1] == now[0]

    monkeypatch.setattr(os, "replace", replace)
    now[0] += 60
    loaded.save_when_due()
    assert token_of(read(tmp_path)) == NEW
    set_token(loaded, NEWER)
    loaded.save_when_due()
    assert token_of(read(tmp_path)) == NEWER


def test_who_presses_a_switch_is_told_when_it_cannot_be_kept(
    telegram, anna, new_server, settings_for, start_bot
):
    bot = start_bot(settings_for({"office": new_server().settings()}))
    anna.send("/start")
    message = anna.chat.wait_for(lambda message: message.buttons)

    def press(action: str) -> str | None:
        call = anna.press_data(message, pack(Press(action, short_id("office"))))
        call.wait(PATIENCE_S)
        return call.text

    for action in ("monitoring_on", "forgotten_alerts_on"):
        whole = bot.settings_file.read_bytes()
        bot.settings_file.write_bytes(whole[:20])
        assert says(press(action), "not_saved", reason=texts.words("not_saved_broken"))
        assert bot.settings_file.read_bytes() == whole[:20]
        bot.settings_file.write_bytes(whole)
        assert not press(action)
    sections = bot.read_settings()["servers"]["office"]
    states = [sections[key]["state"] for key in ("server_status", "forgotten_conferences")]
    assert states == [1, 1]


def test_every_reason_fits_into_a_pop_up():
    reasons = {*dict(settings.NOT_SAVED.values()), "broken", "failed", "environment"}
    for language in texts.LANGUAGES:
        texts.use(language)
        for reason in reasons:
            said = texts.plain_text("not_saved", reason=texts.words(f"not_saved_{reason}"))
            assert texts.units(said) <= 200, said


# ---------------------------------------------------------------- saving elsewhere


def test_settings_of_the_environment_are_saved_there(tmp_path, monkeypatch):
    monkeypatch.setenv("settings", ORIGINAL_GUIDE)
    loaded = settings.load(folder=tmp_path)
    set_token(loaded, NEW, "Сервер 3")
    loaded.save()
    saved = json.loads(os.environ["settings"])
    assert saved == put(json.loads(ORIGINAL_GUIDE), "servers/Сервер 3/access_token", NEW)
    assert settings.load(folder=tmp_path).servers["Сервер 3"].access_token == NEW
    assert loaded.save_problem == "environment"  # it is gone when the process ends
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="on Windows variables are Unicode")
def test_cyrillic_environment_is_read_and_saved_in_any_locale(tmp_path):
    """Without a locale Python decodes the environment as ASCII."""
    code = (
        "import os\nfrom lib import settings\n"
        "loaded = settings.load()\n"
        "loaded.servers['Сервер 3'].access_token = 'new-token-of-the-server'\n"
        "loaded.save()\n"
        "print(os.fsencode(os.environ['settings']) == os.environb[b'settings'])\n"
        "print(ascii(settings.load().servers['Сервер 3'].access_token))\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code, encoding="utf-8")
    plain = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    variables = clean_environment(
        **plain, PYTHONPATH=str(BotProcess.main.parent), settings=ORIGINAL_GUIDE
    )
    run = subprocess.run(
        [sys.executable, str(script)], env=variables, capture_output=True, text=True, timeout=60
    )
    assert (run.stdout, run.stderr) == (f"True\n{NEW!r}\n", "")


def save_in_dotenv(folder: Path, env_file: bytes) -> tuple[dict, dict, str]:
    """Save a new token; the settings before and after as dotenv reads them, and the file."""
    file = folder / ".env"
    file.write_bytes(env_file)

    def content() -> dict:
        values = dotenv_values(file, interpolate=False, encoding="utf-8-sig")
        return json.loads(values["settings"])

    before = content()
    loaded = settings.load(folder=folder)
    name = next(iter(loaded.servers))
    set_token(loaded, NEW, name)
    loaded.save()
    assert settings.load(folder=folder).servers[name].access_token == NEW
    before["servers"][name]["access_token"] = NEW
    return before, content(), file.read_bytes().decode()


def quoted(content: dict, **more) -> str:
    """JSON as it must stand between single quotes in a .env file."""
    text = json.dumps(content, ensure_ascii=False, **more)
    return text.replace("\\", "\\\\").replace("'", "\\'")


def odd_content() -> dict:
    content = put(BASE, "comment", 'it\'s "quoted" $HOME ${x} \\ C:\\certs\\ca.crt # no comment')
    content["servers"] = {"Сервер 'один' \"два\" \\": BASE["servers"]["office"]}
    content["servers"]["$PATH 🟢"] = BASE["servers"]["office"]
    return content


LINES = [
    "settings={plain}\n",
    "settings='{quoted}'\n",
    "settings = '{quoted}'  # mine\n",
    "export settings='{quoted}'",
    "settings='{multi_line}'\n",
]


def test_settings_of_dotenv_are_saved_there(tmp_path):
    for form in LINES:
        content = odd_content() if "quoted" in form or "multi" in form else BASE
        line = form.format(
            plain=json.dumps(content),
            quoted=quoted(content),
            multi_line=quoted(content, indent=4),
        )
        above, below = "# комментарий\nA=1\n\n", '\nexport B="x y"\nC=\n' * line.endswith("\n")
        before, after, file = save_in_dotenv(tmp_path, f"{above}{line}{below}".encode())
        assert after == before, form
        assert list(after["servers"]) == list(before["servers"])
        assert file.startswith(above)
        assert file.endswith(below)
        assert file.count("settings=") == 1
        assert ("export settings=" in file) == ("export settings" in line)
        # In several lines the access token is a new one: it was not there before.
        expected = len(f"{above}{line}{below}".splitlines()) + ("\n    " in line)
        assert len(file.splitlines()) == expected


def test_dotenv_of_notepad_is_read_and_saved(tmp_path):
    raw = f"settings='{quoted(odd_content())}'\r\nTG_PROXY=http://host:1\r\n".encode("utf-8-sig")
    before, after, file = save_in_dotenv(tmp_path, raw)
    assert after == before
    assert file.endswith("'\r\nTG_PROXY=http://host:1\r\n")
    assert file.count("settings=") == 1
    assert settings.load(folder=tmp_path).proxy == "http://host:1"


def test_dotenv_that_is_broken_now_is_left_alone_and_saved_later(tmp_path):
    file = tmp_path / ".env"
    file.write_text(f"settings='{quoted(BASE)}'\n", encoding="utf-8")
    loaded = settings.load(folder=tmp_path)
    set_token(loaded, NEW)
    for raw in (
        b"",
        b"A=1\n",
        b"settings='{'\n",
        b"settings={\n",
        b"settings='{\n",
        b"\xff\xfe\x00",
    ):
        file.write_bytes(raw)
        loaded.save()
        assert (file.read_bytes(), loaded.save_problem) == (raw, "broken")
    file.write_text(f"settings='{quoted(BASE)}'\n", encoding="utf-8")
    loaded.save()
    assert settings.load(folder=tmp_path).servers["office"].access_token == NEW


def test_dotenv_that_was_edited_by_hand_meanwhile_is_not_lost(tmp_path, monkeypatch):
    file = tmp_path / ".env"
    file.write_text(f"settings='{quoted(BASE)}'\n", encoding="utf-8")
    loaded = settings.load(folder=tmp_path)
    fsync = os.fsync

    def edit_by_hand(number: int) -> None:
        monkeypatch.setattr(os, "fsync", fsync)
        with open(file, "a", encoding="utf-8") as env_file:
            env_file.write("TG_PROXY=http://host:1\n")

    monkeypatch.setattr(os, "fsync", edit_by_hand)
    set_token(loaded, NEW)
    loaded.save()
    loaded.save()
    again = settings.load(folder=tmp_path)
    assert (again.proxy, again.servers["office"].access_token) == ("http://host:1", NEW)


@hypothesis_settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(min_size=1).filter(str.strip), note=st.text())
@example(name="\\", note="'\\'")
@example(name="a\u2028b\x85c", note="\\\\'")
def test_any_text_survives_being_saved(tmp_path, name, note):
    content = {"note": note, **put(BASE, "servers", {name: BASE["servers"]["office"]})}
    before, after, _ = save_in_dotenv(tmp_path, f"settings='{quoted(content)}'\n".encode())
    assert after == before
    file = tmp_path / "file.json"
    file.write_text(dumped(content), encoding="utf-8")
    loaded = settings.load(str(file), tmp_path)
    set_token(loaded, NEW, name)
    loaded.save()
    assert read(tmp_path, "file.json") == before


# ---------------------------------------------------------------- many at once, and killed


def test_many_threads_change_at_once_and_nothing_is_lost(tmp_path):
    names = [f"server {number}" for number in range(16)]
    loaded = load(tmp_path, put(BASE, "servers", dict.fromkeys(names, BASE["servers"]["office"])))
    began = threading.Barrier(len(names))

    def work(name: str) -> None:
        began.wait()
        for number in range(20):
            set_token(loaded, f"{name[7:]}-{number}", name)
            loaded.servers[name].is_monitored = bool(number % 2)
            loaded.save()

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    saved = read(tmp_path)
    assert [token_of(saved, name) for name in names] == [f"{name[7:]}-19" for name in names]
    assert all(saved["servers"][name]["server_status"]["state"] == 1 for name in names)
    assert [file.name for file in tmp_path.iterdir()] == ["settings.json"]


def test_temporary_file_that_is_read_only_is_taken_away(tmp_path, monkeypatch):
    """It has the mode of the settings file, and Windows removes nothing that is read-only."""
    unlink = os.unlink

    def unlink_as_windows(path, **more):
        if not os.stat(path).st_mode & 0o200:
            raise PermissionError(13, "read-only")
        unlink(path, **more)

    loaded = load(tmp_path)
    leftover = tmp_path / "settings.json.bot-4711.tmp"
    leftover.write_text("{", encoding="utf-8")
    leftover.chmod(0o400)
    monkeypatch.setattr(os, "unlink", unlink_as_windows)
    set_token(loaded, NEW)
    loaded.save()
    assert [file.name for file in tmp_path.iterdir()] == ["settings.json"]
    assert token_of(read(tmp_path)) == NEW


def test_change_that_comes_during_a_save_is_not_lost(tmp_path, monkeypatch):
    loaded = load(tmp_path)
    fsync, threads = os.fsync, []

    def change_now(number: int) -> None:
        threads.append(threading.Thread(target=set_token, args=(loaded, NEWER)))
        threads[0].start()
        threads[0].join(0.2)  # it may have to wait for the save
        monkeypatch.setattr(os, "fsync", fsync)
        fsync(number)

    monkeypatch.setattr(os, "fsync", change_now)
    set_token(loaded, NEW)
    loaded.save()
    threads[0].join()
    loaded.save()
    assert token_of(read(tmp_path)) == NEWER


def kill_saving_before(event: str, folder: Path, name: str) -> None:
    text = dumped(BASE) if name == "settings.json" else f"settings='{quoted(BASE)}'\n"
    (folder / name).write_text(text, encoding="utf-8")
    code = f"""
import os, pathlib, sys
from lib import settings

def kill_before(event, arguments):
    if event == {event!r} and ".bot-" in str(arguments[0]):
        os._exit(9)  # at once, as one that is killed

loaded = settings.load(folder=pathlib.Path(sys.argv[1]))
loaded.servers["office"].access_token = {NEW!r}
sys.addaudithook(kill_before)
loaded.save()
"""
    run = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, env=clean_environment(), timeout=60
    )
    assert run.returncode == 9
    loaded = settings.load(folder=folder)
    # What is removed last is what might be left of the temporary file.
    assert loaded.servers["office"].access_token == (NEW if event == "os.remove" else "")
    set_token(loaded, NEWER)
    loaded.save()
    assert settings.load(folder=folder).servers["office"].access_token == NEWER
    assert [file.name for file in folder.iterdir()] == [name]


@pytest.mark.parametrize("event", ["open", "os.chmod", "os.rename", "os.remove"])
def test_killed_at_each_step_of_a_save_the_file_is_whole(tmp_path, event):
    for name in ("settings.json", ".env"):
        folder = tmp_path / name.strip(".")
        folder.mkdir()
        kill_saving_before(event, folder, name)
