"""What is known of a command's statements, whatever was answered, and by whom."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from pymongo.errors import AutoReconnect, OperationFailure

from store_api.sending.statements import DONE, NOBODY_SAYS, NOTHING_MATCHED, Joint, Statement
from store_api.sending.write import TOO_LONG, Write

Bodies = Sequence[Mapping[str, Any]]
STATEMENTS = [Statement(store_id, {"writers.w": 2}, partial(dict, q=store_id)) for store_id in "abcd"]
JOINT = Joint([1, 2, 3], {"q": "b, c and d"})
GUARD_FAILED = {"index": 0, "code": 241}
NOT_YET = {"code": TOO_LONG}


class Marked:
    """A collection in which some documents bear the mark; a majority may have fewer of them."""

    def __init__(self, local: Iterable[str] = (), majority: Iterable[str] = ()) -> None:
        self.by_level = {"local": set(local), "majority": set(majority)}

    def with_options(self, read_concern: Any) -> "Marked":
        self.marked = self.by_level[read_concern.level]
        return self

    def find(self, query: Any, *_: object, **__: object) -> list[dict[str, Any]]:
        numbers = {store_id: 2 if store_id in self.marked else 0 for store_id in query["_id"]["$in"]}
        return [{"_id": store_id, "writers": {"w": number}} for store_id, number in numbers.items()]


class NothingHeld:
    def find_held(self, _: object) -> list[str]:
        return []


def run(
    marked: Marked, *replies: dict[str, Any] | Exception, joint: Joint | None = JOINT, count: int = 4
) -> tuple[list[int], list[Bodies]]:
    """Send statements to which this is answered; gives what became of them, and what was sent."""
    sent: list[Bodies] = []

    def ask(bodies: Bodies, _: float) -> dict[str, Any]:
        reply = replies[len(sent)]
        sent.append(bodies)
        if isinstance(reply, Exception):
            raise reply
        return reply

    clock: Callable[[], float] = lambda: 0.0  # noqa: E731
    collection: Any = marked
    probe: Any = NothingHeld()
    write = Write(collection, ask, probe, STATEMENTS[:count], joint, 0.1, clock)
    codes = write.run(1.0)
    assert len(sent) == len(replies)
    return codes, sent


def alone(*store_ids: str) -> list[dict[str, str]]:
    return [{"q": store_id} for store_id in store_ids]


def test_where_all_were_changed_nothing_is_read() -> None:
    nothing_is_read: Any = None
    codes, sent = run(nothing_is_read, {"n": 4, "nModified": 4})
    assert codes == [DONE] * 4
    assert sent == [[*alone("a"), JOINT.body]]


def test_whatever_bears_no_mark_did_not_match_where_all_that_was_changed_does() -> None:
    codes, _ = run(Marked("bd"), {"n": 3, "nModified": 2, "writeErrors": [GUARD_FAILED]})
    assert codes == [241, DONE, NOTHING_MATCHED, DONE]


def test_where_a_mark_is_gone_nobody_says_which_were_not_changed() -> None:
    # c was changed, and then replaced by another program.
    codes, _ = run(Marked("b"), {"n": 4, "nModified": 3})
    assert codes == [DONE, DONE, NOBODY_SAYS, NOBODY_SAYS]


def test_a_joint_statement_that_ends_early_is_sent_as_those_it_is_made_of() -> None:
    ended = {"n": 1, "nModified": 1, "writeErrors": [{"index": 1, "code": 14}]}
    # b was carried out jointly, and matches no more.
    second = {"n": 1, "nModified": 1, "writeErrors": [GUARD_FAILED, {"index": 2, "code": 14}]}
    codes, sent = run(Marked("b", "b"), ended, second)
    assert codes == [DONE, DONE, DONE, 14]
    assert sent[1] == alone("b", "c", "d")


def test_what_ended_early_and_waits_for_a_majority_is_sent_with_the_others() -> None:
    ended = {"n": 1, "nModified": 1, "writeErrors": [{"index": 1, "code": 14}], "writeConcernError": NOT_YET}
    codes, sent = run(Marked("b", "b"), ended, {"n": 3, "nModified": 3, "writeErrors": [GUARD_FAILED]})
    assert sent[1] == alone("a", "b", "c", "d")
    # What was carried out at first, and what a majority has of it, is known by its mark alone.
    assert codes == [NOBODY_SAYS, DONE, DONE, DONE]


def test_no_joint_statement_goes_out_twice() -> None:
    too_long = OperationFailure("", TOO_LONG)
    codes, sent = run(Marked(), too_long, {"n": 4, "nModified": 4})
    assert codes == [DONE] * 4
    assert sent[1] == alone("a", "b", "c", "d")


def test_what_a_fail_over_undid_before_the_second_try_is_not_taken_for_done() -> None:
    waits = {"n": 2, "nModified": 2, "writeConcernError": NOT_YET}
    # Another primary answers: it has neither write, and meanwhile somebody took what b needs.
    elsewhere = {"n": 1, "nModified": 1, "writeErrors": [{"index": 1, "code": 241}]}
    codes, _ = run(Marked("", ""), waits, elsewhere, joint=None, count=2)
    assert codes == [DONE, NOBODY_SAYS]


def test_what_a_majority_had_before_the_second_try_is_done() -> None:
    waits = {"n": 2, "nModified": 2, "writeConcernError": NOT_YET}
    both = {"n": 0, "nModified": 0, "writeErrors": [GUARD_FAILED, {"index": 1, "code": 241}]}
    codes, _ = run(Marked("ab", "ab"), waits, both, joint=None, count=2)
    assert codes == [DONE, DONE]


def test_after_an_answer_no_error_makes_known_what_is_not() -> None:
    codes, _ = run(
        Marked("b", "b"),
        {"n": 4, "nModified": 4, "writeConcernError": NOT_YET},
        AutoReconnect(),
    )
    assert codes == [NOBODY_SAYS] * 4
