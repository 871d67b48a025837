"""What must hold of every simulation, whatever went wrong in it."""

from collections.abc import Callable

from store_api.commit import held_stores, store_queue
from store_api.errors import (
    AppliedUnreported,
    BrokenDocument,
    DatabaseUnavailable,
    OutcomeUnknown,
    OutOfStock,
    Overloaded,
    QuantityOverflow,
    StoreHeld,
    StoreNotFound,
)
from store_api.stock import Operation, Reply, Report
from tests.simulation.evidence import Evidence
from tests.simulation.history import History, Truth, truth_of
from tests.simulation.witness import Request
from tests.support.one_by_one import Refused, serve, serve_all, what_is_left

LONGEST_TURN = 2.0
"""Virtual seconds that a batch may take in which no store is held, with the one before it in its lane."""


class Violation(AssertionError):
    """What must never happen, and did."""


def require(condition: object, what: str) -> None:
    """Make sure of something.

    Raises:
        Violation: it is not so.
    """
    if not condition:
        raise Violation(what)


def check(evidence: Evidence) -> None:
    """Judge a simulation.

    Raises:
        Violation: the first that is found.
    """
    require(not evidence.history.violations, "; ".join(evidence.history.violations))
    _check_commits(evidence)
    _check_quantities(evidence.history)
    for request in evidence.witness.requests:
        try:
            _check_request(evidence, request)
        except Violation as violation:
            answer = request.answers[0] if request.answers else None
            raise Violation(f"request {request.number}, answered {answer!r}: {violation}") from None


def _check_commits(evidence: Evidence) -> None:
    """Each change is what its requests do one after the other, and nobody is in two of them."""
    requests_of = {id(merged.change): merged.requests for merged in evidence.witness.merged}
    for commit in evidence.history.commits:
        if isinstance(commit.before, BrokenDocument):
            continue
        operations = [request.operation for request in requests_of[id(commit.change)]]
        # A quantity may be too large in between: others changed the stock since the decision.
        after = serve_all(commit.before, operations, most=float("inf"))
        require(not isinstance(after, Refused), f"{commit} served what could not be served: {after}")
        require(
            not isinstance(after, Refused)
            and not isinstance(commit.after, BrokenDocument)
            and what_is_left(after) == what_is_left(commit.after),
            f"{commit} should have left {after}",
        )
    for request, moments in evidence.commits.items():
        # Who replaces a document takes the proof of an open write along.
        lost = request in evidence.unknown and request.operation.store_id in evidence.history.replaced
        require(len(moments) <= 1 or lost, f"request {request.number} was applied {len(moments)} times")


def _check_quantities(history: History) -> None:
    for store_id, versions in history.versions.items():
        for version in versions:
            truth = truth_of(version.document)
            if isinstance(truth, dict):
                require(min(truth.values(), default=0) >= 0, f"{store_id} held {truth}")


def _check_request(evidence: Evidence, request: Request) -> None:
    require(len(request.answers) == 1, f"it has {len(request.answers)} answers")
    require(all(received is request.answers[0] for received in request.received), "its client got another")
    answer = request.answers[0]
    # The one in front is served or refused, unless somebody comes between; at two turns at most, since
    # what was remembered may be old.
    turns = 2 * (request.ahead + 2) + evidence.count_interferences(request)
    require(request.turns <= turns, f"it had {request.turns} turns")
    if not evidence.count_faults(request, "write HELD"):
        waited = request.left - request.came
        # At most five stores share what a lane does, each step of which takes 0.1 s at most.
        require(waited <= LONGEST_TURN * (turns + request.ahead), f"it waited {waited:.1f} s for nothing")
    judge = _JUDGES.get(type(answer))
    require(judge is not None, "that is no answer to an operation")
    if judge is not None:
        judge(evidence, request, answer)


def _judge_report(evidence: Evidence, request: Request, answer: Reply) -> None:
    commit = _commit_of(evidence, request)
    require(isinstance(answer, Report) and answer.store_id == request.operation.store_id, "another store's")
    lines = list(answer.lines.items()) if isinstance(answer, Report) else []
    truths = evidence.truths(request, commit)
    require(
        any(lines == report for report in (_lines(request.operation, truth) for truth in truths)),
        f"the store never held that; it held {truths}",
    )


def _lines(operation: Operation, truth: Truth) -> list[tuple[str, int]] | None:
    if isinstance(truth, BrokenDocument):
        return None
    stock = truth or {}
    if operation.minimal:
        return [(item_id, stock.get(item_id, 0)) for item_id in operation.items]
    return [(item_id, quantity) for item_id, quantity in stock.items() if quantity]


def _judge_refusal(evidence: Evidence, request: Request, answer: Reply) -> None:
    """There was a moment at which the store really could not serve it, in just the way the answer says."""
    _require_not_applied(evidence, request)
    truths = evidence.truths(request)
    proofs = [truth for truth in truths if _proves(request.operation, truth, answer)]
    require(proofs, f"nothing proves it; the store held {truths}")


def _proves(operation: Operation, truth: Truth, answer: Reply) -> bool:
    if isinstance(truth, BrokenDocument):
        return False
    match answer, serve(truth, operation):
        case StoreNotFound(store_id=store_id), Refused.MISSING:
            return store_id == operation.store_id
        case QuantityOverflow(), Refused.OVERFLOW:
            return True
        case OutOfStock(shortages=shortages), Refused.MISSING:
            # The store was deleted just after others of its batch were served: nothing is left of anything.
            return not any(short.available for short in shortages)
        case OutOfStock(shortages=shortages), Refused.SHORT:
            stock = truth or {}
            return [(short.item_id, short.wanted, short.available) for short in shortages] == [
                (item_id, wanted, stock.get(item_id, 0))
                for item_id, wanted in operation.items.items()
                if stock.get(item_id, 0) < wanted
            ]
    return False


def _judge_unavailable(evidence: Evidence, request: Request, answer: Reply) -> None:
    _require_not_applied(evidence, request)
    require(evidence.count_faults(request), "nothing went wrong")


def _judge_unknown(evidence: Evidence, request: Request, answer: Reply) -> None:
    """Only where the proof was taken away, or nobody could be asked; or our own program failed."""
    ours = any(
        fault.what == "write FAULT" and request.submitted <= fault.moment <= request.answered
        for fault in evidence.history.faults
    )
    lost = evidence.count_faults(request, "settling LOST")
    held = evidence.count_faults(request, "settling HELD")
    require(ours or (request in evidence.unknown and (lost or held)), "it could be known")


def _judge_unreported(evidence: Evidence, request: Request, answer: Reply) -> None:
    _commit_of(evidence, request)
    require(evidence.count_faults(request, "reading failed"), "it could be read")


def _judge_overloaded(evidence: Evidence, request: Request, answer: Reply) -> None:
    """Too many waited when it came; or others came between again and again."""
    _require_not_applied(evidence, request)
    between = evidence.count_interferences(request)
    broken = evidence.was_broken(request, request.submitted)
    require(request.turned_away or between >= store_queue.MOST_ROUNDS or broken, f"only {between} interfered")


def _judge_held(evidence: Evidence, request: Request, answer: Reply) -> None:
    """It waited as long as anybody may, or until the end, for a store that was held."""
    _require_not_applied(evidence, request)
    # Who came between two tries and was let go at the end met none, but those before it did.
    store_id = request.operation.store_id
    held = evidence.history.count_faults(store_id, 0, request.answered, "write HELD")
    require(held, "its store was not held")
    waited = request.left - request.came >= held_stores.HELD_SECONDS
    require(waited or request.left >= evidence.witness.closing, "it did not wait")


def _judge_broken(evidence: Evidence, request: Request, answer: Reply) -> None:
    first = request.submitted
    if isinstance(answer, BrokenDocument) and answer.applied:
        first = _commit_of(evidence, request)
    else:
        _require_not_applied(evidence, request)
    # A document that refuses again and again counts as broken, unless each time another one's change was why.
    between = evidence.count_interferences(request)
    refused = evidence.count_faults(request, "write UNFIT")
    unfit = refused > store_queue.MOST_UNFIT and between >= store_queue.MOST_UNFIT
    require(evidence.was_broken(request, first) or unfit, f"it was not broken, and refused {refused} times")


def _commit_of(evidence: Evidence, request: Request) -> int:
    moments = evidence.commits[request]
    require(moments and moments[0] < request.answered, "it was not applied by then")
    return moments[0]


def _require_not_applied(evidence: Evidence, request: Request) -> None:
    # Who replaces a document takes the proof of an open write along.
    lost = request in evidence.unknown and request.operation.store_id in evidence.history.replaced
    require(lost or not evidence.commits[request], "it was applied")


_JUDGES: dict[type, Callable[[Evidence, Request, Reply], None]] = {
    Report: _judge_report,
    OutOfStock: _judge_refusal,
    StoreNotFound: _judge_refusal,
    QuantityOverflow: _judge_refusal,
    DatabaseUnavailable: _judge_unavailable,
    OutcomeUnknown: _judge_unknown,
    AppliedUnreported: _judge_unreported,
    Overloaded: _judge_overloaded,
    StoreHeld: _judge_held,
    BrokenDocument: _judge_broken,
}
