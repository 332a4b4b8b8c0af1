"""Lets `python main.py` and `python -m tests` be all the set-up there is.

Where the libraries are missing, it makes `.venv` beside main.py and installs them into it; where
they are there, this process goes on as if it were the Python of `.venv`. It runs before anything
else, so it needs the standard library only and has its own words, own_words.py; and Python 3.6 can
read both, to say that it is too old.
"""

import atexit
import contextlib
import errno
import glob
import importlib.util
import locale
import os
import re
import shutil
import signal
import site
import subprocess
import sys
import time

from lib import PYTHONS_OWN, ending
from lib.own_words import WORDS

OLDEST_PYTHON = (3, 10)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, ".venv")
ON_WINDOWS = os.name == "nt"
# Holds the requirements that are installed; empty while an installation is under way.
STAMP = os.path.join(FOLDER, "installed-requirements.txt")
LOCK = os.path.join(FOLDER, "lock")
MENDED = "TRUECONF_BOT_MENDED"  # set once libraries that could not be imported came again
# What venv and pip make in there, beside the stamp; nothing else is ever removed.
MADE = (
    *("bin", "include", "lib", "lib64", "share", "Scripts", "Include", "Lib", "pyvenv.cfg"),
    *(".gitignore", os.path.basename(STAMP)),
)
# Settings of pip's that would install elsewhere or nothing at all. Where they stand in a pip.conf,
# only another value in the environment or in the command puts them out of force.
PIP_VARIABLES = {"PIP_USER": "0", "PIP_DRY_RUN": "0", "PIP_NO_DEPS": "0"}
PIP_PLACES = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON")
PROBLEM_FILE = os.path.join(ROOT, "setup-problem.txt")  # for pythonw, which has no console
# Programs that a container starts only to look after its one real process.
SMALL_INITS = ("tini", "docker-init", "dumb-init", "catatonit", "s6-svscan")
LOCK_PAUSE_S = 0.2

# Of Windows: what a job object may be told, and what may be asked of a process.
JOB_EXTENDED_LIMITS, JOB_ENDS_WITH_US = 9, 0x2000
MAY_ASK_FOR_NAME = 0x1000


class SetupError(Exception):
    """The libraries could not be installed. `key` and `values`: the sentence that says why."""

    def __init__(self, key, **values):
        super().__init__(key)
        self.key, self.values = key, values


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
    """Make `.venv` anew and run the command in place of this program, whose modules lack files."""
    needed = _read_requirements(os.path.join(ROOT, requirements))
    with _or_one_sentence():
        _install(needed, requirements, anew=True)
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
    needed = _read_requirements(os.path.join(ROOT, requirements))
    if not _is_kept_by_others() and _is_usable() and _read_stamp() != "":
        _be_its_python()
    if _is_kept_by_others():
        _refuse_without_libraries(needed, requirements)
    elif _is_inside():
        if not _is_installed(needed):
            _update(needed, requirements)
            _be_its_python()
    elif _missing(needed):
        if _is_made_for_one_program():
            _refuse_without_libraries(needed, requirements)
        _install(needed, requirements)
        _be_its_python()


def _be_its_python():
    """Be the Python of `.venv` from now on: with its libraries and no others."""
    sys.path[:] = [place for place in sys.path if place in PYTHONS_OWN or place == ROOT]
    site.addsitedir(_libraries())
    importlib.invalidate_caches()
    sys.prefix = sys.exec_prefix = FOLDER
    is_windowless = (sys.executable or "").lower().endswith("pythonw.exe")
    sys.executable = _path_of("pythonw" if is_windowless else "python")


# ---------------------------------------------------------------- whose Python this is


def _is_inside():
    """Whether this Python is the one in `.venv`."""
    with contextlib.suppress(OSError):
        return os.path.samefile(sys.prefix, FOLDER)
    return False


def _is_kept_by_others():
    """Whether this is a virtual environment of Poetry, uv, conda or the user's own."""
    if os.path.isdir(os.path.join(sys.prefix, "conda-meta")):
        return True
    if sys.prefix == sys.base_prefix:
        return False
    return not _is_inside() or bool(_tool())


def _tool():
    """The program that made this environment: "uv", "virtualenv" (Poetry's), or "" for Python."""
    return next((tool for tool in ("uv", "virtualenv") if _noted(sys.prefix, tool)), "")


def _noted(environment, key):
    """What a virtual environment has noted about itself under this key, or ""."""
    with contextlib.suppress(OSError):
        with open(os.path.join(environment, "pyvenv.cfg"), encoding="utf-8") as file:
            found = re.search(rf"^{key} *= *(.*)", file.read(), re.MULTILINE)
        return found.group(1).strip() if found else ""
    return ""


def _is_made_for_one_program():
    """Whether the whole system is there for the bot alone: Replit, or a container that runs it.

    A container in which somebody works, as a CI does, is like any other computer.
    """
    if any(name in os.environ for name in ("REPL_ID", "REPLIT_DEPLOYMENT")):
        return True
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return True
    if ON_WINDOWS or not any(map(os.path.exists, ("/.dockerenv", "/run/.containerenv"))):
        return False
    if os.getpid() == 1:
        return True
    with contextlib.suppress(OSError), open("/proc/1/comm", encoding="utf-8") as file:
        return os.getppid() == 1 and file.read().strip() in SMALL_INITS
    return False


def _refuse_without_libraries(needed, requirements):
    missing = _missing(needed)
    if not missing:
        return
    file = os.path.join(ROOT, requirements)
    command = "{} -m pip install -r {}".format(quoted(sys.executable), quoted(file))
    if _tool() == "uv":
        command = "uv sync"
    raise SetupError("missing", missing=", ".join(missing), command=command)


def quoted(path):
    """The path as it can be pasted into a command: bash, PowerShell and cmd take it like this."""
    if ON_WINDOWS:
        # Quotes around the whole path would be a text for PowerShell, and not a program.
        return "\\".join('"{}"'.format(part) if " " in part else part for part in path.split("\\"))
    return path if re.match(r"[\w./+:@%-]+$", path) else "'" + path.replace("'", "'\\''") + "'"


# ---------------------------------------------------------------- what is there


def _read_requirements(path):
    """The lines of a requirements file and of those that it names with -r."""
    lines = []
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                line = line.partition("#")[0].strip()
                if line.startswith("-r "):
                    lines += _read_requirements(os.path.join(os.path.dirname(path), line[3:]))
                elif line:
                    lines.append(line)
    except OSError as error:
        raise SetupError("failed", reason=error) from None
    return lines


def _missing(needed, places=None):
    """The lines that the libraries in these places (of this Python) do not satisfy."""
    from importlib import metadata  # Python 3.6 has none

    missing = []
    for line in needed:
        requirement, _, condition = line.partition(";")
        platform = re.search(r'sys_platform == "(\w+)"', condition)
        if platform and platform.group(1) != sys.platform:
            continue
        name = re.match(r"[\w.-]+", requirement).group()
        found = next(iter(metadata.distributions(name=name, path=places or sys.path)), None)
        version = _numbers(found.version) if found else []
        limits = re.findall(r"(>=|<)([\d.]+)", requirement)
        if not found or any((version < _numbers(at)) == (sign == ">=") for sign, at in limits):
            missing.append(requirement.strip())
    return missing


def _numbers(version):
    return [int(number) for number in re.findall(r"\d+", version)[:3]]


def _is_installed(needed):
    """Whether all this has been installed into `.venv` to the end."""
    stamp = _read_stamp()
    if stamp is None:  # somebody has made `.venv` by hand
        return not _missing(needed, [_libraries()])
    return set(stamp.splitlines()).issuperset(needed)


def _is_of_a_library(error):
    """Whether it tells that files of `.venv` are gone, as after a virus scanner."""
    if not isinstance(error, ImportError) or _is_kept_by_others() or not _is_inside():
        return False
    from importlib import metadata

    files = [file for one in metadata.distributions() for file in one.files or ()]
    known = {file.parts[0].partition(".")[0] for file in files}
    return not error.name or error.name.partition(".")[0] in known


def _path_of(name):
    parts = ("Scripts", name + ".exe") if ON_WINDOWS else ("bin", name)
    return os.path.join(FOLDER, *parts)


def _libraries():
    """The folder of libraries in `.venv`; where this Python has none there, that of another."""
    if ON_WINDOWS:
        return os.path.join(FOLDER, "Lib", "site-packages")
    own = os.path.join(FOLDER, "lib", "python{}.{}".format(*sys.version_info), "site-packages")
    found = glob.glob(os.path.join(glob.escape(FOLDER), "lib", "*", "site-packages"))
    return own if own in found or not found else max(found)


def _is_usable():
    """Whether there is a Python in `.venv`, and the one that it was made with."""
    there = (_libraries(), _path_of("python"), _noted(FOLDER, "home"))
    return all(map(os.path.exists, there))


# ---------------------------------------------------------------- installing


def _update(needed, requirements):
    """Install what has changed. Where that fails, but all is there, say so and go on."""
    try:
        _install(needed, requirements)
    except SetupError as error:
        if _missing(needed, [_libraries()]):
            raise
        _say(error.key, **error.values)


def _install(needed, requirements, anew=False):
    """Install the libraries into `.venv`, made anew where it is not whole. Raises SetupError."""
    lost = [name for name in ("venv", "ensurepip") if not importlib.util.find_spec(name)]
    if lost:
        raise SetupError("no_venv")
    if not _is_ours():
        raise SetupError("not_ours")
    with _lock() as lock:
        before = _read_stamp()
        is_whole = not anew and before != "" and _is_usable()
        if is_whole and _is_installed(needed):
            return  # the start that had the lock before has done it
        if is_whole:
            _say("updating")
        is_new = not (is_whole and _has_pip())
        if is_new:
            _say("installing")
        try:
            _write_stamp("")
            if is_new:
                _make(lock)
            _run_pip(requirements, lock)
            # Whatever pip has said.
            if _missing(needed, [_libraries()]):
                raise SetupError("failed", reason=", ".join(needed))
        except SetupError:
            if is_new:
                _empty_folder()
            else:
                _write_stamp(before)
            raise
        _write_stamp("\n".join(needed))


def _has_pip():
    try:
        _run([_path_of("python"), "-I", "-m", "pip", "--version"])
    except SetupError:
        return False
    return True


def _run_pip(requirements, lock):
    command = ["-I", "-m", "pip", "install", "--quiet", "--no-input", "--retries=2"]
    command += ["--disable-pip-version-check", "-r", os.path.join(ROOT, requirements)]
    # Each is what holds without it, in the words that pip takes.
    root = os.path.splitdrive(FOLDER)[0] + os.sep
    command += ["--target=", "--prefix=" + FOLDER, "--root=" + root]
    _run([_path_of("python"), *command], lock)


def _is_ours():
    """Whether `.venv` is not there yet, or what this program or `venv` has made."""
    if os.path.islink(FOLDER):
        return _is_usable()
    if not os.path.exists(FOLDER):
        return True
    with contextlib.suppress(OSError):
        names = set(os.listdir(FOLDER)) - {os.path.basename(LOCK)}
        return not names or not names.isdisjoint(("pyvenv.cfg", os.path.basename(STAMP)))
    return False


def _make(lock):
    """Make `.venv` with the Python that this one comes from."""
    _empty_folder()
    _write_stamp("")
    # pythonw is for windows that nobody sees; both of them come into .venv.
    python = getattr(sys, "_base_executable", None) or sys.executable
    python = re.sub(r"pythonw\.exe$", "python.exe", python)
    _run([python, "-I", "-m", "venv", FOLDER], lock)
    if not _is_usable():
        raise SetupError("failed", reason=_path_of("python"))


@contextlib.contextmanager
def _lock():
    """Keeps a second start from installing at the same time: it waits and says so."""
    try:
        os.makedirs(FOLDER, exist_ok=True)
        lock = open(LOCK, "a", encoding="utf-8")  # noqa: SIM115, closed below
    except OSError as error:
        raise _writing_failed(error) from None
    with lock:
        is_waiting = False
        while not _is_locked(lock):
            if not is_waiting:
                _say("waiting")
            is_waiting = True
            time.sleep(LOCK_PAUSE_S)
        yield lock


def _is_locked(lock):
    """Try to lock the file. A file system without locks has nobody to wait for."""
    try:
        if ON_WINDOWS:
            import msvcrt

            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Wine tells no reason.
        return error.errno not in (0, errno.EACCES, errno.EAGAIN, errno.EDEADLK)
    return True


def _read_stamp():
    try:
        with open(STAMP, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None


def _write_stamp(text):
    try:
        if text is None:
            os.remove(STAMP)
        else:
            with open(STAMP, "w", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise _writing_failed(error) from None


def _empty_folder():
    if os.path.islink(FOLDER):
        raise SetupError("not_ours")
    try:
        for name in set(os.listdir(FOLDER)).intersection(MADE):
            path = os.path.join(FOLDER, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.remove(path)
    except OSError as error:
        raise _writing_failed(error) from None


def _run(command, lock=None):
    """Run a program without its output. Raises SetupError, which says why it failed."""
    environment = dict(os.environ, **PIP_VARIABLES)
    for name in PIP_PLACES:
        environment.pop(name, None)
    options = {"env": environment, "cwd": ROOT}
    if ON_WINDOWS:
        options["creationflags"] = subprocess.CREATE_NO_WINDOW
    elif lock:
        # Where this process is killed, the lock is held until that one has ended too.
        options["pass_fds"] = (lock.fileno(),)
    options.update(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        process = subprocess.Popen(command, **options)
    except OSError as error:
        raise _writing_failed(error) from None
    with process:
        if ON_WINDOWS:  # the next start could not replace the files that it holds
            _end_with_us(process)
        try:
            output = process.communicate()[0]
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise _why_failed(output.decode(errors="replace"))


# What pip and venv say, and the sentence for it. The first that is found counts.
CAUSES = (
    ("no_venv", r"python3-venv|ensurepip is not available"),
    ("no_space", r"No space left|Errno 28|WinError 112|Errno 122"),
    ("no_writing", r"Permission denied|Read-only file system|WinError 5\b|WinError 32"),
    ("certificate", r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError"),
    ("proxy", r"ProxyError|Tunnel connection failed|407 Proxy|Missing dependencies for SOCKS"),
    ("no_network", r"NewConnectionError|NameResolutionError|Max retries|timed out|TimeoutError"),
    ("no_network", r"Connection (broken|aborted|reset)|RemoteDisconnected|from versions: none"),
)


def _why_failed(output):
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for key, pattern in CAUSES:
        if re.search(pattern, output):
            return SetupError(key)
    return SetupError("failed", reason=" ".join(lines[-3:]))


def _writing_failed(error):
    key = "no_space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "no_writing"
    return SetupError(key)


def _end_with_us(process):
    """Let Windows end the process when this one ends, also where this one is killed."""
    import ctypes

    kernel = ctypes.WinDLL("kernel32")
    job = kernel.CreateJobObjectW(None, None)
    limits = (ctypes.c_uint32 * (36 if sys.maxsize > 2**32 else 28))()
    limits[4] = JOB_ENDS_WITH_US
    kernel.SetInformationJobObject(job, JOB_EXTENDED_LIMITS, limits, ctypes.sizeof(limits))
    kernel.AssignProcessToJobObject(job, int(process._handle))


# ---------------------------------------------------------------- what is said


def _fail(error):
    _say(error.key, **error.values)
    hold_window()
    sys.exit(1)


def _say(key, **values):
    """Print a sentence; under pythonw, which has no console, leave it in a file."""
    text = WORDS[system_language(WORDS)][key].format(folder=FOLDER, root=ROOT, **values)
    if sys.stderr is None:
        with contextlib.suppress(OSError), open(PROBLEM_FILE, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        return
    encoding = sys.stderr.encoding or "ascii"
    print(text.encode(encoding, "replace").decode(encoding), file=sys.stderr, flush=True)


def system_language(languages):
    """The language of this computer; English if it is none of these."""
    variables = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    name = next(filter(None, variables), locale.getlocale()[0] or "").lower()
    # Windows has long names, as in Russian_Russia; Python knows what they mean.
    language = locale.normalize(name.partition("_")[0])[:2]
    return language if language in languages else "en"


def hold_window():
    """Wait for Enter where a double click has opened the window, which ends with the program."""
    if not ON_WINDOWS or sys.stdin is None or not sys.stdin.isatty():
        return
    import ctypes

    kernel = ctypes.WinDLL("kernel32")
    processes = (ctypes.c_uint32 * 16)()
    count = kernel.GetConsoleProcessList(processes, len(processes))
    programs = [_program_of(kernel, process) for process in processes[:count]]
    if programs and all(name.startswith("py") for name in programs):
        _say("press_enter")
        with contextlib.suppress(EOFError, KeyboardInterrupt):
            input()


def _program_of(kernel, process):
    """The name of a process' program on Windows, in small letters; "" if it is not told."""
    import ctypes

    path, size = ctypes.create_unicode_buffer(1024), ctypes.c_uint32(1024)
    handle = kernel.OpenProcess(MAY_ASK_FOR_NAME, False, process)
    kernel.QueryFullProcessImageNameW(handle, 0, path, ctypes.byref(size))
    kernel.CloseHandle(handle)
    return os.path.basename(path.value).lower()
