"""Many operations at once: what is brought and taken adds up, whoever comes first."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from bson import Int64
from pymongo.change_stream import ChangeStream

from store_api.commit import Committer
from store_api.errors import BrokenDocument, OutOfStock, QuantityOverflow, Shortage, StoreNotFound
from store_api.stock import Operation, OperationKind, Report
from store_api.storage.writer import StoreWriter
from tests.integration.broken_documents import insert_unchecked
from tests.integration.conftest import Documents
from tests.integration.operations import demand, supply

ITEMS = ("chair", "table", "a.b", "$lamp")
FIELDS = {"chair": "chair", "table": "table", "a.b": "a%2Eb", "$lamp": "%24lamp"}

Answer = Report | BaseException


@pytest.fixture
async def committer(repository: StoreWriter) -> AsyncIterator[Committer]:
    committer = Committer(repository)
    yield committer
    await committer.close()


async def answers_to(committer: Committer, operations: Sequence[Operation]) -> list[Answer]:
    return await asyncio.gather(
        *(committer.submit(operation) for operation in operations), return_exceptions=True
    )


def some_operation(choices: random.Random, store_ids: Sequence[str]) -> Operation:
    kind = choices.choice([OperationKind.DEMAND, OperationKind.SUPPLY])
    items = {
        item_id: choices.randint(1, 5) for item_id in choices.sample(ITEMS, choices.choice([1, 1, 2, 4]))
    }
    return Operation(choices.choice(store_ids), kind, items, minimal=choices.random() < 0.5)


def taken_by_another_program(stores: Documents, store_ids: Sequence[str]) -> Counter[tuple[str, str]]:
    """Take one chair after the other, guarded but without a revision, as other services do."""
    taken = Counter[tuple[str, str]]()
    for number in range(60):
        store_id = store_ids[number % len(store_ids)]
        update = stores.update_one(
            {"_id": store_id, "items.chair": {"$gte": 1}}, {"$inc": {"items.chair": -1}}
        )
        taken[store_id, "chair"] += update.modified_count
    return taken


def balance(operations: Sequence[Operation], answers: Sequence[Answer]) -> Counter[tuple[str, str]]:
    """What the operations that were carried out brought and took."""
    moved = Counter[tuple[str, str]]()
    for operation, answer in zip(operations, answers, strict=True):
        if isinstance(answer, Report):
            sign = 1 if operation.kind is OperationKind.SUPPLY else -1
            for item_id, quantity in operation.items.items():
                moved[operation.store_id, item_id] += sign * quantity
    return moved


def check_answer(operation: Operation, answer: Answer) -> None:
    """A report never shows less than nothing, and a refusal proves itself."""
    if isinstance(answer, Report):
        assert min(answer.lines.values(), default=0) >= (0 if operation.minimal else 1) or not answer.lines
        assert not operation.minimal or list(answer.lines) == list(operation.items)
        return
    assert operation.kind is OperationKind.DEMAND
    if isinstance(answer, StoreNotFound):
        return
    assert isinstance(answer, OutOfStock)
    assert answer.shortages
    for short in answer.shortages:
        assert short.wanted == operation.items[short.item_id]
        assert 0 <= short.available < short.wanted


def check_events(stream: ChangeStream[dict[str, Any]], last_revisions: dict[str, int]) -> None:
    """Every write of ours counts one up, and no write leaves less than nothing."""
    revisions = dict.fromkeys(last_revisions, 0)
    while revisions != last_revisions:
        event = stream.next()
        document = event.get("fullDocument") or event["updateDescription"]["updatedFields"]
        quantities = {
            **document.get("items", {}),
            **{path: value for path, value in document.items() if path.startswith("items.")},
        }
        assert min(quantities.values(), default=0) >= 0
        if "rev" in document:
            store_id = event["documentKey"]["_id"]
            revisions[store_id] += 1
            assert document["rev"] == revisions[store_id]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("number_of_stores", [1, 3, 100])
async def test_what_is_brought_and_taken_adds_up_while_others_write_too(
    committer: Committer, stores: Documents, store_id: str, seed: int, number_of_stores: int
) -> None:
    choices = random.Random(seed)
    store_ids = [f"{store_id}-{number}" for number in range(number_of_stores)]
    operations = [some_operation(choices, store_ids) for _ in range(500)]
    with stores.watch([{"$match": {"documentKey._id": {"$in": store_ids}}}]) as stream:
        answers, taken = await asyncio.gather(
            answers_to(committer, operations),
            asyncio.to_thread(taken_by_another_program, stores, store_ids),
        )
        await committer.close()
        documents = {document["_id"]: document for document in stores.find({"_id": {"$in": store_ids}})}
        check_events(stream, {store_id: document["rev"] for store_id, document in documents.items()})
    for operation, answer in zip(operations, answers, strict=True):
        check_answer(operation, answer)
    assert any(isinstance(answer, Report) for answer in answers)
    assert any(isinstance(answer, OutOfStock | StoreNotFound) for answer in answers)
    expected = balance(operations, answers)
    expected.subtract(taken)
    for store_id, document in documents.items():
        for item_id, field in FIELDS.items():
            assert document["items"].get(field, 0) == expected.pop((store_id, item_id), 0)
    assert not any(expected.values())


@pytest.mark.parametrize("minimal", [False, True])
async def test_of_more_demands_than_pieces_exactly_the_pieces_are_served(
    committer: Committer, stores: Documents, store_id: str, minimal: bool
) -> None:
    await committer.submit(supply(store_id, {"chair": 50, "table": 1}))
    answers = await answers_to(committer, [demand(store_id, {"chair": 1}, minimal=minimal)] * 200)
    assert sum(isinstance(answer, Report) for answer in answers) == 50
    refused = [answer for answer in answers if not isinstance(answer, Report)]
    assert all(isinstance(answer, OutOfStock) for answer in refused)
    assert {answer.shortages for answer in refused if isinstance(answer, OutOfStock)} == {
        (Shortage("chair", 1, 0),)
    }
    found = stores.find_one({"_id": store_id})
    assert found is not None
    assert found["items"].get("chair", 0) == 0


async def test_no_report_ever_shows_half_of_a_group(committer: Committer, store_id: str) -> None:
    suite = {"chair": 4, "table": 1}
    operations = [supply(store_id, suite), demand(store_id, suite), demand(store_id, suite)] * 60
    answers = await answers_to(committer, operations)
    for answer in answers:
        assert isinstance(answer, Report | OutOfStock | StoreNotFound)
        if isinstance(answer, Report):
            assert answer.lines.get("chair", 0) == 4 * answer.lines.get("table", 0)
    served = sum(isinstance(answer, Report) for answer in answers)
    left = (await committer.submit(supply(store_id, suite))).lines["table"]
    assert left == 60 - (served - 60) + 1


async def test_everybody_in_a_crowd_gets_the_answer_that_is_theirs(
    committer: Committer, stores: Documents, store_id: str
) -> None:
    full, short, broken, missing = (f"{store_id}-{name}" for name in ("full", "short", "broken", "missing"))
    untouched = [
        {"_id": full, "items": {"chair": Int64(2**63 - 1)}, "rev": 1},
        {"_id": short, "items": {"chair": 2}, "rev": 1},
    ]
    insert_unchecked(stores, *untouched, {"_id": broken, "items": {"chair": "many"}, "rev": 1})
    healthy = [f"{store_id}-{number}" for number in range(20)]
    crowd: list[tuple[Operation, type]] = [
        *((supply(healthy_id, {"chair": 1}), Report) for healthy_id in healthy),
        (supply(full, {"chair": 1}), QuantityOverflow),
        (demand(short, {"chair": 3}), OutOfStock),
        (demand(missing, {"chair": 1}), StoreNotFound),
        (demand(broken, {"chair": 1}), BrokenDocument),
        *((supply(healthy_id, {"chair": 1}, minimal=True), Report) for healthy_id in healthy),
        *((demand(healthy_id, {"table": 1}), OutOfStock) for healthy_id in healthy),
    ]
    # Everybody's store is there before anybody takes from it.
    await answers_to(committer, [operation for operation, _ in crowd[:20]])
    answers = await answers_to(committer, [operation for operation, _ in crowd])
    assert [type(answer) for answer in answers] == [expected for _, expected in crowd]
    assert list(stores.find({"_id": {"$in": [full, short, missing]}})) == untouched
    for healthy_id in healthy:
        found = stores.find_one({"_id": healthy_id})
        assert found is not None
        assert found["items"] == {"chair": 3}


async def test_demands_from_many_unknown_stores_create_none(
    committer: Committer, stores: Documents, store_id: str
) -> None:
    store_ids = [f"{store_id}-{number}" for number in range(100)]
    answers = await answers_to(committer, [demand(unknown_id, {"chair": 1}) for unknown_id in store_ids])
    for answer, unknown_id in zip(answers, store_ids, strict=True):
        assert isinstance(answer, StoreNotFound)
        assert answer.store_id == unknown_id
    assert stores.count_documents({"_id": {"$in": store_ids}}) == 0
