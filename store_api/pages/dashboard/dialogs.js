/** What is asked before something is done to a store, and what the service says to it. */

import { Problem, clean, operate, spreadsheet } from "./api.js";
import { byId, setText } from "./dom.js";
import { count } from "./format.js";
import { hideProblem, showProblem } from "./problem.js";
import { spelled } from "./spelling.js";

const VERBS = {
  supply: { title: (store) => `Supply ${spelled(store)}`, done: "Supplied" },
  demand: { title: (store) => `Demand from ${spelled(store)}`, done: "Demanded" },
};

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
    Object.assign(this, { storeId, operation });
    setText(byId("operation-title"), VERBS[operation].title(storeId));
    setText(byId("operation-send"), operation === "supply" ? "Supply" : "Demand");
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

  async send() {
    const item = this.item.value;
    const quantity = Number(this.quantity.value || "NaN");
    try {
      await operate(this.storeId, this.operation, item, quantity);
      this.dialog.close();
      this.announce(`${VERBS[this.operation].done}: ${count(quantity, "piece")} of ${spelled(item)}`);
    } catch (problem) {
      showProblem(this.problem, documentOf(problem));
    }
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
    this.storeId = store.id;
    const stock = `${count(store.quantities.size, "item")}, ${count(store.units, "unit")}`;
    setText(byId("clean-question"), `Everything in ${spelled(store.id)} goes: ${stock}. This cannot be undone.`);
    hideProblem(this.problem);
    this.dialog.showModal();
  }

  async send() {
    try {
      await clean(this.storeId);
      this.dialog.close();
      this.announce(`${spelled(this.storeId)} is empty`);
    } catch (problem) {
      showProblem(this.problem, documentOf(problem));
    }
  }
}

/** Fetch a store's spreadsheet and save it; say what is wrong if that fails. */
export async function saveSpreadsheet(storeId) {
  try {
    const { content, name } = await spreadsheet(storeId);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content);
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  } catch (problem) {
    showProblem(byId("problem-text"), documentOf(problem));
    byId("problem-dialog").showModal();
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

function whenSent(dialog, button, send) {
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    whileBusy(button, send);
  });
}

function documentOf(problem) {
  if (problem instanceof Problem) {
    return problem.document;
  }
  throw problem;
}
