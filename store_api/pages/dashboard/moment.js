/** The report of a store as of a moment that somebody picks: it is shown as that, and never taken for what there is now. */

import { addressOf, momentOf } from "./address.js";
import { Problem, reportAt, secondOf } from "./api.js";
import { byId, setAttribute, setText } from "./dom.js";
import { fullMoment } from "./format.js";
import { untilAnswered } from "./patience.js";
import { Store } from "./stock.js";

const BEHIND = "/problems/ledger-behind";
const NO_LEDGER = "/problems/no-ledger";

const AGAIN = "It is asked again by itself.";

const WORDS = {
  404: "There was no such store then.",
  410: "What was in the store then is not known.",
  422: "No report is of that moment.",
};

/** Fetches a past report, and shows of which moment it is. */
export class Moment {
  /** @param {() => void} repaint @param {(text: string) => void} announce */
  constructor(repaint, announce) {
    Object.assign(this, { repaint, announce });
    this.at = null;
    this.notice = byId("moment-notice");
    this.input = byId("moment");
    byId("moment-form").addEventListener("submit", (event) => {
      event.preventDefault();
      location.hash = momentOf(this.storeId, secondOf(new Date(this.input.value).getTime()));
    });
  }

  /** Show a store as of a moment. @param {string} storeId @param {string | null} at null is now, and live */
  show(storeId, at) {
    if (storeId === this.storeId && at === this.at) {
      return;
    }
    Object.assign(this, { storeId, at });
    /** @type {Store | null} what it held then; nothing as long as that is not known; null is what it holds now */
    this.store = at === null ? null : new Store(storeId);
    this.notice.hidden = at === null;
    this.input.value = at === null ? "" : localText(Date.parse(at));
    setAttribute(byId("moment-back"), "href", addressOf(storeId));
    if (at !== null) {
      this.write("Reading…");
      this.load(this.store);
    }
  }

  async load(store) {
    const { storeId, at } = this;
    const isWanted = () => this.store === store;
    try {
      const report = await untilAnswered(() => reportAt(storeId, at), {
        isWanted,
        onWait: (problem) => this.say(waitingText(problem)),
      });
      if (report) {
        store.replace(report, Date.parse(at));
        store.toldOn = 1;
        this.say("This is what the store held then. It is not live.");
      }
    } catch (problem) {
      if (!(problem instanceof Problem)) {
        throw problem;
      }
      this.say(problemText(problem.document));
    }
    this.repaint();
  }

  say(text) {
    this.write(text);
    this.announce(`${byId("moment-when").textContent}: ${text}`);
  }

  write(text) {
    const moment = Date.parse(this.at);
    setText(byId("moment-when"), `As of ${Number.isNaN(moment) ? this.at : fullMoment(moment)}`);
    setText(byId("moment-text"), text);
  }
}

function waitingText({ type, title, detail }) {
  return `${type === BEHIND ? "The ledger has not come to that moment yet." : (detail ?? title)} ${AGAIN}`;
}

function problemText({ status, type, title, detail }) {
  const words = type === NO_LEDGER ? undefined : WORDS[status];
  return [words ?? title, status === 404 ? "" : detail].filter(Boolean).join(" ");
}

/** Write a moment as the input takes it: the time on the wall, to the second. */
function localText(moment) {
  if (Number.isNaN(moment)) {
    return "";
  }
  const minutes = new Date(moment).getTimezoneOffset();
  return secondOf(moment - minutes * 60_000).slice(0, -1);
}
