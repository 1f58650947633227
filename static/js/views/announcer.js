// Tells screen readers what others say. The visible list is not live, because it also changes when history loads or
// the window moves, and a reader would then recite old conversations.

import { element } from "../lib/dom.js";
import { strings } from "../strings.js";

const KEPT = 20;

/** @param {import("../store.js").Store} store */
export function announceMessages(store) {
  const log = element("announcer");
  store.addEventListener("message", (event) => {
    const { room, message, news } = /** @type {CustomEvent<import("../store.js").MessageDetail>} */ (event).detail;
    if (!news || room !== store.current || message.from.id === store.me?.id) return;
    const line = document.createElement("p");
    line.dir = "auto";
    line.textContent = strings["messages.said"](message.from.name, message.text);
    log.append(line);
    while (log.childElementCount > KEPT) log.firstElementChild?.remove();
  });
}
