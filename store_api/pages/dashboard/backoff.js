/** How long to wait before the next try to connect. */

const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/** A connection that stayed for so long was a good one: the pauses begin again. */
export const STEADY_MS = 5_000;

/**
 * Give the pause after a number of failures in a row, in milliseconds.
 *
 * It doubles up to half a minute; jitter takes away up to a half, so that pages that lost the same service do not
 * all come back in the same moment.
 *
 * @param {number} failures how many tries failed since a connection was steady, from 1
 * @param {() => number} random a number from 0 to below 1
 */
export function pauseAfter(failures, random) {
  const longest = Math.min(FIRST_MS * 2 ** (failures - 1), LONGEST_MS);
  return longest * (1 - random() / 2);
}
