"""The peer: FastAPI and Motor with the same contract, one `find_one_and_update` a request.

What a good engineer writes first: guarded, atomic, durable, documented by its models; uvicorn with uvloop and
httptools serves it. Settings, from the environment: PORT, MONGO_URL, MONGO_DB.
"""

import os
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import FastAPI, Header, Request
from fastapi.responses import JSONResponse
from motor.motor_asyncio import AsyncIOMotorClient
from pydantic import BaseModel, ConfigDict, Field
from pymongo import ReturnDocument
from pymongo.write_concern import WriteConcern

Identifier = Annotated[str, Field(min_length=1, max_length=128)]
Quantity = Annotated[int, Field(ge=1, le=10**9)]

app = FastAPI()
client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(os.environ.get("MONGO_URL"))
stores = client[os.environ.get("MONGO_DB", "fastapi_motor")].get_collection(
    "stores", write_concern=WriteConcern(w="majority", j=True)
)


class Line(BaseModel):
    """One item and how many pieces of it."""

    model_config = ConfigDict(strict=True, extra="forbid")
    item_id: Identifier
    quantity: Quantity


class ItemOperation(Line):
    """A demand or supply of one item."""

    operation: Literal["demand", "supply"]


class GroupOperation(BaseModel):
    """A demand or supply of many items, all or nothing."""

    model_config = ConfigDict(strict=True, extra="forbid")
    operation: Literal["demand", "supply"]
    items: Annotated[list[Line], Field(min_length=1, max_length=10_000)]


class Problem(Exception):
    """A problem document."""

    def __init__(self, status: int, title: str, **members: Any) -> None:
        self.content = {"type": "about:blank", "title": title, "status": status, **members}


@app.exception_handler(Problem)
async def answer_problem(request: Request, problem: Problem) -> JSONResponse:
    """Send a problem document."""
    return JSONResponse(problem.content, problem.content["status"], media_type="application/problem+json")


@app.post("/stores/{store_id}")
async def operate(
    store_id: Identifier, operation: ItemOperation, prefer: Annotated[str | None, Header()] = None
) -> JSONResponse:
    """Demand or supply one item."""
    items = {operation.item_id: operation.quantity}
    return await commit(store_id, operation.operation, items, minimal=prefer == "return=minimal")


@app.post("/stores/{store_id}/group_op")
async def operate_on_group(
    store_id: Identifier, operation: GroupOperation, prefer: Annotated[str | None, Header()] = None
) -> JSONResponse:
    """Demand or supply many items."""
    items: dict[str, int] = {}
    for line in operation.items:
        items[line.item_id] = items.get(line.item_id, 0) + line.quantity
    return await commit(store_id, operation.operation, items, minimal=prefer == "return=minimal")


async def commit(store_id: str, operation: str, items: dict[str, int], *, minimal: bool) -> JSONResponse:
    """Carry an operation out, and answer."""
    lines = await lines_after(store_id, operation, items, minimal=minimal)
    headers = {"Preference-Applied": "return=minimal"} if minimal else None
    return JSONResponse({"store": {"store_id": store_id, "report": lines}}, headers=headers)


async def lines_after(
    store_id: str, operation: str, items: dict[str, int], *, minimal: bool
) -> list[dict[str, Any]]:
    """Carry an operation out in one guarded update, and list the report's lines after it."""
    fields = {item_id: _field(item_id) for item_id in items}
    demand = operation == "demand"
    guard: dict[str, Any] = {"_id": store_id}
    if demand:
        guard |= {fields[item_id]: {"$gte": quantity} for item_id, quantity in items.items()}
    change = {fields[item_id]: -quantity if demand else quantity for item_id, quantity in items.items()}
    projection = dict.fromkeys(fields.values(), 1) if minimal else {"items": 1}
    document = await stores.find_one_and_update(
        guard,
        {"$inc": {**change, "rev": 1}},
        projection=projection,
        upsert=not demand,
        return_document=ReturnDocument.AFTER,
    )
    if document is None:
        raise await _refusal(store_id, items, fields)
    held = {_item_id(field): quantity for field, quantity in document.get("items", {}).items()}
    if minimal:
        return [{"item_id": item_id, "quantity": held.get(item_id, 0)} for item_id in items]
    return [{"item_id": item_id, "quantity": quantity} for item_id, quantity in held.items() if quantity]


async def _refusal(store_id: str, items: dict[str, int], fields: dict[str, str]) -> Problem:
    document = await stores.find_one({"_id": store_id}, dict.fromkeys(fields.values(), 1))
    if document is None:
        return Problem(404, "Store not found")
    held = {_item_id(field): quantity for field, quantity in document.get("items", {}).items()}
    short = [
        {"item_id": item_id, "wanted": wanted, "available": held.get(item_id, 0)}
        for item_id, wanted in items.items()
        if held.get(item_id, 0) < wanted
    ]
    return Problem(409, "Out of stock", shortages=short)


def _field(item_id: str) -> str:
    return "items." + item_id.replace("%", "%25").replace(".", "%2E").replace("$", "%24")


def _item_id(field: str) -> str:
    return field.replace("%24", "$").replace("%2E", ".").replace("%25", "%")


def serve(application: FastAPI) -> None:
    """Serve on PORT until killed."""
    uvicorn.run(
        application,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        access_log=False,
        log_level="warning",
        loop="uvloop",
        http="httptools",
    )


if __name__ == "__main__":
    serve(app)
