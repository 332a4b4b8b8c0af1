"""What the README tells people to do, typed as it says, and the ways of Poetry and uv.

All of it installs libraries, so it needs a package index that can be reached.
"""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import (
    ANNA,
    PATIENCE_S,
    SYSTEM_VARIABLES,
    TOKEN,
    clean_environment,
    wait_until,
)
from tests.test_readme import copy_project, read

INSTALL_LIMIT_S = 300


def commands(*pages: str) -> list[str]:
    text = "\n".join(map(read, pages))
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_the_commands_of_the_readme_work_in_a_fresh_copy(tmp_path, telegram, anna, new_server):
    """From nothing to a checked bot; pip needs a package index, so without one it is skipped."""
    project = copy_project(tmp_path)
    more = {"PYTEST_ADDOPTS": "tests/test_texts.py -p no:cacheprovider", "CI": "1"}
    variables = clean_environment(**SYSTEM_VARIABLES, **more)
    bare = Path(sys._base_executable).parent  # the Python without libraries
    variables["PATH"] = os.pathsep.join([str(bare), variables["PATH"]])
    settings = {
        "tg-api-token": TOKEN,
        "tg-api-url": telegram.url,
        "tg-users-id": [ANNA],
        "servers": {"office": new_server().settings()},
    }
    done = []
    for command in commands("README.md", "docs/messages.md"):
        if command.endswith(("--demo", "main.py")):
            is_demo = command.endswith("--demo")
            seen = run_until(command, project, variables, "127.0.0.1:" if is_demo else "running")
            assert "Traceback" not in seen
            (project / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        else:
            ended = subprocess.run(
                command.split(), cwd=project, env=variables, capture_output=True, text=True,
                encoding="utf-8", check=False,
            )  # fmt: skip
            if "pip install" in command and ended.returncode and "onnection" in ended.stderr:
                pytest.skip("no package index can be reached")
            assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
        done.append(command)
    ends = ("main.py --demo", "main.py --check", "main.py", "-m tests", "main.py --check --report")
    assert done == [f"python3 {end}" for end in ends]


def run_until(command: str, project: Path, variables: dict, words: str) -> str:
    """Run a command that does not end by itself, then press Ctrl+C. Returns what it printed."""
    output = project / "output.txt"
    with open(output, "wb") as file:
        process = subprocess.Popen(
            command.split(), cwd=project, env=variables, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        wait_until(
            lambda: words in output.read_text("utf-8") or process.poll() is not None,
            INSTALL_LIMIT_S,
            what=words,
        )
        text = output.read_text("utf-8")
        if address := re.search(r"http://127\.0\.0\.1:\d+", text if "--demo" in command else ""):
            page = urllib.request.urlopen(address[0], timeout=PATIENCE_S).read()
            assert b"<html" in page.lower()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0, output.read_text("utf-8")
        return output.read_text("utf-8")
    finally:
        process.kill()


def with_poetry(folder: Path, requirement: str) -> tuple[Path, dict[str, str]]:
    """Install this Poetry. Returns its environment, and the variables with which it runs."""
    venv = folder / "poetry"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    installed = subprocess.run(
        [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", requirement],
        capture_output=True, check=False,
    )  # fmt: skip
    if installed.returncode:
        pytest.skip("Poetry could not be installed: no package index can be reached")
    variables = clean_environment(
        **SYSTEM_VARIABLES,
        CI="1",
        LC_ALL="en_US.UTF-8",
        POETRY_VIRTUALENVS_PATH=str(folder / "venvs"),
        POETRY_NO_INTERACTION="1",
    )
    variables.pop("VIRTUAL_ENV", None)
    variables["PATH"] = os.pathsep.join([str(venv / "bin"), variables["PATH"]])
    return venv, variables


def test_poetry_that_is_too_old_installs_nothing_and_says_so(tmp_path):
    _, variables = with_poetry(tmp_path, "poetry<2")
    ended = subprocess.run(
        ["poetry", "install"], cwd=copy_project(tmp_path), env=variables,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode
    assert "requires-poetry" in ended.stdout + ended.stderr


def test_command_that_the_bot_names_installs_into_an_environment_of_poetry(tmp_path):
    _, variables = with_poetry(tmp_path, "poetry>=2")
    project = copy_project(tmp_path)
    start = ["poetry", "run", "python", "main.py", "--version"]
    options = {"cwd": project, "env": variables, "capture_output": True, "text": True}
    ended = subprocess.run(start, **options, check=False)
    assert ended.returncode == 1
    command = ended.stderr.strip().splitlines()[-1].partition("Install them: ")[2]
    subprocess.run(["sh", "-c", command], **options, check=True)
    ended = subprocess.run(start, **options, check=False)
    assert ended.returncode == 0, ended.stderr


def test_poetry_installs_and_runs_the_demo(tmp_path):
    venv, variables = with_poetry(tmp_path, "poetry>=2")
    project = copy_project(tmp_path)
    poetry = [line for line in commands("docs/other-ways.md") if line.startswith("poetry")]
    assert poetry == ["poetry install --only main", "poetry run python main.py --demo"]

    def run(*command: str) -> subprocess.CompletedProcess:
        options = {"cwd": project, "env": variables, "capture_output": True, "text": True}
        return subprocess.run(command, **options, check=False)

    ended = run(*poetry[0].split())
    if ended.returncode:
        # A mirror of the package index may understand only what pip asks it; so ask like pip.
        python = venv / "bin" / "python"
        address = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
        index = run(str(python), "-c", address).stdout.strip()
        run("poetry", "source", "add", "--priority=primary", "index", index)
        ended = run(*poetry[0].split())
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "127.0.0.1:" in run_until(poetry[1], project, variables, "127.0.0.1:")


def test_uv_runs_the_demo_and_a_test(tmp_path):
    venv = tmp_path / "uv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    install = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "uv"]
    if subprocess.run(install, capture_output=True, check=False).returncode:
        pytest.skip("uv could not be installed: no package index can be reached")
    project = copy_project(tmp_path)
    variables = clean_environment(**SYSTEM_VARIABLES, CI="1", UV_PYTHON=sys._base_executable)
    variables.pop("VIRTUAL_ENV", None)
    variables["PATH"] = os.pathsep.join([str(venv / "bin"), variables["PATH"]])
    [command] = [line for line in commands("docs/other-ways.md") if line.startswith("uv")]
    assert "127.0.0.1:" in run_until(command, project, variables, "127.0.0.1:")
    ended = subprocess.run(
        ["uv", "run", "pytest", "tests/test_texts.py", "-p", "no:cacheprovider"],
        cwd=project, env=variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
