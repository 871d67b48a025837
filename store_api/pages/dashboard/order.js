/** Ids in the order in which people look for them, kept while ids come and go. */

import { searchable } from "./spelling.js";

const collator = new Intl.Collator(undefined, { numeric: true });

/** More newcomers than these are sorted in together. */
const MANY = 100;

/** Compare two ids as people sort them: `item-2` before `item-10`; ids that look alike by their characters. */
export function compareIds(one, other) {
  return collator.compare(one, other) || (one < other ? -1 : Number(one > other));
}

/** Ids by name; from there by a value, and narrowed to what is searched for. */
export class Order {
  constructor() {
    /** @type {string[]} */
    this.names = [];
    this.known = new Set();
  }

  /** Let just these ids be in it. @param {Iterable<string>} ids @param {(id: string) => boolean} has */
  sync(ids, has) {
    const newcomers = [];
    let count = 0;
    for (const id of ids) {
      count += 1;
      if (!this.known.has(id)) {
        newcomers.push(id);
        this.known.add(id);
      }
    }
    if (this.known.size > count) {
      this.names = this.names.filter((id) => has(id));
      this.known = new Set([...this.names, ...newcomers]);
    }
    if (newcomers.length > MANY) {
      this.names = this.names.concat(newcomers).sort(compareIds);
    } else {
      newcomers.forEach((id) => this.names.splice(this.placeOf(id), 0, id));
    }
  }

  placeOf(id) {
    let low = 0;
    let high = this.names.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareIds(this.names[middle], id) < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /**
   * List the ids that hold a text, in order.
   *
   * @param {string} search
   * @param {((id: string) => number) | null} valueOf what they are sorted by; null is by name
   * @param {boolean} descending
   */
  list(search, valueOf, descending) {
    const wanted = searchable(search.trim());
    const found = wanted
      ? this.names.filter((id) => searchable(id).includes(wanted))
      : this.names.slice();
    if (valueOf) {
      const values = new Map(found.map((id) => [id, valueOf(id)]));
      const sign = descending ? -1 : 1;
      return found.sort((one, other) => sign * (values.get(one) - values.get(other)));
    }
    return descending ? found.reverse() : found;
  }
}
