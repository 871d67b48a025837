/** Always says whether the page is connected, and if not, since when. */

import { byId, setText } from "./dom.js";
import { timeOfDay } from "./format.js";

/** Shows the state of the connection; a screen reader hears of it when it is lost and when it is back. */
export class ConnectionLight {
  /** @param {(text: string) => void} announce @param {() => void} onTryNow */
  constructor(announce, onTryNow) {
    this.announce = announce;
    this.light = byId("connection");
    this.text = byId("connection-text");
    this.retry = byId("connection-retry");
    this.retry.addEventListener("click", onTryNow);
  }

  /** @param {import("./connection.js").Status} status */
  show(status) {
    this.status = status;
    const lamp = status.state === "open" ? "open" : this.wasLost(status) ? "lost" : "connecting";
    if (lamp !== this.light.dataset.state) {
      this.tellEars(lamp);
      this.light.dataset.state = lamp;
    }
    this.retry.hidden = status.state !== "waiting";
    this.paint(Date.now());
  }

  /** Count down to the next try. */
  paint(now) {
    setText(this.text, this.words(now));
    this.light.title = this.text.textContent;
  }

  wasLost(status) {
    return status.state === "waiting" || this.light.dataset.state === "lost";
  }

  tellEars(lamp) {
    if (lamp === "lost") {
      this.announce("Not connected. What is shown may be old.");
    } else if (this.light.dataset.state === "lost") {
      this.announce("Connected again.");
    }
  }

  words(now) {
    const { state, since, nextTry, reason } = this.status ?? { state: "connecting" };
    if (state === "open") {
      return "Live";
    }
    if (this.light.dataset.state !== "lost") {
      return "Connecting…";
    }
    const seconds = Math.max(0, Math.ceil((nextTry - now) / 1000));
    const next = state === "waiting" && seconds > 0 ? `next try in ${seconds} s` : "trying…";
    return `Not connected since ${timeOfDay(since)}, ${next}${reason ? `. ${reason}` : ""}`;
  }
}
