/** The page of all stores: what each holds, and when it last changed. */

import { addressOf } from "./address.js";
import { byId, make, setAttribute, setText, showFigures } from "./dom.js";
import { ago, count, number } from "./format.js";
import { showMark } from "./marks.js";
import { Order } from "./order.js";
import { nameOf, spelled } from "./spelling.js";
import { VirtualTable } from "./virtual-table.js";

/** Rows do not jump with every change: those sorted by what changes find their place anew so often. */
const RESORT_MS = 1_000;

const VALUES = {
  contents: (store) => store.quantities.size,
  units: (store) => store.units,
  changed: (store) => store.changedAt,
};

/** Shows all stores. */
export class AllStores {
  /** @param {import("./stores.js").Stores} stores @param {() => void} repaint */
  constructor(stores, repaint) {
    this.stores = stores;
    this.section = byId("all-stores");
    this.search = byId("store-search");
    this.order = new Order();
    this.table = new VirtualTable(byId("store-table"), {
      label: "Stores",
      look: "stores",
      columns: [
        { title: "Store", sort: "name", content: linkTo },
        { title: "Items", sort: "contents", descending: true },
        { title: "Units", sort: "units", descending: true },
        { title: "Change" },
        { title: "Last change", sort: "changed", descending: true },
      ],
      fill: (row, cells, id) => this.fill(row, cells, stores.get(id)),
      onSort: () => this.relist(repaint),
    });
    this.search.addEventListener("input", () => {
      this.table.toTop();
      this.relist(repaint);
    });
  }

  /** Show what there is. */
  show() {
    document.title = "Stores";
    this.isStale = true;
  }

  /** Bring what is seen up to date. */
  paint(now) {
    this.now = now;
    this.sync();
    this.table.paint();
    showFigures(byId("all-stores-figures"), [
      ["Stores", number(this.order.names.length)],
      ["Units", number(this.stores.units)],
      ["Changes since this page was opened", number(this.stores.timesChanged)],
    ]);
  }

  /** List all anew: somebody else looks, or may see others. */
  begin() {
    this.isStale = true;
    this.table.show([], "");
    this.table.paint();
  }

  relist(repaint) {
    this.isStale = true;
    repaint();
  }

  sync() {
    if (this.stores.membership !== this.membership) {
      this.membership = this.stores.membership;
      this.order.sync(this.stores.ids(), (id) => this.stores.has(id));
      this.isStale = true;
    }
    const { by, descending } = this.table.sort;
    const valueOf = VALUES[by];
    if (this.isStale || (valueOf && this.now - this.sortedAt >= RESORT_MS)) {
      this.isStale = false;
      this.sortedAt = this.now;
      const search = this.search.value;
      const ids = this.order.list(search, valueOf && ((id) => valueOf(this.stores.get(id))), descending);
      this.table.show(ids, search ? "No store has this in its id." : "There are no stores yet. Supply one, and it is here.");
      this.offerToOpen(ids.length ? "" : search.trim());
      setText(byId("store-found"), search ? `${number(ids.length)} of ${count(this.order.names.length, "store")}` : "");
    }
  }

  /** A store that there is not may be looked at all the same: a supply makes it. */
  offerToOpen(id) {
    const link = byId("store-open");
    link.hidden = id === "" || this.stores.has(id) || id.includes("/");
    setAttribute(link, "href", addressOf(id));
    setText(link, `Open ${spelled(id)}`);
  }

  fill(row, [, contents, units, change, changed], store) {
    setText(contents, number(store.quantities.size));
    setText(units, number(store.units));
    setText(changed, store.broken ? "broken" : store.changedAt ? ago(store.changedAt, this.now) : "–");
    setAttribute(changed, "title", store.broken || null);
    row.classList.toggle("broken", store.broken !== "");
    showMark(row, change, store.mark);
  }
}

function linkTo(id) {
  return make("a", { href: addressOf(id) }, nameOf(id));
}
