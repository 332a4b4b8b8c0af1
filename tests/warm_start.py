"""Starts the bot in a process that has its libraries already.

`python main.py` spends most of its start on importing them. Here a program imports them once and
makes a copy of itself for each bot, which then runs main.py as the interpreter would: a process
with arguments, variables, output, signals and exit code of its own. Only where there is os.fork,
and not where the interpreter itself reads a variable that a test sets.
"""

import contextlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path


class WarmProcess:
    """The part of subprocess.Popen that the tests use."""

    def __init__(self, door: Path, **start):
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(str(door))
        self._answers = self._connection.makefile("r")
        self._connection.sendall(json.dumps(start).encode() + b"\n")
        self.pid = int(self._answers.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._wait(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._wait(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        return code

    def _wait(self, limit_s: float | None) -> int | None:
        if self.returncode is None and select.select([self._connection], [], [], limit_s)[0]:
            self.returncode = int(self._answers.readline())
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@contextlib.contextmanager
def starter(folder: Path, project: Path, environment: dict[str, str]):
    """A function that starts the bot: `start(arguments, folder, variables, output)`."""
    door = folder / "door"
    command = [sys.executable, "-m", "tests.warm_start", str(door)]
    with subprocess.Popen(command, cwd=project, env=environment, stdin=subprocess.PIPE) as program:
        while not door.exists() and program.poll() is None:
            time.sleep(0.01)

        def start(arguments: list[str], folder: Path, variables: dict, output: str):
            places = {"folder": str(folder), "output": output}
            return WarmProcess(door, arguments=arguments, variables=variables, **places)

        yield staticmethod(start)
        program.stdin.close()  # which ends it


# ---------------------------------------------------------------- the program


def serve(door: str) -> None:
    """Start a bot for each who connects, until standard input ends."""
    import alerts  # noqa: F401  these three bring all that main.py imports
    import command_line  # noqa: F401
    import stopping  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that look after a bot
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{door}.new")
        listener.listen()
        os.rename(f"{door}.new", door)
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            if not os.fork():
                listener.close()
                look_after(connection)
            connection.close()


def look_after(connection: socket.socket) -> None:
    """Start a bot, say its process ID, and its exit code when it has ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    start = json.loads(connection.makefile("r").readline())
    process_id = os.fork()
    if not process_id:
        connection.close()
        run(**start)
    connection.sendall(f"{process_id}\n".encode())
    _, status = os.waitpid(process_id, 0)
    with contextlib.suppress(OSError):
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def run(arguments: list[str], folder: str, variables: dict[str, str], output: str) -> None:
    """Be `python main.py` from now on."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    time.tzset()
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(output, os.O_WRONLY | os.O_APPEND)
    for number, taken in enumerate((nothing, written, written)):
        os.dup2(taken, number)
    sys.argv = arguments
    runpy.run_path(arguments[0], run_name="__main__")
    sys.exit()


if __name__ == "__main__":
    serve(sys.argv[1])
