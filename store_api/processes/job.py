"""Runs a module as a program of its own, that makes a file of a job and leaves the event loop free."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import PIPE
from tempfile import TemporaryDirectory

_ROOT = Path(__file__).parents[2]

# An import of what is None in `sys.modules` fails, as if it were not installed.
_BEGIN = """
import runpy, sys
module, *without = sys.argv[1:]
del sys.argv[1:]
sys.modules.update(dict.fromkeys(without))
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


async def run_job(module: str, job: bytes, without: Sequence[str] = ()) -> bytes:
    """Run a module as `python -m` does, with the job on its stdin, and give what it wrote on stdout.

    Cancelling it ends its process and removes what that left on disk.

    Args:
        module: which one.
        job: what it reads.
        without: packages that it shall not find, because others take them along where they are installed.

    Raises:
        RuntimeError: the process failed; the message holds the end of what it said.
    """
    with TemporaryDirectory(prefix="store_api-") as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", _BEGIN, module, *without),
            cwd=_ROOT,
            env={**os.environ, "TMPDIR": folder},
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
        )
        return await _exchange(process, module, job)


async def _exchange(process: asyncio.subprocess.Process, module: str, job: bytes) -> bytes:
    exchange = asyncio.ensure_future(process.communicate(job))
    try:
        file, complaint = await asyncio.shield(exchange)
    finally:
        if process.returncode is None:
            process.kill()
            # To its end, because a process whose pipes nobody reads is never seen to end.
            await exchange
    if process.returncode != 0:
        raise RuntimeError(f"{module} ended with {process.returncode}: {complaint[-500:]!r}")
    return file
