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

/** A text, and the links in it. */
const TABLE = [
  // Never part of a URL, so the link ends there.
  ["https://example.org/?a=<b>", ["https://example.org/?a="]],
  ["https://example.org/?a=%3Cb%3E", ["https://example.org/?a=%3Cb%3E"]],
  ["<https://example.org/x>", ["https://example.org/x"]],
  ["<a href=\"https://example.org/x\">", ["https://example.org/x"]],
  ["`https://example.org/x`", ["https://example.org/x"]],
  // After it, but not of it.
  ["https://example.org/x...", ["https://example.org/x"]],
  ["https://example.org/x?!", ["https://example.org/x"]],
  ["https://example.org/x?y=1, then", ["https://example.org/x?y=1"]],
  ["**https://example.org/x**", ["https://example.org/x"]],
  ["'https://example.org/x'", ["https://example.org/x"]],
  ["\u201chttps://example.org/x\u201d", ["https://example.org/x"]],
  ["\u201ehttps://example.org/x\u201c", ["https://example.org/x"]],
  ["\u00abhttps://example.org/x\u00bb.", ["https://example.org/x"]],
  ["https://example.org/x\u3002", ["https://example.org/x"]],
  // Inside it.
  ["https://example.org/Ada's_notes", ["https://example.org/Ada's_notes"]],
  ["https://example.org/a.b,c;d:e!f", ["https://example.org/a.b,c;d:e!f"]],
  ["https://example.org/~ada/#top", ["https://example.org/~ada/#top"]],
  ["https://example.org/caf\u00e9", ["https://example.org/caf\u00e9"]],
  ["https://example.org/a/", ["https://example.org/a/"]],
  ["https://[2001:db8::1]:8080/x", ["https://[2001:db8::1]:8080/x"]],
  ["https://[2001:db8::1]", ["https://[2001:db8::1]"]],
  // Brackets, balanced and not.
  ["(https://example.org/b_(c))", ["https://example.org/b_(c)"]],
  ["(see https://example.org/x).", ["https://example.org/x"]],
  ["[a name](https://example.org/x)", ["https://example.org/x"]],
  ["{https://example.org/x}", ["https://example.org/x"]],
  ["https://example.org/?a[]=1", ["https://example.org/?a[]=1"]],
  // No link at all.
  ["https://", []],
  ["https://.", []],
  ["https://<b>", []],
];

for (const [text, expected] of TABLE) {
  test(`links in ${text}`, () => {
    assert.deepEqual(links(text), expected);
    assert.equal(splitLinks(text).map((piece) => piece.text).join(""), text);
  });
}

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
