// Small pieces about time: sleeping, waiting for a pause, the next task, one call per painted frame, and noticing lost time.

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

/** Goes on in a task of its own, behind those that wait already, and sooner than after a timer. @returns {Promise<void>} */
export function nextTask() {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** What waits for a frame. @type {Set<() => void>} */
const waiting = new Set();
// A page that is hidden gets no frame, not even the one it asked for.
globalThis.document?.addEventListener("visibilitychange", () => {
  if (document.hidden) for (const run of [...waiting]) run();
});

/**
 * Gathers many changes into one call before the next paint. A hidden page paints nothing, so there a timer does it.
 * @param {() => void} act
 */
export function perFrame(act) {
  const run = () => {
    if (waiting.delete(run)) act();
  };
  return () => {
    if (waiting.has(run)) return;
    waiting.add(run);
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
