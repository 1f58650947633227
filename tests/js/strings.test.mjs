// The tables of texts have the same keys, and a reader gets the one they understand.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { pickLanguage, pickLocale } from "../../static/js/language.js";
import { strings as ENGLISH_AT_ONCE } from "../../static/js/strings.js";
import { GERMAN as AT_ONCE } from "../../static/js/strings_de.js";
import { ENGLISH_LATER } from "../../static/js/strings_later.js";
import { GERMAN_LATER } from "../../static/js/strings_de_later.js";

const strings = { ...ENGLISH_AT_ONCE, ...ENGLISH_LATER };
const GERMAN = { ...AT_ONCE, ...GERMAN_LATER };

test("every text is there in both languages, and of the same kind", () => {
  assert.deepEqual(Object.keys(GERMAN).sort(), Object.keys(strings).sort());
  for (const [key, text] of Object.entries(strings)) {
    assert.equal(typeof GERMAN[key], typeof text, key);
    if (typeof text === "string") assert.ok(GERMAN[key].trim() !== "" && text.trim() !== "", key);
    else assert.equal(GERMAN[key].length, text.length, `${key} takes the same values`);
  }
});

test("no text is fetched twice, and none of the page's frame later", async () => {
  assert.deepEqual(Object.keys(GERMAN_LATER).sort(), Object.keys(ENGLISH_LATER).sort());
  assert.deepEqual(Object.keys(ENGLISH_AT_ONCE).filter((key) => key in ENGLISH_LATER), []);
  assert.deepEqual(Object.keys(AT_ONCE).filter((key) => key in GERMAN_LATER), []);
  const page = await readFile(new URL("../../static/index.html", import.meta.url), "utf8");
  const used = [...page.matchAll(/data-t(?:-\w+)?="([^"]+)"/g)].map(([, key]) => key);
  assert.ok(used.length > 50);
  assert.deepEqual(used.filter((key) => !(key in AT_ONCE)), []);
});

test("a text with values shows all of them in both languages", () => {
  for (const table of [strings, GERMAN]) {
    for (const [key, text] of Object.entries(table)) {
      if (typeof text !== "function") continue;
      const values = ["alpha", "beta"].slice(0, text.length);
      for (const value of values) assert.ok(text(...values).includes(value), `${key}: ${text(...values)}`);
    }
  }
});

test("the language is the one chosen, else the first understood that we speak, else English", () => {
  assert.equal(pickLanguage(null, ["fr", "de-AT", "en"]), "de");
  assert.equal(pickLanguage(null, ["pl"]), "en");
  assert.equal(pickLanguage("en", ["de"]), "en");
});

test("dates follow the reader's region where it speaks the language of the page", () => {
  assert.equal(pickLocale("en", ["de-AT", "en-GB"]), "en-GB");
  assert.equal(pickLocale("de", ["en-GB"]), "de");
});
