/** The form that one signs in with; nothing else can be done while it is there. */

import { NO_ANSWER, Problem } from "./api.js";
import { whileBusy } from "./dialogs.js";
import { byId, setText } from "./dom.js";
import { hideProblem, showProblem } from "./problem.js";

/** What a header can hold; of anything else it is known that it is no token. */
const SENDABLE = /^[\x21-\x7e]+$/;

const NO_TOKEN = { title: "No token", detail: "A token is letters and digits, and begins with sapi_." };

/** Asks for a token, and forgets it as soon as it was sent. */
export class SignIn {
  /** @param {(token: string) => Promise<void>} send signs in, or throws the problem why not */
  constructor(send) {
    this.send = send;
    this.dialog = byId("sign-in-dialog");
    this.token = byId("sign-in-token");
    this.problem = byId("sign-in-problem");
    this.isWanted = false;
    // Browsers close a dialog at the second Escape, whatever its page says to that.
    this.dialog.addEventListener("cancel", (event) => event.preventDefault());
    this.dialog.addEventListener("close", () => this.isWanted && this.dialog.showModal());
    this.dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      whileBusy(byId("sign-in-send"), () => this.submit());
    });
  }

  /** Ask for a token. @param {string} reason why, if there is more to say */
  open(reason) {
    if (this.dialog.open) {
      // Somebody may be about to send one.
      return;
    }
    setText(byId("sign-in-reason"), reason);
    byId("sign-in-reason").hidden = reason === "";
    hideProblem(this.problem);
    this.token.value = "";
    this.isWanted = true;
    this.dialog.showModal();
  }

  /** Ask no more. */
  close() {
    this.isWanted = false;
    this.token.value = "";
    this.dialog.close();
  }

  async submit() {
    try {
      if (!SENDABLE.test(this.token.value.trim())) {
        throw new Problem(NO_TOKEN);
      }
      await this.send(this.token.value.trim());
    } catch (problem) {
      if (!(problem instanceof Problem)) {
        throw problem;
      }
      showProblem(this.problem, problem.document);
      if (problem.document.title === NO_ANSWER) {
        // Nobody was reached: the same may be sent again.
        return;
      }
    }
    this.token.value = "";
    this.token.focus();
  }
}
