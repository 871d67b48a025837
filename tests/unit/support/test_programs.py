"""Every program that a test starts has the signals of a terminal's, whatever the tests were started by."""

import ast
import subprocess
import sys
from pathlib import Path

from tests.support.programs import begun
from tests.support.service import ROOT

STARTERS = {
    "subprocess": {"Popen", "run", "call", "check_call", "check_output"},
    "asyncio": {"create_subprocess_exec"},
}
SHELLS = {
    "subprocess": {"getoutput", "getstatusoutput"},
    "asyncio": {"create_subprocess_shell"},
    "os": {"system", "popen", "posix_spawn", "posix_spawnp", "fork"},
}
"""What starts programs, and what cannot be told how."""

IGNORES_AND_BLOCKS = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
os.execv(sys.argv[1], sys.argv[1:])
"""

SAYS_ITS_SIGNALS = """
import signal
ignored = [number for number in signal.valid_signals() if signal.getsignal(number) is signal.SIG_IGN]
print(sorted(ignored), signal.pthread_sigmask(signal.SIG_BLOCK, ()), signal.getsignal(signal.SIGINT))
"""


def said_when_started_by_one_who_ignores(command: list[str]) -> str:
    return subprocess.run(
        begun(sys.executable, "-I", "-S", "-c", IGNORES_AND_BLOCKS, *command),
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout


def test_a_program_ignores_and_blocks_nothing_that_its_starter_does() -> None:
    asked = [sys.executable, "-I", "-S", "-c", SAYS_ITS_SIGNALS]
    plainly = said_when_started_by_one_who_ignores(asked)
    assert "Signals.SIGINT" in plainly
    assert "default_int_handler" not in plainly
    # Python itself ignores two.
    usual = subprocess.run(begun(*asked), capture_output=True, text=True, check=True, timeout=30).stdout
    assert usual.startswith("[<Signals.SIGPIPE: 13>, <Signals.SIGXFSZ: 25>] set() <built-in function def")
    assert said_when_started_by_one_who_ignores(begun(*asked)) == usual


def test_its_process_id_and_its_end_are_the_programs_own() -> None:
    code = "import os, sys; print(os.getpid(), *sys.argv[1:]); sys.exit(7)"
    with subprocess.Popen(
        begun(sys.executable, "-c", code, "an argument", ""), stdout=subprocess.PIPE, text=True
    ) as process:
        said, _ = process.communicate(timeout=30)
    assert (process.returncode, said) == (7, f"{process.pid} an argument \n")


def starts(file: Path) -> list[str]:
    """List the places of a file that start a program in another way than `begun`."""
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        module, called = ast.unparse(node.func.value), node.func.attr
        first = ast.unparse(node.args[0]).lstrip("*") if node.args else ""
        plainly = called in STARTERS.get(module, ()) and not first.startswith("begun(")
        if plainly or called in SHELLS.get(module, ()):
            found.append(f"{file.name}:{node.lineno}: {module}.{called}({first})")
    return found


def test_no_test_starts_a_program_in_another_way() -> None:
    files = sorted(file for file in (ROOT / "tests").rglob("*.py"))
    assert len(files) > 100
    assert [place for file in files for place in starts(file)] == []


def test_another_way_would_be_found(tmp_path: Path) -> None:
    file = tmp_path / "test_planted.py"
    file.write_text(
        "async def start():\n"
        "    subprocess.run(begun('true'))\n"
        "    subprocess.Popen(['true'])\n"
        "    await asyncio.create_subprocess_exec('true')\n"
        "    await asyncio.create_subprocess_exec(*begun('true'))\n"
        "    os.system('true')\n"
    )
    assert [place.partition(":")[2] for place in starts(file)] == [
        "3: subprocess.Popen(['true'])",
        "6: os.system('true')",
        "4: asyncio.create_subprocess_exec('true')",
    ]
