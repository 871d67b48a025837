"""What a test of the contract can do with any repository, and with what is stored behind it."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from pymongo.collection import Collection

from store_api.commit import Stores
from store_api.errors import StoreApiError
from store_api.storage.documents import WRITERS
from store_api.storage.writer import StoreWriter
from tests.simulation.fake_repository import FakeRepository
from tests.simulation.history import Document, History
from tests.simulation.nature import Nature

Result = TypeVar("Result")


class Subject(Protocol):
    """A repository, and the way past it."""

    @property
    def repository(self) -> Stores:
        """Who must keep the promises."""
        ...

    def put(self, *documents: Document) -> None:
        """Store documents, past every rule."""
        ...

    def get(self, store_id: str) -> Document | None:
        """Give a document as it is stored, without the numbers of who wrote it."""
        ...


@dataclass(frozen=True, slots=True)
class FakeSubject:
    """The repository of the simulation."""

    repository: FakeRepository = field(default_factory=lambda: FakeRepository(History(), Nature()))

    def put(self, *documents: Document) -> None:
        for document in documents:
            self.repository.put(document["_id"], document)

    def get(self, store_id: str) -> Document | None:
        document = self.repository.documents.get(store_id)
        return document and {field: value for field, value in document.items() if field != WRITERS}


@dataclass(frozen=True, slots=True)
class RealSubject:
    """The repository of the service."""

    repository: StoreWriter
    stores: Collection[dict[str, Any]]

    def put(self, *documents: Document) -> None:
        self.stores.database.command(
            {"insert": self.stores.name, "documents": list(documents), "bypassDocumentValidation": True}
        )

    def get(self, store_id: str) -> Document | None:
        return self.stores.find_one({"_id": store_id}, {WRITERS: 0})


async def outcome_of(call: Awaitable[Result]) -> Result | tuple[type[StoreApiError], bool]:
    """Give what a call returned; or the kind of its error, and whether that says that it was applied."""
    try:
        return await call
    except StoreApiError as error:
        return type(error), getattr(error, "applied", False)
