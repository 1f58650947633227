// What must not happen in a page while a test runs, and what somebody watching it would have seen go by: a status line
// that was there for a moment, a count of people that went down and up again.

/** @typedef {{ statuses: string[], notices: string[], counts: string[] }} Sightings */

/** What the page calls with each breach of its policy: told at once, a page that is left or closed takes none along. */
export const VIOLATION = "hubbubViolation";

/** Runs in the page before its own scripts. It has to stand alone, because only its text gets there. */
export function recordSightings() {
  /** @type {Sightings} */
  const seen = { statuses: [], notices: [], counts: [] };
  Object.assign(window, { hubbubSightings: seen });
  document.addEventListener("securitypolicyviolation", (event) => {
    /** @type {any} */ (window).hubbubViolation(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
  });
  document.addEventListener("DOMContentLoaded", () => {
    /** @type {[string, string[]][]} */
    const places = [["status", seen.statuses], ["notice-text", seen.notices], ["members-count", seen.counts]];
    for (const [id, list] of places) {
      const node = document.getElementById(id);
      if (!node) continue;
      new MutationObserver(() => {
        const text = node.textContent ?? "";
        if (text !== "") list.push(text);
      }).observe(node, { childList: true, characterData: true, subtree: true });
    }
  });
}

/** Failed requests are what some tests are about, so Chromium's lines about them are no fault of the page. */
const NETWORK = /^Failed to load resource|^WebSocket connection to |^An unknown error occurred when fetching the script/;

/**
 * Collects the faults of a page into a list.
 * @param {import("playwright-core").Page} page @param {string[]} faults
 */
export function collectFaults(page, faults) {
  page.on("pageerror", (error) => faults.push(`error in the page: ${error.stack ?? error}`));
  page.on("console", (message) => {
    if (message.type() !== "error" || NETWORK.test(message.text())) return;
    faults.push(`error on the console: ${message.text()}`);
  });
  page.on("dialog", (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("crash", () => faults.push("the page crashed"));
}
