"""An answer is awaited as long as the member that was asked is the primary."""

import asyncio

import pytest

from store_api.sending.answers import Address, Answers, Unanswered

OLD, NEW = ("old", 27017), ("new", 27017)


class Set:
    """A replica set whose primary a test decides."""

    def __init__(self, primary: Address | None) -> None:
        self.primary = primary
        self.answers = Answers(lambda: self.primary)


async def test_an_answer_is_given_as_it_comes() -> None:
    members = Set(OLD)
    waits: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    asked = asyncio.ensure_future(members.answers.of(waits))
    await asyncio.sleep(0)
    waits.set_result(7)
    assert await asked == 7


async def test_an_error_is_raised_as_it_comes() -> None:
    waits: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    waits.set_exception(ValueError("so"))
    with pytest.raises(ValueError, match="so"):
        await Set(OLD).answers.of(waits)


async def test_once_there_is_another_primary_nobody_waits_for_the_old_one() -> None:
    members = Set(OLD)
    waits: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    asked = asyncio.ensure_future(members.answers.of(waits))
    await asyncio.sleep(0)
    # While there is none, the old one may still answer.
    members.primary = None
    await asyncio.sleep(0.12)
    assert not asked.done()
    members.primary = NEW
    with pytest.raises(Unanswered):
        await asyncio.wait_for(asked, 5)
    assert waits.cancelled()


async def test_who_asked_while_there_was_none_waits_for_the_first_that_is_found() -> None:
    members = Set(None)
    waits: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    asked = asyncio.ensure_future(members.answers.of(waits))
    await asyncio.sleep(0)
    members.primary = NEW
    await asyncio.sleep(0.12)
    assert not asked.done()
    waits.set_result(7)
    assert await asked == 7


async def test_who_stops_waiting_is_cancelled_and_not_unanswered() -> None:
    members = Set(OLD)
    waits: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    asked = asyncio.ensure_future(members.answers.of(waits))
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
