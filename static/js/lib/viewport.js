// Keeps the composer above a phone's keyboard where the browser does not do it: iOS shrinks only the visual viewport and
// ignores `interactive-widget` in the viewport's description.

/** A smaller difference is a browser bar, which `dvh` already takes into account. */
const KEYBOARD_PX = 120;

export function fitToKeyboard() {
  const viewport = window.visualViewport;
  if (!viewport) return;
  const fit = () => {
    const style = document.documentElement.style;
    // A pinch zoom makes the viewport smaller too, and must not squeeze the page.
    const covered = viewport.scale === 1 && window.innerHeight - viewport.height > KEYBOARD_PX;
    if (covered) style.setProperty("--height", `${Math.round(viewport.height)}px`);
    else style.removeProperty("--height");
    if (covered) window.scrollTo(0, 0);
  };
  viewport.addEventListener("resize", fit);
}
