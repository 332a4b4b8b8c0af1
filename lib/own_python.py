"""Lets `python main.py` and `python -m tests` be all the set-up there is.

Where the libraries are missing, it makes `.venv` beside main.py and installs them into it; where
they are there, this process goes on as if it were the Python of `.venv`. It runs before anything
else, so it needs the standard library only, as own_venv.py (the installing) and own_words.py (what
is said) do; and Python 3.6 can read all three, to say that it is too old.
"""

import atexit
import contextlib
import os
import re
import signal
import site
import subprocess
import sys

from lib import PYTHONS_OWN, ending, own_venv
from lib.own_venv import FOLDER, ON_WINDOWS, SetupError
from lib.own_words import PROBLEM_FILE, ROOT, hold_window, say

OLDEST_PYTHON = (3, 10)
# What is imported of the libraries, and of those that come with them.
NAMES = {"telebot", "requests", "urllib3", "dotenv", "certifi", "idna", "charset_normalizer"}
MENDED = "TRUECONF_BOT_MENDED"  # set once libraries that could not be imported came again


def ensure_libraries(requirements):
    """Return once this process has what `requirements` lists, a file beside main.py.

    Where that cannot be, the program ends with one sentence and exit code 1.
    """
    if sys.version_info < OLDEST_PYTHON:
        version = "{}.{}.{}".format(*sys.version_info)
        _fail(SetupError("too_old", python=sys.executable, version=version))
    if getattr(sys, "frozen", False):  # packed, with all that it needs
        return
    command = [sys.executable, *(sys.argv if "idlelib.run" in sys.modules else sys.orig_argv[1:])]
    with _or_one_sentence():
        _ensure_libraries(requirements)
    if sys.stderr is None:
        with contextlib.suppress(OSError):
            os.remove(PROBLEM_FILE)

    def on_exception(kind, error, traceback):
        if _is_of_a_library(error) and not os.environ.pop(MENDED, None):
            _start_again(command, requirements)
        atexit.register(hold_window)
        sys.__excepthook__(kind, error, traceback)

    sys.excepthook = on_exception


def _start_again(command, requirements):
    """Mend `.venv` and run the command in place of this program, whose modules lack files."""
    needed = own_venv.read_requirements(os.path.join(ROOT, requirements))
    with _or_one_sentence():
        own_venv.install(needed, requirements, anew=True)
    os.environ[MENDED] = "1"
    if not ON_WINDOWS:
        os.execv(command[0], command)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the new one too
    sys.exit(subprocess.call(command))


@contextlib.contextmanager
def _or_one_sentence():
    """What goes wrong in here ends the program with a sentence, and Ctrl+C without one."""
    try:
        with ending.ctrl_c_raising():  # so that an installation is tidied up
            yield
    except KeyboardInterrupt:
        sys.exit(0)
    except SetupError as error:
        _fail(error)


def _ensure_libraries(requirements):
    _name_files_that_hide()
    try:
        import ssl  # noqa: F401  a library of the system's that it needs may be missing
    except ImportError:
        raise SetupError("no_ssl", python=sys.executable) from None
    needed = own_venv.read_requirements(os.path.join(ROOT, requirements))
    if not _is_kept_by_others() and own_venv.is_usable() and own_venv.read_stamp() != "":
        _be_its_python()
    if _is_kept_by_others():
        _refuse_without_libraries(needed, requirements)
    elif own_venv.is_inside():
        if not own_venv.is_installed(needed):
            own_venv.update(needed, requirements)
            _be_its_python()
    elif _missing(needed):
        if _is_made_for_one_program(requirements):
            _refuse_without_libraries(needed, requirements)
        own_venv.install(needed, requirements)
        _be_its_python()


def _name_files_that_hide():
    """Name the files beside main.py that are called like another module. Raises SetupError."""
    names = {name[:-3] for name in os.listdir(ROOT) if name.endswith(".py")}
    for name in sorted(names & NAMES):
        raise SetupError("hides", file=name + ".py")
    for name in sorted(names & sys.stdlib_module_names):
        say("same_name", file=name + ".py")


def _missing(needed):
    """The lines that this Python's libraries do not satisfy. What other software has put on the
    way with PYTHONPATH counts only where all that is needed is there with it."""
    missing = own_venv.missing(needed)
    if missing and "PYTHONPATH" in os.environ:
        theirs = [os.path.abspath(path) for path in os.environ.pop("PYTHONPATH").split(os.pathsep)]
        sys.path[:] = [path for path in sys.path if path == ROOT or path not in theirs]
        missing = own_venv.missing(needed)
    return missing


def _be_its_python():
    """Be the Python of `.venv` from now on: with its libraries and no others."""
    os.environ.pop("PYTHONPATH", None)
    sys.path[:] = [place for place in sys.path if place in PYTHONS_OWN or place == ROOT]
    site.addsitedir(own_venv.libraries())
    sys.path_importer_cache.clear()  # of what was not there before
    sys.prefix = sys.exec_prefix = FOLDER
    is_windowless = (sys.executable or "").lower().endswith("pythonw.exe")
    sys.executable = own_venv.path_of("pythonw" if is_windowless else "python")


# ---------------------------------------------------------------- whose Python this is


def _is_kept_by_others():
    """Whether this is a virtual environment of Poetry, uv, conda or the user's own."""
    if os.path.isdir(os.path.join(sys.prefix, "conda-meta")):
        return True
    if sys.prefix == sys.base_prefix:
        return False
    return not own_venv.is_inside() or bool(_tool())


def _tool():
    """The program that made this environment: "uv", "virtualenv" (Poetry's), or "" for Python."""
    return next((tool for tool in ("uv", "virtualenv") if own_venv.noted(sys.prefix, tool)), "")


def _is_made_for_one_program(requirements):
    """Whether the whole system is there for the bot alone: Replit, or a container that runs it.

    A container in which somebody works is like any other computer, and so is one for the tests.
    """
    names = ("REPL_ID", "REPLIT_DEPLOYMENT", "KUBERNETES_SERVICE_HOST")
    if any(name in os.environ for name in names):
        return True
    if ON_WINDOWS or not any(map(os.path.exists, ("/.dockerenv", "/run/.containerenv"))):
        return False
    if requirements != "requirements.txt":
        return False
    with contextlib.suppress(OSError), open("/proc/1/cmdline", encoding="utf-8") as file:
        words = file.read().split("\0")
        # Process 1 is `sh -c ...`, a script or a small init such as tini: a shell in which
        # somebody types has options only.
        is_given_a_task = any(word and not word.startswith("-") for word in words[1:])
        is_about_the_bot = any("main.py" in word for word in words)
        # What somebody has left running there was adopted by it, and is of another session.
        is_its_child = os.getppid() == 1 and os.getsid(0) == os.getsid(1)
        return is_about_the_bot or (is_its_child and is_given_a_task)
    return os.getpid() == 1


def _refuse_without_libraries(needed, requirements):
    missing = _missing(needed)
    if not missing:
        return
    file = os.path.join(ROOT, requirements)
    command = "{} -m pip install -r {}".format(quoted(sys.executable), quoted(file))
    if _tool() == "uv":
        command = "uv sync --no-dev"  # the developers' tools are not needed
    raise SetupError("missing", missing=", ".join(missing), command=command)


def quoted(path):
    """The path as it can be pasted into a command: bash, PowerShell and cmd take it like this."""
    if ON_WINDOWS:
        # Quotes around the whole path would be a text for PowerShell, and not a program.
        return "\\".join('"{}"'.format(part) if " " in part else part for part in path.split("\\"))
    return path if re.match(r"[\w./+:@%-]+$", path) else "'" + path.replace("'", "'\\''") + "'"


def _is_of_a_library(error):
    """Whether it tells that files of `.venv` are gone, as after a virus scanner."""
    if not isinstance(error, ImportError) or _is_kept_by_others() or not own_venv.is_inside():
        return False
    from importlib import metadata

    # Not `files`: since Python 3.12 that leaves out those that are gone.
    known = set()
    for distribution in metadata.distributions():
        record = distribution.read_text("RECORD") or ""
        known |= {re.split("[./,]", line)[0] for line in record.splitlines()}
    return not error.name or error.name.partition(".")[0] in known


def _fail(error):
    say(error.key, **error.values)
    hold_window()
    sys.exit(1)
