/** Shows who is signed in, and what they may do; nothing of it where nobody is asked. */

import { byId, setText, showFigures } from "./dom.js";
import { dateAndTime } from "./format.js";
import { spelled } from "./spelling.js";

/** The name in the bar, and the dialog behind it. */
export class WhoIsIt {
  /** @param {() => Promise<void>} onSignOut */
  constructor(onSignOut) {
    this.part = byId("who");
    this.name = byId("who-name");
    this.dialog = byId("who-dialog");
    this.name.addEventListener("click", () => this.dialog.showModal());
    byId("sign-out").addEventListener("click", onSignOut);
  }

  /** @param {import("./session.js").Who | null} who */
  show(who) {
    this.part.hidden = who === null || who.name === null;
    if (this.part.hidden) {
      this.dialog.close();
      return;
    }
    setText(this.name, spelled(who.name));
    showFigures(byId("who-rights"), [
      ["Name", spelled(who.name)],
      ["May", who.scopes.join(", ")],
      ["Stores", who.stores === null ? "all" : who.stores.map(spelled).join(", ") || "none"],
      ["Signed in until", who.expires === null ? "–" : dateAndTime(Date.parse(who.expires))],
    ]);
  }
}
