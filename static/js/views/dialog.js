// The frame of every dialog: a native one, so the browser keeps the focus inside, closes it on Escape and gives the focus
// back. It is on the page only while it is open, and there is one at a time.

import { build, icon } from "../lib/build.js";
import { strings } from "../strings.js";

/**
 * Opens a dialog with a title.
 * @param {string} title @param {string} kind a class for the style sheet @param {...(Node | string)} content
 */
export function openDialog(title, kind, ...content) {
  closeDialogs();
  const close = build(
    "button",
    { class: "icon-button", type: "button", "aria-label": strings["dialog.close"], click: () => dialog.close() },
    icon("M4 4l8 8M12 4l-8 8"),
  );
  const dialog = build(
    "dialog",
    { class: `dialog ${kind}`, "aria-labelledby": "dialog-title" },
    build("header", { class: "dialog-head" }, build("h2", { id: "dialog-title", dir: "auto" }, title), close),
    build("div", { class: "dialog-body" }, ...content),
  );
  show(dialog);
  return dialog;
}

/** Shows a dialog that has its own frame. @param {HTMLDialogElement} dialog */
export function show(dialog) {
  dialog.addEventListener("close", () => {
    dialog.remove();
    takeKeys(document.activeElement);
  });
  // The dialog's own box has no padding, so a click on the element itself is one on what lies around it.
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
}

/** Chromium gives the focus back to a text but not always the cursor, and then swallows what is typed.
 * @param {Element | null} field */
function takeKeys(field) {
  if (!(field instanceof HTMLTextAreaElement || field instanceof HTMLInputElement)) return;
  field.blur();
  field.focus({ preventScroll: true });
}

export function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
}

/** A part of a dialog under a heading. @param {string} title @param {...(Node | string)} content */
export function section(title, ...content) {
  return build("section", { class: "dialog-part" }, build("h3", {}, title), ...content);
}
