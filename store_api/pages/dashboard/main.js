/** Wires the page: who looks, which store is looked at, what keeps it up to date, and when it is painted. */

import { placeIn } from "./address.js";
import { AllStores } from "./all-stores.js";
import { Problem, whenRefused } from "./api.js";
import { ConnectionLight } from "./connection-light.js";
import { showElsewhere } from "./dialogs.js";
import { byId } from "./dom.js";
import { OneStore } from "./one-store.js";
import { Session } from "./session.js";
import { SignIn } from "./sign-in.js";
import { Stores } from "./stores.js";
import { WhoIsIt } from "./who.js";

const TICK_MS = 1_000;

const session = new Session({ onIn: letIn, onOut: askToSignIn, onUnreachable: showUnreachable });
const stores = new Stores({
  onChange: repaint,
  onStatus: (status) => light.show(status),
  onLost: () => session.ask(),
});
const light = new ConnectionLight(announce, tryNow);
const whoIsIt = new WhoIsIt(signOut);
const signIn = new SignIn((token) => session.signIn(token));
const allStores = new AllStores(stores, repaint);
const oneStore = new OneStore(stores, session, repaint, announce);
const openedAt = Date.now();

let page = allStores;
let isPaintDue = false;
let lastName = null;

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

/** Go where the address says, and tell whether that is another page: not if it is another view of the same store. */
function go() {
  const place = placeIn(location.hash);
  const { id } = place;
  const isSame = page === oneStore && oneStore.id === id;
  page = id === null ? allStores : oneStore;
  if (id === null) {
    stores.keepAll();
    oneStore.leave();
  } else {
    stores.keepOne(id);
  }
  allStores.section.hidden = page !== allStores;
  oneStore.section.hidden = page !== oneStore;
  page.show(id, place);
  page.paint(Date.now());
  return !isSame;
}

/** Show what somebody may see and do; who comes back as the same goes on where they were. */
function letIn(who, before) {
  signIn.close();
  whoIsIt.show(who);
  if (before !== null && rightsOf(who) === rightsOf(before)) {
    return;
  }
  const mayRead = session.may("read");
  document.body.classList.toggle("blind", !mayRead);
  byId("blind").hidden = mayRead;
  byId("connection").hidden = !mayRead;
  oneStore.closeDialogs(who.name !== lastName);
  lastName = who.name;
  stores.beginAnew(mayRead);
  allStores.begin();
  oneStore.begin();
  repaint();
}

function rightsOf({ name, scopes, stores: patterns, ledger }) {
  return JSON.stringify([name, scopes, patterns, ledger]);
}

/** Nothing that was told stays where the next one who looks could find it. */
function askToSignIn(reason) {
  whoIsIt.show(null);
  stores.beginAnew(false);
  allStores.begin();
  oneStore.begin();
  signIn.open(reason);
}

function showUnreachable({ nextTry, reason }) {
  light.show({ state: "waiting", since: openedAt, nextTry, reason });
}

function tryNow() {
  session.tryNow();
  stores.connection?.tryNow();
}

async function signOut() {
  try {
    await session.signOut();
  } catch (problem) {
    if (!(problem instanceof Problem)) {
      throw problem;
    }
    showElsewhere({ ...problem.document, title: `You are still signed in: ${problem.document.title}` });
  }
}

function focusContent() {
  scrollTo(0, 0);
  byId("content").focus({ preventScroll: true });
}

addEventListener("hashchange", () => {
  if (go()) {
    focusContent();
  }
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

whenRefused(() => session.ask());
go();
session.ask();
