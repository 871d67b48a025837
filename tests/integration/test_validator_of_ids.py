"""The second net: what another program writes passes the validator exactly where the service can read it."""

from typing import Any

import pytest
from bson import encode
from bson.raw_bson import RawBSONDocument
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pymongo.errors import WriteError

from store_api.errors import BrokenDocument
from store_api.storage.documents import field_of, item_id_of, read_stock
from tests.integration.conftest import Documents
from tests.support.odd_ids import NO_FIELDS, NO_IDS, SAME_EVERYWHERE, UNPRINTABLE

REFUSED = 121

fields = st.text(
    st.sampled_from("%.$25E4a\n")
    | st.sampled_from("".join(UNPRINTABLE))
    | st.characters(exclude_categories=["Cs"]),
    max_size=140,
).filter(lambda text: "\0" not in text)


def is_taken(stores: Documents, document: dict[str, Any]) -> bool:
    try:
        stores.replace_one({"_id": document["_id"]}, document, upsert=True)
    except WriteError as refused:
        if refused.code != REFUSED:
            raise
        return False
    return True


def is_readable(document: dict[str, Any]) -> bool:
    try:
        read_stock(document)
    except BrokenDocument:
        return False
    return True


@pytest.mark.usefixtures("repository")
def test_every_item_id_is_taken_and_read_as_it_is(stores: Documents, store_id: str) -> None:
    for item_id in SAME_EVERYWHERE:
        assert is_taken(stores, {"_id": store_id, "items": {field_of(item_id): 3}}), item_id
        found = stores.find_one({"_id": store_id})
        assert found is not None
        assert read_stock(found) == {item_id: 3}


@pytest.mark.usefixtures("repository")
def test_no_program_can_write_an_item_that_has_no_id(stores: Documents, store_id: str) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 3}})
    # MongoDB's own field names end at a zero byte.
    for field in (*(name for name in NO_IDS if "\0" not in name), *NO_FIELDS):
        assert not is_taken(stores, {"_id": store_id, "items": {"chair": 3, field: 5}}), field
        with pytest.raises(ValueError, match="the item field"):
            item_id_of(field)
    assert stores.find_one({"_id": store_id}, {"writers": 0}) == {"_id": store_id, "items": {"chair": 3}}


@pytest.mark.usefixtures("repository")
def test_no_program_can_create_a_store_that_nobody_can_ask_for(stores: Documents) -> None:
    for wrong in (*NO_IDS, "/", "a/b"):
        assert not is_taken(stores, {"_id": wrong, "items": {}}), wrong
        assert not is_readable({"_id": wrong, "items": {}}), wrong
    for name in SAME_EVERYWHERE:
        assert is_taken(stores, {"_id": name, "items": {}}), name
        assert is_readable({"_id": name, "items": {}}), name
        stores.delete_one({"_id": name})


@pytest.mark.usefixtures("repository")
def test_text_that_is_no_utf_8_is_refused(stores: Documents, store_id: str) -> None:
    document = encode({"_id": store_id, "items": {"chXir": 1}}).replace(b"chXir", b"ch\xffir")
    with pytest.raises(WriteError) as refused:
        stores.insert_one(RawBSONDocument(document))
    assert refused.value.code == REFUSED


@pytest.mark.usefixtures("repository")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields, st.sampled_from([1, 0, -1, 1.5, "1", None]))
@example("a\n", 1)
@example("%24" * 128, 1)
def test_what_the_validator_takes_is_what_can_be_read(
    stores: Documents, store_id: str, field: str, quantity: Any
) -> None:
    document = {"_id": store_id, "items": {"chair": 3, field: quantity}}
    assert is_taken(stores, document) == is_readable(document)
