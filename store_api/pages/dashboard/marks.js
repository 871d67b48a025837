/** How a row shows that it has just changed, and by how much. */

import { setAttribute, setText } from "./dom.js";
import { signed } from "./format.js";

/**
 * Mark a row while its mark lasts; the colour fades with the mark's age, whenever the row came into sight.
 *
 * @param {HTMLElement} row
 * @param {HTMLElement} cell where the difference is told
 * @param {import("./stock.js").Mark | null | undefined} mark
 */
export function showMark(row, cell, mark) {
  const told = mark && mark.delta !== 0 ? mark : null;
  setText(cell, told ? signed(told.delta) : "");
  if (row.markedAt === told?.at) {
    return;
  }
  row.markedAt = told?.at;
  // Another name of the same animation begins it anew.
  row.turn = 1 - (row.turn ?? 0);
  setAttribute(row, "data-mark", told ? `${told.delta > 0 ? "rose" : "fell"}-${row.turn}` : null);
  if (told) {
    row.style.setProperty("--age", `${told.at - Date.now()}ms`);
  }
}
