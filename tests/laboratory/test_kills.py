"""Settings whose saving is killed by the hundred, each time at another moment, are always whole."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT, clean_environment
from tests.test_settings import BASE, load, put, read

# Forks, as 200 starts of Python would take minutes. Arguments: the file, what stands in it.
KILLER = """
import json, os, pathlib, signal, sys, time
from lib import settings

file = pathlib.Path(sys.argv[1])
most_litter = 0
for number in range(200):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        loaded = settings.load(str(file))
        for round in range(10**6):
            loaded.servers["office"].access_token = f"{number}-{round}-" + "x" * 500
            loaded.save()
            os.write(writer, b"saved")
    os.read(reader, 5)
    time.sleep(number % 40 / 10000)  # somewhere else in its work each time
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reader)
    os.close(writer)
    content = json.loads(file.read_text(encoding="utf-8"))
    token = content["servers"]["office"].pop("access_token")
    assert token.startswith(f"{number}-") and token.endswith("x" * 500), token
    assert content == json.loads(sys.argv[2]), content
    most_litter = max(most_litter, len(list(file.parent.iterdir())) - 1)
print(most_litter)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_200_times_while_saving_the_file_is_always_whole(tmp_path):
    loaded = load(tmp_path, put(BASE, "note", "Сервер " * 2000))
    file = tmp_path / "settings.json"
    command = [sys.executable, "-c", KILLER, str(file), json.dumps(read(tmp_path))]
    run = subprocess.run(
        command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=300
    )
    assert run.stderr == ""
    assert run.returncode == 0
    # A process that was killed leaves its temporary file; the next one that saves takes it away.
    assert int(run.stdout) <= 1
    loaded.servers["office"].access_token = "the-token-of-the-last-one"
    loaded.save()
    assert [one.name for one in tmp_path.iterdir()] == ["settings.json"]
