/** What one store holds, as the socket's frames tell it: kept exact, change by change. */

import { Trail } from "./trail.js";

const MOST_CHANGES = 60;
const MOST_LINES_TOLD = 3;

/** How long a changed line stays marked, in milliseconds. */
export const MARK_MS = 4_000;

/** Changes of a line that come as close as this are told as one, in milliseconds. */
const TOGETHER_MS = 100;

/** More lines than these that go at once are not worth a farewell each. */
const MOST_LEAVING = 200;

/**
 * @typedef {{item_id: string, quantity: number}} Line as in a frame
 * @typedef {{at: number, before: number, delta: number}} Mark
 * @typedef {{item: string, delta: number, now: number}} Step
 * @typedef {{at: number, steps: Step[], more: number}} Change the first steps of one frame, and how many more
 */

/** One store: its stock, and what became of it since the page was opened. */
export class Store {
  /** @param {string} id */
  constructor(id) {
    this.id = id;
    /** @type {Map<string, number>} pieces of each item; never 0 */
    this.quantities = new Map();
    this.units = 0;
    /** Grows whenever an item comes or goes. */
    this.membership = 0;
    /** When it last changed, as `Date.now()` tells it; 0 is not since the page was opened. */
    this.changedAt = 0;
    this.timesChanged = 0;
    /** @type {Mark | null} of the whole store */
    this.mark = null;
    /** @type {Map<string, number>} when a line last changed, of those that did */
    this.linesChangedAt = new Map();
    /** @type {Map<string, Mark>} of its lines */
    this.marks = new Map();
    /** @type {Change[]} newest first */
    this.changes = [];
    this.trail = new Trail();
    /** The number of the connection on which it was last told; 0 is never. */
    this.toldOn = 0;
    /** When it was first told on that connection. */
    this.toldAt = 0;
    /** The number of the connection since which its last day was asked for. */
    this.dayOn = 0;
    this.isGone = false;
    /** What is wrong with its document, since when no change of it can be told; empty when nothing is. */
    this.broken = "";
    /** The number of the connection on which that was told. */
    this.brokenOn = 0;
  }

  /** Whether an item has a line: it is there, or it has just gone. */
  has(item) {
    return this.quantities.has(item) || this.marks.has(item);
  }

  /** List the items that have a line, in no order. */
  *items() {
    yield* this.quantities.keys();
    for (const item of this.marks.keys()) {
      if (!this.quantities.has(item)) {
        yield item;
      }
    }
  }

  /** Take over the lines that changed. @param {Line[]} report */
  change(report, at) {
    this.note(this.put(report), at);
  }

  /** Take a whole report over; what differs from what was known changed while nobody listened. */
  replace(report, at) {
    const gone = new Set(this.quantities.keys());
    for (const line of report) {
      gone.delete(line.item_id);
    }
    const lines = report.concat(Array.from(gone, (item) => ({ item_id: item, quantity: 0 })));
    const steps = this.put(lines);
    this.toldAt = at;
    if (this.toldOn === 0) {
      this.trail.note(at, this.units);
    } else {
      this.note(steps, at);
    }
  }

  /** Set quantities, and list the steps that this made. */
  put(lines) {
    const steps = [];
    for (const { item_id: item, quantity: now } of lines) {
      const before = this.quantities.get(item) ?? 0;
      if (now === before) {
        continue;
      }
      this.units += now - before;
      if (now === 0) {
        this.quantities.delete(item);
      } else {
        this.quantities.set(item, now);
      }
      this.membership += before === 0 || now === 0 ? 1 : 0;
      steps.push({ item, delta: now - before, now });
    }
    return steps;
  }

  note(steps, at) {
    if (steps.length === 0) {
      return;
    }
    this.markLines(steps, at);
    const delta = steps.reduce((sum, step) => sum + step.delta, 0);
    this.mark = marked(this.mark ?? undefined, at, this.units - delta, this.units);
    this.changedAt = at;
    this.timesChanged += 1;
    this.trail.note(at, this.units);
    const first = steps.slice(0, MOST_LINES_TOLD);
    this.changes.unshift({ at, steps: first, more: steps.length - first.length });
    this.changes.length = Math.min(this.changes.length, MOST_CHANGES);
  }

  markLines(steps, at) {
    const leaving = steps.reduce((count, step) => count + (step.now === 0 ? 1 : 0), 0);
    for (const { item, delta, now } of steps) {
      this.linesChangedAt.set(item, at);
      if (now === 0 && leaving > MOST_LEAVING) {
        this.forget(item);
      } else {
        this.marks.set(item, marked(this.marks.get(item), at, now - delta, now));
      }
    }
  }

  forget(item) {
    this.marks.delete(item);
    this.linesChangedAt.delete(item);
    this.membership += 1;
  }

  /** Take away the marks that were there long enough. */
  fade(at) {
    for (const [item, mark] of this.marks) {
      if (at - mark.at >= MARK_MS) {
        this.marks.delete(item);
        if (!this.quantities.has(item)) {
          this.forget(item);
        }
      }
    }
    if (this.mark && at - this.mark.at >= MARK_MS) {
      this.mark = null;
    }
  }
}

/** Make a mark, which begins where an earlier one began that nobody can have seen yet. @returns {Mark} */
function marked(earlier, at, before, now) {
  const from = earlier && at - earlier.at < TOGETHER_MS ? earlier.before : before;
  return { at, before: from, delta: now - from };
}
