// Reading back, measured from inside the page.

/** Goes near the top and waits for older rows; how far did the first line in view move? It has to stand alone. */
export async function scrollUpAndMeasure() {
  const scroller = /** @type {HTMLElement} */ (document.getElementById("scroller"));
  const count = () => document.querySelectorAll("#messages .text").length;
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const before = count();
  scroller.scrollTop = Math.min(scroller.scrollTop, 250);
  const line = [...document.querySelectorAll("#messages .text")]
    .find((node) => node.getBoundingClientRect().top > scroller.getBoundingClientRect().top);
  const top = line?.getBoundingClientRect().top ?? 0;
  const end = performance.now() + 20_000;
  let worst = 0;
  while (count() === before && performance.now() < end) await frame();
  for (let more = 0; more < 5; more += 1) {
    const now = (line?.getBoundingClientRect().top ?? 0) - top;
    if (Math.abs(now) > Math.abs(worst)) worst = now;
    await frame();
  }
  return count() === before ? Number.NaN : worst;
}
