/** The history of a store: what changed, by how much, who did it, and why. */

import { byId, make, setText } from "./dom.js";
import { count, fullMoment, momentText, number, signed, timeOfDay } from "./format.js";
import { Movements } from "./movements.js";
import { nameOf, searchable, spelled } from "./spelling.js";
import { MARK_MS } from "./stock.js";
import { VirtualTable } from "./virtual-table.js";

/** How it came about that a quantity is another, by the service's word for it. */
const OPS = {
  supply: "supplied",
  demand: "demanded",
  clean: "cleaned",
  direct: "written directly",
  opening: "there at the start",
  gap: "changed unseen",
};

const FILTERS = { item_id: "history-item", op: "history-op", actor: "history-actor", reference: "history-reference" };

/** A ledger that is further behind than this says so. */
const BEHIND_MS = 10_000;

/** So close to the end of what was read older ones are read, in rows. */
const SPARE_ROWS = 10;

/** Shows the movements of the store that is open. */
export class History {
  /** @param {() => void} repaint */
  constructor(repaint) {
    this.repaint = repaint;
    this.search = byId("history-search");
    this.inputs = Object.entries(FILTERS).map(([name, id]) => [name, byId(id)]);
    byId("history-op").append(...Object.entries(OPS).map(([op, words]) => make("option", { value: op }, words)));
    this.older = byId("history-older");
    this.clear = byId("history-clear");
    this.table = new VirtualTable(byId("history-table"), {
      label: "History",
      look: "history",
      columns: ["Time", "Item", "Change", "After", "What", "Who", "Why"].map((title) => ({ title })),
      fill: (row, cells, id) => this.fill(row, cells, this.movementOf.get(id)),
      onSort: () => {},
    });
    this.listen();
  }

  /** What it is narrowed to, as the service takes it. @returns {Record<string, string>} */
  get filters() {
    return Object.fromEntries(this.inputs.map(([name, input]) => [name, input.value]).filter(([, value]) => value));
  }

  /** Show that of a store; null is none. @param {string | null} storeId */
  show(storeId) {
    if (storeId === (this.storeId ?? null)) {
      return;
    }
    this.storeId = storeId;
    this.search.value = "";
    this.inputs.forEach(([, input]) => (input.value = ""));
    this.open();
  }

  open() {
    this.movements?.close();
    this.movements = undefined;
    this.told = undefined;
    this.movementOf = new Map();
    this.ids = [];
    this.table.show([], "");
    this.table.toTop();
    this.table.paint();
    this.clear.hidden = Object.keys(this.filters).length === 0;
    if (this.storeId !== null) {
      this.movements = new Movements(this.storeId, this.filters, () => {
        this.isStale = true;
        this.repaint();
      });
      this.isStale = true;
      this.repaint();
    }
  }

  /** Bring what is seen up to date, and look for what is new if the store has changed. */
  paint(store) {
    if (!this.movements) {
      return;
    }
    const told = `${store.toldOn} ${store.timesChanged}`;
    if (told !== this.told) {
      this.told = told;
      this.movements.hear();
    }
    if (this.isStale) {
      this.isStale = false;
      this.list();
    }
    this.table.paint();
    this.readOnAtTheEnd();
  }

  list() {
    const { movements, table } = this;
    const wanted = searchable(this.search.value.trim());
    const rows = wanted ? movements.rows.filter((row) => textOf(row).includes(wanted)) : movements.rows;
    const [newest] = this.ids;
    this.movementOf = new Map(movements.rows.map((row) => [row.id, row]));
    this.ids = rows.map(({ id }) => id);
    table.show(this.ids, this.emptyText());
    const newer = newest === undefined ? 0 : this.ids.indexOf(newest);
    if (newer > 0 && table.scroller.scrollTop > 0) {
      // Whoever reads further down goes on there.
      table.scroller.scrollTop += newer * table.rowHeight;
    }
    this.older.hidden = movements.older === null;
    setText(byId("history-found"), this.foundText());
  }

  foundText() {
    const { rows, older, lag, completeUntil, problem } = this.movements;
    if (!this.movements.isRead) {
      return "";
    }
    const all = older === null ? count(rows.length, "change") : `the newest ${count(rows.length, "change")}`;
    const isBehind = lag > BEHIND_MS && Number.isFinite(completeUntil);
    return [
      this.search.value ? `${number(this.ids.length)} of ${all}` : `${all[0].toUpperCase()}${all.slice(1)}`,
      isBehind ? `the ledger is behind: complete until ${timeOfDay(completeUntil)}` : "",
      problem && rows.length > 0 ? problem.title : "",
    ].filter(Boolean).join(" · ");
  }

  emptyText() {
    const { isRead, older, problem } = this.movements;
    if (problem) {
      return problem.detail ?? problem.title;
    }
    if (!isRead) {
      return "Reading…";
    }
    const isNarrowed = this.search.value || Object.keys(this.filters).length > 0;
    const none = isNarrowed ? "No change is like that" : "No change is known";
    return older === null ? `${none}.` : `${none} so far: there are older ones.`;
  }

  readOnAtTheEnd() {
    const { scroller, rowHeight } = this.table;
    const left = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
    if (scroller.scrollTop > 0 && left < SPARE_ROWS * rowHeight) {
      this.movements.more(this.search.value !== "");
    }
  }

  /** A movement never becomes another: its row is filled once. */
  fill(row, cells, movement) {
    if (row.isFilled) {
      return;
    }
    row.isFilled = true;
    const { delta, quantity, cameAt } = movement;
    const [time, item, change, after, what, who, why] = cells;
    time.append(timeOf(movement));
    item.append(this.buttonOf(movement.item_id));
    change.append(make("b", { class: delta > 0 ? "rose" : "fell" }, signed(delta)));
    setText(after, number(quantity));
    setText(what, wordsOf(movement));
    who.append(whoOf(movement));
    why.append(...whyOf(movement));
    [item, who, why].forEach((cell) => cell.setAttribute("title", cell.textContent));
    row.classList.toggle("fresh", Date.now() - (cameAt ?? 0) < MARK_MS);
  }

  /** Some ids nobody can type: an item's name narrows the history to it. */
  buttonOf(item) {
    const button = make("button", { type: "button", class: "name" }, nameOf(item));
    button.addEventListener("click", () => {
      byId(FILTERS.item_id).value = item;
      this.open();
      byId(FILTERS.item_id).focus();
    });
    return button;
  }

  listen() {
    this.search.addEventListener("input", () => {
      this.isStale = true;
      this.table.toTop();
      this.repaint();
    });
    this.inputs.forEach(([, input]) => input.addEventListener("change", () => this.open()));
    byId("history-form").addEventListener("submit", (event) => event.preventDefault());
    this.clear.addEventListener("click", () => {
      this.inputs.forEach(([, input]) => (input.value = ""));
      this.open();
      this.search.focus();
    });
    this.older.addEventListener("click", () => this.movements.more(this.search.value !== ""));
    this.table.scroller.addEventListener("scroll", this.repaint, { passive: true });
  }
}

function timeOf({ at }) {
  const moment = Date.parse(at);
  return make("time", { datetime: at, title: fullMoment(moment) }, momentText(moment));
}

function wordsOf({ op }) {
  return OPS[op] ?? op;
}

function whoOf({ actor, op }) {
  return actor === null ? (op === "direct" ? "another program" : "–") : nameOf(actor);
}

function whyOf({ reason, reference }) {
  const known = [reason, reference].filter((each) => each !== null).map(nameOf);
  return known.length === 2 ? [known[0], " · ", known[1]] : [known[0] ?? "–"];
}

function textOf(movement) {
  const { item_id: item, actor, reference, reason, op } = movement;
  const who = actor ?? (op === "direct" ? "another program" : "");
  const texts = [item, who, reference ?? "", reason ?? ""];
  return searchable([...texts, ...texts.map(spelled), wordsOf(movement)].join("\n"));
}
