// What lies over the open room: a dialog, and where there is no room for three columns the drawer, the list of people and
// the search. What belongs to a message, such as the emoji to choose from, goes with them, and hides nothing.

import { button, element, hasDialog } from "./lib/dom.js";
import { closeDrawer } from "./views/rooms.js";

const PANELS = ["members", "search"];

export function isCovered() {
  return hasDialog() || document.body.classList.contains("drawer-open") || panels().length > 0;
}

/** Closes all of it; false if there was nothing. */
export function uncover() {
  const beside = document.querySelector(":popover-open");
  const was = isCovered() || beside !== null;
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  if (beside instanceof HTMLElement) beside.hidePopover();
  closeDrawer(true);
  for (const id of panels()) button(`${id}-close`).click();
  return was;
}

/** Those that lie over the messages and not beside them. */
function panels() {
  return matchMedia("(min-width: 1000px)").matches ? [] : PANELS.filter((id) => !element(id).hidden);
}
