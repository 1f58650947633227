// Leads back to the line "new" when it is further up than what one sees: a room opens at its end, and what one missed may
// begin long before, even before what was loaded. Once the line was on screen, the offer has done its work.

import { button, element } from "../lib/dom.js";
import { perFrame } from "../lib/timing.js";
import { comparePositions } from "../position.js";
import { beginsFurtherUp } from "../unread.js";

/** @param {import("../store.js").Store} store @param {import("./messages.js").MessagesView} messages
 * @param {() => Promise<void>} go */
export function offerFirstUnread(store, messages, go) {
  const scroller = element("scroller");
  const offer = button("first-unread");
  /** The room and line that were seen already. */
  let seen = "";
  const firstDrawn = () =>
    /** @type {HTMLElement | null} */ (scroller.querySelector('[data-position]:not([data-position=""])'))?.dataset["position"];
  const isOffered = () => {
    const room = store.open;
    const current = `${room?.name} ${room?.divider}`;
    if (!room || room.divider === null || current === seen) return false;
    const line = scroller.querySelector(".new-line");
    // Where it is not drawn, it may also be further down.
    if (!line) return beginsFurtherUp(room) || isBefore(messages.firstUnread(), firstDrawn());
    const isAbove = line.getBoundingClientRect().bottom < scroller.getBoundingClientRect().top;
    if (!isAbove) seen = current;
    return isAbove;
  };
  const render = perFrame(() => void (offer.hidden = !isOffered()));
  store.addEventListener("room", render);
  store.addEventListener("rooms", render);
  scroller.addEventListener("scroll", render, { passive: true });
  offer.addEventListener("click", async () => {
    await go();
    scroller.focus({ preventScroll: true });
    render();
  });
}

/** @param {string | undefined} a @param {string | undefined} b */
const isBefore = (a, b) => a !== undefined && b !== undefined && comparePositions(a, b) < 0;
