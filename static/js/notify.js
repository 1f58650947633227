// Whether the browser lets this page show notifications. What makes them is fetched once it does, so that it costs
// nobody else anything.

/** @returns {"granted" | "denied" | "default" | "unsupported"} */
export function notificationState() {
  // On plain http browsers have the interface and refuse every request, which is no choice of the reader.
  if (!("Notification" in globalThis) || !globalThis.isSecureContext) return "unsupported";
  return Notification.permission;
}

/**
 * @param {import("./store.js").Store} store @param {import("./preferences.js").Preferences} preferences
 * @param {(room: string) => void} open
 */
export function notifyOnceAllowed(store, preferences, open) {
  let begun = false;
  const look = async () => {
    if (begun || notificationState() !== "granted") return;
    begun = true;
    /** What comes while it is fetched. @type {Event[]} */
    const early = [];
    const keep = (/** @type {Event} */ event) => early.push(event);
    for (const what of NEWS) store.addEventListener(what, keep);
    try {
      (await import("./notifications.js")).notifyOfMessages(store, preferences, open, early);
    } catch {
      begun = false;
    }
    for (const what of NEWS) store.removeEventListener(what, keep);
  };
  // Whoever allows them in a setting of the browser leaves the page for that.
  for (const event of ["focus", "blur", ALLOWED]) addEventListener(event, () => void look());
  void look();
}

/** The events of the store that may call somebody. */
export const NEWS = ["message", "invited"];
/** The event on the window that the page was allowed to. */
export const ALLOWED = "hubbub-allowed";
