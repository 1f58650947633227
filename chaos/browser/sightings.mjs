// What somebody would see go by on the page of a chaos run: words about the connection, people who leave or join, a
// form that asks them to sign in again. Runs in the page, before its own scripts, and has to stand alone there.

/**
 * @typedef {{ kind: "status" | "notice" | "left" | "joined" | "signed_out", at: number, text: string, state: string }} Sighting
 *   `text` the words, or the name of who left or joined; `state` how the page itself calls the state of its connection
 */

/** Calls `hubbubSaw` of the window, which the watcher provides, for each thing in the moment in which it changes. */
export function recordSightings() {
  /** @param {Sighting["kind"]} kind @param {string} text @param {string} [state] */
  function saw(kind, text, state = "") {
    /** @type {any} */ (window).hubbubSaw({ kind, at: Date.now(), text, state });
  }

  /** @param {string} id @param {MutationObserverInit} what @param {(node: HTMLElement) => void} look */
  function observe(id, what, look) {
    const node = document.getElementById(id);
    if (node) new MutationObserver(() => look(node)).observe(node, what);
    else saw("notice", `the page has no #${id}, so nothing can be seen there`);
  }

  const words = { childList: true, characterData: true, subtree: true };
  document.addEventListener("DOMContentLoaded", () => {
    let status = "";
    observe("status", words, (node) => {
      const text = node.textContent ?? "";
      if (text !== status && text !== "") saw("status", text, document.getElementById("strip")?.dataset["state"]);
      status = text;
    });
    observe("notice-text", words, (node) => {
      if (node.textContent) saw("notice", node.textContent);
    });
    observe("sign-in", { attributes: true, attributeFilter: ["hidden"] }, (node) => {
      if (!node.hidden) saw("signed_out", node.querySelector("#sign-in-note")?.textContent ?? "");
    });
    /** @type {Set<string>} */
    let here = new Set();
    observe("member-list", words, (node) => {
      // A row that only moves is taken out and put back before anybody could see it: sets of names tell what changed.
      const now = new Set([...node.querySelectorAll(".name")].map((name) => name.textContent ?? ""));
      for (const name of here) if (!now.has(name)) saw("left", name);
      for (const name of now) if (!here.has(name)) saw("joined", name);
      here = now;
    });
  });
}
