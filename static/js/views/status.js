// The one thin line above the composer: the state of the connection when there is something to say, else who is typing.

import { button, element, hide, setText } from "../lib/dom.js";
import { perFrame } from "../lib/timing.js";
import { strings } from "../strings.js";

export class StatusView {
  #store;
  #connection;
  #strip = element("strip");
  #text = element("status");
  #countdown = element("countdown");
  #action = button("try-now");
  #typing = element("typing");
  #reload = false;
  /** Tries have failed since we were connected last. */ #down = false;

  /** @param {import("../store.js").Store} store @param {import("../connection.js").Connection} connection */
  constructor(store, connection) {
    this.#store = store;
    this.#connection = connection;
    connection.addEventListener("status", () => this.render());
    store.addEventListener("room", perFrame(() => this.#renderTyping()));
    this.#action.addEventListener("click", () => {
      if (this.#reload) location.reload();
      else connection.nudge("tryNow");
    });
  }

  /** Also called each second, for the countdown. */
  render() {
    const { status } = this.#connection;
    if (status.kind !== "connecting") this.#down = status.kind === "waiting";
    const { text, action } = this.#words(status);
    const waiting = status.kind === "waiting";
    const seconds = waiting ? Math.max(1, Math.ceil((status.at - performance.now()) / 1_000)) : 0;
    setText(this.#text, text);
    const next = this.#down ? strings["status.connecting"] : "";
    setText(this.#countdown, waiting ? strings["status.countdown"](seconds) : next);
    setText(this.#action, action);
    hide(this.#action, action === "", element("scroller"));
    this.#strip.dataset["state"] = "slow" in status && status.slow ? "slow" : status.kind;
    this.#strip.classList.toggle("has-status", text !== "");
    this.#renderTyping();
  }

  /** @param {import("../reconnect.js").Status} status */
  #words(status) {
    this.#reload = false;
    switch (status.kind) {
      case "quiet":
      case "up":
        return { text: status.slow ? strings["status.slow"] : "", action: "" };
      case "connecting":
        // A screen reader says each change of the words, so they stay while one try after the other fails.
        return { text: strings[this.#down ? "status.waiting" : "status.connecting"], action: "" };
      case "waiting":
        return { text: strings["status.waiting"], action: strings["status.tryNow"] };
      case "offline":
        return { text: strings["status.offline"], action: "" };
      case "halted":
        this.#reload = status.why === "protocol";
        if (status.why === "signed_out") return { text: "", action: "" };
        if (this.#reload) return { text: strings["status.protocol"], action: strings["status.reload"] };
        return { text: strings["status.forbidden"], action: strings["status.tryNow"] };
    }
  }

  #renderTyping() {
    const typing = [...(this.#store.open?.typing ?? [])].map(([id, { name }]) => ({ id, name }));
    const names = typing.filter((user) => !this.#store.isMuted(user)).map(({ name }) => name);
    const [first = "", second = ""] = names;
    if (names.length === 0) setText(this.#typing, "");
    else if (names.length === 1) setText(this.#typing, strings["typing.one"](first));
    else if (names.length === 2) setText(this.#typing, strings["typing.two"](first, second));
    else setText(this.#typing, strings["typing.many"]);
  }
}
