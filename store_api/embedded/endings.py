"""Why a mongod ended, in one line."""

from pathlib import Path

from store_api.embedded.program import ending

# WiredTiger writes its journal ahead in files of 100 MB.
LEAST_FREE_BYTES = 200 * 10**6

# mongod's own exit codes (src/mongo/util/exit_code.h).
PORT_TAKEN = 48
OTHER_VERSION = 62
DATA_TAKEN = 100


def why_it_ended(
    exit_code: int, data_dir: Path, port: int, log: Path, *, locked: bool, free_bytes: int
) -> str:
    """Say in one line why mongod did not start.

    Args:
        exit_code: as `subprocess` gives it.
        data_dir: the folder of the embedded MongoDB.
        port: that mongod was to listen on.
        log: mongod's.
        locked: whether another mongod has the data open.
        free_bytes: what the folder's disk has left.
    """
    if exit_code == PORT_TAKEN:
        return f"Port {port} is taken by another program; EMBEDDED_MONGO_PORT names another."
    if exit_code == DATA_TAKEN and locked:
        return f"DATA_DIR {data_dir} is in use by another mongod."
    if exit_code == DATA_TAKEN:
        return f"mongod may not write to DATA_DIR {data_dir}, or it is damaged; its log: {log}"
    if exit_code == OTHER_VERSION:
        return f"The data in DATA_DIR {data_dir} is of another version of MongoDB; its log: {log}"
    if free_bytes < LEAST_FREE_BYTES:
        return f"The disk of DATA_DIR {data_dir} has only {free_bytes // 10**6} MB left; mongod's log: {log}"
    return f"mongod ended with {ending(exit_code)} while it started; its log: {log}"
