"""The log: one line an event, to the console and to a file, without any secret."""

import contextlib
import io
import logging
import logging.handlers
import os
import queue
import re
import stat
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from types import TracebackType

FORMAT = "%(asctime)s %(levelname)s %(message)s"
FILE_BYTES, FILES_KEPT = 1024 * 1024, 3
FINISH_LIMIT_S = 1
QUIET_S, MOST_REMEMBERED = 60, 1000

# What looks like a secret even if nobody has named it: a bot's token, a token in an address or
# a header, a password in a proxy's address.
_PATTERNS = (
    (re.compile(r"(?<![0-9])[0-9]{6,}(:|%3A)[A-Za-z0-9_-]{20,}"), "***"),
    (re.compile(r"((?:access_token|client_secret)[\"']?\s*[=:]\s*[\"']?)[^\s&\"']+"), r"\1***"),
    (re.compile(r"(Bearer )\S+"), r"\1***"),
    (re.compile(r"(://)[^/\s]+@"), r"\1***@"),
)
_LOG_BEGIN = re.compile(rb"(\xef\xbb\xbf)?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ ")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class _Masking(logging.Formatter):
    """One line for each message; every secret in it replaced, tracebacks included."""

    def __init__(self, secrets: Callable[[], Iterable[str]]):
        super().__init__(FORMAT)
        self.secrets = secrets

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802, logging's name
        # A name may hold a line break, and what it ends with would look like an event.
        return _CONTROLS.sub(" ", super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record), self.secrets())


def mask(text: str, secrets: Iterable[str]) -> str:
    """The text with *** in place of the secrets."""
    # The longest first, as one may be the beginning of another.
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) > 3:  # a shorter one would blank out half of the log
            text = text.replace(secret, "***")
    for pattern, shown in _PATTERNS:
        text = pattern.sub(shown, text)
    return text


def use_any_console() -> None:
    """Let `print` and the log show a `?` where the console has no such letter (cp1251, cp866).

    Under pythonw there is no console at all: sys.stdout is None.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


class OnceAMinute:
    """For what somebody could fill the log with: whether it is time to say it again."""

    def __init__(self) -> None:
        self._said_at: dict[Hashable, float] = {}  # time.monotonic(), the oldest first
        self._lock = threading.Lock()  # guards it

    def is_due(self, what: Hashable) -> bool:
        """Whether this was not due within the last minute."""
        now = time.monotonic()
        with self._lock:
            if now - self._said_at.get(what, -QUIET_S) < QUIET_S:
                return False
            self._said_at.pop(what, None)
            self._said_at[what] = now
            if len(self._said_at) > MOST_REMEMBERED:
                del self._said_at[next(iter(self._said_at))]
            return True


class NotALog(OSError):
    """What stands at `log-file` is something else. Its text names the path."""


def log_path(file: Path) -> str:
    """Where to write: what a link leads to. Raises NotALog for what is not ours to write into: a
    pipe, a disk, the settings, any other file of somebody. Of the devices, /dev/null is welcome."""
    path = os.path.realpath(file)  # a link itself would be renamed when the log is put aside
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return path
    is_ours = stat.S_ISCHR(mode)
    if stat.S_ISREG(mode):
        with open(path, "rb") as old:
            begin = old.read(64)
        is_ours = not begin or _LOG_BEGIN.match(begin) is not None
    if not is_ours:
        raise NotALog(f"{file} is not a log of this bot, choose another path")
    return path


def _open_private(path: str, flags: int) -> int:
    """For `open`: a new file is readable by its owner alone. What was there keeps its mode."""
    return os.open(path, flags, 0o600)


class _File(logging.handlers.RotatingFileHandler):
    """Readable by its owner alone, as names and IDs stand in it. Goes on in the same file while it
    cannot be renamed: on Windows, while somebody reads it."""

    stream: io.TextIOWrapper | None  # type: ignore[assignment]  # None: opened with the next line

    def _open(self) -> io.TextIOWrapper:
        # Half a character, as names may hold one, is written as its escape.
        return open(
            self.baseFilename,
            "a",
            encoding="utf-8",
            errors="backslashreplace",
            opener=_open_private,
        )

    def doRollover(self) -> None:  # noqa: N802, logging's name
        if self.stream:
            self.stream.close()
        self.stream = None  # whatever fails below, the next line opens the file again
        try:
            # Try first whether it can be renamed: the library would rename .1 to .2 and so on
            # before it came to this file, and each line that follows would do so again.
            os.replace(self.baseFilename, f"{self.baseFilename}.0")
            os.replace(f"{self.baseFilename}.0", self.baseFilename)
            super().doRollover()
        except OSError:
            self.stream = self._open()


_console: logging.handlers.QueueListener | None = None


def start(secrets: Callable[[], Iterable[str]], file: Path | None = None) -> None:
    """Log to the console and to `file`. `secrets()` is asked for each line, as tokens change.

    The console has a thread of its own: on Windows a click into it stops whoever writes there,
    and that must not be a watcher.
    """
    global _console
    logging.raiseExceptions = False  # a full disk is no reason to print tracebacks
    masking = _Masking(secrets)
    lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    to_console = logging.handlers.QueueHandler(lines)
    to_console.setFormatter(masking)
    handlers: list[logging.Handler] = [to_console]
    console = [logging.StreamHandler(sys.stdout)] if sys.stdout is not None else []
    _console = logging.handlers.QueueListener(lines, *console)
    _console.start()

    problem = None
    if file:
        try:
            to_file = _File(log_path(file), maxBytes=FILE_BYTES, backupCount=FILES_KEPT)
            to_file.setFormatter(masking)
            handlers.append(to_file)
        except (OSError, ValueError) as error:
            problem = error
    logging.basicConfig(level=logging.WARNING, handlers=handlers, force=True)
    logging.getLogger("bot").setLevel(logging.INFO)
    # They show odd headers with a traceback; whoever sent the request says what came of it.
    for name in ("urllib3.connection", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if problem:
        logging.getLogger("bot.logs").warning("no log file: %s", problem)
    sys.excepthook = _log_exception
    threading.excepthook = lambda args: _log_exception(
        args.exc_type, args.exc_value, args.exc_traceback
    )


def finish() -> None:
    """Write the last lines out; give up soon if the console takes none, as after a click into it
    on Windows."""

    def write_out() -> None:
        if _console:
            _console.stop()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError, OSError, ValueError):  # None under pythonw
                stream.flush()

    writing = threading.Thread(target=write_out, daemon=True)
    writing.start()
    writing.join(FINISH_LIMIT_S)


def _log_exception(
    kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None
) -> None:
    exc_info = (kind, error or kind(), traceback)
    logging.getLogger("bot").error("unexpected", exc_info=exc_info)
