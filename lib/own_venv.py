"""Makes `.venv` beside main.py and installs the libraries into it; and knows what is there.

Only own_python.py uses it, before there are any libraries. Python 3.6 can read it.
"""

import contextlib
import errno
import glob
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time

from lib.own_words import ROOT, say

FOLDER = os.path.join(ROOT, ".venv")
ON_WINDOWS = os.name == "nt"
# Holds the requirements that are installed; empty while an installation is under way.
STAMP = os.path.join(FOLDER, "installed-requirements.txt")
LOCK = os.path.join(FOLDER, "lock")
# What venv and pip make in there, beside the stamp; nothing else is ever removed. In this order: on
# Windows the Python that runs stays, and what tells whose folder it is has to stay with it.
MADE = (
    *("Scripts", "bin", "include", "lib", "lib64", "share", "Include", "Lib", ".gitignore"),
    *("pyvenv.cfg", os.path.basename(STAMP)),
)
# Settings of pip's that would install elsewhere or nothing at all. Where they stand in a pip.conf,
# only another value in the environment or in the command puts them out of force.
PIP_VARIABLES = {"PIP_USER": "0", "PIP_DRY_RUN": "0", "PIP_NO_DEPS": "0"}
PIP_PLACES = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON")
# The address of a script by which browsers choose a proxy; pip and the bot need the proxy itself.
PROXY_SCRIPT = re.compile(r"(\.pac|/wpad\.dat)(\?.*)?$|^pac[+:]", re.IGNORECASE)
LOCK_PAUSE_S = 0.2
JOB_EXTENDED_LIMITS, JOB_ENDS_WITH_US = 9, 0x2000  # what a job of Windows may be told


class SetupError(Exception):
    """The libraries could not be installed. `key` and `values`: the sentence that says why."""

    def __init__(self, key, **values):
        super().__init__(key)
        self.key, self.values = key, values


# ---------------------------------------------------------------- what is there


def read_requirements(path):
    """The lines of a requirements file and of those that it names with -r."""
    try:
        with open(path, encoding="utf-8") as file:
            written = [line.partition("#")[0].strip() for line in file]
    except OSError as error:
        raise SetupError("failed", reason=error) from None
    lines = []
    for line in filter(None, written):
        if line.startswith("-r "):
            lines += read_requirements(os.path.join(os.path.dirname(path), line[3:]))
        else:
            lines.append(line)
    return lines


def missing(needed, places=None):
    """The lines that the libraries in these places (of this Python) do not satisfy."""
    from importlib import metadata  # Python 3.6 has none

    lacking = []
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
            lacking.append(requirement.strip())
    return lacking


def _numbers(version):
    return [int(number) for number in re.findall(r"\d+", version)[:3]]


def is_installed(needed):
    """Whether all this has been installed into `.venv` to the end."""
    stamp = read_stamp()
    if stamp is None:  # somebody has made `.venv` by hand
        return not missing(needed, [libraries()])
    return set(stamp.splitlines()).issuperset(needed)


def path_of(name):
    parts = ("Scripts", name + ".exe") if ON_WINDOWS else ("bin", name)
    return os.path.join(FOLDER, *parts)


def libraries():
    """The folder of libraries in `.venv`; where this Python has none there, that of another."""
    if ON_WINDOWS:
        return os.path.join(FOLDER, "Lib", "site-packages")
    own = os.path.join(FOLDER, "lib", "python{}.{}".format(*sys.version_info), "site-packages")
    found = glob.glob(os.path.join(glob.escape(FOLDER), "lib", "*", "site-packages"))
    return own if own in found or not found else max(found)


def is_usable():
    """Whether there is a Python in `.venv`, and the one that it was made with."""
    there = (libraries(), path_of("python"), noted(FOLDER, "home"))
    return all(map(os.path.exists, there))


def noted(environment, key):
    """What a virtual environment has noted about itself under this key, or ""."""
    with contextlib.suppress(OSError):
        with open(os.path.join(environment, "pyvenv.cfg"), encoding="utf-8") as file:
            found = re.search(rf"^{key} *= *(.*)", file.read(), re.MULTILINE)
        return found.group(1).strip() if found else ""
    return ""


# ---------------------------------------------------------------- installing


def update(needed, requirements):
    """Install what has changed. Where that fails, but all is there, say so and go on."""
    try:
        install(needed, requirements)
    except SetupError as error:
        if missing(needed, [libraries()]):
            raise
        say(error.key, **error.values)


def is_inside():
    """Whether this process is the Python of `.venv`, or goes on as if it were."""
    with contextlib.suppress(OSError):
        return os.path.samefile(sys.prefix, FOLDER)
    return False


def install(needed, requirements, anew=False):
    """Install the libraries into `.venv`, which is made anew where it is not whole; but mended
    where it is by the Python that runs, which Windows lets nobody remove. Raises SetupError."""
    lost = [name for name in ("venv", "ensurepip") if not importlib.util.find_spec(name)]
    if lost:
        raise SetupError("no_venv")
    if not _is_ours():
        raise SetupError("not_ours", folder=FOLDER)
    with _lock() as lock:
        before = read_stamp()
        is_whole = not anew and before != "" and is_usable()
        if is_whole and is_installed(needed):
            return  # the start that had the lock before has done it
        if is_whole:
            say("updating", folder=FOLDER)
        has_pip = is_usable() and _has_pip()
        is_new = not (is_inside() or (is_whole and has_pip))
        if is_new or not is_whole:
            say("installing", folder=FOLDER)
        try:
            _write_stamp("")
            if is_new:
                _make(lock)
            elif not has_pip:
                _mend_pip(lock)
            _run_pip(requirements, lock, *([] if is_new or is_whole else ["--force-reinstall"]))
            # Whatever pip has said.
            if missing(needed, [libraries()]):
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
        _run([path_of("python"), "-I", "-c", "from pip import __version__"])
    except SetupError:
        return False
    return True


def _mend_pip(lock):
    for name in ("pip", "pip-*"):  # else what is left of it would do for Python
        for path in glob.glob(os.path.join(glob.escape(libraries()), name)):
            shutil.rmtree(path, ignore_errors=True)
    _run([path_of("python"), "-I", "-m", "ensurepip", "--upgrade"], lock)


def _run_pip(requirements, lock, *more):
    command = ["-I", "-m", "pip", "install", "--quiet", "--no-input", "--retries=2", *more]
    command += ["--disable-pip-version-check", "-r", os.path.join(ROOT, requirements)]
    # Each is what holds without it, in the words that pip takes.
    root = os.path.splitdrive(FOLDER)[0] + os.sep
    command += ["--target=", "--prefix=" + FOLDER, "--root=" + root]
    _run([path_of("python"), *command], lock)


def _is_ours():
    """Whether `.venv` is not there yet, or what this program or `venv` has made."""
    if os.path.islink(FOLDER):
        return is_usable()
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
    if not is_usable():
        raise SetupError("failed", reason=path_of("python"))


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
                say("waiting")
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


def read_stamp():
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
        raise SetupError("not_ours", folder=FOLDER)
    try:
        for name in sorted(set(os.listdir(FOLDER)).intersection(MADE), key=MADE.index):
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
    ("no_links", r" -> '.*lib64'"),  # the one link that venv cannot do without
    ("no_space", r"No space left|Errno 28|WinError 112|Errno 122"),
    ("no_writing", r"Permission denied|Read-only file system|WinError 5\b|WinError 32"),
    ("clock", r"certificate (is not yet valid|has expired)|validity period"),
    ("certificate", r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError"),
    ("proxy", r"ProxyError|Tunnel connection failed|407 Proxy|Missing dependencies for SOCKS"),
    ("no_network", r"NewConnectionError|NameResolutionError|Max retries|timed out|TimeoutError"),
    ("no_network", r"Connection (broken|aborted|reset)|RemoteDisconnected|from versions: none"),
)


def _why_failed(output):
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for key, pattern in CAUSES:
        if not re.search(pattern, output):
            continue
        variables = [name for name in os.environ if name.lower().endswith("_proxy")]
        scripts = [name for name in variables if PROXY_SCRIPT.search(os.environ[name])]
        if scripts and key in ("proxy", "no_network"):
            return SetupError("script", where=scripts[0])
        return SetupError(key, root=ROOT, now=time.strftime("%Y-%m-%d %H:%M"))
    return SetupError("failed", reason=" ".join(lines[-3:]))


def _writing_failed(error):
    key = "no_space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "no_writing"
    return SetupError(key, root=ROOT)


def _end_with_us(process):
    """Let Windows end the process when this one ends, also where this one is killed."""
    import ctypes

    kernel = ctypes.WinDLL("kernel32")
    job = kernel.CreateJobObjectW(None, None)
    limits = (ctypes.c_uint32 * (36 if sys.maxsize > 2**32 else 28))()
    limits[4] = JOB_ENDS_WITH_US
    kernel.SetInformationJobObject(job, JOB_EXTENDED_LIMITS, limits, ctypes.sizeof(limits))
    kernel.AssignProcessToJobObject(job, int(process._handle))
