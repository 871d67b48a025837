/** The HTTP calls: each gives what the service answered, or throws the problem that it says.
 *
 * All addresses are relative to the page: a proxy may have the service under a path of its own.
 */

const ANSWER_MS = 60_000;

/** How long an operation waits for its answer: longer than the service takes; then it is sent again. */
const OPERATION_MS = 20_000;

const SESSION = "session";

/** The service asks who one is, or says that one may not. */
const REFUSED = [401, 403];

/** The title of the problem that nobody was reached. */
export const NO_ANSWER = "No answer";

let onRefused = () => {};

/** What went wrong, as a problem document (RFC 9457) says it. */
export class Problem extends Error {
  /** @param {object} document @param {number} retryAfter how long to wait before it is tried again; 0 is not told */
  constructor(document, retryAfter = 0) {
    super(document.detail ?? document.title);
    this.document = document;
    this.retryAfter = retryAfter;
  }
}

/** Have somebody told whenever the service lets one do less than the page thought. @param {() => void} tell */
export function whenRefused(tell) {
  onRefused = tell;
}

/** Ask who one is, and what one may do. @returns {Promise<import("./session.js").Who>} */
export async function whoIsIt() {
  return (await send(SESSION, {})).json();
}

/** Sign in with a token, which the browser then keeps no more of than a cookie that scripts cannot read. */
export async function signIn(token) {
  return (await send(SESSION, { method: "POST", headers: { Authorization: `Bearer ${token}` } })).json();
}

/** Sign out. */
export async function signOut() {
  await send(SESSION, { method: "DELETE" });
}

/**
 * Demand or supply some of an item.
 *
 * @param {"demand" | "supply"} operation
 * @param {string} key what this operation is named by: sent again under it, it is applied once
 */
export async function operate(storeId, operation, item, quantity, key) {
  const body = JSON.stringify({ operation, item_id: item, quantity });
  await change(storePath(storeId), { body, headers: { "Content-Type": "application/json", "Idempotency-Key": key } });
}

/** Empty a store, under a key as above. */
export async function clean(storeId, key) {
  await change(`${storePath(storeId)}/clean`, { headers: { "Idempotency-Key": key } });
}

/**
 * Fetch a spreadsheet of a store.
 *
 * @param {"xlsx_report" | "xlsx_movements"} kind
 * @param {Record<string, string>} query which, of those that there are
 * @returns {Promise<{content: Blob, name: string}>}
 */
export async function spreadsheet(storeId, kind, query) {
  const answer = await send(withQuery(`${storePath(storeId)}/${kind}`, query), {});
  const encoded = /filename\*=UTF-8''([^;]+)/.exec(answer.headers.get("Content-Disposition") ?? "");
  return { content: await answer.blob(), name: encoded ? decodeURIComponent(encoded[1]) : "stock.xlsx" };
}

/** Give where the movements of a store are. @param {Record<string, string>} query */
export function movementsPath(storeId, query) {
  return withQuery(`${storePath(storeId)}/movements`, query);
}

/**
 * Read a page of movements, and when that was by the service's clock.
 *
 * @param {string} path
 * @returns {Promise<{movements: object[], next: string | null, complete_until: string | null, askedAt: number}>}
 */
export async function movementsAt(path) {
  const answer = await send(path, {});
  const page = await answer.json();
  // What follows is at the same address; the service may not know under which path it is reached.
  const next = page.next && `${path.split("?")[0]}${new URL(page.next, location.href).search}`;
  return { ...page, next, askedAt: Date.parse(answer.headers.get("Date")) };
}

/** Read what a store held since a moment. @returns {Promise<{at: number, units: number}[]>} */
export async function unitsSince(storeId, since) {
  const { units } = await (await send(withQuery(`${storePath(storeId)}/units`, { from: secondOf(since) }), {})).json();
  return units.map((point) => ({ ...point, at: Date.parse(point.at) }));
}

/** Read the report of a store as of a moment. @param {string} at as in `2026-11-26T21:00:00Z` */
export async function reportAt(storeId, at) {
  return (await (await send(withQuery(storePath(storeId), { at }), {})).json()).store.report;
}

/** Write a moment as the service reads it, to the second. @param {number} at as `Date.now()` tells it */
export function secondOf(at) {
  return `${new Date(at).toISOString().slice(0, -".000Z".length)}Z`;
}

function withQuery(path, query) {
  const text = new URLSearchParams(query).toString();
  return text ? `${path}?${text}` : path;
}

function storePath(storeId) {
  return `stores/${encodeURIComponent(storeId)}`;
}

async function change(path, options) {
  await send(path, { ...options, method: "POST" }, OPERATION_MS);
}

async function send(path, options, patience = ANSWER_MS) {
  const headers = { Prefer: "return=minimal", ...options.headers };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, cache: "no-store", signal: AbortSignal.timeout(patience) });
  } catch {
    throw new Problem(silence(path, options.method));
  }
  if (!answer.ok) {
    if (REFUSED.includes(answer.status) && path !== SESSION) {
      onRefused();
    }
    throw new Problem(await problemIn(answer), 1000 * Number(answer.headers.get("Retry-After")) || 0);
  }
  return answer;
}

async function problemIn(answer) {
  const otherwise = { title: `Status ${answer.status}`, status: answer.status };
  try {
    return { ...otherwise, ...(await answer.json()) };
  } catch {
    return otherwise;
  }
}

function silence(path, method) {
  const problem = { title: NO_ANSWER, detail: "The service could not be reached, or the connection broke." };
  return method === "POST" && path !== SESSION ? { ...problem, outcome: "unknown" } : problem;
}
