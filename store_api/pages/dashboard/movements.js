/** The movements of one store, as far as they were read: the newest, older ones on demand, new ones as they come. */

import { Problem, movementsAt, movementsPath, secondOf } from "./api.js";
import { untilAnswered } from "./patience.js";

const PAGE = 100;
const LARGEST_PAGE = 1_000;

/** With a rare filter a page may hold nothing, and there is a next one all the same: so many are read at once. */
const MOST_PAGES = 10;

/** More than these are not kept; what is older than they is read again. */
const MOST_ROWS = 20_000;

/** The ledger is about half a second behind: so long after a change it is looked for, and again after twice as long. */
const FIRST_LOOK_MS = 700;
const LONGEST_PAUSE_MS = 10_000;

/**
 * @typedef {object} Movement as the service tells it
 * @property {string} id
 * @property {string} at
 * @property {string} item_id
 * @property {number} delta
 * @property {number} quantity
 * @property {string} op
 * @property {string | null} actor
 * @property {string | null} reference
 * @property {string | null} reason
 */

/** Reads movements, one request after the other. */
export class Movements {
  /** @param {string} storeId @param {Record<string, string>} filters @param {() => void} onChange */
  constructor(storeId, filters, onChange) {
    Object.assign(this, { storeId, filters, onChange });
    /** @type {Movement[]} newest first */
    this.rows = [];
    /** Where older ones are; null is nowhere. @type {string | null} */
    this.older = null;
    this.isRead = false;
    /** Why nothing more is read, or why it has to be asked for again. @type {object | null} */
    this.problem = null;
    /** All movements up to then are in the ledger; by the service's clock, as is the other. */
    this.completeUntil = -Infinity;
    this.askedAt = -Infinity;
    this.caughtUpAt = -Infinity;
    this.pause = FIRST_LOOK_MS;
    this.work = Promise.resolve();
    this.enqueue(() => this.begin());
  }

  /** Read nothing any more. */
  close() {
    this.isClosed = true;
    clearTimeout(this.timer);
  }

  /** By how many milliseconds the ledger was behind when it was last asked. */
  get lag() {
    return this.askedAt - this.completeUntil;
  }

  /** Read older ones. @param {boolean} many */
  more(many = false) {
    if (this.older !== null && !this.isReadingOlder) {
      this.isReadingOlder = true;
      this.enqueue(() => this.readOlder(many ? LARGEST_PAGE : PAGE));
    }
  }

  /** The store has changed: look for what is new, soon. */
  hear() {
    this.isHeard = true;
    if (this.pause > FIRST_LOOK_MS) {
      clearTimeout(this.timer);
      this.timer = undefined;
    }
    this.pause = FIRST_LOOK_MS;
    this.schedule();
  }

  schedule() {
    if (this.timer === undefined && !this.isLooking && !this.isClosed) {
      this.timer = setTimeout(() => {
        this.timer = undefined;
        this.isLooking = true;
        this.enqueue(() => this.look());
      }, this.pause);
    }
  }

  enqueue(work) {
    this.work = this.work.then(async () => {
      try {
        await work();
      } catch (problem) {
        if (!(problem instanceof Problem)) {
          throw problem;
        }
        this.problem = problem.document;
      } finally {
        this.isLooking = this.isReadingOlder = false;
      }
      if (!this.isClosed) {
        this.onChange();
      }
    });
  }

  async begin() {
    const answer = await this.ask(movementsPath(this.storeId, { ...this.filters, order: "desc", limit: PAGE }));
    if (answer) {
      this.completeUntil = momentOf(answer.complete_until);
      this.rows = answer.movements;
      this.older = answer.next;
      this.isRead = true;
      await this.readOlder(PAGE, answer.movements.length > 0);
    }
  }

  async readOlder(limit, isEnough = false) {
    for (let page = 0; page < MOST_PAGES && this.older !== null && !isEnough; page += 1) {
      const address = new URL(this.older, location.href);
      address.searchParams.set("limit", limit);
      const answer = await this.ask(address.href);
      if (!answer) {
        return;
      }
      this.rows = this.rows.concat(answer.movements);
      this.older = answer.next;
      isEnough = answer.movements.length > 0;
    }
  }

  /** Read what came since; look again until the ledger has come to where it was looked for. */
  async look() {
    const wasHeard = this.isHeard;
    this.isHeard = false;
    const found = [];
    let first;
    let path = movementsPath(this.storeId, { ...this.filters, order: "asc", limit: LARGEST_PAGE, ...this.place() });
    for (let page = 0; path !== null; page += 1) {
      if (page === MOST_PAGES) {
        await this.begin();
        return;
      }
      const answer = await this.ask(path);
      if (!answer) {
        return;
      }
      first ??= answer;
      found.push(...answer.movements);
      path = answer.next;
    }
    this.putBefore(found.reverse());
    this.completeUntil = momentOf(first.complete_until);
    this.caughtUpAt = wasHeard ? first.askedAt : this.caughtUpAt;
    this.lookAgain();
  }

  lookAgain() {
    this.isLooking = false;
    if (!this.isHeard) {
      if (this.completeUntil >= this.caughtUpAt || Number.isNaN(this.caughtUpAt)) {
        return;
      }
      this.pause = Math.min(2 * this.pause, LONGEST_PAUSE_MS);
    }
    this.schedule();
  }

  /** Where what is new begins; a rare filter's last row may be long ago, and nothing between is read again. */
  place() {
    return {
      ...(this.rows.length > 0 && { after: this.rows[0].id }),
      ...(Number.isFinite(this.completeUntil) && { from: secondOf(this.completeUntil) }),
    };
  }

  putBefore(newest) {
    const cameAt = Date.now();
    newest.forEach((row) => Object.assign(row, { cameAt }));
    this.rows = newest.concat(this.rows);
    if (this.rows.length > MOST_ROWS) {
      this.rows.length = MOST_ROWS;
      const query = { ...this.filters, order: "desc", after: this.rows.at(-1).id };
      this.older = movementsPath(this.storeId, query);
    }
  }

  async ask(path) {
    const answer = await untilAnswered(() => movementsAt(path), {
      isWanted: () => !this.isClosed,
      onWait: (problem) => {
        this.problem = problem;
        this.onChange();
      },
    });
    if (answer) {
      this.problem = null;
      this.askedAt = answer.askedAt;
    }
    return answer;
  }
}

function momentOf(text) {
  return text === null ? -Infinity : Date.parse(text);
}
