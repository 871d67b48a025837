/** A staircase of a store's units over time. */

import { make, setAttribute, setText } from "./dom.js";
import { dateAndTime, number, timeOfDay } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 400;
const HEIGHT = 140;
const MARGIN = 6;

/** Draws a trail into an element; the picture has a name that says the same in words. */
export class Plot {
  /** @param {HTMLElement} host */
  constructor(host) {
    this.line = document.createElementNS(SVG, "path");
    this.area = document.createElementNS(SVG, "path");
    this.picture = document.createElementNS(SVG, "svg");
    setAttribute(this.picture, "viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    setAttribute(this.picture, "preserveAspectRatio", "none");
    setAttribute(this.picture, "role", "img");
    setAttribute(this.area, "class", "area");
    setAttribute(this.line, "class", "line");
    this.picture.append(this.area, this.line);
    [this.most, this.least, this.from, this.to] = ["most", "least", "from", "to"].map((name) =>
      make("span", { class: name, "aria-hidden": "true" }),
    );
    host.replaceChildren(
      make("div", { class: "plot" }, this.most, this.picture, this.least),
      make("div", { class: "plot-times" }, this.from, this.to),
    );
  }

  /** @param {import("./trail.js").Trail} trail @param {number} now */
  draw(trail, now) {
    if (trail.times.length === 0) {
      this.clear();
      return;
    }
    const [least, most] = range(trail.values);
    const from = trail.times[0];
    const stairs = this.stairs(trail, { from, now, least, most });
    setAttribute(this.line, "d", stairs);
    setAttribute(this.area, "d", `${stairs}V${HEIGHT}H0Z`);
    setText(this.most, number(most));
    setText(this.least, most === least ? "" : number(least));
    const time = trail.isOfDay ? dateAndTime : timeOfDay;
    setText(this.from, time(from));
    setText(this.to, time(now));
    const [first, last] = [trail.values[0], trail.values.at(-1)].map(number);
    const words = `Units: ${first} at ${time(from)}, now ${last}; at least ${number(least)}, at most ${number(most)}`;
    setAttribute(this.picture, "aria-label", words);
  }

  clear() {
    setAttribute(this.picture, "aria-label", "Units: not known yet");
    [this.most, this.least, this.from, this.to].forEach((label) => setText(label, ""));
    [this.line, this.area].forEach((path) => setAttribute(path, "d", ""));
  }

  stairs(trail, { from, now, least, most }) {
    const span = Math.max(now - from, 1);
    const height = HEIGHT - 2 * MARGIN;
    const x = (at) => ((WIDTH * (at - from)) / span).toFixed(1);
    const y = (value) => (MARGIN + (most === least ? height / 2 : (height * (most - value)) / (most - least))).toFixed(1);
    const steps = trail.times.map((at, index) => `H${x(at)}V${y(trail.values[index])}`);
    return `M0 ${y(trail.values[0])}${steps.join("")}H${WIDTH}`;
  }
}

function range(values) {
  return values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
}
