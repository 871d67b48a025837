/** The HTTP calls: each gives what the service answered, or throws the problem that it says. */

const ANSWER_MS = 60_000;

/** What went wrong, as a problem document (RFC 9457) says it. */
export class Problem extends Error {
  /** @param {object} document */
  constructor(document) {
    super(document.detail ?? document.title);
    this.document = document;
  }
}

/** Demand or supply some of an item. @param {"demand" | "supply"} operation */
export async function operate(storeId, operation, item, quantity) {
  const body = JSON.stringify({ operation, item_id: item, quantity });
  await send(storePath(storeId), { method: "POST", body, headers: { "Content-Type": "application/json" } });
}

/** Empty a store. */
export async function clean(storeId) {
  await send(`${storePath(storeId)}/clean`, { method: "POST" });
}

/** Fetch a store's spreadsheet. @returns {Promise<{content: Blob, name: string}>} */
export async function spreadsheet(storeId) {
  const answer = await send(`${storePath(storeId)}/xlsx_report`, {});
  const encoded = /filename\*=UTF-8''([^;]+)/.exec(answer.headers.get("Content-Disposition") ?? "");
  return { content: await answer.blob(), name: encoded ? decodeURIComponent(encoded[1]) : "stock.xlsx" };
}

function storePath(storeId) {
  return `/stores/${encodeURIComponent(storeId)}`;
}

async function send(path, options) {
  const headers = { Prefer: "return=minimal", ...options.headers };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
  } catch {
    throw new Problem(silence(options.method));
  }
  if (!answer.ok) {
    throw new Problem(await problemIn(answer));
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

function silence(method) {
  const problem = { title: "No answer", detail: "The service could not be reached, or the connection broke." };
  return method === "POST" ? { ...problem, outcome: "unknown" } : problem;
}
