// Puts a small floating panel beside what opened it, and keeps it on the screen. The browser closes it by itself on
// Escape or a press elsewhere, and gives the focus back.

const EDGE = 8;

/** @param {HTMLElement} panel with the attribute `popover` @param {Element} anchor */
export function openBeside(panel, anchor) {
  const at = anchor.getBoundingClientRect();
  panel.showPopover();
  const { width, height } = panel.getBoundingClientRect();
  const above = at.top - height - EDGE;
  const below = at.bottom + EDGE;
  const top = Math.min(above >= EDGE ? above : below, innerHeight - height - EDGE);
  const isRtl = getComputedStyle(anchor).direction === "rtl";
  const left = isRtl ? at.left : at.right - width;
  panel.style.top = `${Math.max(EDGE, top)}px`;
  panel.style.left = `${Math.min(Math.max(EDGE, left), innerWidth - width - EDGE)}px`;
}

/** Arrow keys move among the buttons of a row, which is one stop for Tab. @param {HTMLElement} row */
export function roam(row) {
  row.addEventListener("keydown", (event) => {
    const step = STEPS.get(event.key);
    if (step === undefined || !(event.target instanceof HTMLButtonElement)) return;
    const buttons = [...row.querySelectorAll("button")].filter((each) => each.checkVisibility());
    const at = buttons.indexOf(event.target);
    if (at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    const forward = getComputedStyle(row).direction === "rtl" ? -step : step;
    const to = Number.isFinite(step) ? (at + forward + buttons.length) % buttons.length : step < 0 ? 0 : buttons.length - 1;
    for (const [index, each] of buttons.entries()) each.tabIndex = index === to ? 0 : -1;
    buttons[to]?.focus();
  });
}

const STEPS = new Map([["ArrowLeft", -1], ["ArrowRight", 1], ["Home", -Infinity], ["End", Infinity]]);
