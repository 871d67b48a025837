"""The other peer, with answers declared as models, the way FastAPI's tutorial tells (Response Model).

Settings, from the environment: PORT, MONGO_URL, MONGO_DB.
"""

from fastapi import FastAPI
from pydantic import BaseModel

from bench.peers.fastapi_motor import (
    Identifier,
    ItemOperation,
    Problem,
    answer_problem,
    lines_after,
    serve,
)

app = FastAPI()
app.add_exception_handler(Problem, answer_problem)  # type: ignore[arg-type]


class ReportLine(BaseModel):
    """How many pieces of one item there are."""

    item_id: str
    quantity: int


class StoreReport(BaseModel):
    """What a store holds."""

    store_id: str
    report: list[ReportLine]


class Answer(BaseModel):
    """The answer to an operation."""

    store: StoreReport


@app.post("/stores/{store_id}")
async def operate(store_id: Identifier, operation: ItemOperation) -> Answer:
    """Demand or supply one item."""
    items = {operation.item_id: operation.quantity}
    lines = await lines_after(store_id, operation.operation, items, minimal=False)
    return Answer(store=StoreReport(store_id=store_id, report=[ReportLine(**line) for line in lines]))


if __name__ == "__main__":
    serve(app)
