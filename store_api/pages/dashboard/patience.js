/** Asks until there is an answer: a service that is away, or whose ledger is behind, is asked again by itself. */

import { Problem } from "./api.js";
import { pauseAfter } from "./backoff.js";

const PASSES = [429, 502, 503, 504];

/**
 * Give what is answered; undefined once nobody wants it any more.
 *
 * A problem that does not pass by itself is thrown.
 *
 * @template T
 * @param {() => Promise<T>} ask
 * @param {object} asker
 * @param {() => boolean} asker.isWanted
 * @param {(problem: object) => void} [asker.onWait] is told why it is asked again
 * @returns {Promise<T | undefined>}
 */
export async function untilAnswered(ask, { isWanted, onWait = () => {} }) {
  for (let failures = 1; isWanted(); failures += 1) {
    try {
      const answer = await ask();
      return isWanted() ? answer : undefined;
    } catch (problem) {
      if (!isWanted()) {
        return undefined;
      }
      if (!(problem instanceof Problem) || !passes(problem.document)) {
        throw problem;
      }
      onWait(problem.document);
      await pause(problem.retryAfter || pauseAfter(failures, Math.random));
    }
  }
  return undefined;
}

/** Wait for so many milliseconds. */
export function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function passes({ status }) {
  return status === undefined || PASSES.includes(status);
}
