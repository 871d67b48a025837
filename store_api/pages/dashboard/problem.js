/** A problem document as people read it: all that it says, and nothing else. */

import { make } from "./dom.js";
import { number } from "./format.js";
import { nameOf } from "./spelling.js";

const MOST_SHORTAGES = 20;

const OUTCOMES = {
  "not applied": "Nothing was changed.",
  unknown: "It is not known whether it was applied. Sent again from here, it is applied once at most.",
  applied: "It was applied: do not send it again.",
};

/** Show a problem in an element. @param {HTMLElement} element @param {object} problem */
export function showProblem(element, problem) {
  const lines = [make("strong", {}, problem.title ?? "Problem")];
  if (problem.detail) {
    lines.push(make("p", {}, problem.detail));
  }
  if (problem.path) {
    lines.push(make("p", {}, "Where: ", make("code", {}, problem.path)));
  }
  if (Array.isArray(problem.shortages)) {
    lines.push(shortages(problem.shortages));
  }
  if (OUTCOMES[problem.outcome] && problem.outcome !== "not applied") {
    lines.push(make("p", { class: "outcome" }, OUTCOMES[problem.outcome]));
  }
  if (problem.status) {
    lines.push(make("p", { class: "small" }, [problem.status, problem.type].filter(Boolean).join(" · ")));
  }
  element.replaceChildren(...lines);
  element.hidden = false;
}

/** Take a problem away. */
export function hideProblem(element) {
  element.replaceChildren();
  element.hidden = true;
}

function shortages(list) {
  const lines = list
    .slice(0, MOST_SHORTAGES)
    .map(({ item_id: item, wanted, available }) =>
      make("li", {}, make("b", {}, nameOf(item)), `: ${number(wanted)} wanted, ${number(available)} available`),
    );
  if (list.length > MOST_SHORTAGES) {
    lines.push(make("li", {}, `and ${number(list.length - MOST_SHORTAGES)} more`));
  }
  return make("ul", {}, ...lines);
}
