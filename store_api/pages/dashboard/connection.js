/** One websocket that comes back by itself, and always knows whether it is there. */

import { STEADY_MS, pauseAfter } from "./backoff.js";

const QUIET_MS = 15_000;
const ANSWER_MS = 5_000;
const OPENING_MS = 15_000;

/** What the service's close codes mean. */
const CLOSED = {
  1001: "The service stops.",
  1011: "The service failed.",
  1013: "This page was too slow.",
  4401: "The session has ended.",
  4403: "What one may do is another now.",
  4500: "The document of this store is broken.",
};

/** A store need not exist to be listened to, and an address of sockets answers so to all who open none. */
const NO_REASON = new Set([404, 426]);

/**
 * @typedef {"connecting" | "open" | "waiting"} State
 * @typedef {object} Status
 * @property {State} state
 * @property {number} since when the connection was opened or lost, as `Date.now()` tells it
 * @property {number} nextTry when it is tried again; only while waiting
 * @property {string} reason why it is not there, in the service's words where it has any
 */

/**
 * Keeps a socket open at a path until it is closed.
 *
 * A browser is not told when the other end vanishes without a word, so a socket through which nothing came for a
 * while is checked: a service that does not answer has gone.
 */
export class Connection {
  /**
   * @param {string} path where the socket is
   * @param {{onOpen: () => void, onFrame: (text: string) => void, onStatus: (status: Status) => void,
   *   onLost: () => void}} listener
   * @param {string[]} alike further addresses that say what is wrong, when it is not the connection
   */
  constructor(path, listener, alike = []) {
    this.path = path;
    this.reasons = [path, "health/ready", ...alike];
    this.listener = listener;
    this.failures = 0;
    this.status = { state: "connecting", since: Date.now(), nextTry: 0, reason: "" };
    this.tryNow = this.tryNow.bind(this);
    addEventListener("online", this.tryNow);
    document.addEventListener("visibilitychange", this.tryNow);
    this.connect();
  }

  /** Leave for good. */
  close() {
    removeEventListener("online", this.tryNow);
    document.removeEventListener("visibilitychange", this.tryNow);
    clearTimeout(this.timer);
    this.drop();
  }

  /** Do not wait any longer for the next try, unless nobody looks. */
  tryNow() {
    if (this.status.state === "waiting" && !document.hidden) {
      this.connect();
    }
  }

  connect() {
    clearTimeout(this.timer);
    this.tell({ state: "connecting" });
    const url = new URL(this.path, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = (this.socket = new WebSocket(url));
    socket.onopen = () => this.opened();
    socket.onmessage = (event) => this.received(event.data);
    socket.onclose = (event) => this.lost(CLOSED[event.code] ?? "");
    this.timer = setTimeout(() => this.lost("The service does not answer."), OPENING_MS);
  }

  opened() {
    this.openedAt = performance.now();
    this.watch();
    this.listener.onOpen();
    this.tell({ state: "open", since: Date.now(), reason: "" });
  }

  received(text) {
    this.heardAt = performance.now();
    this.listener.onFrame(text);
  }

  /** Look now and then whether the other end is still there. */
  watch() {
    clearTimeout(this.timer);
    this.heardAt = performance.now();
    this.timer = setTimeout(() => this.check(), QUIET_MS);
  }

  async check() {
    const { socket } = this;
    if (performance.now() - this.heardAt < QUIET_MS || (await answers("health/live"))) {
      if (socket === this.socket && this.status.state === "open") {
        this.watch();
      }
    } else if (socket === this.socket) {
      this.lost("The service does not answer.");
    }
  }

  lost(reason) {
    const wasOpen = this.status.state === "open";
    const wasSteady = wasOpen && performance.now() - this.openedAt > STEADY_MS;
    this.drop();
    this.failures = wasSteady ? 1 : this.failures + 1;
    const pause = pauseAfter(this.failures, Math.random);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), pause);
    const since = wasOpen || !this.everLost ? Date.now() : this.status.since;
    this.everLost = true;
    this.tell({ state: "waiting", since, nextTry: Date.now() + pause, reason });
    // Maybe one is not let in any more: that only the service knows.
    this.listener.onLost();
    this.askWhy();
  }

  /** A refused handshake tells a script nothing; the same addresses without one do. */
  async askWhy() {
    const { nextTry } = this.status;
    for (const path of this.reasons) {
      const reason = await problemAt(path);
      if (this.status.nextTry !== nextTry || this.status.state !== "waiting") {
        return;
      }
      if (reason) {
        this.tell({ reason });
        return;
      }
    }
  }

  drop() {
    const { socket } = this;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
      this.socket = undefined;
    }
  }

  tell(news) {
    this.status = { ...this.status, ...news };
    this.listener.onStatus(this.status);
  }
}

async function answers(path) {
  try {
    return (await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) })).ok;
  } catch {
    return false;
  }
}

/** Ask an address what is wrong; empty when nothing is, or nobody answers. */
async function problemAt(path) {
  try {
    const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
    if (answer.ok || NO_REASON.has(answer.status)) {
      await answer.body?.cancel();
      return "";
    }
    return (await answer.json()).detail;
  } catch {
    return "";
  }
}
