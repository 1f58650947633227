// Whether somebody is there to see what comes: the page is on screen, has the focus, and shows the end of the room with
// nothing over it.

import { isCovered } from "./covers.js";
import { element } from "./lib/dom.js";

/** @param {import("./store.js").Store} store */
export function followAttendance(store) {
  let atEnd = true;
  const settle = () => store.apply({ type: "@attend", on: atEnd && isLookedAt() && !isCovered() });
  for (const type of ["focus", "blur", "pageshow"]) addEventListener(type, settle);
  document.addEventListener("visibilitychange", settle);
  const covers = new MutationObserver(settle);
  // Dialogs come to the body, and its classes tell of the drawer and the search.
  covers.observe(document.body, { childList: true, attributes: true });
  covers.observe(element("members"), { attributes: true });
  settle();
  /** @param {boolean} on the open room shows its latest message */
  return (on) => {
    atEnd = on;
    settle();
  };
}

export function isLookedAt() {
  return !document.hidden && document.hasFocus();
}
