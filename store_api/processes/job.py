"""Runs a module as a program of its own, that makes a file of a job and leaves the event loop free."""

import asyncio
import os
import sys
from pathlib import Path
from subprocess import PIPE
from tempfile import TemporaryDirectory

_ROOT = Path(__file__).parents[2]


async def run_job(module: str, job: bytes) -> bytes:
    """Run `python -m module`, with the job on its stdin, and give what it wrote on stdout.

    Cancelling it ends its process and removes what that left on disk.

    Raises:
        RuntimeError: the process failed; the message holds the end of what it said.
    """
    with TemporaryDirectory(prefix="store_api-") as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", module),
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
