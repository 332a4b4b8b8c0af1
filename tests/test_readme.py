"""What both READMEs tell people, against the files; and their own button, in a copy.

The commands are typed in tests/laboratory/test_installing.py, as they need a package index. Not
tried at all: what is for Windows and for Replit only, and the unit for systemd.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import (
    ANNA,
    ROOT,
    BotProcess,
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
