// axe-core's opinion of a page as it is now.

import assert from "node:assert/strict";
import axe from "axe-core";

/** @param {import("./person.mjs").Person} person @param {string} what the state of the page, for the message */
export async function hasNoFlaws({ page }, what) {
  await page.evaluate(axe.source);
  const flaws = await page.evaluate(async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations } = await /** @type {any} */ (window).axe.run(document, { runOnly: { type: "tag", values: tags } });
    return violations.map((/** @type {any} */ { id, nodes }) => `${id}: ${nodes.map((/** @type {any} */ node) => `${node.html} ${node.failureSummary}`).join(" | ")}`);
  });
  assert.deepEqual(flaws, [], what);
}
