// Waiting for something to become true, with a sentence that says what was waited for when it does not.

import { setTimeout as pause } from "node:timers/promises";

/** How long a story waits for one thing. Much longer than it should take: a busy machine is no fault of the page. */
export const PATIENCE_MS = 20_000;

/**
 * Asks again and again until the answer is truthy, and returns it.
 * @template T
 * @param {string} what read as "waited for …" @param {() => T | Promise<T>} ask @param {number} [ms]
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(what, ask, ms = PATIENCE_MS) {
  const end = performance.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (performance.now() > end) throw new Error(`waited ${ms} ms for ${what}`);
    await pause(25);
  }
}
