"""Where the settings come from, as JSON, and how they are replaced: file, environment, `.env`.

What the JSON means is settings.py's affair.
"""

import contextlib
import errno
import glob
import io
import json
import logging
import os
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from dotenv.parser import parse_stream

from lib.settings_json import Problem, json_problem

FOLDER = Path(__file__).resolve().parent.parent
REPLACE_TRIES, REPLACE_PAUSE_S = 10, 0.05
# Nothing can be put in the file's place: it is mounted alone, or its folder cannot be written.
NOT_BESIDE = (errno.EACCES, errno.EPERM, errno.EROFS)
NOT_REPLACED = (errno.EBUSY, errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.ENOSYS)
NO_FSYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)  # this disk knows no such thing

log = logging.getLogger("bot.settings")


class SettingsError(ValueError):
    """The settings cannot be used. `problems`: all that was found; `source`: where, "" if there
    are no settings at all; `language`: the one they ask for, as far as it could be read."""

    def __init__(self, problems: list[Problem], source: str, language: str):
        super().__init__(", ".join(f"{problem.code} {problem.key}" for problem in problems))
        self.problems, self.source, self.language = problems, source, language


# ---------------------------------------------------------------- the sources


class FileSource:
    """A JSON file, `settings.json` by default."""

    is_lasting = True

    def __init__(self, path: Path):
        self.path, self.name, self.folder = path, path.name, path.resolve().parent

    def read(self) -> bytes:
        return self.path.read_bytes()

    def write(self, text: str, old: bytes) -> None:
        """Replace the file, unless it is no longer `old`. Raises OSError."""
        newline = "\r\n" if b"\r\n" in old else "\n"
        write_file(self.path, text.replace("\n", newline), old)


class FileChanged(OSError):
    """Somebody saved the file while we were about to."""


def write_file(path: Path, text: str, old: bytes | None) -> None:
    """Put `text` into the file, unless it is no longer `old`. Whoever reads it, and whenever the
    process is killed, finds the old text or the new one. `old`: None for a file of the bot's own,
    which need not be there yet and nobody else may read. Raises OSError."""
    target = path.resolve()  # a link stays a link
    # Half a character (in a name that came as "\ud83d") becomes the same escape again.
    content = text.encode("utf-8", "backslashreplace")
    for leftover in glob.glob(f"{glob.escape(str(target))}.bot-*.tmp"):
        _remove(Path(leftover))  # of a process that was killed while it wrote
    temporary = target.with_name(f"{target.name}.bot-{os.getpid()}.tmp")
    try:
        with open(temporary, "wb", opener=_open_private) as file:
            file.write(content)
            _flush(file)
        if old is not None:
            _keep_owner(temporary, target)
            with contextlib.suppress(OSError):  # a disk without modes
                temporary.chmod(target.stat().st_mode)
        _replace(temporary, target, old)
    except OSError as error:
        if error.errno not in (NOT_REPLACED if temporary.exists() else NOT_BESIDE):
            raise
        _write_in_place(target, content, old)
    finally:
        _remove(temporary)


def _write_in_place(target: Path, content: bytes, old: bytes | None) -> None:
    """The last way: into the file itself. Raises OSError, and the file is as it was.

    It is one write over the old text, to whose length the new one is filled up with line breaks:
    what is readable does not hang on the cut that follows.
    """
    with open(target, "r+b", buffering=0) as file:
        found = file.read()
        if old is not None and found != old:
            raise FileChanged
        try:
            _overwrite(file, content.ljust(len(found), b"\n"))
        except OSError:  # the disk is full: for the old text there is room
            _overwrite(file, found)
            file.truncate(len(found))
            raise
        file.truncate(len(content))
        _flush(file)


def _overwrite(file: io.FileIO, content: bytes) -> None:
    file.seek(0)
    while content:
        content = content[file.write(content) :]


def _flush(file: BinaryIO | io.FileIO) -> None:
    """See to it that the text is on the disk, as far as this disk knows how to."""
    file.flush()
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in NO_FSYNC:
            raise


def _keep_owner(temporary: Path, target: Path) -> None:
    """One start as root must not leave root's file to a bot that runs as somebody else."""
    if sys.platform == "win32":
        return
    ours, old = temporary.stat(), target.stat()
    if (ours.st_uid, ours.st_gid) != (old.st_uid, old.st_gid):
        try:
            os.chown(temporary, old.st_uid, old.st_gid)
        except OSError:
            log.warning("%s: it could not be left to its owner, it is now ours", target.name)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except PermissionError:  # as it has the mode of the settings file: Windows keeps what is so
        path.chmod(0o600)
        path.unlink()


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)  # until it has the mode of the file that it will replace


def _replace(temporary: Path, target: Path, old: bytes | None) -> None:
    """os.replace, patient with Windows: a virus scanner or an editor may hold the file."""
    for tries_left in reversed(range(REPLACE_TRIES)):
        try:
            if old is not None and target.read_bytes() != old:
                raise FileChanged
            os.replace(temporary, target)
            return
        except PermissionError:
            if not tries_left:
                raise
            time.sleep(REPLACE_PAUSE_S)


class EnvironmentSource:
    """The environment variable `settings`: a Secret of Replit. What is written into it lives as
    long as the process."""

    name, folder, is_lasting = "environment variable settings", FOLDER, False

    def read(self) -> bytes:
        return os.fsencode(os.environ["settings"])  # as it came, whatever the locale is

    def write(self, text: str, old: bytes) -> None:
        try:
            os.environ["settings"] = os.fsdecode(text.encode("utf-8", "backslashreplace"))
        except ValueError as error:  # Windows: at most 32767 characters
            raise OSError(str(error)) from error


class DotenvSource:
    """`settings=` in the file `.env`."""

    is_lasting = True

    def __init__(self, path: Path):
        self.path, self.name, self.folder = path, path.name, path.resolve().parent

    def read(self) -> bytes:
        values, _ = _parse_dotenv(self.path)
        return (values.get("settings") or "").encode()

    def write(self, text: str, old: bytes) -> None:
        """As `dotenv.set_key` does, but safe from being killed. Keeps the other lines."""
        before = self.path.read_bytes()
        if self.read() != old:
            raise FileChanged
        if b"\n" not in old:
            text = json.dumps(json.loads(text), ensure_ascii=False)
        value = text.strip().replace("\\", "\\\\").replace("'", "\\'")
        lines = []
        for line in parse_stream(io.StringIO(before.decode("utf-8-sig"), newline="")):
            original = line.original.string
            if line.key == "settings":
                begin = original.partition("settings")[0].rstrip("'")
                end = original[len(original.rstrip()) :]
                original = f"{begin}settings='{value}'{end}"
            lines.append(original)
        write_file(self.path, "".join(lines), before)


Source = FileSource | EnvironmentSource | DotenvSource


def find_source(path: str | None, folder: Path, dotenv: Mapping[str, object]) -> Source:
    """The first source that exists: the file `path`, the environment, `.env`, settings.json.
    `dotenv`: what is in `.env`. Raises SettingsError if there is none."""
    if path:
        return FileSource(Path(os.path.expanduser(path)))
    if "settings" in os.environ:
        return EnvironmentSource()
    if "settings" in dotenv:
        return DotenvSource(folder / ".env")
    if (folder / "settings.json").exists():
        return FileSource(folder / "settings.json")
    hidden = "settings.json.txt"  # what Notepad makes of the name
    problems = [Problem("hidden_ending", hidden)] if (folder / hidden).exists() else []
    raise SettingsError(problems, hidden if problems else "", "")


# ---------------------------------------------------------------- reading them


def read_dotenv(path: Path) -> dict[str, str | None]:
    """The variables of a `.env` file, {} if there is none. A `$` in a value is a `$`.
    Raises SettingsError."""
    values, lines = _parse_dotenv(path)
    if lines:
        numbers = ", ".join(map(str, lines))
        log.warning("%s, line %s: not understood, ignored", path.name, numbers)
    return values


def _parse_dotenv(path: Path) -> tuple[dict[str, str | None], list[int]]:
    """Also the numbers of the lines that are not understood."""
    if not path.is_file():
        return {}, []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([_not_read(error, path.name)], path.name, "") from error
    values: dict[str, str | None] = {}
    lines = []
    for line in parse_stream(io.StringIO(text)):
        begin = re.match(r"\s*(export\s+)?'?settings\b'?\s*(=\s*')?", line.original.string)
        if begin and (line.error or not _is_whole(line.value or "", bool(begin[2]))):
            raise SettingsError([Problem("dotenv_quotes", path.name)], path.name, "")
        if line.error:
            lines.append(line.original.line)
        elif line.key is not None:
            values[line.key] = line.value
    return values, lines


def _is_whole(value: str, is_quoted: bool) -> bool:
    """Whether this can be all of the JSON. Other quotes than ', and a shell's brackets, do not
    hold its lines together."""
    value = value.strip()
    if value.startswith("{"):
        return value.endswith("}")
    return is_quoted or not value


def _read_text(source: Source) -> str:
    try:
        raw = source.read()
        if b"\0" in raw:
            raise UnicodeDecodeError("utf-8", raw, 0, 1, "UTF-16 without its mark")
        return raw.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise SettingsError([_not_read(error, source.name)], source.name, "") from error


def _not_read(error: Exception, name: str) -> Problem:
    if isinstance(error, UnicodeDecodeError):
        return Problem("utf_16" if b"\0" in error.object else "encoding", name)
    return Problem("no_file" if isinstance(error, FileNotFoundError) else "unreadable", name)


def read_json(source: Source, languages: tuple[str, ...]) -> tuple[dict[str, Any], list[str]]:
    """The JSON object, and the keys that appear twice in it. Raises SettingsError, in the one of
    the languages that a broken text still asks for."""
    text = _read_text(source)
    twice: list[str] = []

    def without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
        keys = [key for key, _ in pairs]
        twice.extend(sorted({key for key in keys if keys.count(key) > 1}))
        return dict(pairs)

    problem = Problem("not_object") if text.strip() else Problem("empty", source.name)
    try:
        content = json.loads(text, object_pairs_hook=without_twins, parse_int=_int)
        if isinstance(content, dict):
            return content, twice
    except json.JSONDecodeError as error:
        if text.strip():
            problem = json_problem(source.name, error)
    except RecursionError:
        pass  # thousands of brackets, one in the other
    asked = re.search(rf'"language"\s*:\s*"({"|".join(languages)})"', text)
    raise SettingsError([problem], source.name, asked[1] if asked else "")


def _int(digits: str) -> int | str:
    # Python refuses to count with thousands of digits; as a text they are reported as usual.
    return int(digits) if len(digits) < 1000 else digits
