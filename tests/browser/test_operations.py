"""What can be done to a store from its page, and what is said when it does not work."""

from pathlib import Path

from openpyxl import load_workbook
from playwright.async_api import expect

from tests.browser.conftest import Open
from tests.browser.dashboard import Dashboard, address_of
from tests.end_to_end.conftest import Stores


async def fill_in(page: Dashboard, item: str, quantity: str) -> None:
    await page.page.get_by_label("Item", exact=True).fill(item)
    await page.page.get_by_label("Quantity", exact=True).fill(quantity)


async def test_supply_makes_a_store_and_demand_takes_from_it(open_page: Open, store_id: str) -> None:
    page = await open_page(address_of(store_id))
    await page.is_live()
    await page.page.get_by_role("button", name="Supply", exact=True).click()
    dialog = page.page.get_by_role("dialog", name=f"Supply {store_id}")
    await fill_in(page, "a/b.$%", "12")
    await dialog.get_by_role("button", name="Supply", exact=True).click()
    await page.shows("a/b.$%", "12")
    await expect(dialog).to_be_hidden()
    await expect(page.page.get_by_role("status")).to_have_text("Supplied: 12 pieces of a/b.$%")
    # An item's name asks how much of it is demanded.
    await page.page.get_by_role("button", name="a/b.$%").click()
    await expect(page.page.get_by_label("Item", exact=True)).to_have_value("a/b.$%")
    await page.page.keyboard.type("5")
    await page.page.keyboard.press("Enter")
    await page.shows("a/b.$%", "7")


async def test_a_demand_beyond_the_stock_says_what_is_short(
    open_page: Open, stores: Stores, store_id: str
) -> None:
    stores.insert_one({"_id": store_id, "items": {"<b>chair": 5}})
    page = await open_page(address_of(store_id), loses_network=True)
    await page.shows("<b>chair", "5")
    await page.page.get_by_role("button", name="Demand", exact=True).click()
    await fill_in(page, "<b>chair", "6")
    await page.page.keyboard.press("Enter")
    problem = page.page.get_by_role("alert")
    for words in (
        "Out of stock",
        "1 item is short; nothing was taken.",
        "<b>chair: 6 wanted, 5 available",
        "409",
    ):
        await expect(problem).to_contain_text(words)
    # It stays open, to be put right.
    await page.page.get_by_label("Quantity", exact=True).fill("5")
    await page.page.keyboard.press("Enter")
    await expect(page.figure("Units")).to_have_text("0")


async def test_what_is_no_quantity_is_refused_in_the_service_s_words(open_page: Open, store_id: str) -> None:
    page = await open_page(address_of(store_id), loses_network=True)
    await page.is_live()
    await page.page.get_by_role("button", name="Supply", exact=True).click()
    for quantity, words in (("1.5", "got `float`"), ("0", ">= 1"), ("", "got `null`")):
        await fill_in(page, "chair", quantity)
        await page.page.keyboard.press("Enter")
        await expect(page.page.get_by_role("alert")).to_contain_text("Invalid input")
        # Nothing that an earlier answer says, too: it stands there until the next one has come.
        await expect(page.page.get_by_role("alert")).to_contain_text(words)
        await expect(page.page.get_by_role("alert")).to_contain_text("$.quantity")
    await page.page.keyboard.press("Escape")
    await expect(page.page.get_by_role("dialog")).to_be_hidden()


async def test_a_question_comes_before_a_clean(open_page: Open, stores: Stores, store_id: str) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5}})
    page = await open_page(address_of(store_id))
    await page.shows("chair", "5")
    await page.page.get_by_role("button", name="Clean", exact=True).click()
    await page.page.keyboard.press("Enter")
    await expect(page.page.get_by_role("dialog")).to_be_hidden()
    await page.shows("chair", "5")
    await page.page.get_by_role("button", name="Clean", exact=True).click()
    await page.page.get_by_role("button", name="Clean it").click()
    await expect(page.figure("Units")).to_have_text("0")


async def test_the_spreadsheet_is_saved_under_its_name(
    open_page: Open, stores: Stores, store_id: str, tmp_path: Path
) -> None:
    stores.insert_one({"_id": store_id, "items": {"chair": 5}})
    page = await open_page(address_of(store_id))
    async with page.page.expect_download() as waiting:
        await page.page.get_by_role("button", name="XLSX").click()
    download = await waiting.value
    assert download.suggested_filename.startswith(f"stock-{store_id}-20")
    await download.save_as(tmp_path / "stock.xlsx")
    rows = load_workbook(tmp_path / "stock.xlsx").worksheets[0].iter_rows(values_only=True)
    assert ("chair", 5) in [row[:2] for row in rows]


async def test_no_spreadsheet_is_a_problem_that_is_shown(open_page: Open, store_id: str) -> None:
    page = await open_page(address_of(store_id), loses_network=True)
    await page.is_live()
    await page.page.get_by_role("button", name="XLSX").click()
    dialog = page.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Store not found")
    await expect(dialog).to_contain_text(f"There is no store '{store_id}'.")


async def test_a_store_that_there_is_not_can_be_opened(open_page: Open, store_id: str) -> None:
    page = await open_page("/")
    await page.page.get_by_label("Search stores by id").fill(store_id)
    await page.page.get_by_role("link", name=f"Open {store_id}").click()
    await expect(page.page.get_by_role("heading", level=1)).to_have_text(store_id)
    await expect(page.page.get_by_text("Nothing is in this store.")).to_be_visible()
