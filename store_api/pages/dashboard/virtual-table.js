/** A table of any length: only the rows that can be seen are in the document. */

import { make, setAttribute, setText } from "./dom.js";

/** Rows above and below what is seen, so that scrolling finds them there. */
const SPARE_ROWS = 6;

/**
 * @typedef {object} Column
 * @property {string} title
 * @property {string} [sort] the name by which it is sorted; none is not sorted by
 * @property {boolean} [descending] whether the largest comes first when it is first sorted by
 * @property {() => HTMLElement} [content] makes what is in a cell, if it is more than text
 */

/** Shows rows by id, fills those that are seen, and tells how they are to be sorted. */
export class VirtualTable {
  /**
   * @param {HTMLElement} host
   * @param {object} options
   * @param {string} options.label
   * @param {string} options.look its class
   * @param {Column[]} options.columns
   * @param {(row: HTMLElement, cells: HTMLElement[], id: string) => void} options.fill
   * @param {() => void} options.onSort
   */
  constructor(host, { label, look, columns, fill, onSort }) {
    this.columns = columns;
    this.fill = fill;
    this.onSort = onSort;
    this.sort = { by: columns[0].sort, descending: false };
    /** @type {string[]} */
    this.ids = [];
    /** @type {Map<string, HTMLElement>} */
    this.rows = new Map();
    this.all = make("div", { class: "all" });
    this.scroller = make("div", { class: "scroller", role: "rowgroup", tabindex: "0" }, this.all);
    this.scroller.setAttribute("aria-label", `${label}, rows`);
    this.empty = make("p", { class: "empty" });
    const table = { role: "table", class: `table ${look}`, "aria-label": label };
    this.table = make("div", { ...table, "aria-colcount": String(columns.length) }, this.head(), this.scroller);
    host.replaceChildren(this.table, this.empty);
    this.scroller.addEventListener("scroll", () => this.paint(), { passive: true });
    new ResizeObserver(() => this.measure()).observe(this.scroller);
    this.measure();
  }

  /** Show these rows, in this order, from here on. */
  show(ids, emptyText) {
    this.ids = ids;
    setAttribute(this.table, "aria-rowcount", String(ids.length + 1));
    setText(this.empty, ids.length ? "" : emptyText);
    const height = `${ids.length * this.rowHeight}px`;
    if (this.all.style.height !== height) {
      this.all.style.height = height;
    }
  }

  /** Bring the rows that can be seen up to date. */
  paint() {
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / this.rowHeight) - SPARE_ROWS);
    const seen = this.ids.slice(first, first + this.rowsSeen + 2 * SPARE_ROWS);
    this.retire(new Set(seen));
    let next = null;
    for (let index = seen.length - 1; index >= 0; index -= 1) {
      const row = this.rows.get(seen[index]) ?? this.take(seen[index]);
      this.place(row, first + index, next);
      this.fill(row, row.cells, seen[index]);
      next = row;
    }
  }

  /** Forget how far it was scrolled. */
  toTop() {
    this.scroller.scrollTop = 0;
  }

  head() {
    const headers = this.columns.map((column) => {
      const button = column.sort && make("button", { type: "button" }, column.title);
      const header = make("div", { role: "columnheader", class: "cell" }, button ?? column.title);
      button?.addEventListener("click", () => this.sortBy(column));
      return header;
    });
    this.headers = headers;
    this.showSort();
    return make("div", { role: "rowgroup", class: "head" }, make("div", { role: "row", class: "row" }, ...headers));
  }

  sortBy({ sort, descending = false }) {
    const isSame = this.sort.by === sort;
    this.sort = { by: sort, descending: isSame ? !this.sort.descending : descending };
    this.showSort();
    this.toTop();
    this.onSort();
  }

  showSort() {
    this.columns.forEach((column, index) => {
      const direction = this.sort.descending ? "descending" : "ascending";
      const value = column.sort === this.sort.by ? direction : "none";
      setAttribute(this.headers[index], "aria-sort", column.sort ? value : null);
    });
  }

  measure() {
    this.rowHeight = Number.parseFloat(getComputedStyle(this.table).getPropertyValue("--row-height")) || 36;
    this.rowsSeen = Math.ceil(this.scroller.clientHeight / this.rowHeight) + 1;
    this.show(this.ids, this.empty.textContent);
    this.paint();
  }

  /** Take rows out that are not seen, but not from under somebody's focus. */
  retire(seen) {
    for (const [id, row] of this.rows) {
      if (!seen.has(id) && !(row.contains(document.activeElement) && this.isListed(id))) {
        this.rows.delete(id);
        row.remove();
      }
    }
  }

  isListed(id) {
    return this.ids[this.rows.get(id).index] === id;
  }

  take(id) {
    const cells = this.columns.map((column) => {
      const cell = make("div", { role: "cell", class: "cell" });
      if (column.content) {
        cell.append(column.content(id));
      }
      return cell;
    });
    const row = make("div", { role: "row", class: "row" }, ...cells);
    row.cells = cells;
    this.rows.set(id, row);
    return row;
  }

  /** Put a row where it is seen, and before the next one in the document, which is what Tab and readers follow. */
  place(row, index, next) {
    const isMisplaced = row.parentElement !== this.all || (next && row.nextElementSibling !== next);
    if (isMisplaced && !row.contains(document.activeElement)) {
      this.all.insertBefore(row, next);
    }
    if (row.index !== index) {
      row.index = index;
      row.style.transform = `translateY(${index * this.rowHeight}px)`;
      row.setAttribute("aria-rowindex", String(index + 2));
    }
  }
}
