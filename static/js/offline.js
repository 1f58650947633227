// Starts the service worker, by which the page opens without a network. Browsers have it on https and localhost only, and
// elsewhere the page does without.

const ADDRESS = "/sw.js";

/** The only text that this page ever turns into a script's address.
 * @typedef {{ createPolicy: (name: string, rules: { createScriptURL: (url: string) => string }) => { createScriptURL: (url: string) => string } }} Factory */

export async function prepareForOffline() {
  if (!("serviceWorker" in navigator)) return;
  try {
    const factory = /** @type {{ trustedTypes?: Factory }} */ (/** @type {unknown} */ (globalThis)).trustedTypes;
    const policy = factory?.createPolicy("hubbub-worker", {
      createScriptURL(url) {
        if (url !== ADDRESS) throw new TypeError(`${url} is not our worker`);
        return url;
      },
    });
    await navigator.serviceWorker.register(policy?.createScriptURL(ADDRESS) ?? ADDRESS);
  } catch {
    // Private windows and some settings forbid it; the page works on.
  }
}
