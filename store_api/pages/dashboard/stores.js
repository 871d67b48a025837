/** The stores that the page knows, kept by one socket: of one store, or of all once somebody asked for all. */

import { Connection } from "./connection.js";
import { Store } from "./stock.js";

/** A snapshot has no end mark; after so long without a store that was not told yet, it is over. */
const SETTLED_MS = 2_000;

const ALL = "ws/stores";

/** Stores and the socket that keeps them. */
export class Stores {
  /** @param {{onChange: () => void, onStatus: (status: object) => void, onLost: () => void}} listener */
  constructor(listener) {
    this.listener = listener;
    /** @type {Map<string, Store>} */
    this.byId = new Map();
    /** Grows whenever a store comes or goes. */
    this.membership = 0;
    /** In all stores together. */
    this.units = 0;
    this.timesChanged = 0;
    this.connections = 0;
    this.path = "";
    this.alike = [];
    this.mayListen = false;
    /** Whether all stores that there are have been told. */
    this.isSettled = false;
  }

  /** Keep all stores from here on. */
  keepAll() {
    this.connect(ALL);
  }

  /** Keep one store at least. */
  keepOne(id) {
    if (this.path !== ALL) {
      this.connect(`ws/stores/${encodeURIComponent(id)}`, [`stores/${encodeURIComponent(id)}`]);
    }
  }

  /** Forget all that was told, and listen from here on, or no more. @param {boolean} mayListen */
  beginAnew(mayListen) {
    this.mayListen = mayListen;
    this.byId.clear();
    this.membership += 1;
    this.units = 0;
    this.timesChanged = 0;
    this.isSettled = false;
    this.open();
    this.listener.onChange();
  }

  /** Give a store, known or not. */
  get(id) {
    let store = this.byId.get(id);
    if (!store) {
      store = new Store(id);
      this.byId.set(id, store);
    }
    return store;
  }

  /** List the stores that there are, in no order. */
  *ids() {
    for (const store of this.byId.values()) {
      if (isThere(store)) {
        yield store.id;
      }
    }
  }

  /** Whether there is such a store. */
  has(id) {
    const store = this.byId.get(id);
    return store !== undefined && isThere(store);
  }

  /** Take away marks that were there long enough. */
  fade(at) {
    for (const store of this.byId.values()) {
      store.fade(at);
    }
  }

  connect(path, alike = []) {
    if (path === this.path) {
      return;
    }
    Object.assign(this, { path, alike });
    this.open();
  }

  open() {
    this.connection?.close();
    this.connection = undefined;
    clearTimeout(this.settling);
    if (!this.mayListen || this.path === "") {
      return;
    }
    const listener = {
      onOpen: () => this.begin(),
      onFrame: (text) => this.take(text),
      onStatus: (status) => this.listener.onStatus(status),
      onLost: () => this.listener.onLost(),
    };
    this.connection = new Connection(`${this.path}?snapshot=true&only=changes`, listener, this.alike);
  }

  begin() {
    this.connections += 1;
    this.parts = [];
    this.names = new Map();
    this.isSettled = false;
    this.awaitSettling();
  }

  /** Take a frame; those of a large change come one after the other, and count as one. */
  take(text) {
    const { broken, store, more } = JSON.parse(text);
    if (broken) {
      this.takeBroken(broken);
      return;
    }
    this.parts.push(store.report);
    if (!more) {
      this.tell(store.store_id, this.parts.length === 1 ? store.report : this.parts.flat());
      this.parts = [];
    }
  }

  /** The first change of a store is whole, or counts from an empty one, which is the same; the rest are changes. */
  tell(id, report) {
    const store = this.get(id);
    const at = Date.now();
    this.membership += store.broken ? 1 : 0;
    store.broken = "";
    const { units, timesChanged } = store;
    if (store.toldOn === this.connections) {
      store.change(report, at);
    } else {
      store.replace(report.map(this.shareName, this), at);
      this.membership += store.toldOn === 0 || store.isGone ? 1 : 0;
      store.toldOn = this.connections;
      store.isGone = false;
      this.awaitSettling();
    }
    this.units += store.units - units;
    this.timesChanged += store.timesChanged - timesChanged;
    this.listener.onChange();
  }

  /** What is known of the store is old from here on, until a report says that it is mended. */
  takeBroken({ store_id: id, detail }) {
    const store = this.get(id);
    this.membership += store.broken ? 0 : 1;
    store.broken = detail;
    store.brokenOn = this.connections;
    this.awaitSettling();
    this.listener.onChange();
  }

  /** Many stores hold the same items, and each report brings their names anew: one copy is kept. */
  shareName({ item_id: item, quantity }) {
    const known = this.names.get(item);
    if (known === undefined) {
      this.names.set(item, item);
    }
    return { item_id: known ?? item, quantity };
  }

  awaitSettling() {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.settle(), SETTLED_MS);
  }

  /** What a snapshot of all does not name has gone while nobody listened. */
  settle() {
    this.names = new Map();
    if (this.path !== ALL || this.connection.status.state !== "open") {
      return;
    }
    this.isSettled = true;
    for (const store of this.byId.values()) {
      const wasTold = store.toldOn === this.connections || (store.broken && store.brokenOn === this.connections);
      if (!wasTold && (!store.isGone || store.broken)) {
        store.broken = "";
        this.units -= store.units;
        store.replace([], Date.now());
        store.isGone = true;
        this.membership += 1;
      }
    }
    this.listener.onChange();
  }
}

function isThere(store) {
  return (store.toldOn > 0 && !store.isGone) || store.broken !== "";
}
