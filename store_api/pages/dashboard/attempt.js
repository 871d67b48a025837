/** An operation under a key of its own, sent again by itself until it is known what became of it. */

import { Problem } from "./api.js";
import { pauseAfter } from "./backoff.js";

const PATIENCE_MS = 30_000;

const MAY_HAVE_BEEN_APPLIED = [502, 503, 504];

/** Refused before it was looked at: that says nothing of what was sent before. */
const AT_THE_DOOR = [401, 403, 421, 429];
const IN_FLIGHT = "/problems/idempotency-in-flight";

/** What a person wants done to a store, however often it has to be asked for. */
export class Attempt {
  constructor() {
    this.what = null;
    /** Is told why, whenever it will be asked for again. @type {(problem: object) => void} */
    this.onAgain = () => {};
  }

  /**
   * Carry an operation out, or throw the problem that it ended with.
   *
   * The same that nobody knows the end of keeps its key: sent once more by hand, it is still applied once.
   *
   * @param {string} what tells this operation from others
   * @param {(key: string) => Promise<void>} send sends it
   */
  async carryOut(what, send) {
    if (what !== this.what) {
      Object.assign(this, { what, key: newKey(), isInDoubt: false });
    }
    const problem = await this.untilKnown(() => send(this.key));
    if (problem?.document.outcome !== "unknown") {
      this.what = null;
    }
    if (problem) {
      throw problem;
    }
  }

  async untilKnown(send) {
    const giveUp = Date.now() + PATIENCE_MS;
    for (let failures = 1; ; failures += 1) {
      const problem = await problemOf(send);
      if (problem === null || isDefinite(problem.document)) {
        return this.isInDoubt && AT_THE_DOOR.includes(problem?.document.status) ? inDoubt(problem) : problem;
      }
      this.isInDoubt ||= problem.document.outcome !== "not applied";
      const pause = pauseAfter(failures, Math.random);
      if (Date.now() + pause > giveUp) {
        // That the last try came to nothing says nothing of those before.
        return this.isInDoubt ? inDoubt(problem) : problem;
      }
      this.onAgain(problem.document);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

function inDoubt({ document }) {
  return new Problem({ ...document, outcome: "unknown" });
}

async function problemOf(send) {
  try {
    await send();
    return null;
  } catch (problem) {
    if (problem instanceof Problem) {
      return problem;
    }
    throw problem;
  }
}

function isDefinite({ status, type }) {
  return status !== undefined && !MAY_HAVE_BEEN_APPLIED.includes(status) && type !== IN_FLIGHT;
}

/** Draw a key like no other; `crypto.randomUUID` is only there where the page came over TLS or from this machine. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
