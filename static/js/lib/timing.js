// Small pieces about time: sleeping, waiting for a pause, one call per painted frame, and noticing lost time.

/**
 * Resolves after `ms`, or as soon as the signal is aborted.
 * @param {number} ms @param {AbortSignal} [signal] @returns {Promise<void>}
 */
export function sleep(ms, signal) {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
    signal?.addEventListener("abort", done);
  });
}

/**
 * Calls `act` once after the last of several calls. `flush` does it at once if one is waiting.
 * @param {number} ms @param {() => void} act
 */
export function debounce(ms, act) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const run = () => {
    timer = undefined;
    act();
  };
  const call = () => {
    clearTimeout(timer);
    timer = setTimeout(run, ms);
  };
  call.flush = () => {
    if (timer === undefined) return;
    clearTimeout(timer);
    run();
  };
  return call;
}

/**
 * Gathers many changes into one call before the next paint. A hidden page paints nothing, so there a timer does it.
 * @param {() => void} act
 */
export function perFrame(act) {
  let waiting = false;
  const run = () => {
    waiting = false;
    act();
  };
  return () => {
    if (waiting) return;
    waiting = true;
    if (document.hidden) setTimeout(run, 100);
    else requestAnimationFrame(run);
  };
}

/** Calls back when the wall clock ran much further than our timer: the machine or the page was asleep.
 * @param {() => void} act */
export function onLostTime(act) {
  let last = Date.now();
  setInterval(() => {
    const now = Date.now();
    if (now - last > 25_000) act();
    last = now;
  }, 5_000);
}
