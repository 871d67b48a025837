/** The views of a store: what it holds, now or as of a moment, and its history; only the first where there is no ledger. */

import { addressOf, historyOf } from "./address.js";
import { byId, setAttribute } from "./dom.js";
import { History } from "./history.js";
import { Moment } from "./moment.js";

const NOW = { view: "stock", at: null };

/** Shows the view that the address asks for, as far as there is a ledger. */
export class Views {
  /**
   * @param {import("./session.js").Session} session
   * @param {() => void} repaint
   * @param {(text: string) => void} announce
   */
  constructor(session, repaint, announce) {
    this.session = session;
    this.history = new History(repaint);
    this.moment = new Moment(repaint, announce);
    this.shown = NOW;
  }

  /** The report of a moment that is past; null is what there is now. */
  get past() {
    return this.moment.store ?? null;
  }

  /** Show a view of a store. @param {string} storeId @param {import("./address.js").Place} asked */
  show(storeId, asked) {
    const reads = this.session.hasLedger && this.session.sees(storeId);
    const { view, at } = (this.shown = reads ? asked : NOW);
    byId("views").hidden = !reads;
    byId("no-ledger").hidden = !this.session.may("read") || this.session.hasLedger;
    byId("stock-view").hidden = view !== "stock";
    byId("history-view").hidden = view !== "history";
    byId("stock-view").classList.toggle("past", at !== null);
    setAttribute(byId("to-stock"), "href", addressOf(storeId));
    setAttribute(byId("to-history"), "href", historyOf(storeId));
    setAttribute(byId("to-stock"), "aria-current", view === "stock" ? "page" : null);
    setAttribute(byId("to-history"), "aria-current", view === "history" ? "page" : null);
    this.history.show(view === "history" ? storeId : null);
    this.moment.show(storeId, at);
  }

  /** Forget what was told to whoever looked. */
  forget() {
    this.history.show(null);
    this.moment.show("", null);
  }

  /** Which spreadsheet says what is shown. @returns {[string, Record<string, string>]} */
  spreadsheet() {
    const { view, at } = this.shown;
    return view === "history"
      ? ["xlsx_movements", { ...this.history.filters, order: "desc" }]
      : ["xlsx_report", at === null ? {} : { at }];
  }
}
