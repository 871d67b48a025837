"""`python mongo-replica-init`: makes three mongods a replica set with users, or finds that they are one."""

import os
import signal
import sys
from types import FrameType

UNDONE = 128


def end(number: int, _: FrameType | None) -> None:
    """End at once, whatever is waited for: the next run goes on from there.

    Without a handler, the kernel drops SIGTERM for process 1 of a container. An exception would still have to
    wait for the driver to close its connections.
    """
    os.write(2, f"mongo-replica-init: told to stop ({signal.Signals(number).name}); run it again\n".encode())
    os._exit(UNDONE + number)


def main() -> int:
    """Do what the arguments say, and give the exit code."""
    for number in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)
    # Only now, because the driver takes its time to import.
    from mongo_replica_init import command

    return command.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
