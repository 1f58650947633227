// Mentions: found in what was written, offered while one writes. And the words one searched for, marked.

import assert from "node:assert/strict";
import { test } from "node:test";
import { excerptAround, words } from "../../static/js/lib/excerpt.js";
import { matchPeople, mentionAt, splitMentions } from "../../static/js/lib/mentions.js";

const marked = (text, ...names) => splitMentions(text, names).map(({ text: part, mention }) => (mention ? `[${part}]` : part)).join("");

test("mentions are marked whatever their case, the longest name first, and no part of a word is", () => {
  assert.equal(marked("hi @ada, @Ada Lovelace!", "Ada", "Ada Lovelace"), "hi [@ada], [@Ada Lovelace]!");
  assert.equal(marked("@Adam and ada@Ada.org @", "Ada"), "@Adam and ada[@Ada].org @");
  assert.equal(marked("@Zoë, @Zoëlle", "Zoë"), "[@Zoë], @Zoëlle");
  assert.equal(marked("nobody", "Ada"), "nobody");
  assert.equal(marked("", "Ada"), "");
  assert.equal(marked("@a+b (c) @", "a+b (c)"), "[@a+b (c)] @");
});

test("no character is lost", () => {
  const text = "@Ada@Ada @@Ada\n@ @Ad";
  assert.equal(splitMentions(text, ["Ada", "", "Ad"]).map((piece) => piece.text).join(""), text);
});

test("a mention is being typed from an @ at a word's start up to the cursor", () => {
  const typed = (text) => {
    const cursor = text.indexOf("|");
    return mentionAt(text.replace("|", ""), cursor)?.typed ?? null;
  };
  assert.equal(typed("hello @a|da"), "a");
  assert.equal(typed("@|"), "");
  assert.equal(typed("@Ada Love|"), "Ada Love");
  assert.equal(typed("(@ad|"), "ad");
  for (const none of ["mail ada@ex|", "@ada\nx|", "@ x|", "no at|", "|@ada", `@${"x".repeat(40)}|`]) assert.equal(typed(none), null, none);
});

test("people match by the beginning of any word of their name", () => {
  const people = ["Ben Adams", "ada", "Adèle", "Zadie"].map((name) => ({ name }));
  const match = (typed, most = 8) => matchPeople(people, typed, most).map(({ name }) => name);
  assert.deepEqual(match("ad"), ["ada", "Adèle", "Ben Adams"]);
  assert.deepEqual(match("AD", 1), ["ada"]);
  assert.deepEqual(match("ben a"), ["Ben Adams"]);
  assert.deepEqual(match("x"), []);
  assert.equal(match("").length, 4);
});

const found = (text, query) => excerptAround(text, words(query)).map(({ text: part, hit }) => (hit ? `[${part}]` : part)).join("");

test("what was searched for is marked, wherever it stands", () => {
  assert.equal(found("The beans are up", "BEAN"), "The [bean]s are up");
  assert.equal(found("up, up and away", "up away from:ada"), "[up], [up] and [away]");
  assert.equal(found("nothing here", "beans"), "nothing here");
  assert.equal(found("a + b", "+"), "a [+] b");
});

test("of a long text the stretch around the first word found is shown", () => {
  const text = `${"x ".repeat(300)}needle${" y".repeat(300)}`;
  const shown = found(text, "needle");
  assert.ok(shown.startsWith("…") && shown.endsWith("…") && shown.includes("[needle]"));
  assert.ok(shown.length < 260);
});

test("letters whose lower case is longer do not shift the marks", () => {
  assert.equal(excerptAround("İİ needle", ["needle"]).map(({ text }) => text).join(""), "İİ needle");
});
