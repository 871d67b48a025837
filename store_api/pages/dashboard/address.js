/** What the page's address says: which store is looked at, and which view of it. */

const STORE = /^#\/stores\/([^/]+)(?:\/(history)|\/at\/([^/]+))?$/;

/**
 * @typedef {object} Place
 * @property {string | null} id of the store; null is all of them
 * @property {"stock" | "history"} view
 * @property {string | null} at the moment of which its report is, as it is asked for; null is now
 */

/** Give the address of a store's page: `#/stores/abc111`. */
export function addressOf(id) {
  return `#/stores/${encodeURIComponent(id)}`;
}

/** Give the address of its history. */
export function historyOf(id) {
  return `${addressOf(id)}/history`;
}

/** Give the address of its report as of a moment. @param {string} at as in `2026-11-26T21:00:00Z` */
export function momentOf(id, at) {
  return `${addressOf(id)}/at/${at}`;
}

/** Read an address; whatever is none of ours is that of all stores. @param {string} hash @returns {Place} */
export function placeIn(hash) {
  const [, id, history, at] = (STORE.exec(hash) ?? []).map(decoded);
  const isStore = id !== undefined && id !== null && at !== null;
  return { id: isStore ? id : null, view: history ?? "stock", at: (isStore && at) || null };
}

function decoded(part) {
  try {
    return part === undefined ? undefined : decodeURIComponent(part);
  } catch {
    return null;
  }
}
