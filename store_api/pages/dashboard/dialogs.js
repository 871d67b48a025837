/** What is asked before something is done to a store, and what the service says to it. */

import { Problem, clean, operate, spreadsheet } from "./api.js";
import { Attempt } from "./attempt.js";
import { byId, setText } from "./dom.js";
import { count } from "./format.js";
import { hideProblem, showProblem } from "./problem.js";
import { spelled } from "./spelling.js";

const VERBS = {
  supply: { title: (store) => `Supply ${spelled(store)}`, done: "Supplied" },
  demand: { title: (store) => `Demand from ${spelled(store)}`, done: "Demanded" },
};

const SEND_AGAIN = "Sign in, and send it again.";

/** Ask for an item and a quantity, and supply or demand them. */
export class OperationDialog {
  /** @param {(text: string) => void} announce */
  constructor(announce) {
    this.announce = announce;
    this.dialog = byId("operation-dialog");
    this.problem = byId("operation-problem");
    this.item = byId("operation-item");
    this.quantity = byId("operation-quantity");
    byId("operation-cancel").addEventListener("click", () => this.dialog.close());
    whenSent(this.dialog, byId("operation-send"), () => this.send());
  }

  /** @param {"demand" | "supply"} operation @param {string} item already filled in, if it is known */
  open(storeId, operation, item = "") {
    Object.assign(this, { storeId, operation, attempt: new Attempt() });
    setText(byId("operation-title"), VERBS[operation].title(storeId));
    setText(byId("operation-send"), operation === "supply" ? "Supply" : "Demand");
    // Whatever was asked for before may still be on its way.
    byId("operation-send").disabled = false;
    hideProblem(this.problem);
    this.item.value = item;
    this.quantity.value = "1";
    this.dialog.showModal();
    if (item) {
      this.quantity.select();
    } else {
      this.item.focus();
    }
  }

  /** Close it, unless what it asks for still holds. @param {(asked: OperationDialog) => boolean} holds */
  closeUnless(holds) {
    closeUnless(this, holds);
  }

  async send() {
    const { storeId, operation } = this;
    const item = this.item.value;
    const quantity = Number(this.quantity.value || "NaN");
    await carryOut(this, {
      title: VERBS[operation].title(storeId),
      what: JSON.stringify([item, String(quantity)]),
      send: (key) => operate(storeId, operation, item, quantity, key),
      done: `${VERBS[operation].done}: ${count(quantity, "piece")} of ${spelled(item)}`,
    });
  }
}

/** Ask whether a store is to be emptied, and empty it. */
export class CleanDialog {
  /** @param {(text: string) => void} announce */
  constructor(announce) {
    this.announce = announce;
    this.dialog = byId("clean-dialog");
    this.problem = byId("clean-problem");
    byId("clean-cancel").addEventListener("click", () => this.dialog.close());
    whenSent(this.dialog, byId("clean-send"), () => this.send());
  }

  /** @param {import("./stock.js").Store} store */
  open(store) {
    Object.assign(this, { storeId: store.id, attempt: new Attempt() });
    const stock = `${count(store.quantities.size, "item")}, ${count(store.units, "unit")}`;
    setText(byId("clean-question"), `Everything in ${spelled(store.id)} goes: ${stock}. This cannot be undone.`);
    hideProblem(this.problem);
    byId("clean-send").disabled = false;
    this.dialog.showModal();
  }

  /** Close it, unless what it asks for still holds. @param {(asked: CleanDialog) => boolean} holds */
  closeUnless(holds) {
    closeUnless(this, holds);
  }

  async send() {
    const { storeId } = this;
    await carryOut(this, {
      title: `Clean ${spelled(storeId)}`,
      what: "clean",
      send: (key) => clean(storeId, key),
      done: `${spelled(storeId)} is empty`,
    });
  }
}

/** Fetch a spreadsheet of a store and save it; say what is wrong if that fails. */
export async function saveSpreadsheet(storeId, kind, query) {
  try {
    const { content, name } = await spreadsheet(storeId, kind, query);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content);
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  } catch (problem) {
    showElsewhere(documentOf(problem));
  }
}

/** Let a button work once at a time, and a form never leave the page. */
export async function whileBusy(button, work) {
  button.disabled = true;
  try {
    await work();
  } finally {
    button.disabled = false;
  }
}

function closeUnless(asked, holds) {
  if (asked.dialog.open && !holds(asked)) {
    asked.dialog.close();
  }
}

function whenSent(dialog, button, send) {
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    whileBusy(button, send);
  });
}

/**
 * Carry out what a dialog asks for, and say how it went: there, as long as it is open for that, or else in another.
 *
 * It goes on whether or not its dialog is closed meanwhile.
 */
async function carryOut(asked, { title, what, send, done }) {
  const { attempt } = asked;
  const isSeen = () => asked.dialog.open && asked.attempt === attempt;
  attempt.onAgain = (problem) => isSeen() && showProblem(asked.problem, stillAsking(problem));
  try {
    await attempt.carryOut(what, send);
    if (isSeen()) {
      asked.dialog.close();
    }
    asked.announce(done);
  } catch (problem) {
    const ended = documentOf(problem);
    if (isSeen()) {
      showProblem(asked.problem, ended);
    } else {
      showElsewhere({ ...ended, title: `${title}: ${ended.title}` });
    }
  }
}

function stillAsking({ title, detail }) {
  return { title: "Not known yet", detail: `${detail ?? title} It is asked again; it is applied once at most.` };
}

/** Show a problem in a dialog of its own. @param {object} problem */
export function showElsewhere(problem) {
  showProblem(byId("problem-text"), problem);
  if (!byId("problem-dialog").open) {
    byId("problem-dialog").showModal();
  }
}

function documentOf(problem) {
  if (!(problem instanceof Problem)) {
    throw problem;
  }
  const { status, outcome } = problem.document;
  return status === 401 ? { title: "You are not signed in any more", detail: SEND_AGAIN, outcome } : problem.document;
}
