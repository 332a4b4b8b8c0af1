"""Where the settings come from and how they are replaced: a file, the environment, `.env`.

What stands in them is text here; settings.py knows what it means.
"""

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

from dotenv.parser import parse_stream

FOLDER = Path(__file__).resolve().parent.parent
REPLACE_TRIES, REPLACE_PAUSE_S = 10, 0.05

log = logging.getLogger("bot.settings")


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
        _write_file(self.path, text.replace("\n", newline), old)


class FileChanged(OSError):
    """Somebody saved the file while we were about to."""


def _write_file(path: Path, text: str, old: bytes) -> None:
    """Put `text` into the file, unless it is no longer `old`. Whoever reads it, and whenever the
    process is killed, finds the old text or the new one. Raises OSError."""
    target = path.resolve()  # a link stays a link
    for leftover in glob.glob(f"{glob.escape(str(target))}.bot-*.tmp"):
        _remove(Path(leftover))  # of a process that was killed while it wrote
    temporary = target.with_name(f"{target.name}.bot-{os.getpid()}.tmp")
    try:
        # Half a character (in a name that came as "\ud83d") becomes the same escape again.
        with open(temporary, "wb", opener=_open_private) as file:
            file.write(text.encode("utf-8", "backslashreplace"))
            file.flush()
            os.fsync(file.fileno())
        _keep_owner(temporary, target)
        temporary.chmod(target.stat().st_mode)
        _replace(temporary, target, old)
    finally:
        _remove(temporary)


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


def _replace(temporary: Path, target: Path, old: bytes) -> None:
    """os.replace, patient with Windows: a virus scanner or an editor may hold the file."""
    for tries_left in reversed(range(REPLACE_TRIES)):
        try:
            if target.read_bytes() != old:
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
        return (read_dotenv(self.path).get("settings") or "").encode()

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
        _write_file(self.path, "".join(lines), before)


Source = FileSource | EnvironmentSource | DotenvSource


class SettingsUnquoted(ValueError):
    """The JSON after `settings=` in `.env` does not stand between single quotes."""


def read_dotenv(path: Path) -> dict[str, str | None]:
    """The variables of a `.env` file, {} if there is none. A `$` in a value is a `$`.

    Raises OSError, UnicodeDecodeError, SettingsUnquoted.
    """
    if not path.is_file():
        return {}
    values = {}
    for line in parse_stream(io.StringIO(path.read_text(encoding="utf-8-sig"))):
        is_settings = re.match(r"\s*(export\s+)?'?settings\b", line.original.string)
        is_cut = (line.value or "").startswith("{") and not (line.value or "").endswith("}")
        if is_settings and (line.error or is_cut):
            raise SettingsUnquoted
        if line.error:
            log.warning("%s, line %s: not understood, ignored", path.name, line.original.line)
        elif line.key is not None:
            values[line.key] = line.value
    return values


def find_source(path: str | None, folder: Path, dotenv: Mapping[str, object]) -> Source | None:
    """The first source that exists: the file `path`, the environment, `.env`, settings.json.
    `dotenv`: what is in `.env`."""
    if path:
        return FileSource(Path(os.path.expanduser(path)))
    if "settings" in os.environ:
        return EnvironmentSource()
    if "settings" in dotenv:
        return DotenvSource(folder / ".env")
    file = folder / "settings.json"
    return FileSource(file) if file.exists() else None
