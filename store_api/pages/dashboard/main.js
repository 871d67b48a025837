/** Wires the page: which store is looked at, what keeps it up to date, and when it is painted. */

import { AllStores } from "./all-stores.js";
import { ConnectionLight } from "./connection-light.js";
import { byId } from "./dom.js";
import { OneStore } from "./one-store.js";
import { Stores } from "./stores.js";

const TICK_MS = 1_000;

const stores = new Stores({ onChange: repaint, onStatus: (status) => light.show(status) });
const light = new ConnectionLight(announce, () => stores.connection.tryNow());
const allStores = new AllStores(stores, repaint);
const oneStore = new OneStore(stores, repaint, announce);

let page = allStores;
let isPaintDue = false;

/** Paint with the browser's next frame, however many changes come until then; a page that nobody sees waits. */
function repaint() {
  if (!isPaintDue) {
    isPaintDue = true;
    requestAnimationFrame(() => {
      isPaintDue = false;
      page.paint(Date.now());
    });
  }
}

/** Let a screen reader say something, when it comes to it. */
function announce(text) {
  byId("announcement").textContent = text;
}

/** Go where the address says: `#/` is all stores, `#/stores/abc111` is one. */
function go() {
  const id = idInAddress();
  page = id === null ? allStores : oneStore;
  if (id === null) {
    stores.keepAll();
  } else {
    stores.keepOne(id);
  }
  allStores.section.hidden = page !== allStores;
  oneStore.section.hidden = page !== oneStore;
  page.show(id);
  page.paint(Date.now());
}

function idInAddress() {
  const [, encoded] = /^#\/stores\/([^/]+)$/.exec(location.hash) ?? [];
  try {
    return encoded === undefined ? null : decodeURIComponent(encoded);
  } catch {
    return null;
  }
}

function focusContent() {
  scrollTo(0, 0);
  byId("content").focus({ preventScroll: true });
}

addEventListener("hashchange", () => {
  go();
  focusContent();
});

byId("skip").addEventListener("click", (event) => {
  // The address names the store that is looked at, and goes on to.
  event.preventDefault();
  focusContent();
});

setInterval(() => {
  const now = Date.now();
  stores.fade(now);
  light.paint(now);
  repaint();
}, TICK_MS);

go();
