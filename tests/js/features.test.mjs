// docs/features.md against the browser tests: what it names is there, with people on two instances, over both transports.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";

const ROOT = new URL("../../", import.meta.url);
const read = (path) => readFile(new URL(path, ROOT), "utf8");

/** The lines of the tables: what, and which tests show it. */
const page = await read("docs/features.md");
const lines = page.split("\n").filter((line) => /^\| (?!what|\|)/.test(line) && line.includes('"')).map((line) => {
  const cells = line.split("|").slice(1, -1).map((cell) => cell.trim());
  const shown = [...cells.at(-1).matchAll(/`([a-z_]+)`: ("[^"]+"(?:, "[^"]+")*)/g)]
    .flatMap(([, file, names]) => [...names.matchAll(/"([^"]+)"/g)].map(([, name]) => ({ file, name })));
  const number = cells.length === 3 ? cells[0] : "";
  return { line, number: Number.parseInt(number, 10) || null, alone: number.includes("†"), once: number.includes("‡"), shown };
});

/** The tests of a file: how each begins, with its options, and what it does. */
async function testsOf(file) {
  const text = await read(`tests/browser/${file}.test.mjs`);
  const found = text.split(/^(?=test\()/m).map((one) => /^test\((["`])(.*?)\1, (.*)/s.exec(one)).filter((one) => one !== null);
  return new Map(found.map(([, , name, body]) => [name, body]));
}

const isLeftOut = (body) => !body.startsWith("scene(");

test("each of the 25 features has its line", () => {
  const numbers = lines.flatMap(({ number }) => (number === null ? [] : [number]));
  assert.deepEqual(numbers, Array.from({ length: 25 }, (_, index) => index + 1));
});

test("each test that is named is there, on a cluster, with people on two instances", async () => {
  for (const { line, shown, alone, once, number } of lines) {
    assert.ok(shown.length > 0, line);
    const bodies = [];
    for (const { file, name } of shown) {
      const body = (await testsOf(file)).get(name);
      assert.ok(body !== undefined, `${file} has no test "${name}"`);
      bodies.push(body);
      if (file !== "hostile") assert.match(await read(`tests/browser/${file}.test.mjs`), /startCluster\(/, file);
    }
    if (number !== null && !alone) assert.ok(bodies.some((body) => body.includes("elsewhere:")), `nobody is elsewhere: ${line}`);
    if (number !== null) assert.equal(bodies.some((body) => !isLeftOut(body)), !once, `what runs over long-poll: ${line}`);
  }
});

test("the second run leaves out only what says why", async () => {
  for (const name of await readdir(new URL("tests/browser/", ROOT))) {
    if (!name.endsWith(".test.mjs")) continue;
    const text = await read(`tests/browser/${name}`);
    assert.doesNotMatch(text, /\bskip:|\btodo:|\bonly:|test\.(skip|todo|only)\(/, name);
    const reasons = [...text.matchAll(/onlyOnce\((.*?)\)/g)].map(([, reason]) => reason);
    for (const reason of reasons) assert.match(reason, /^"[^"]{10,}"$/, name);
  }
});
