"""A page of the dashboard, as a test reads it."""

import re
from urllib.parse import quote

from playwright.async_api import ConsoleMessage, Locator, Page, expect

SECONDS = 15.0
"""How long something may take to be seen, the machine being busy."""

expect.set_options(timeout=SECONDS * 1000)

NO_PAGE = "/health/live"
"""An address of the service where a browser has nothing to do, yet is where its pages come from."""

ITEM, QUANTITY, CHANGE = 0, 1, 2
CONTENTS, UNITS, STORE_CHANGE, STORE_CHANGED = 1, 2, 3, 4


def address_of(store_id: str) -> str:
    """Give the address of a store's page."""
    return f"/#/stores/{quote(store_id, safe='')}"


class Dashboard:
    """An open page.

    Args:
        page: where.
        loses_network: whether the browser may say that it could not load something.
    """

    def __init__(self, page: Page, *, loses_network: bool = False) -> None:
        self.page = page
        self.complaints: list[str] = []
        self._loses_network = loses_network
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        # Chromium itself logs every answer that is no success, and every socket that it cannot open.
        is_network = re.search(r"Failed to load resource|WebSocket connection to", message.text)
        if message.type in ("error", "warning") and not (is_network and self._loses_network):
            self.complaints.append(message.text)

    @property
    def connection(self) -> Locator:
        """The words that tell whether the page is connected."""
        return self.page.locator("#connection-text")

    def row(self, name: str) -> Locator:
        """The row of an item or a store."""
        return self.page.get_by_role("row").filter(has=self.page.get_by_text(name, exact=True))

    def cell(self, name: str, column: int) -> Locator:
        """One cell of a row."""
        return self.row(name).get_by_role("cell").nth(column)

    def figure(self, name: str) -> Locator:
        """The value of a figure above the table that is shown."""
        figures = self.page.locator("section:not([hidden]) > .figures > div")
        return figures.filter(has=self.page.get_by_text(name, exact=True)).locator("dd")

    async def is_live(self) -> None:
        """Wait until the page says that it is connected."""
        await expect(self.connection).to_have_text("Live")

    async def shows(self, name: str, text: str, column: int = QUANTITY) -> None:
        """Wait until a row's cell holds this text."""
        await expect(self.cell(name, column)).to_have_text(text)

    async def stock(self) -> dict[str, int]:
        """Read the whole table, which is scrolled through, as a person would."""
        return await self.page.evaluate(_STOCK)  # type: ignore[no-any-return]


_STOCK = """async () => {
  const scroller = [...document.querySelectorAll(".scroller")].find((each) => each.clientHeight > 0);
  const found = {};
  scroller.scrollTop = 0;
  for (;;) {
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    for (const row of scroller.querySelectorAll(".row")) {
      const [name, quantity] = [...row.children].map((cell) => cell.textContent);
      found[name] = Number(quantity.replaceAll(",", ""));
    }
    const before = scroller.scrollTop;
    scroller.scrollTop += scroller.clientHeight;
    if (scroller.scrollTop === before) {
      scroller.scrollTop = 0;
      return found;
    }
  }
}"""
