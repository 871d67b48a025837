"""How every program that tests start begins: with the signals that it would have from a terminal.

What a process ignores or blocks, its children ignore and block too, through `exec`. A shell lets what it puts
in the background ignore SIGINT, `nohup` lets it ignore SIGHUP, and several CI systems do the like; a Ctrl-C
that a test sends would then do nothing.
"""

import sys
from pathlib import Path

_BEGIN = """
import os, signal, sys
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, ())
os.execvp(sys.argv[1], sys.argv[1:])
"""


def begun(program: str | Path, *arguments: str | Path) -> list[str]:
    """Give the command line that runs a program with every signal at its default, and none blocked.

    A small Python sets them and then becomes the program, so the process id is the program's. It is not done
    in this process, whose own signals are its starter's choice, nor between `fork` and `exec` (`preexec_fn`),
    which is unsafe where there are threads.

    Args:
        program: its path, or its name on PATH.
        arguments: its arguments.
    """
    return [sys.executable, "-I", "-S", "-c", _BEGIN, str(program), *map(str, arguments)]
