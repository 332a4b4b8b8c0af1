"""Lets `python main.py` and `python -m tests` be all the set-up there is.

Where the libraries are missing, it makes `.venv` beside main.py, installs them into it and goes on
in it. It runs before anything else, so it needs the standard library only and has its own words,
own_words.py; and Python 3.6 can read both, to say that it is too old.
"""

import contextlib
import errno
import importlib.util
import locale
import os
import re
import shutil
import subprocess
import sys
import time

from lib import ending
from lib.own_words import WORDS

OLDEST_PYTHON = (3, 10)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, ".venv")
ON_WINDOWS = os.name == "nt"
# Holds the requirements that are installed; empty while an installation is under way.
STAMP = os.path.join(FOLDER, "installed-requirements.txt")
LOCK = os.path.join(FOLDER, "lock")
WENT_ON = "TRUECONF_BOT_WENT_ON"  # set for the Python of `.venv`, which must not do so again
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
SLOW_S = 5

# Of Windows: events of a console, and what a job object may be told.
CTRL_C_EVENT, CTRL_BREAK_EVENT = 0, 1
JOB_EXTENDED_LIMITS = 9
JOB_ENDS_WITH_US, JOB_NOT_FOR_GRANDCHILDREN = 0x2000, 0x1000
MAY_ASK_FOR_NAME = 0x1000

# Ends with 0 in a Python that is new enough and whose home is the folder in the argument.
PROBE = (
    "import os, sys; old = sys.version_info < (3, 10); "
    "sys.exit(old or not os.path.samefile(sys.prefix, sys.argv[1]))"
)


class SetupError(Exception):
    """The libraries could not be installed. `key` and `values`: the sentence that says why."""

    def __init__(self, key, **values):
        super().__init__(key)
        self.key, self.values = key, values


def ensure_libraries(requirements):
    """Return once this is a Python that has what `requirements` lists, a file beside main.py.

    Where it is not, the program goes on in `.venv` with the same arguments, or ends with one
    sentence and exit code 1.
    """
    if sys.version_info < OLDEST_PYTHON:
        version = "{}.{}.{}".format(*sys.version_info)
        _fail(SetupError("too_old", python=sys.executable, version=version))
    if getattr(sys, "frozen", False):  # packed, with all that it needs
        return
    try:
        with ending.ctrl_c_raising():  # so that an installation is tidied up
            _ensure_libraries(requirements)
    except KeyboardInterrupt:
        sys.exit(0)
    except SetupError as error:
        _fail(error)
    if sys.stderr is None:
        with contextlib.suppress(OSError):
            os.remove(PROBLEM_FILE)
    if _is_inside() and not _is_kept_by_others():
        _mend_later(requirements)


def _mend_later(requirements):
    """Let an import that fails, as a virus scanner has taken files away, install all once more."""

    def on_exception(kind, error, traceback):
        if not issubclass(kind, ImportError) or os.environ.pop(MENDED, None):
            sys.__excepthook__(kind, error, traceback)
            return
        os.environ[MENDED] = "1"
        try:
            with ending.ctrl_c_raising():
                needed = _read_requirements(os.path.join(ROOT, requirements))
                _install(needed, requirements, again=True)
            _go_on_inside()
        except KeyboardInterrupt:
            sys.exit(0)
        except SetupError as problem:
            _fail(problem)

    sys.excepthook = on_exception


def _ensure_libraries(requirements):
    needed = _read_requirements(os.path.join(ROOT, requirements))
    went_on = os.environ.pop(WENT_ON, None)
    if _is_kept_by_others() or (went_on and not _is_inside()):  # python -S sees no `.venv`
        _refuse_without_libraries(needed, requirements)
    elif _is_inside():
        if not _is_installed(needed) and _update(needed, requirements) and not ON_WINDOWS:
            _go_on_inside()  # this Python does not see a folder of libraries that is new
    elif _is_usable() and _read_stamp() != "":  # Windows replaces no Python that is running
        _go_on_inside()
    elif _missing(needed):
        if _is_made_for_one_program():
            _refuse_without_libraries(needed, requirements)
        _install(needed, requirements)
        _go_on_inside()


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
    return not _is_inside() or _tool() != ""


def _tool():
    """The program that made this environment: "uv", "virtualenv" (Poetry's), or "" for Python."""
    with contextlib.suppress(OSError):
        with open(os.path.join(sys.prefix, "pyvenv.cfg"), encoding="utf-8") as file:
            found = re.search(r"^(uv|virtualenv) *=", file.read(), re.MULTILINE)
        return found.group(1) if found else ""
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


def _missing(needed):
    """The lines that this Python's libraries do not satisfy."""
    from importlib import metadata  # Python 3.6 has none

    missing = []
    for line in needed:
        requirement, _, condition = line.partition(";")
        platform = re.search(r'sys_platform == "(\w+)"', condition)
        if platform and platform.group(1) != sys.platform:
            continue
        try:
            version = _numbers(metadata.version(re.match(r"[\w.-]+", requirement).group()))
        except metadata.PackageNotFoundError:
            missing.append(requirement.strip())
            continue
        for sign, limit in re.findall(r"(>=|<)([\d.]+)", requirement):
            if (version < _numbers(limit)) == (sign == ">="):
                missing.append(requirement.strip())
                break
    return missing


def _numbers(version):
    return [int(number) for number in re.findall(r"\d+", version)[:3]]


def _is_installed(needed):
    """Whether all this has been installed into `.venv` to the end, and by this Python."""
    stamp = _read_stamp()
    if stamp is None:  # somebody has made `.venv` by hand
        return not _missing(needed)
    return set(stamp.splitlines()).issuperset([_version_line(), *needed])


def _version_line():
    return "# Python {}.{}".format(*sys.version_info)


def _path_of(name):
    parts = ("Scripts", name + ".exe") if ON_WINDOWS else ("bin", name)
    return os.path.join(FOLDER, *parts)


def _is_usable():
    """Whether the Python in `.venv` starts and is at home there."""
    return os.path.exists(_path_of("python")) and _runs("-c", PROBE, FOLDER)


def _runs(*arguments):
    try:
        _run([_path_of("python"), *arguments])
    except SetupError:
        return False
    return True


# ---------------------------------------------------------------- installing


def _update(needed, requirements):
    """Install what has changed. Where that fails, but all is there, say so and return False."""
    try:
        _install(needed, requirements)
    except SetupError as error:
        if _missing(needed):
            raise
        _say(error.key, **error.values)
        return False
    return True


def _install(needed, requirements, again=False):
    """Install the libraries into `.venv`, made anew where it is not whole. Raises SetupError.

    again: also what pip thinks is there.
    """
    lost = [name for name in ("venv", "ensurepip") if not importlib.util.find_spec(name)]
    if lost:
        raise SetupError("no_venv")
    if not _is_ours():
        raise SetupError("not_ours")
    with _lock() as lock:
        if not again and _is_usable() and _is_installed(needed):
            return  # the start that had the lock before has done it
        before = _read_stamp()
        is_new = before == "" or not (_is_usable() and _runs("-m", "pip", "--version"))
        _say("installing" if is_new else "updating")
        try:
            _write_stamp("")
            if is_new:
                _make(lock)
            _run_pip(requirements, again, lock)
            _look_for(needed)
        except SetupError:
            if is_new:
                _empty_folder()
            else:
                _write_stamp(before)
            raise
        _write_stamp("\n".join([_version_line(), *needed]))


def _run_pip(requirements, again, lock):
    command = ["-m", "pip", "install", "--quiet", "--no-input", "--retries=2"]
    command += ["--disable-pip-version-check", "-r", os.path.join(ROOT, requirements)]
    # Each is what holds without it, in the words that pip takes.
    root = os.path.splitdrive(FOLDER)[0] + os.sep
    command += ["--target=", "--prefix=" + FOLDER, "--root=" + root]
    if again:
        command.append("--force-reinstall")
    _run([_path_of("python"), *command], lock)


def _look_for(needed):
    """Raise SetupError unless the Python of `.venv` has all this, whatever pip has said."""
    ask = "import sys; sys.path.insert(0, sys.argv[1]); from lib import own_python; "
    ask += "sys.exit(bool(own_python._missing(sys.argv[2:])))"
    if not _runs("-c", ask, ROOT, *needed):
        raise SetupError("failed", reason=", ".join(needed))


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
    _run([python, "-m", "venv", FOLDER], lock)
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
            _end_with_us(process, JOB_ENDS_WITH_US)
        try:
            output = _output_of(process, is_quick=not lock)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise _why_failed(output.decode(errors="replace"))


def _output_of(process, is_quick):
    """What it prints. One that should be quick and is not gets a word: a network drive is gone."""
    if is_quick:
        try:
            return process.communicate(timeout=SLOW_S)[0]
        except subprocess.TimeoutExpired:
            _say("slow")
    return process.communicate()[0]


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


# ---------------------------------------------------------------- going on in .venv


def _go_on_inside():
    """Run the same command in the Python of `.venv`. Does not return."""
    os.environ[WENT_ON] = "1"
    arguments = sys.argv if "idlelib.run" in sys.modules else sys.orig_argv[1:]
    if not ON_WINDOWS:
        os.execv(_path_of("python"), [_path_of("python"), *arguments])
    name = "pythonw" if sys.executable.lower().endswith("pythonw.exe") else "python"
    code = _run_as_one([_path_of(name), *arguments])
    if code:
        _hold_window()
    sys.exit(code)


def _run_as_one(command):
    """Run the command on Windows, which has no exec, as if there were one process.

    Ctrl+C and the closing of the window reach it, and it ends with this process however that
    ends. Returns its exit code.
    """
    import ctypes

    kernel = ctypes.WinDLL("kernel32")
    children = []

    @ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_uint)
    def on_console_event(event):
        if event not in (CTRL_C_EVENT, CTRL_BREAK_EVENT):  # this process ends on return
            for child in children:
                child.wait()
        return 1

    kernel.SetConsoleCtrlHandler(on_console_event, True)
    children.append(subprocess.Popen(command))
    _end_with_us(children[0], JOB_ENDS_WITH_US | JOB_NOT_FOR_GRANDCHILDREN)
    return children[0].wait()


def _end_with_us(process, flags):
    """Let Windows end the process when this one ends, also where this one is killed."""
    import ctypes

    kernel = ctypes.WinDLL("kernel32")
    job = kernel.CreateJobObjectW(None, None)
    limits = (ctypes.c_uint32 * (36 if sys.maxsize > 2**32 else 28))()
    limits[4] = flags
    kernel.SetInformationJobObject(job, JOB_EXTENDED_LIMITS, limits, ctypes.sizeof(limits))
    kernel.AssignProcessToJobObject(job, int(process._handle))


# ---------------------------------------------------------------- what is said


def _fail(error):
    _say(error.key, **error.values)
    if ON_WINDOWS:
        _hold_window()
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


def _hold_window():
    """Wait for Enter where a double click has opened the window, which ends with the program."""
    import ctypes

    if sys.stdin is None or not sys.stdin.isatty():
        return
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
