/** Who is signed in, and what they may do: the service knows, and is asked again whenever that may be another. */

import { Problem, signIn, signOut, whoIsIt } from "./api.js";
import { pauseAfter } from "./backoff.js";

const NOBODY_IS_ASKED = null;
const UNAUTHORIZED = 401;
const ENDED = "Your session has ended. Sign in to go on where you were.";

/** Pages of one browser have one session; each tells the others that it may be another. */
const OTHER_PAGES = "store_api session";

/**
 * @typedef {{name: string | null, scopes: string[], stores: string[] | null, expires: string | null,
 *   ledger: boolean}} Who
 */

/** The session of this page. Its token is only in the form, and on its way; the cookie no script can read. */
export class Session {
  /**
   * @param {object} listener
   * @param {(who: Who, before: Who | null) => void} listener.onIn when it is known who it is, before: who it was
   * @param {(reason: string) => void} listener.onOut when one has to sign in, and why
   * @param {(failure: {nextTry: number, reason: string}) => void} listener.onUnreachable when nobody knows yet
   */
  constructor(listener) {
    this.listener = listener;
    /** @type {Who | null} */
    this.who = null;
    this.wake = () => {};
    this.others = new BroadcastChannel(OTHER_PAGES);
    this.others.onmessage = () => this.ask();
  }

  /** Whether there is somebody who can sign out: where nobody is asked, there is not. */
  get isSomebody() {
    return this.who !== null && this.who.name !== NOBODY_IS_ASKED;
  }

  /** @param {"read" | "supply" | "demand" | "clean"} scope */
  may(scope) {
    return this.who?.scopes.includes(scope) ?? false;
  }

  /** Whether there is a ledger, and they may read it. */
  get hasLedger() {
    return this.may("read") && this.who.ledger;
  }

  /** Whether a store is one of theirs. */
  sees(storeId) {
    const isIn = (pattern) =>
      pattern.endsWith("*") ? storeId.startsWith(pattern.slice(0, -1)) : storeId === pattern;
    return this.who !== null && (this.who.stores?.some(isIn) ?? true);
  }

  /** Ask the service who it is, until it answers. */
  ask() {
    this.wake();
    this.asking ??= this.untilKnown().finally(() => {
      this.asking = undefined;
    });
    return this.asking;
  }

  /** Do not wait any longer for the next try. */
  tryNow() {
    this.wake();
  }

  /** Sign in, or throw the problem why not. */
  async signIn(token) {
    this.take(await signIn(token));
    this.others.postMessage("in");
  }

  /** Sign out, or throw the problem why not. */
  async signOut() {
    await signOut();
    this.others.postMessage("out");
    this.leave("You have signed out.");
  }

  async untilKnown() {
    for (let failures = 1; ; failures += 1) {
      const problem = await this.tryToAsk();
      if (problem === null) {
        return;
      }
      if (problem.status === UNAUTHORIZED) {
        const hadOne = this.who !== null || problem.type === "/problems/credential-invalid";
        this.leave(hadOne ? ENDED : "");
        return;
      }
      const pause = pauseAfter(failures, Math.random);
      if (this.who === null) {
        this.listener.onUnreachable({ nextTry: Date.now() + pause, reason: problem.detail ?? "" });
      }
      await new Promise((resolve) => {
        this.wake = resolve;
        setTimeout(resolve, pause);
      });
    }
  }

  async tryToAsk() {
    try {
      this.take(await whoIsIt());
      return null;
    } catch (problem) {
      if (problem instanceof Problem) {
        return problem.document;
      }
      throw problem;
    }
  }

  take(who) {
    const before = this.who;
    this.who = who;
    this.listener.onIn(who, before);
  }

  leave(reason) {
    this.who = null;
    this.listener.onOut(reason);
  }
}
