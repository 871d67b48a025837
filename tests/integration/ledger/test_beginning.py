"""Where the ledger begins: at a place in the stream that can be taken up, whatever is written just then."""

import threading
from collections.abc import Iterator

import pytest

from store_api.ledger.reconciling import PIPELINE, Reconciler
from tests.integration.ledger.keeping import Kept

PLACES = 30


@pytest.fixture
def _others_write(kept: Kept) -> Iterator[None]:
    """Let others write without a pause to a collection that is not followed, as claims are written."""
    enough = threading.Event()

    def write() -> None:
        while not enough.is_set():
            kept.database["claims"].insert_one({})

    writing = threading.Thread(target=write)
    writing.start()
    yield
    enough.set()
    writing.join()


@pytest.mark.usefixtures("_others_write")
def test_every_place_where_it_begins_can_be_taken_up(kept: Kept) -> None:
    for number in range(PLACES):
        place = Reconciler(kept.ledger)._token()
        kept.stores.insert_one({"_id": f"store-{number}"})
        with kept.database.watch(PIPELINE, resume_after=place) as stream:
            assert next(stream)["documentKey"] == {"_id": f"store-{number}"}
