"""`python -m store_api`: the service, which can be told to stop from its first moment."""

import sys

from store_api import early_stop


def main() -> int:
    """Serve until told to stop, and give the exit code."""
    early_stop.end_when_told(early_stop.UNDONE if sys.argv[1:] else early_stop.STOPPED)
    # Only now, because these imports take most of a second.
    from store_api import command_line

    return command_line.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
