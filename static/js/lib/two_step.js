// A button for what cannot be taken back: its first press asks, its second one acts. Anything else calls it off.

import { setText } from "./dom.js";

/**
 * @param {HTMLButtonElement} button
 * @param {{ label: HTMLElement, ask: () => string, act: () => void }} how `label` is where the question is shown
 * @returns {{ ask: () => void, reset: () => void }}
 */
export function twoStep(button, { label, ask, act }) {
  const words = () => label.textContent ?? "";
  let before = "";
  const isArmed = () => button.classList.contains("armed");
  const reset = () => {
    if (!isArmed()) return;
    button.classList.remove("armed");
    setText(label, before);
  };
  const arm = () => {
    if (isArmed()) return;
    before = words();
    button.classList.add("armed");
    setText(label, ask());
  };
  button.addEventListener("click", () => {
    if (!isArmed()) return arm();
    reset();
    act();
  });
  button.addEventListener("blur", reset);
  button.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isArmed()) return;
    event.stopPropagation();
    event.preventDefault();
    reset();
  });
  return { ask: arm, reset };
}
