"""How far the ledger is: the document that says so, `ledger_state`'s "stream", and what it becomes here."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from bson import Int64, Timestamp

STATE: Final = "ledger_state"
STREAM: Final = "stream"
"""The document that says how far the ledger is."""


class Reconciling(msgspec.Struct, frozen=True):
    """That the ledger is being put right from a reading of all stores.

    Args:
        at: the moment of the reading.
        kind: of the rows that say what differed.
        after: the store up to which it is done; None where it has not begun.
    """

    at: Timestamp
    kind: str
    after: str | None


class State(msgspec.Struct, frozen=True):
    """How far the ledger is.

    Args:
        batch: the number of its last batch.
        token: where the change stream is taken up.
        until: the moment up to which it has all changes.
        floor: changes that are not newer than this are in it already.
        begins: the second at which it began.
        reconciling: where it is being put right.
        off: whether the service has run without it since.
    """

    batch: int
    token: Mapping[str, Any]
    until: Timestamp
    floor: Timestamp
    begins: int
    reconciling: Reconciling | None = None
    off: bool = False


def state_in(document: Mapping[str, Any]) -> State:
    """Read the state out of its document."""
    reconciling = document.get("reconciling")
    return State(
        batch=int(document["b"]),
        token=document["token"],
        until=document["until"],
        floor=document["floor"],
        begins=int(document["begins"]),
        reconciling=None if reconciling is None else Reconciling(**reconciling),
        off=bool(document.get("off")),
    )


def fields_of(state: State) -> dict[str, Any]:
    """Write the fields of its document, all but the id."""
    return {
        "b": Int64(state.batch),
        "token": state.token,
        "until": state.until,
        "floor": state.floor,
        "begins": Int64(state.begins),
        "reconciling": None if state.reconciling is None else msgspec.structs.asdict(state.reconciling),
        "off": state.off,
    }
