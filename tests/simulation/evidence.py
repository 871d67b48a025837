"""What a history and a witness together say about each request."""

from dataclasses import dataclass

from store_api.errors import BrokenDocument
from tests.simulation.fake_documents import projected
from tests.simulation.history import History, Truth, truth_of
from tests.simulation.witness import Request, Witness


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known after a simulation.

    Args:
        commits: by request, the moments at which a change that it is part of was applied.
        unknown: the requests that are part of a change that was reported as unknown.
    """

    history: History
    witness: Witness
    commits: dict[Request, list[int]]
    unknown: set[Request]

    @classmethod
    def of(cls, history: History, witness: Witness) -> "Evidence":
        """Find out which requests were applied, and when."""
        requests_of = {id(merged.change): merged.requests for merged in witness.merged}
        commits: dict[Request, list[int]] = {request: [] for request in witness.requests}
        for commit in history.commits:
            for request in requests_of[id(commit.change)]:
                commits[request].append(commit.moment)
        unknown = {request for change in history.unknown for request in requests_of[id(change)]}
        return cls(history, witness, commits, unknown)

    def truths(self, request: Request, first: int | None = None) -> list[Truth]:
        """Give what the request's store held from a moment on, else its submission, to its answer.

        A minimal answer tells of its own items only, and what is broken elsewhere need not be seen.
        """
        operation = request.operation
        begin = request.submitted if first is None else first
        return [
            truth_of(projected(document, operation.items if operation.minimal else None))
            for document in self.history.documents(operation.store_id, begin, request.answered)
        ]

    def count_interferences(self, request: Request) -> int:
        """Count how often others came between, on the request's way."""
        return self.history.count_interferences(
            request.operation.store_id, request.submitted, request.answered
        )

    def was_broken(self, request: Request, first: int) -> bool:
        """Tell whether anything in the request's store was broken, from a moment on to its answer."""
        documents = self.history.documents(request.operation.store_id, first, request.answered)
        return any(isinstance(truth_of(document), BrokenDocument) for document in documents)

    def count_faults(self, request: Request, what: str = "") -> int:
        """Count what went wrong in such a way for the request's store, on the request's way."""
        return self.history.count_faults(
            request.operation.store_id, request.submitted, request.answered, what
        )
