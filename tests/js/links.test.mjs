// Links in messages: what becomes one, and what must not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { splitLinks } from "../../static/js/lib/links.js";

const links = (text) => splitLinks(text).filter((piece) => piece.href !== null).map((piece) => piece.text);

test("no character of the text is lost", () => {
  const text = "see https://a.example/x?y=1#z, (http://b.example/(1)) and more.";
  assert.equal(splitLinks(text).map((piece) => piece.text).join(""), text);
});

test("the punctuation after a link is not part of it", () => {
  assert.deepEqual(links("read https://a.example/x. Then https://b.example!"), ["https://a.example/x", "https://b.example"]);
});

test("a bracket belongs to the link only when it was opened there", () => {
  assert.deepEqual(links("(https://a.example/b)"), ["https://a.example/b"]);
  assert.deepEqual(links("https://a.example/b_(c)"), ["https://a.example/b_(c)"]);
});

test("only http and https become links", () => {
  const evil = "javascript:alert(1) data:text/html,x file:///etc/passwd ftp://a.example mailto:a@b.example";
  assert.deepEqual(links(evil), []);
});

test("a link that hides its host behind a name is left as text", () => {
  assert.deepEqual(links("https://bank.example@evil.example/"), []);
});

test("a text without links is one piece", () => {
  assert.deepEqual(splitLinks("just words"), [{ text: "just words", href: null }]);
  assert.deepEqual(splitLinks(""), []);
});

test("a hostile row of brackets does not take long", () => {
  const begin = performance.now();
  splitLinks(`https://a.example/${")".repeat(4_000)}`);
  assert.ok(performance.now() - begin < 100);
});
