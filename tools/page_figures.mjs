// Keeps measured figures in docs/page.md: each tool that measures the page replaces its own table there.

import { readFile, writeFile } from "node:fs/promises";

const PAGE = new URL("../docs/page.md", import.meta.url);

/**
 * Puts a table between the marks of its name, and prints it.
 * @param {string} name @param {string[]} head @param {string[][]} rows @param {boolean} keep only then the file is changed
 */
export async function show(name, head, rows, keep) {
  const line = (/** @type {string[]} */ cells) => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, index) => (index === 0 ? "---" : "--:"));
  const table = [line(head), `|${rule.join("|")}|`, ...rows.map(line)].join("\n");
  console.log(table);
  if (!keep) return;
  const text = await readFile(PAGE, "utf8");
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`docs/page.md has no marks for ${name}`);
  await writeFile(PAGE, `${before}${begin}\n${table}\n${end}${after}`);
}

/** When and on what it was measured, for the last line of a table. @param {string} browser */
export function circumstances(browser) {
  return `${new Date().toISOString().slice(0, 10)}, ${browser}`;
}
