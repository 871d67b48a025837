"""Runs a module of ours as the program that it is, but for the seconds that it waits for others.

`python -m tests.support.impatient store_api.storage.clients.COMMAND_SECONDS=0.2 -- bot --once`. For tests
that only wait such a time out; all else is the real program, in a process of its own.
"""

import importlib
import runpy
import sys
from collections.abc import Mapping


def impatiently(seconds: Mapping[str, float], *arguments: str) -> list[str]:
    """Give Python's arguments for running a module with its arguments.

    Args:
        seconds: constants, as `package.module.NAME`, and what they are to be; none leaves all as it is.
        arguments: the module and its arguments.
    """
    if not seconds:
        return ["-m", *arguments]
    return ["-m", __name__, *(f"{name}={value}" for name, value in seconds.items()), "--", *arguments]


def main(arguments: list[str]) -> None:
    """Set the constants, and become the module."""
    end = arguments.index("--")
    for argument in arguments[:end]:
        name, _, value = argument.partition("=")
        module, _, constant = name.rpartition(".")
        of = importlib.import_module(module)
        if not isinstance(getattr(of, constant), float):
            raise TypeError(f"{name} is no number of seconds")
        setattr(of, constant, float(value))
    sys.argv = arguments[end + 1 :]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
