// A button for what cannot be taken back: its first press asks, its second one acts. Anything else calls it off. Where
// there is nothing to ask, one press is enough.

import { setText } from "./dom.js";

/**
 * @param {HTMLButtonElement} button
 * @param {{ label: HTMLElement, ask: () => string, act: () => void }} how `label` is where the question is shown;
 *   `ask` gives "" when nothing would be lost
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
    const question = isArmed() ? "" : ask();
    if (question === "") return;
    before = words();
    button.classList.add("armed");
    setText(label, question);
    // Safari gives none to what is clicked, and takes it away there.
    button.focus();
  };
  button.addEventListener("mousedown", (event) => isArmed() && event.preventDefault());
  button.addEventListener("click", ({ detail }) => {
    // The other half of a double click has not read the question.
    if (isArmed() && detail > 1) return;
    if (!isArmed()) {
      arm();
      if (isArmed()) return;
    }
    reset();
    act();
  });
  button.addEventListener("blur", reset);
  button.addEventListener("keydown", (event) => {
    // Nor has a key that is held down.
    if (event.repeat && isArmed()) return event.preventDefault();
    if (event.key !== "Escape" || !isArmed()) return;
    event.stopPropagation();
    event.preventDefault();
    reset();
  });
  return { ask: arm, reset };
}
