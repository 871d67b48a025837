/** What a store held over the last day, from the ledger; from there on the socket tells. */

import { Problem, unitsSince } from "./api.js";
import { untilAnswered } from "./patience.js";

const DAY_MS = 86_400_000;

/** Completes the trails of stores that are looked at, backwards. */
export class LastDay {
  /** @param {import("./stores.js").Stores} stores @param {import("./session.js").Session} session */
  constructor(stores, session) {
    this.stores = stores;
    this.session = session;
  }

  /**
   * Have the last day of a store in its trail, if there is a ledger and one may read it.
   *
   * It is asked once for each connection that has told the store: what happened while there was none, only the
   * ledger knows.
   *
   * @param {import("./stock.js").Store} store
   */
  keep(store, now) {
    const { connections } = this.stores;
    if (this.session.hasLedger && store.toldOn === connections && store.dayOn !== connections && connections > 0) {
      store.dayOn = connections;
      this.load(store, connections);
    }
    if (store.trail.isOfDay) {
      store.trail.forget(now - DAY_MS);
    }
  }

  async load(store, connection) {
    const isWanted = () => store.dayOn === connection && this.stores.get(store.id) === store;
    const { toldAt } = store;
    try {
      const units = await untilAnswered(() => unitsSince(store.id, Date.now() - DAY_MS), { isWanted });
      if (units?.length > 0) {
        store.trail.precede(units, toldAt);
        store.trail.note(Date.now(), store.units);
      }
    } catch (problem) {
      // Where the ledger does not tell, the trail goes on from when the page was opened, and says so.
      if (!(problem instanceof Problem)) {
        throw problem;
      }
    }
  }
}
