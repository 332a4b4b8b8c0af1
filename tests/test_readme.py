"""What both READMEs tell people to do, done as they say it.

Not tried here: what is for Windows and for Replit only, and the unit for systemd. The test
command, the benchmark and the soak are run by `.ci/run`; here the first of them runs one file.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import (
    ANNA,
    PATIENCE_S,
    ROOT,
    SYSTEM_VARIABLES,
    TOKEN,
    BotProcess,
    clean_environment,
    wait_until,
)

READMES = ("README.md", "README.ru.md")
EDIT = re.compile(r"<!-- (append|words|change|before): (.+?) -->\n```\w+\n(.*?)```", re.DOTALL)
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "settings.json")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def copy_project(folder: Path) -> Path:
    """What somebody gets who downloads the project."""
    copy = folder / "project"
    if (ROOT / ".git").exists():
        subprocess.run(
            ["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(copy)], check=True
        )
        # What is being worked on counts too.
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED, dirs_exist_ok=True)
    else:
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
    return copy


def apply_edits(readme: str, project: Path) -> None:
    """Do what "Add your own button" says."""
    for kind, where, code in EDIT.findall(readme):
        name, _, anchor = where.partition(": ")
        file = project / name
        text = file.read_text(encoding="utf-8")
        if kind == "append":
            changed = f"{text}\n\n{code}"
        elif kind == "words":
            changed = text.replace("WORDS = {\n", "WORDS = {\n" + code, 1)
        elif kind == "before":
            changed = text.replace(anchor, f"{code}\n\n{anchor}", 1)
        else:
            old, new = (re.search(rf"^\{sign}(.*)$", code, re.M)[1] for sign in "-+")
            changed = text.replace(old, new, 1)
        assert changed != text, f"nothing to change in {where}"
        file.write_text(changed, encoding="utf-8")


@pytest.mark.parametrize("name", READMES)
def test_the_button_of_the_readme_works_in_a_copy_of_the_project(
    name, tmp_path, telegram, anna, new_server, settings_for
):
    project = copy_project(tmp_path)
    assert len(EDIT.findall(read(name))) == 7
    apply_edits(read(name), project)
    server = new_server()
    bot = BotProcess(tmp_path, settings_for({"office": server.settings()}, users=[ANNA]))
    bot.start(main=project / "main.py")
    try:
        bot.wait_for_output("Bot is running...")
        anna.send("/start")
        message = anna.chat.wait_for("Servers")
        anna.press(message, "office").wait()
        anna.press(message, "Server version").wait()
        assert "Version: 5.5" in message.text
        anna.press(message, "Back").wait()
        assert "Server version" in message.labels
        assert bot.stop() == 0
    finally:
        bot.kill()
    ruff = [sys.executable, "-m", "ruff", "check", "--quiet", str(project)]
    assert subprocess.run(ruff, check=False).returncode == 0


def test_both_readmes_have_the_same_structure_and_the_same_code():
    english, russian = (read(name) for name in READMES)
    heading_levels = [re.findall(r"^(#+) ", text, re.M) for text in (english, russian)]
    assert heading_levels[0] == heading_levels[1]
    code = [re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL) for text in (english, russian)]
    assert [kind for kind, _ in code[0]] == [kind for kind, _ in code[1]]
    for (kind, one), (_, other) in zip(*code, strict=True):
        if kind != "json":  # the names in the sample settings are translated
            assert one == other
    assert re.findall(r"^\| `(\S+)`", english, re.M)  # the table of settings
    keys = [re.findall(r"`([a-z_.-]+)`", text) for text in (english, russian)]
    assert set(keys[0]) >= {"tg-api-token", "tg-users-id", "language", "log-file"}
    assert {key for key in keys[0] if "-" in key} == {key for key in keys[1] if "-" in key}


@pytest.mark.parametrize("name", READMES)
def test_every_file_that_a_readme_shows_or_links_to_is_there(name):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", read(name))
    assert links
    for link in links:
        assert (ROOT / link).is_file(), link


def commands(name: str) -> list[str]:
    blocks = re.findall(r"```bash\n(.*?)```", read(name), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_the_commands_of_the_readme_work_in_a_fresh_copy(tmp_path, telegram, anna, new_server):
    """From nothing to a checked bot; pip needs a package index, so without one it is skipped."""
    project = copy_project(tmp_path)
    more = {"PYTEST_ADDOPTS": "tests/test_texts.py -p no:cacheprovider", "CI": "1"}
    variables = clean_environment(**SYSTEM_VARIABLES, **more)
    variables["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), variables["PATH"]])
    settings = {
        "tg-api-token": TOKEN,
        "tg-api-url": telegram.url,
        "tg-users-id": [ANNA],
        "servers": {"office": new_server().settings()},
    }
    done = []
    for command in commands("README.md"):
        if command.startswith(("pipx", "poetry")) or "tests.laboratory.benchmark" in command:
            continue
        if "tests.laboratory.soak" in command:
            continue
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
    assert len(done) == 7


def run_until(command: str, project: Path, variables: dict, words: str) -> str:
    """Run a command that does not end by itself, then press Ctrl+C. Returns what it printed."""
    output = project / "output.txt"
    with open(output, "wb") as file:
        process = subprocess.Popen(
            command.split(), cwd=project, env=variables, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        wait_until(
            lambda: words in output.read_text("utf-8") or process.poll() is not None, what=words
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


def test_poetry_installs_and_runs_the_demo(tmp_path):
    venv = tmp_path / "poetry"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    installed = subprocess.run(
        [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "poetry>=2"],
        capture_output=True, check=False,
    )  # fmt: skip
    if installed.returncode:
        pytest.skip("Poetry could not be installed: no package index can be reached")
    project = copy_project(tmp_path)
    variables = clean_environment(
        **SYSTEM_VARIABLES,
        CI="1",
        POETRY_VIRTUALENVS_PATH=str(tmp_path / "venvs"),
        POETRY_NO_INTERACTION="1",
    )
    variables.pop("VIRTUAL_ENV", None)
    variables["PATH"] = os.pathsep.join([str(venv / "bin"), variables["PATH"]])
    poetry = [line for line in commands("README.md") if line.startswith("poetry")]
    assert poetry == ["poetry install", "poetry run python main.py --demo"]

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
