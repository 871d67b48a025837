/** The last changes of a store, newest first. */

import { make, setText } from "./dom.js";
import { number, signed, timeOfDay } from "./format.js";
import { nameOf } from "./spelling.js";

const MOST_ENTRIES = 60;

/** Keeps a list of changes up to date; an entry is made once and only moves. */
export class ChangeList {
  /** @param {HTMLElement} list */
  constructor(list) {
    this.list = list;
    this.newest = undefined;
  }

  /** @param {import("./stock.js").Store} store */
  show(store) {
    if (store !== this.store) {
      this.store = store;
      this.newest = undefined;
      this.list.replaceChildren(make("li", { class: "none" }, "None since this page was opened."));
    }
    const [newest] = store.changes;
    if (newest === this.newest) {
      return;
    }
    const known = this.newest ? store.changes.indexOf(this.newest) : -1;
    const fresh = known < 0 ? store.changes : store.changes.slice(0, known);
    this.newest = newest;
    if (known < 0) {
      this.list.replaceChildren();
    }
    this.list.prepend(...fresh.map(entry));
    while (this.list.childElementCount > MOST_ENTRIES) {
      this.list.lastElementChild.remove();
    }
  }
}

function entry({ at, steps, more }) {
  const time = make("time", { datetime: new Date(at).toISOString() });
  setText(time, timeOfDay(at));
  const lines = steps.map(({ item, delta, now }) =>
    make(
      "span",
      { class: "step" },
      make("b", { class: delta > 0 ? "rose" : "fell" }, signed(delta)),
      " ",
      make("span", { class: "item" }, nameOf(item)),
      make("span", { class: "now" }, now ? ` → ${number(now)}` : " → none left"),
    ),
  );
  if (more > 0) {
    lines.push(make("span", { class: "now" }, `and ${number(more)} more`));
  }
  return make("li", {}, time, make("div", { class: "steps" }, ...lines));
}
