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
    if (this.times.length > MOST_POINTS) {
      this.thin();
    }
  }

  thin() {
    const last = this.times.length - 1;
    const stays = (_, index) => index % 2 === 0 || index === last;
    this.apart = Math.max(this.apart * 2, (this.times[last] - this.times[0]) / MOST_POINTS);
    this.times = this.times.filter(stays);
    this.values = this.values.filter(stays);
  }
}
