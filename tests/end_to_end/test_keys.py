"""Idempotency-Key against the served program: wherever it is sent again, an operation is applied once."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from pymongo import MongoClient

from bench.load.http_client import Connection, Response
from tests.end_to_end.conftest import Stores
from tests.support.metrics import samples
from tests.support.persistent import demand_of, new_key, send_once, supply_of
from tests.support.service import Service, needs_proc, new_store_id
from tests.support.unwatched import WATCHED

CHAIR = {"item_id": "chair", "quantity": 2}
CALLS: list[tuple[str, Any, dict[str, int]]] = [
    ("", {"operation": "demand", **CHAIR}, {"chair": 8}),
    ("/group_op", {"operation": "demand", "items": [CHAIR, CHAIR]}, {"chair": 6}),
    ("/clean", None, {}),
]
"""The calls that change a store, and what they leave of 10 chairs."""

JSON_LINES = [(b"Content-Type", b"application/json"), (b"Accept-Encoding", b"identity")]
CLIENTS, KEYS = 100, 20
"""The fewer keys, the more clients meet at each: five begin with the same one, and all send all of them."""


@pytest.fixture(scope="module")
def neighbour(one_process: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Another service on the same database."""
    settings = {**one_process.settings, **WATCHED}
    del settings["PORT"]
    with Service(tmp_path_factory.mktemp("neighbour"), settings) as service:
        service.wait_until_ready()
        yield service


def items_of(mongo: MongoClient[dict[str, Any]], service: Service, store_id: str) -> dict[str, int]:
    document = mongo[service.database]["stores"].find_one({"_id": store_id})
    assert document is not None
    items: dict[str, int] = document["items"]
    return items


def are_one(answers: list[Response], status: int) -> None:
    """See that these answers are of one operation, which one of them was the first to ask for.

    Raises:
        AssertionError: they are not.
    """
    assert Counter(answer.status for answer in answers) == {status: len(answers)}
    replayed = [answer.headers.get("idempotent-replayed") for answer in answers]
    assert Counter(replayed) == {None: 1, "true": len(answers) - 1}


@pytest.mark.parametrize(("call", "body", "left"), CALLS, ids=str)
async def test_it_is_applied_once_and_the_answer_says_whether_it_is_the_first(
    http: httpx.AsyncClient, stores: Stores, store_id: str, call: str, body: Any, left: dict[str, int]
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 10}})
    key = new_key()
    answers = [
        await http.post(f"/stores/{store_id}{call}", json=body, headers={"Idempotency-Key": key})
        for _ in range(3)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [answer.headers["idempotency-key"] for answer in answers] == [key] * 3
    assert [answer.headers.get("idempotent-replayed") for answer in answers] == [None, "true", "true"]
    assert len({answer.content for answer in answers}) == 1
    document = stores.find_one({"_id": store_id})
    assert document is not None
    assert document["items"] == left


@pytest.mark.parametrize(
    "lines",
    [
        [(b"Idempotency-Key", "чек-1".encode())],
        [(b"Idempotency-Key", b"caf\xe9")],
        [(b"Idempotency-Key", b"a"), (b"Idempotency-Key", b"b")],
        [(b"Idempotency-Key", b"a"), (b"idempotency-key", b"a")],
    ],
    ids=["UTF-8", "ISO 8859-1", "two keys", "twice the same"],
)
async def test_no_other_letters_and_no_second_key(
    http: httpx.AsyncClient, stores: Stores, store_id: str, lines: list[tuple[bytes, bytes]]
) -> None:
    answer = await http.post(f"/stores/{store_id}", content=supply_of("chair"), headers=[*JSON_LINES, *lines])
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (400, "/problems/idempotency-key-invalid")
    assert problem["outcome"] == "not applied"
    assert stores.find_one({"_id": store_id}) is None


async def test_many_at_once_in_one_process_are_one(
    one_process: Service, mongo: MongoClient[dict[str, Any]], store_id: str
) -> None:
    key = new_key()
    answers = await asyncio.gather(
        *(send_once(one_process.url, f"/stores/{store_id}", supply_of("chair"), key) for _ in range(20))
    )
    are_one(answers, 200)
    assert items_of(mongo, one_process, store_id) == {"chair": 1}


@needs_proc
async def test_many_at_once_in_two_workers_are_one(
    two_workers: Service,
    workers: list[httpx.AsyncClient],
    mongo: MongoClient[dict[str, Any]],
    store_id: str,
) -> None:
    for item_id in "abc":
        headers = {"Idempotency-Key": new_key()}
        body = {"operation": "supply", "item_id": item_id, "quantity": 1}
        answers = await asyncio.gather(
            *(worker.post(f"/stores/{store_id}", json=body, headers=headers) for worker in workers)
        )
        assert [answer.status_code for answer in answers] == [200, 200]
        assert sorted(answer.headers.get("idempotent-replayed", "") for answer in answers) == ["", "true"]
    assert items_of(mongo, two_workers, store_id) == {"a": 1, "b": 1, "c": 1}


@pytest.mark.parametrize(
    ("body", "items", "status"),
    [
        (supply_of("chair"), None, 200),
        (demand_of("chair", 2), {"chair": 2}, 200),
        (demand_of("chair", 3), {"chair": 2}, 409),
        (demand_of("chair"), None, 404),
    ],
    ids=["creates", "served", "short", "no store"],
)
async def test_many_at_once_in_two_services_are_one(
    one_process: Service,
    neighbour: Service,
    mongo: MongoClient[dict[str, Any]],
    store_id: str,
    body: bytes,
    items: dict[str, int] | None,
    status: int,
) -> None:
    if items is not None:
        mongo[one_process.database]["stores"].insert_one({"_id": store_id, "items": items})
    key = new_key()
    urls = [one_process.url, neighbour.url] * 10
    answers = await asyncio.gather(*(send_once(url, f"/stores/{store_id}", body, key) for url in urls))
    are_one(answers, status)
    if items is not None:
        left = {"chair": 0} if status == 200 else items
        assert items_of(mongo, one_process, store_id) == left


async def test_with_and_without_a_key_they_share_one_burst(
    one_process: Service, mongo: MongoClient[dict[str, Any]], store_id: str
) -> None:
    keys = [new_key() for _ in range(20)]
    sent = [key for key in keys for _ in range(3)] + [None] * 40
    path, body = f"/stores/{store_id}", supply_of("chair")
    answers = await asyncio.gather(*(send_once(one_process.url, path, body, key) for key in sent))
    assert {answer.status for answer in answers} == {200}
    replayed = [answer.headers.get("idempotent-replayed") for answer in answers]
    assert Counter(replayed) == {None: 60, "true": 40}
    assert items_of(mongo, one_process, store_id) == {"chair": 60}


async def test_a_hundred_clients_that_all_send_the_same_keys_apply_each_once(
    one_process: Service, neighbour: Service, mongo: MongoClient[dict[str, Any]]
) -> None:
    stores = [new_store_id() for _ in range(5)]
    keys = [(new_key(), stores[number % 5], f"item-{number}") for number in range(KEYS)]

    async def send_all(number: int) -> list[Response]:
        connection = Connection((one_process, neighbour)[number % 2].url)
        answers = []
        # Each begins with another key, so that all of them are met by many.
        for key, store_id, item_id in keys[number % KEYS :] + keys[: number % KEYS]:
            headers = {"idempotency-key": key}
            path = f"/stores/{store_id}"
            answers.append(await connection.request("POST", path, supply_of(item_id), headers))
        connection.close()
        return answers

    told = await asyncio.gather(*map(send_all, range(CLIENTS)))
    answers = [answer for answers in told for answer in answers]
    assert Counter(answer.status for answer in answers) == {200: CLIENTS * KEYS}
    firsts = [answer for answer in answers if "idempotent-replayed" not in answer.headers]
    assert len(firsts) == KEYS
    for number, store_id in enumerate(stores):
        own = {f"item-{each}": 1 for each in range(KEYS) if each % 5 == number}
        assert items_of(mongo, one_process, store_id) == own


@pytest.mark.parametrize("service", ["one_process"], indirect=True)
async def test_the_metrics_tell_of_keys(one_process: Service, http: httpx.AsyncClient, store_id: str) -> None:
    before = await samples(http)
    key = new_key()
    for quantity in (1, 1, 2):
        body = msgspec.json.decode(supply_of("chair", quantity))
        await http.post(f"/stores/{store_id}", json=body, headers={"Idempotency-Key": key})
    now = await samples(http)

    def grown(*sample: str) -> float:
        return now[sample] - before.get(sample, 0.0)

    assert grown("claims_made_total") == 1
    assert grown("keys_asked_again_total", "replayed") == 1
    assert grown("keys_asked_again_total", "reused") == 1
    assert now["stores_in_doubt",] == 0
