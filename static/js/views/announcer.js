// Tells screen readers what others say. The visible list is not live, because it also changes when history loads or
// the window moves, and a reader would then recite old conversations.

import { element } from "../lib/dom.js";
import { plainText } from "../lib/markup.js";
import { perFrame } from "../lib/timing.js";
import { strings } from "../strings.js";

const KEPT = 20;

/** @param {import("../store.js").Store} store */
export function announceMessages(store) {
  const log = element("announcer");
  /** @type {import("../protocol.js").MessageFrame[]} */
  let waiting = [];
  const announce = perFrame(() => {
    // Of a burst nobody could listen to all; the last ones are enough to know what is going on.
    const lines = waiting.slice(-KEPT).map(toLine);
    waiting = [];
    log.append(...lines);
    while (log.childElementCount > KEPT) log.firstElementChild?.remove();
  });
  store.addEventListener("message", (event) => {
    const { room, message, news } = /** @type {CustomEvent<import("../store.js").MessageDetail>} */ (event).detail;
    if (!news || room !== store.current || message.from.id === store.me?.id || store.isMuted(message.from)) return;
    waiting.push(message);
    announce();
  });
  // What was taken back is not to be read again, here either.
  store.addEventListener("folded", (event) => {
    const { type, target } = /** @type {CustomEvent<import("../fold.js").FoldFrame>} */ (event).detail;
    if (type !== "deleted") return;
    waiting = waiting.filter(({ position }) => position !== target);
    log.querySelector(`[data-position="${CSS.escape(target)}"]`)?.remove();
  });
}

/** @param {import("../protocol.js").MessageFrame} said */
function toLine({ position, from, text }) {
  const line = document.createElement("p");
  line.dir = "auto";
  line.dataset["position"] = position;
  line.textContent = strings["messages.said"](from.name, plainText(text));
  return line;
}
