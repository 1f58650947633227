// What people do with messages that are there: point at one, open its toolbar, react.

/** @typedef {import("./person.mjs").Person} Person */

/** The row of a message. @param {Person} person @param {string} text */
export function row({ page }, text) {
  return page.locator("#messages > li", { has: page.getByText(text, { exact: true }) }).first();
}

/** Uses the toolbar of a message by mouse. @param {Person} person @param {string} text
 * @param {"react" | "reply" | "edit" | "delete"} action */
export async function act(person, text, action) {
  // One's own message has no toolbar before it has a place, and a pointer that rests on it would get none later either.
  const placed = person.page.locator('#messages > li:not([data-position=""])');
  await row(person, text).and(placed).locator(".text").hover();
  await person.page.locator(`#action-${action}`).click();
}

/** @param {Person} person @param {string} text @param {string} emoji of the palette */
export async function react(person, text, emoji) {
  await act(person, text, "react");
  await person.page.locator("#emoji-palette button", { hasText: emoji }).click();
}

/** The pill of a reaction below a message, with this count. @param {Person} person @param {string} text
 * @param {string} emoji @param {number} count */
export function pill(person, text, emoji, count) {
  return row(person, text).locator(".reaction", { hasText: `${emoji}${count}` });
}

/** Writes another text into the open editor, and saves it. @param {Person} person @param {string} text */
export async function rewrite({ page }, text) {
  await page.locator(".editor textarea").fill(text);
  await page.locator(".editor .save").click();
}
