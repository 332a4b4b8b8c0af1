"""A language more and a language less, as CONTRIBUTING.md says, in a copy of the project that has
buttons of its own."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import BotProcess, clean_environment
from tests.test_readme import apply_edits, read
from tests.this_version import GONE

# What is not a word: placeholders, tags, escapes, commands, names of files and keys.
NO_WORDS = re.compile(r"(\{[^}]*\}|<[^>]*>|\\.|%\w|/\w+|\S*[_.:]\w\S*)")
LISTED = re.compile(r"^LANGUAGES = \(.*\)$", re.MULTILINE)


def invented(line: str) -> str:
    """A line of English, with other letters."""
    found = re.match(r'( {4}"\w+": )(.*)', line)
    if not found:
        return line
    parts = NO_WORDS.split(found[2])
    parts[::2] = [part.replace("e", "ê") for part in parts[::2]]
    return found[1] + "".join(parts)


@pytest.fixture
def project(copied_project, tmp_path) -> Path:
    """The project with the buttons of docs/, with Esperanto, as it were, and without Spanish."""
    copy = Path(shutil.copytree(copied_project, tmp_path / "bot"))
    apply_edits(read("docs/own-button.md"), copy)
    english = (copy / "texts" / "en.py").read_text(encoding="utf-8")
    text = "\n".join(map(invented, english.split("\n")))
    (copy / "texts" / "eo.py").write_text(text, encoding="utf-8")
    (copy / "texts" / "es.py").unlink(missing_ok=True)
    settings = copy / "lib" / "settings.py"
    changed = LISTED.sub('LANGUAGES = ("ru", "en", "de", "eo")', settings.read_text("utf-8"))
    settings.write_text(changed, encoding="utf-8")
    return copy


def run(project: Path, *arguments: str, **variables: str):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env=clean_environment(**variables),
        capture_output=True,
        encoding="utf-8",
        timeout=400,
    )


def test_demo_speaks_a_new_language_and_its_page_english(project, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    demo = BotProcess(folder)
    demo.start("--demo", main=project / "main.py", BROWSER="none", LC_ALL="eo_XX.UTF-8")
    try:
        demo.wait_for_output("Bot is running...")
        assert "dêmo" in demo.output.lower()
    finally:
        demo.kill()
    words = "from demo import words; print(words.words_of_page('eo')['start'])"
    assert run(project, "-c", words).stdout.strip() == "Start"


def test_first_start_speaks_english_in_a_language_that_it_lacks(project):
    say = "from lib import own_words; own_words.say('press_enter')"
    assert "Press Enter" in run(project, "-c", say, LC_ALL="eo_XX.UTF-8").stderr


def test_tests_are_green_with_buttons_of_ones_own_a_language_more_and_one_less(project):
    files = ("tests/test_texts.py", "tests/test_demo_world.py")
    tests = run(project, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", *files)
    assert tests.returncode == 0, tests.stdout[-3000:]


def test_files_of_an_earlier_version_disturb_no_test(copied_project, tmp_path):
    project = Path(shutil.copytree(copied_project, tmp_path / "bot"))
    before = run(project, "-m", "pytest", "-n", "0", "--collect-only", "-q").stdout
    for name in GONE:
        (project / name).write_text("raise SystemExit('an earlier version')\n", encoding="utf-8")
    after = run(project, "-m", "pytest", "-n", "0", "--collect-only", "-q")
    assert re.findall(r"^tests/.*", after.stdout, re.M) == re.findall(r"^tests/.*", before, re.M)
    tests = run(project, "-m", "pytest", "-n", "0", "tests/test_start.py", "-k", "import")
    assert tests.returncode == 0, tests.stdout[-3000:]
