// Leads back to the line "new" when it is further up than what one sees: a room opens at its end, and what one missed may
// begin long before. Once the line was on screen, the offer has done its work.

import { button, element } from "../lib/dom.js";
import { perFrame } from "../lib/timing.js";

/** @param {import("../store.js").Store} store */
export function offerFirstUnread(store) {
  const scroller = element("scroller");
  const offer = button("first-unread");
  /** The room and line that were seen already. */
  let seen = "";
  const render = perFrame(() => {
    const line = scroller.querySelector(".new-line");
    const room = store.open;
    const current = `${room?.name} ${room?.divider}`;
    if (!line || current === seen) {
      offer.hidden = true;
      return;
    }
    const isAbove = line.getBoundingClientRect().bottom < scroller.getBoundingClientRect().top;
    if (!isAbove) seen = current;
    offer.hidden = !isAbove;
  });
  store.addEventListener("room", render);
  store.addEventListener("rooms", render);
  scroller.addEventListener("scroll", render, { passive: true });
  offer.addEventListener("click", () => {
    scroller.querySelector(".new-line")?.scrollIntoView({ block: "start", behavior: "instant" });
    scroller.focus({ preventScroll: true });
    render();
  });
}
