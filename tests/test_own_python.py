"""The first start on a fresh machine: `.venv` is made, mended and found again, or a sentence says
why not. The "library" is a small one that is made here, so no network is needed."""

import ast
import contextlib
import os
import shutil
import signal
import socket
import socketserver
import string
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from demo.trueconf import certificates
from lib import own_python, own_venv, own_words
from tests.conftest import ROOT, clean_environment, wait_until
from tests.test_readme import copy_project

# As main.py does it: an old Python can read it up to the call.
STARTED = """
import os, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import own_python
own_python.ensure_libraries("requirements.txt")
import small_library
sys.stdout.reconfigure(encoding="utf-8")
print(small_library.VERSION, os.getpid(), sys.executable, sys.argv[1:], flush=True)
sys.exit(7)
"""
# Without the libraries that the tests run with; before 3.11 _base_executable says this on Windows
# alone.
PYTHON = sys._base_executable if os.name == "nt" else os.path.realpath(sys.executable)
LIMIT_S = 120
COPIED = ("__init__.py", "ending.py", "own_python.py", "own_venv.py", "own_words.py")
# Of our own environment, what would tell a pip of ours or of this computer where to look.
PIP = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_CONSTRAINT": ""}
VENV_IS_THERE = subprocess.run(
    [PYTHON, "-c", "import ensurepip, venv"], stderr=subprocess.DEVNULL, check=False
)
pytestmark = pytest.mark.skipif(
    VENV_IS_THERE.returncode != 0, reason="this Python has no module venv to make one with"
)


def make_wheel(folder: Path, version: str) -> None:
    """A library as pip installs it, in one file."""
    folder.mkdir(exist_ok=True)
    about = f"small_library-{version}.dist-info"
    with zipfile.ZipFile(folder / f"small_library-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("small_library.py", f"VERSION = {version!r}\n")
        head = "Metadata-Version: 2.1\nName: small_library\n"
        wheel.writestr(f"{about}/METADATA", f"{head}Version: {version}\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")


class Project:
    """A folder with a main.py that needs the small library, and how it is started."""

    def __init__(self, folder: Path, wheels: Path):
        self.folder, self.wheels, self.venv = folder, wheels, folder / ".venv"

    def make(self) -> "Project":
        (self.folder / "lib").mkdir(parents=True)
        for name in COPIED:
            shutil.copy(ROOT / "lib" / name, self.folder / "lib" / name)
        (self.folder / "main.py").write_text(STARTED, encoding="utf-8")
        self.needs("small_library>=1.0,<9")
        return self

    def needs(self, *lines: str) -> None:
        (self.folder / "requirements.txt").write_text("\n".join(lines), encoding="utf-8")

    def start(self, *arguments: str, python=PYTHON, options=(), **variables: str):
        places = {"PIP_FIND_LINKS": str(self.wheels), "LC_ALL": "en_US.UTF-8"}
        return subprocess.Popen(
            [str(python), *options, str(self.folder / "main.py"), *arguments],
            cwd=self.wheels,
            env=clean_environment(**{**PIP, **places, **variables}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )

    def run(self, *arguments: str, **options):
        """Start it and wait for its end. Returns the exit code and what it printed, of either."""
        process = self.start(*arguments, **options)
        printed, said = process.communicate(timeout=LIMIT_S)
        assert "Traceback" not in said, said
        return process.returncode, printed, said


@pytest.fixture
def wheels(tmp_path) -> Path:
    make_wheel(tmp_path / "wheels", "1.0")
    return tmp_path / "wheels"


@pytest.fixture
def project(tmp_path, wheels) -> Project:
    """As somebody has just downloaded it, to where Windows users keep things."""
    return Project(tmp_path / "Мои файлы" / "trueconf bot", wheels).make()


@pytest.fixture
def installed(project, installed_once, wheels) -> Project:
    """One whose `.venv` has been made, in another folder, as after moving the whole."""
    shutil.copytree(installed_once, project.venv, symlinks=True)
    return project


@pytest.fixture(scope="module")
def installed_once(tmp_path_factory) -> Path:
    """Made by the first of the processes that run tests; the others wait for it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    project = Project(folder / "installed", folder / "installed_wheels")
    done = folder / "installed.done"
    try:
        project.wheels.mkdir()
    except FileExistsError:
        wait_until(done.exists, LIMIT_S)
    else:
        make_wheel(project.wheels, "1.0")
        assert project.make().run()[0] == 7
        done.touch()
    return project.venv


def sentence(key: str, language: str = "en", **values: object) -> str:
    return own_words.WORDS[language][key].format(**values)


# ---------------------------------------------------------------- what goes well


def test_first_start_installs_the_libraries_and_goes_on_and_the_second_only_goes_on(project):
    code, printed, said = project.run(**no_network())
    assert (code, printed) == (1, "")
    assert said.splitlines()[-1] == sentence("no_network")
    assert sorted(os.listdir(project.venv)) == ["lock"]

    process = project.start("--demo", "два слова")
    printed, said = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 7, said
    assert said.startswith(sentence("installing", folder=project.venv))
    assert said.count("\n") == 1
    assert str(project.venv) in printed
    assert "['--demo', 'два слова']" in printed
    if os.name == "posix":
        assert printed.split()[1] == str(process.pid)  # a service knows the process by it

    code, printed, said = project.run()
    assert (code, said) == (7, "")
    assert str(project.venv) in printed

    # A service names the Python of .venv.
    code, printed, said = project.run(python=own_python_of(project))
    assert (code, said) == (7, "")


def no_network() -> dict[str, str]:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/simple"
    return {"PIP_NO_INDEX": "", "PIP_INDEX_URL": address, "PIP_FIND_LINKS": ""}


def own_python_of(project: Project) -> Path:
    parts = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return project.venv.joinpath(*parts)


def test_changed_requirements_are_installed_and_what_cannot_be_stays_as_it_was(installed):
    assert installed.run()[::2] == (7, "")
    make_wheel(installed.wheels, "2.0")
    installed.needs("# of version 2", "small_library>=2.0,<9", 'other; sys_platform == "amiga"')
    code, printed, said = installed.run()
    assert code == 7
    assert printed.startswith("2.0 ")
    assert said.rstrip() == sentence("updating", folder=installed.venv)

    installed.needs("small_library>=2,<10")  # what is there will do, and no file can be written
    (installed.venv / "lock").unlink()
    (installed.venv / "lock").mkdir()
    code, printed, said = installed.run()
    assert code == 7
    assert printed.startswith("2.0 ")
    assert said.rstrip() == sentence("no_writing", root=installed.folder)
    (installed.venv / "lock").rmdir()

    installed.needs("small_library>=3.0,<9")  # there is no network, and it will not do
    code, printed, said = installed.run(LC_ALL="ru_RU.UTF-8", **no_network())
    assert (code, printed) == (1, "")
    assert said.splitlines()[-1] == sentence("no_network", "ru")
    for wheel in installed.wheels.iterdir():  # what was there before is still known as installed
        wheel.unlink()
    installed.needs("small_library>=2.0,<9")  # back to the old version
    assert installed.run()[::2] == (7, "")


def test_start_that_is_killed_while_installing_is_mended_by_the_next(installed):
    make_wheel(installed.wheels, "2.0")
    installed.needs("small_library>=2.0,<9")
    with silent_index() as (index, address):
        process = installed.start(**address)
        connection, _ = index.accept()
        with connection:
            process.kill()
            process.communicate(timeout=LIMIT_S)
            (own_python_of(installed).parent / "half").write_text("", encoding="utf-8")
    # The pip of the first start may live on for a moment: the second waits for it.
    code, printed, said = installed.run()
    assert code == 7, said
    assert printed.startswith("2.0 ")
    assert sentence("installing", folder=installed.venv) in said
    assert not (own_python_of(installed).parent / "half").exists()
    assert installed.run()[::2] == (7, "")


@contextlib.contextmanager
def silent_index():
    """A place that accepts connections and says nothing, so that pip waits for it."""
    with socket.create_server(("127.0.0.1", 0)) as index:
        address = f"http://127.0.0.1:{index.getsockname()[1]}/simple"
        no_proxy = {"NO_PROXY": "127.0.0.1", "PIP_NO_INDEX": "", "PIP_FIND_LINKS": ""}
        yield index, {"PIP_INDEX_URL": address, **no_proxy}


def test_two_starts_at_once_install_once(installed):
    make_wheel(installed.wheels, "2.0")
    installed.needs("small_library>=2.0,<9")
    with silent_index() as (index, address):
        links = {"PIP_FIND_LINKS": str(installed.wheels)}
        first = installed.start(**{**address, **links})
        connection, _ = index.accept()
        second = installed.start()
        assert second.stderr.readline().rstrip() == sentence("waiting")
        connection.close()
    printed = [start.communicate(timeout=LIMIT_S)[0] for start in (first, second)]
    assert [start.returncode for start in (first, second)] == [7, 7]
    assert all(text.startswith("2.0 ") for text in printed), printed


def test_python_that_sees_no_libraries_sees_those_of_the_venv(installed):
    command = [PYTHON, "-S", str(installed.folder / "main.py")]
    run = subprocess.run(
        command, env=clean_environment(**PIP), capture_output=True, timeout=LIMIT_S, check=False
    )
    assert (run.returncode, run.stderr) == (7, b"")


def test_what_the_program_starts_with_its_own_python_has_the_libraries_too(installed):
    """As the demo does, to open a browser."""
    main = installed.folder / "main.py"
    child = "import small_library; print(small_library.VERSION)"
    code = f"import subprocess\nsys.exit(subprocess.call([sys.executable, '-c', {child!r}]))\n"
    text = main.read_text(encoding="utf-8").replace("sys.exit(7)", code)
    main.write_text(text, encoding="utf-8")
    code, printed, said = installed.run()
    assert (code, said) == (0, "")
    assert printed.splitlines()[1:] == ["1.0"]


@pytest.mark.skipif(os.name == "nt", reason="there is one folder for all of them there")
def test_python_of_another_version_uses_the_libraries_that_are_there(installed):
    """It leaves `.venv` as it is, since a service may be running with it."""
    for python in other_pythons():
        code, printed, said = installed.run(python=python)
        assert (code, said) == (7, "")
        assert str(own_python_of(installed)) in printed
    assert len(list(installed.venv.glob("lib/python*"))) == 1


def other_pythons() -> list[str]:
    """Of other versions than ours that are new enough; the test is skipped without any."""
    found = [shutil.which(f"python3.{minor}") for minor in range(10, 15)]
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    found += map(str, home.glob("3.1[0-9].*/bin/python"))
    ours = f"3.{sys.version_info[1]}"
    others = [path for path in found if path and "shims" not in path and ours not in path]
    if not others:
        pytest.skip("no other Python from 3.10 on here")
    return others


def test_venv_that_does_not_start_any_more_is_made_anew(installed):
    """The Python that made it is gone, or it came with the folder from another computer."""
    python = own_python_of(installed)
    python.unlink()
    if os.name == "posix":
        python.symlink_to("/usr/bin/python-that-is-gone")
    code, printed, said = installed.run()
    assert code == 7
    assert said.startswith(sentence("installing", folder=installed.venv))
    assert str(installed.venv) in printed


def test_nothing_is_made_where_the_libraries_are_there(project):
    libraries = project.folder / "site"
    libraries.mkdir()
    with zipfile.ZipFile(project.wheels / "small_library-1.0-py3-none-any.whl") as wheel:
        wheel.extractall(libraries)
    assert project.run(PYTHONPATH=str(libraries))[::2] == (7, "")
    assert not project.venv.exists()


# ---------------------------------------------------------------- other people's modules


@pytest.fixture
def old_modules(tmp_path) -> str:
    """What other software puts into PYTHONPATH: an old library, and modules that are broken."""
    make_wheel(tmp_path / "old", "0.1")
    with zipfile.ZipFile(tmp_path / "old" / "small_library-0.1-py3-none-any.whl") as wheel:
        wheel.extractall(tmp_path / "old")
    for name in ("pip", "venv", "ensurepip", "lib"):
        (tmp_path / "old" / f"{name}.py").write_text("raise OSError", encoding="utf-8")
    return str(tmp_path / "old")


def test_python_path_of_other_software_does_not_count(project, old_modules):
    more = {"PYTHONPATH": os.pathsep.join(["", old_modules])}  # "": the current folder
    code, printed, said = project.run(**more)
    assert code == 7, said
    assert said.count("\n") == 1
    for python in (PYTHON, own_python_of(project)):
        code, printed, said = project.run(python=python, **more)
        assert (code, said) == (7, "")
        assert printed.startswith("1.0 ")

    other = project.venv.rename(project.folder / "another")
    python = other / own_python_of(project).relative_to(project.venv)
    code, printed, said = project.run(python=python, **more)
    assert (code, said) == (7, "")
    assert printed.startswith("1.0 ")


NO_FOLDER = ["-I"] if sys.version_info < (3, 11) else ["-I", "-P"]


@pytest.mark.parametrize("option", NO_FOLDER)
def test_folder_of_main_is_found_where_python_leaves_it_out(installed, option):
    assert installed.run(options=[option])[::2] == (7, "")
    command = [sys.executable, option, str(ROOT / "main.py"), "--version"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("name", ["telebot.py", "requests.py", "idna.py"])
def test_file_that_hides_a_library_is_named_in_one_line(tmp_path, name):
    project = copy_project(tmp_path)
    (project / name).write_text("print('mine')", encoding="utf-8")
    run = version_of(project)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.rstrip() == sentence("hides", file=name)


@pytest.mark.parametrize("name", ["types.py", "queue.py", "enum.py", "select.py"])
def test_file_called_like_a_module_of_python_hides_nothing_and_is_named(tmp_path, name):
    project = copy_project(tmp_path)
    (project / name).write_text("print('mine')", encoding="utf-8")
    run = version_of(project)
    assert run.returncode == 0, run.stderr
    assert "mine" not in run.stdout
    assert run.stderr.rstrip() == sentence("same_name", file=name)


def test_files_called_like_modules_of_python_disturb_no_installation(installed):
    make_wheel(installed.wheels, "2.0")
    installed.needs("small_library>=2.0,<9")
    for name in ("queue", "venv", "pip"):
        file = installed.folder / f"{name}.py"
        file.write_text("raise OSError('mine')", encoding="utf-8")
    code, printed, said = installed.run()
    assert code == 7, said
    assert printed.startswith("2.0 ")


def version_of(project: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(project / "main.py"), "--version"],
        env=clean_environment(LC_ALL="en_US.UTF-8"),
        capture_output=True,
        encoding="utf-8",
        timeout=LIMIT_S,
        check=False,
    )


# ---------------------------------------------------------------- where nothing is made


@pytest.mark.parametrize("variable", ["REPL_ID", "KUBERNETES_SERVICE_HOST"])
def test_on_replit_and_in_a_container_the_command_is_said(project, variable):
    code, printed, said = project.run(**{variable: "1"})
    assert (code, printed) == (1, "")
    file = own_python.quoted(str(project.folder / "requirements.txt"))
    assert said.rstrip().endswith(f"{own_python.quoted(PYTHON)} -m pip install -r {file}")
    assert "(small_library>=1.0,<9)" in said
    assert not project.venv.exists()


# A container of our own: its process 1 is the command that follows.
CONTAINER = ["unshare", "--pid", "--fork", "--mount", "--mount-proc", "sh", "-c"]
CONTAINER += ['mount -t tmpfs none /run && touch /run/.containerenv && exec "$@"', "sh"]
MAY_CONTAIN = os.name == "posix" and shutil.which("unshare") and not os.geteuid()
MAY_CONTAIN = MAY_CONTAIN and not subprocess.run([*CONTAINER, "true"], check=False).returncode
in_containers = pytest.mark.skipif(not MAY_CONTAIN, reason="only root may make a container")


@in_containers
@pytest.mark.parametrize(
    "command",
    [
        ["{python}", "{main}"],
        ["sh", "-c", "'{python}' '{main}'; exit $?"],
        ["bash", "-ec", "cd /; '{python}' '{main}'; exit 0"],
        ["sh", "{script}"],
        ["sh", "-c", "sh '{script}' main.py; exit $?"],
    ],
)
def test_container_that_runs_the_bot_gets_no_venv(project, command):
    run = in_container(project, command)
    assert (run.returncode, run.stdout) == (1, "")
    assert "-m pip install -r" in run.stderr
    assert run.stderr.count("\n") == 1
    assert not project.venv.exists()


@in_containers
@pytest.mark.parametrize(
    ("command", "typed"),
    [
        (["sh"], "'{python}' '{main}'; exit $?"),
        (["bash", "-s"], "'{python}' '{main}'; exit $?"),
        (["sh", "-c", "cat | sh; exit $?"], "'{python}' '{main}'; exit $?"),
        (["sh", "-c", "'{python}' '{tests}'; exit $?"], ""),
        # Left running in the background by somebody who has gone.
        (
            ["sh", "-c", "cat | sh; until [ -e '{venv}' ]; do sleep 0.1; done; exit 7"],
            "setsid '{python}' '{main}' &",
        ),
    ],
)
def test_container_in_which_somebody_works_is_like_any_computer(project, command, typed):
    """As one types there, or as a CI runs the tests."""
    run = in_container(project, command, typed)
    assert run.returncode == 7, run.stderr
    assert project.venv.exists()


def in_container(project, command, typed="") -> subprocess.CompletedProcess:
    """Run it as process 1. Of two programs, main.py is the bot and work.py needs what tests do."""
    main, tests = project.folder / "main.py", project.folder / "work.py"
    script = project.folder / "entrypoint.sh"
    script.write_text(f"'{PYTHON}' '{main}'\nexit $?\n", encoding="utf-8")
    (project.folder / "tests").mkdir()
    needed = project.folder / "tests" / "requirements.txt"
    needed.write_text("-r ../requirements.txt", encoding="utf-8")
    text = STARTED.replace('"requirements.txt"', '"tests/requirements.txt"')
    tests.write_text(text, encoding="utf-8")
    values = {"python": PYTHON, "main": main, "tests": tests, "script": script}
    values["venv"] = project.venv
    variables = {**PIP, "PIP_FIND_LINKS": str(project.wheels), "LC_ALL": "en_US.UTF-8"}
    return subprocess.run(
        [*CONTAINER, *(word.format(**values) for word in command)],
        input=typed.format(**values),
        env=clean_environment(**variables),
        capture_output=True,
        encoding="utf-8",
        timeout=LIMIT_S,
        check=False,
    )


@pytest.mark.parametrize(
    ("folder", "tool", "command"),
    [
        ("another", "", "-m pip install"),
        ("pypoetry", "", "-m pip install"),
        (".venv", "virtualenv = 20.1", "-m pip install"),
        (".venv", "uv = 0.9.1", "uv sync --no-dev"),
    ],
)
def test_environment_of_somebody_else_is_left_alone(installed, folder, tool, command):
    """Also where uv or Poetry keep theirs in .venv beside main.py."""
    other = installed.venv.rename(installed.folder / folder)
    with open(other / "pyvenv.cfg", "a", encoding="utf-8") as file:
        file.write(f"\n{tool}\n")
    python = other / own_python_of(installed).relative_to(installed.venv)
    assert installed.run(python=python)[::2] == (7, "")
    installed.needs("small_library>=2.0,<9")
    code, printed, said = installed.run(python=python)
    assert (code, printed) == (1, "")
    assert command in said
    assert installed.venv.exists() == (folder == ".venv")


def site_packages(**variables: str) -> str:
    """Where a Python with these variables looks for libraries: Debian's has names of its own."""
    command = [PYTHON, "-c", "import site; print(site.getsitepackages()[0])"]
    environment = clean_environment(**variables)
    said = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout
    return said.decode().strip()


@pytest.mark.skipif(os.name == "nt", reason="made of links")
def test_environment_of_conda_is_left_alone(project, tmp_path):
    """It has no pyvenv.cfg: only its folder conda-meta tells what it is."""
    conda = tmp_path / "miniconda3"
    library = Path(os.__file__).parent
    own = conda / "lib" / library.name
    (own / "site-packages").mkdir(parents=True)
    for path in library.iterdir():
        if path.name != "site-packages":
            (own / path.name).symlink_to(path)
    (conda / "conda-meta").mkdir()
    code, printed, said = project.run(PYTHONHOME=str(conda))
    assert (code, printed) == (1, "")
    assert said.count("\n") == 1
    assert "(small_library>=1.0,<9)" in said

    with zipfile.ZipFile(project.wheels / "small_library-1.0-py3-none-any.whl") as wheel:
        wheel.extractall(site_packages(PYTHONHOME=str(conda)))
    code, printed, said = project.run(PYTHONHOME=str(conda))
    assert (code, said) == (7, "")
    assert not project.venv.exists()


# ---------------------------------------------------------------- what goes wrong


class Refusing(socketserver.BaseRequestHandler):
    """A proxy that wants a password."""

    def handle(self):
        self.request.recv(65536)
        self.request.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")


@contextlib.contextmanager
def refusing_proxy():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_proxy_that_refuses_is_named(installed):
    installed.needs("small_library>=2.0,<9")
    with refusing_proxy() as proxy:
        index = {"PIP_INDEX_URL": "https://pypi.invalid/simple", "PIP_NO_INDEX": ""}
        code, printed, said = installed.run(HTTPS_PROXY=proxy, PIP_FIND_LINKS="", **index)
    assert (code, printed) == (1, "")
    assert said.splitlines()[-1] == sentence("proxy")


def without(module: str, folder: Path) -> dict[str, str]:
    """The variables for a Python that lacks this module."""
    text = f"import sys\nsys.modules[{module!r}] = None\n"
    (folder / "sitecustomize.py").write_text(text, encoding="utf-8")
    return {"PYTHONPATH": str(folder)}


@pytest.mark.parametrize("module", ["_ssl", "ssl"])
def test_python_without_ssl_is_told_that_it_will_not_do(installed, tmp_path, module):
    """As one that was built without the files of OpenSSL, or has lost its libssl."""
    code, printed, said = installed.run(**without(module, tmp_path))
    assert (code, printed) == (1, "")
    assert said.rstrip() == sentence("no_ssl", python=PYTHON)


@pytest.mark.parametrize("kind", ["expired", certificates.Certificate(starts_in_days=2)])
def test_clock_is_looked_at_first_where_a_certificate_is_not_valid_at_this_time(installed, kind):
    installed.needs("small_library>=2.0,<9")
    context = certificates.server_context(kind)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refusing) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        address = f"https://localhost:{server.server_address[1]}/simple"
        index = {"PIP_INDEX_URL": address, "PIP_NO_INDEX": "", "PIP_FIND_LINKS": ""}
        code, printed, said = installed.run(**index, PIP_CERT=certificates.ca_file())
        server.shutdown()
    assert (code, printed) == (1, "")
    before_the_time = own_words.WORDS["en"]["clock"].partition("{now}")[0]
    assert said.splitlines()[-1].startswith(before_the_time)


SCRIPTS = [("HTTPS_PROXY", "http://127.0.0.1:9/proxy.pac"), ("ALL_PROXY", "http://wpad/wpad.dat?1")]


@pytest.mark.parametrize(("variable", "script"), SCRIPTS)
def test_script_in_place_of_a_proxy_is_named(installed, variable, script):
    installed.needs("small_library>=2.0,<9")
    index = {"PIP_INDEX_URL": "https://pypi.invalid/simple", "PIP_NO_INDEX": ""}
    code, printed, said = installed.run(PIP_FIND_LINKS="", **index, **{variable: script})
    assert (code, printed) == (1, "")
    assert said.splitlines()[-1] == sentence("script", where=variable)


STRACE = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=symlink,symlinkat"]
MAY_TRACE = shutil.which("strace") and not subprocess.run([*STRACE, "true"], check=False).returncode


@pytest.mark.skipif(not MAY_TRACE, reason="no strace, which makes a disk without links here")
@pytest.mark.parametrize("refusal", ["EPERM", "EOPNOTSUPP"])
def test_disk_without_links_is_named(project, refusal):
    """As FAT and exFAT are, and some shares of a network."""
    command, *options = [*STRACE, "-e", f"inject=symlink,symlinkat:error={refusal}", PYTHON]
    code, printed, said = project.run(python=command, options=options)
    assert (code, printed) == (1, "")
    assert said.splitlines()[-1] == sentence("no_links", root=project.folder)
    assert os.listdir(project.venv) == ["lock"]


def test_module_venv_that_is_missing_is_named(project, tmp_path):
    """As on Debian and Ubuntu without python3-venv."""
    code, printed, said = project.run(**without("ensurepip", tmp_path))
    assert (code, printed) == (1, "")
    assert "sudo apt install python3-venv" in said
    assert not project.venv.exists()


@pytest.mark.skipif(os.name == "nt", reason="links need a permission there")
@pytest.mark.parametrize("what", ["file", "dangling link", "link", "folder"])
def test_what_the_bot_has_not_made_is_named_and_left_as_it_is(project, tmp_path, what):
    documents = tmp_path / "documents"
    if what == "folder":
        documents = project.venv
    if what in ("link", "folder"):
        (documents / "lib").mkdir(parents=True)
        (documents / "lib" / "letter.txt").write_text("mine", encoding="utf-8")
    if what in ("link", "dangling link"):
        project.venv.symlink_to(documents)
    if what == "file":
        project.venv.write_text("mine", encoding="utf-8")
    code, printed, said = project.run()
    assert (code, printed) == (1, "")
    assert said.rstrip() == sentence("not_ours", folder=project.venv)
    if what in ("link", "folder"):
        assert [path.name for path in documents.rglob("*")] == ["lib", "letter.txt"]


def test_file_of_ones_own_in_a_broken_venv_survives(installed):
    own_python_of(installed).unlink()
    (installed.venv / "notes.txt").write_text("mine", encoding="utf-8")
    assert installed.run()[0] == 7
    assert (installed.venv / "notes.txt").read_text(encoding="utf-8") == "mine"


PIP_SETTINGS = ["target", "prefix", "root", "dry-run", "no-deps", "user"]


@pytest.mark.parametrize("setting", PIP_SETTINGS)
@pytest.mark.parametrize("where", ["environment", "pip.conf"])
def test_settings_of_pip_that_install_elsewhere_do_not_count(installed, tmp_path, setting, where):
    """The place of the library stands in a setting of pip's too, and goes on counting."""
    make_wheel(installed.wheels, "2.0")
    installed.needs("small_library>=2.0,<9")
    value = str(tmp_path / "elsewhere") if setting in PIP_SETTINGS[:3] else "1"
    variables = {f"PIP_{setting.upper().replace('-', '_')}": value}
    if where == "pip.conf":
        file = tmp_path / "pip.conf"
        file.write_text(f"[install]\n{setting} = {value}\n", encoding="utf-8")
        variables = {"PIP_CONFIG_FILE": str(file)}
    code, printed, said = installed.run(**variables)
    assert code == 7, said
    assert printed.startswith("2.0 ")
    assert not (tmp_path / "elsewhere").exists()


def test_library_that_pip_has_not_installed_does_not_count_as_installed(installed):
    """Also when pip ends with 0: this one is only a report."""
    (installed.venv / "installed-requirements.txt").write_text("old", encoding="utf-8")
    site = next(installed.venv.rglob("small_library.py")).parent
    shutil.rmtree(site / "small_library-1.0.dist-info")
    for python_file in site.glob("pip/__main__.py"):
        python_file.write_text("", encoding="utf-8")
    code, printed, said = installed.run()
    assert (code, printed) == (1, "")
    assert "small_library" in said.splitlines()[-1]


def test_library_whose_files_are_gone_is_installed_again(installed):
    """As a virus scanner leaves it: for pip it is still there."""
    assert installed.run()[::2] == (7, "")
    next(installed.venv.rglob("small_library.py")).unlink()
    for compiled in installed.venv.rglob("small_library.*.pyc"):
        compiled.unlink()
    code, printed, said = installed.run("--demo", **no_network())
    assert (code, printed) == (1, "")
    assert said.splitlines()[-1] == sentence("no_network")
    code, printed, said = installed.run("--demo")
    assert code == 7, said
    assert "['--demo']" in printed
    assert installed.run()[::2] == (7, "")


@pytest.mark.parametrize("damage", ["an update that was cut", "no pip", "a library without files"])
def test_environment_is_mended_by_the_python_in_it(installed, damage):
    """As a scheduled task starts it: Windows lets nobody remove the Python that runs."""
    own = own_python_of(installed)
    assert installed.run(python=own)[::2] == (7, "")
    library = next(installed.venv.rglob("small_library.py"))
    if damage == "a library without files":
        library.unlink()
        for compiled in installed.venv.rglob("small_library.*.pyc"):
            compiled.unlink()
    else:
        (installed.venv / "installed-requirements.txt").write_text("", encoding="utf-8")
    if damage == "no pip":
        (library.parent / "pip" / "__init__.py").unlink()
    before = {path.name for path in own.parent.iterdir()}
    code, printed, said = installed.run(python=own, **no_network())
    assert said.splitlines()[-1] == sentence("no_network")
    assert code == (1 if damage == "a library without files" else 7)  # the library is there
    assert before <= {path.name for path in own.parent.iterdir()}
    code, printed, said = installed.run(python=own)
    assert code == 7, said
    assert printed.startswith("1.0 ")
    assert installed.run(python=own)[::2] == (7, "")
    assert installed.run()[::2] == (7, "")


def test_packed_program_installs_nothing(project):
    main = project.folder / "main.py"
    main.write_text("import sys\nsys.frozen = True\n" + STARTED, encoding="utf-8")
    (project.folder / "small_library.py").write_text("VERSION = 'packed'", encoding="utf-8")
    code, printed, said = project.run()
    assert (code, said) == (7, "")
    assert printed.startswith("packed ")
    assert not project.venv.exists()


@pytest.mark.skipif(os.name == "nt", reason="the Python that hangs is a script")
def test_python_that_does_not_answer_holds_nobody_up_without_a_word(installed):
    """As on a network drive that is gone."""
    python = own_python_of(installed)
    python.unlink()
    python.write_text("#!/bin/sh\nexec sleep 1000\n", encoding="utf-8")
    python.chmod(0o755)
    assert installed.run()[::2] == (7, "")
    installed.needs("small_library>=2.0,<9")
    process = installed.start()
    try:
        assert process.stderr.readline().rstrip() == sentence("updating", folder=installed.venv)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=LIMIT_S)


def test_cause_is_read_from_what_pip_says():
    said = {
        "no_venv": "ensurepip is not available. Install the python3-venv package",
        "no_space": "ERROR: Could not install packages: [Errno 28] No space left on device",
        "no_writing": "PermissionError: [WinError 5] Access is denied: 'C:\\bot\\.venv\\x'",
        "certificate": "SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))",
        "proxy": "ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407",
        "no_network": "ERROR: No matching distribution found (from versions: none)",
        "failed": "ERROR: something that nobody has thought of",
    }
    assert {key: own_venv._why_failed(text).key for key, text in said.items()} == {
        key: key for key in said
    }
    assert "nobody has thought of" in own_venv._why_failed(said["failed"]).values["reason"]


def test_without_a_console_the_sentence_is_left_in_a_file(project):
    """As under pythonw on Windows, which has no sys.stderr."""
    main = project.folder / "main.py"
    main.write_text("import sys\nsys.stderr = None\n" + STARTED, encoding="utf-8")
    assert project.run(REPL_ID="1")[0] == 1
    file = project.folder / "setup-problem.txt"
    assert "small_library" in file.read_text(encoding="utf-8")
    libraries = project.folder / "site"
    libraries.mkdir()
    with zipfile.ZipFile(project.wheels / "small_library-1.0-py3-none-any.whl") as wheel:
        wheel.extractall(libraries)
    assert project.run(PYTHONPATH=str(libraries))[0] == 7
    assert not file.exists()


# ---------------------------------------------------------------- old Pythons, words


def old_pythons() -> list[str]:
    if os.name == "nt":  # there they have no such names
        return []
    found = [shutil.which(f"python3.{minor}") for minor in range(6, 10)]
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    found += sorted(map(str, home.glob("3.[6-9].*/bin/python")))
    return [path for path in found if path and "shims" not in path]


READ_BY_OLD_PYTHONS = ["main.py", "tests/__main__.py", "tests/__init__.py"]
READ_BY_OLD_PYTHONS += [f"lib/{name}" for name in COPIED]


def test_old_python_can_read_what_says_that_it_is_too_old():
    for name in READ_BY_OLD_PYTHONS:
        ast.parse((ROOT / name).read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.skipif(not old_pythons(), reason="no Python 3.6 to 3.9 here")
@pytest.mark.parametrize("command", [["main.py", "--demo"], ["-m", "tests"]])
def test_too_old_a_python_is_told_what_is_needed(command):
    before_the_version = own_words.WORDS["en"]["too_old"].partition("{version}")[0]
    for python in old_pythons():
        run = subprocess.run(
            [python, *command],
            cwd=ROOT,
            env=clean_environment(LC_ALL="en_US.UTF-8"),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert run.returncode == 1
        assert run.stderr.startswith(f"{before_the_version}3.")
        assert run.stderr.count("\n") == 1


def test_languages_have_the_same_words_with_the_same_places():
    def places(language):
        return {
            key: sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)
            for key, text in own_words.WORDS[language].items()
        }

    assert all(places(language) == places("ru") for language in own_words.WORDS)


def test_path_can_be_pasted_where_it_has_a_space(monkeypatch):
    monkeypatch.setattr(own_python, "ON_WINDOWS", True)
    path = r"C:\Program Files\Python 3\python.exe"
    assert own_python.quoted(path) == r'C:\"Program Files"\"Python 3"\python.exe'
    monkeypatch.setattr(own_python, "ON_WINDOWS", False)
    assert own_python.quoted("/opt/it's here/python") == "'/opt/it'\\''s here/python'"
    assert own_python.quoted("/opt/bot/python3") == "/opt/bot/python3"


# ---------------------------------------------------------------- python -m tests


def test_arguments_of_python_m_tests_go_to_pytest():
    run = subprocess.run(
        [sys.executable, "-m", "tests", "--collect-only", "-n0", "tests/test_own_python.py"],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert "test_arguments_of_python_m_tests_go_to_pytest" in run.stdout


def test_settings_of_whoever_works_here_change_no_test(tmp_path):
    project = copy_project(tmp_path)
    for name, text in (("settings.json", "{"), (".env", "settings='{\nTG_PROXY=http://[x\n")):
        (project / name).write_text(text, encoding="utf-8")
    proxy = "http://127.0.0.1:9"
    run = subprocess.run(
        [sys.executable, "-m", "tests", "-n0", "tests/test_ending.py", "-k", "idle or silent"],
        cwd=project,
        env=clean_environment(settings="{", TG_PROXY=proxy, https_proxy=proxy),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, run.stdout
