/** How a quantity went over time, in a bounded number of points. */

const MOST_POINTS = 600;

/**
 * Points of a staircase, oldest first. When there are too many, every second one goes: the course of an hour or of a
 * week stays as wide as the plot and no wider.
 */
export class Trail {
  constructor() {
    this.times = [];
    this.values = [];
    this.apart = 0;
    /** Whether it is that of the last day; else it begins when the page was opened. */
    this.isOfDay = false;
  }

  /** Note a value, in order of time; close ones count as one, with the newest value. */
  note(at, value) {
    const last = this.times.length - 1;
    if (last >= 0 && value === this.values[last]) {
      return;
    }
    if (last > 0 && at - this.times[last] < this.apart) {
      this.values[last] = value;
      return;
    }
    this.times.push(at);
    this.values.push(value);
    this.thin();
  }

  /**
   * Put what the ledger knows before what was noted since a moment, and in place of what was noted before that.
   *
   * @param {{at: number, units: number}[]} points oldest first
   * @param {number} since
   */
  precede(points, since) {
    const noted = this.times.map((at, index) => ({ at, units: this.values[index] })).filter(({ at }) => at >= since);
    // The service's clock may be ahead of this one.
    const before = points.filter(({ at }, index) => index === 0 || at < since);
    const all = before.concat(noted);
    this.times = all.map(({ at }) => Math.min(at, all.at(-1).at));
    this.values = all.map(({ units }) => units);
    this.apart = 0;
    this.isOfDay = true;
    this.thin();
  }

  /** Forget what was before a moment, but for what it was at that moment. */
  forget(before) {
    const gone = this.times.findLastIndex((at) => at <= before);
    if (gone > 0) {
      this.times.splice(0, gone);
      this.values.splice(0, gone);
    }
    if (gone >= 0) {
      this.times[0] = before;
    }
  }

  thin() {
    if (this.times.length <= MOST_POINTS) {
      return;
    }
    const last = this.times.length - 1;
    const stays = (_, index) => index % 2 === 0 || index === last;
    this.apart = Math.max(this.apart * 2, (this.times[last] - this.times[0]) / MOST_POINTS);
    this.times = this.times.filter(stays);
    this.values = this.values.filter(stays);
  }
}
