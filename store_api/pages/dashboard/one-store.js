/** The page of one store: its report, its units over time, its last changes, and its history. */

import { CleanDialog, OperationDialog, saveSpreadsheet, whileBusy } from "./dialogs.js";
import { byId, make, setText, showFigures } from "./dom.js";
import { ago, count, number } from "./format.js";
import { ChangeList } from "./change-list.js";
import { LastDay } from "./last-day.js";
import { showMark } from "./marks.js";
import { Order } from "./order.js";
import { Plot } from "./plot.js";
import { nameOf, spelled } from "./spelling.js";
import { Views } from "./views.js";
import { VirtualTable } from "./virtual-table.js";

const RESORT_MS = 1_000;
const REDRAW_MS = 250;

const MAY = { supply: "supply", demand: "demand", clean: "clean", spreadsheet: "read" };

/** Shows one store, and what can be done to it. */
export class OneStore {
  /**
   * @param {import("./stores.js").Stores} stores
   * @param {import("./session.js").Session} session
   * @param {() => void} repaint
   * @param {(text: string) => void} announce
   */
  constructor(stores, session, repaint, announce) {
    this.stores = stores;
    this.session = session;
    this.id = "";
    this.section = byId("one-store");
    this.search = byId("item-search");
    this.views = new Views(session, repaint, announce);
    this.lastDay = new LastDay(stores, session);
    this.plot = new Plot(byId("plot"));
    this.changes = new ChangeList(byId("changes"));
    this.operations = new OperationDialog(announce);
    this.cleaning = new CleanDialog(announce);
    this.table = new VirtualTable(byId("item-table"), {
      label: "Items",
      look: "items",
      columns: [
        { title: "Item", sort: "name", content: (item) => this.buttonOf(item) },
        { title: "Quantity", sort: "quantity", descending: true },
        { title: "Change" },
        { title: "Last change", sort: "changed", descending: true },
      ],
      fill: (row, cells, item) => this.fill(row, cells, item),
      onSort: () => this.relist(repaint),
    });
    this.search.addEventListener("input", () => {
      this.table.toTop();
      this.relist(repaint);
    });
    this.listenToButtons();
  }

  /** Show the store with this id. @param {import("./address.js").Place} place */
  show(id, place) {
    this.place = place;
    if (id !== this.id) {
      this.open(id);
    }
    this.offer();
  }

  /** Another page is shown. */
  leave() {
    this.id = "";
    this.views.forget();
  }

  open(id) {
    document.title = `${spelled(id)} · Stores`;
    byId("one-store-title").replaceChildren(nameOf(id));
    this.id = id;
    this.order = new Order();
    this.search.value = "";
    this.membership = -1;
    this.drawnAt = 0;
    this.table.show([], "");
    this.table.toTop();
  }

  /** Show it anew, and offer what may be done: somebody else looks, or may do something else. */
  begin() {
    this.isStale = true;
    this.drawnAt = 0;
    this.table.show([], "");
    this.table.paint();
    this.views.forget();
    if (this.id !== "") {
      this.offer();
    }
  }

  /** Stop asking for what may not be done any more. @param {boolean} isSomebodyElse */
  closeDialogs(isSomebodyElse) {
    this.operations.closeUnless(({ storeId, operation }) => !isSomebodyElse && this.may(operation, storeId));
    this.cleaning.closeUnless(({ storeId }) => !isSomebodyElse && this.may("clean", storeId));
  }

  may(button, storeId = this.id) {
    return this.session.may(MAY[button]) && this.session.sees(storeId);
  }

  offer() {
    this.views.show(this.id, this.place);
    for (const button of Object.keys(MAY)) {
      // Whoever looks at what was does nothing to what is.
      byId(button).hidden = !this.may(button) || (this.views.past !== null && button !== "spreadsheet");
    }
    byId("one-store-foreign").hidden = this.session.who === null || this.session.sees(this.id);
  }

  /** Bring what is seen up to date. */
  paint(now) {
    this.now = now;
    const live = this.stores.get(this.id);
    const shown = this.views.past ?? live;
    this.isStale ||= shown !== this.store;
    this.store = shown;
    this.sync();
    this.table.paint();
    this.changes.show(live);
    this.showBroken(live.broken);
    this.showFigures();
    this.views.history.paint(live);
    this.lastDay.keep(live, now);
    if (now - this.drawnAt >= REDRAW_MS) {
      this.drawnAt = now;
      this.plot.draw(live.trail, now);
      setText(byId("plot-title"), `Units ${live.trail.isOfDay ? "over the last day" : "since this page was opened"}`);
    }
  }

  showFigures() {
    const { quantities, units, timesChanged, changedAt } = this.store;
    const isThen = this.views.past !== null;
    const isUnknown = isThen && this.store.toldOn === 0;
    showFigures(byId("one-store-figures"), [
      ["Items", isUnknown ? "–" : number(quantities.size)],
      ["Units", isUnknown ? "–" : number(units)],
      ["Changes", isThen ? "–" : number(timesChanged)],
      ["Last change", isThen || !changedAt ? "–" : ago(changedAt, this.now)],
    ]);
  }

  showBroken(detail) {
    const notice = byId("one-store-broken");
    setText(notice, detail && `${detail} What is shown is from before that.`);
    notice.hidden = detail === "";
  }

  relist(repaint) {
    this.isStale = true;
    repaint();
  }

  sync() {
    const { store } = this;
    const isKnown = store.toldOn > 0 || (this.stores.isSettled && this.views.past === null);
    if (store.membership !== this.membership || this.isStale || this.isKnown !== isKnown) {
      this.isKnown = isKnown;
      this.membership = store.membership;
      this.order.sync(store.items(), (item) => store.has(item));
      this.list();
    } else if (this.table.sort.by !== "name" && this.now - this.listedAt >= RESORT_MS) {
      this.list();
    }
  }

  list() {
    const { store, search } = this;
    const { by, descending } = this.table.sort;
    const values = {
      quantity: (item) => store.quantities.get(item) ?? 0,
      changed: (item) => store.linesChangedAt.get(item) ?? 0,
    };
    this.isStale = false;
    this.listedAt = this.now;
    const items = this.order.list(search.value, values[by] ?? null, descending);
    this.table.show(items, this.emptyText());
    setText(byId("item-found"), search.value ? `${number(items.length)} of ${count(this.order.names.length, "item")}` : "");
  }

  emptyText() {
    if (this.search.value) {
      return "No item has this in its id.";
    }
    if (!this.isKnown) {
      return "";
    }
    if (this.views.past !== null) {
      return "Nothing was in this store.";
    }
    return `Nothing is in this store.${this.may("supply") ? " Supply something, and it is here." : ""}`;
  }

  fill(row, [, quantity, change, changed], item) {
    const now = this.store.quantities.get(item) ?? 0;
    const at = this.store.linesChangedAt.get(item);
    setText(quantity, number(now));
    setText(changed, at ? ago(at, this.now) : "–");
    showMark(row, change, this.store.marks.get(item));
    row.classList.toggle("gone", now === 0);
  }

  /** An item's name opens the dialog for it, where it may be demanded. */
  buttonOf(item) {
    if (!this.may("demand") || this.views.past !== null) {
      return nameOf(item);
    }
    const button = make("button", { type: "button", class: "name", title: "Demand some of this" }, nameOf(item));
    button.addEventListener("click", () => this.operations.open(this.id, "demand", item));
    return button;
  }

  listenToButtons() {
    for (const operation of ["supply", "demand"]) {
      byId(operation).addEventListener("click", () => this.operations.open(this.id, operation));
    }
    byId("clean").addEventListener("click", () => this.cleaning.open(this.stores.get(this.id)));
    const spreadsheet = byId("spreadsheet");
    const save = () => saveSpreadsheet(this.id, ...this.views.spreadsheet());
    spreadsheet.addEventListener("click", () => whileBusy(spreadsheet, save));
  }
}
