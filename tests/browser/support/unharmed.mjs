// Whether a page is still what its own templates made of it, after somebody tried to make it something else.

import assert from "node:assert/strict";

/**
 * No script ran, and no element, attribute or address came about that is not the page's own.
 * @param {import("./person.mjs").Person} person @param {string} [what] the state of the page, for the message
 */
export async function isUnharmed({ page }, what) {
  const found = await page.evaluate(look, { elements: ELEMENTS, inside: INSIDE });
  assert.deepEqual(found, { ran: [], elements: [], inside: [], attributes: [], addresses: [], frames: 0, scripts: 1 }, what);
}

/** What the page's templates and views are made of. */
const ELEMENTS = ("HTML HEAD META TITLE LINK SCRIPT BODY MAIN FORM H1 H2 H3 SPAN P LABEL INPUT BUTTON DIV A NAV HEADER UL OL LI SECTION FOOTER "
  + "TEXTAREA ASIDE TEMPLATE ARTICLE B TIME NOSCRIPT STRONG CODE DIALOG MARK SVG PATH CIRCLE RECT G USE").split(" ");

/** Where texts of people stand, and what may be in there beside text. */
const INSIDE = [
  ["#messages .text", "a[target=_blank][rel='noopener noreferrer'], strong, code, span.mark, span.mention"],
  ["#search-results .found", "mark"],
  [".author, .name, .me-name, .avatar, .quote-author, .quote-text, .remark-text, .reaction span, #typing, #room-title, #notice-text, "
    + "#announcer p, #replying p > span, #dialog-title, .new-line, .day, .fate-text", ""],
];

/** Runs in the page, so it has to stand alone. @param {{ elements: string[], inside: string[][] }} own */
function look({ elements, inside }) {
  const all = [...document.querySelectorAll("*")];
  const shown = (/** @type {Element} */ node) => node.outerHTML.slice(0, 100);
  const forbidden = /^(on|srcdoc$|action$|formaction$|ping$|srcset$|poster$|contenteditable$|autofocus$|http-equiv$|popovertarget$|xlink:|is$)/;
  const isOurs = (/** @type {URL} */ { protocol, host }) => /^https?:$/.test(protocol) && [location.host, "example.org", "www.w3.org"].includes(host);
  /** @type {[string, string][]} */
  const addresses = all.flatMap((node) => ["href", "src", "data", "xlink:href"].map((name) => /** @type {[string, string]} */ ([node.tagName, node.getAttribute(name) ?? ""])));
  return {
    ran: ["pwned", "shadowed"].filter((name) => name in window || name in Object.prototype),
    elements: all.filter((node) => !elements.includes(node.tagName.toUpperCase())).map(shown),
    inside: inside.flatMap(([place = "", allowed = ""]) =>
      [...document.querySelectorAll(place)].flatMap((node) => [...node.querySelectorAll("*")].filter((child) => allowed === "" || !child.matches(allowed)).map(shown))),
    attributes: all.filter((node) => node.getAttributeNames().some((name) => forbidden.test(name))
      || (node.hasAttribute("style") && !/^([a-z-]+: [^;(]*; ?)*$/.test(node.getAttribute("style") ?? ""))).map(shown),
    addresses: addresses.filter(([tag, address]) => {
      if (address === "" || (tag === "LINK" && address.startsWith("data:image/svg+xml,%3Csvg"))) return false;
      return !URL.canParse(address, location.href) || !isOurs(new URL(address, location.href));
    }),
    frames: frames.length,
    scripts: document.scripts.length,
  };
}
