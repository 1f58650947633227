// Code and bold in messages: what is marked, what only looks like it, and that nothing gets lost.

import assert from "node:assert/strict";
import { test } from "node:test";
import { plainText, splitMarkup } from "../../static/js/lib/markup.js";

const short = (text) => splitMarkup(text).map(({ text: words, kind }) => (kind === "plain" ? words : [kind, words]));

const TABLE = [
  ["plain words", ["plain words"]],
  ["run `cargo test` now", ["run ", ["code", "cargo test"], " now"]],
  ["**now** or **never**", [["bold", "now"], " or ", ["bold", "never"]]],
  ["```\nlet a = `b`;\n**c**\n```", [["block", "\nlet a = `b`;\n**c**\n"]]],
  ["`**not bold**`", [["code", "**not bold**"]]],
  ["**with https://a.example/ in it**", [["bold", "with https://a.example/ in it"]]],
  ["2 ** 3 ** 4", ["2 ** 3 ** 4"]],
  ["**open", ["**open"]],
  ["`open\nclosed`", ["`open\nclosed`"]],
  ["****", ["****"]],
  ["``", ["``"]],
  ["******", ["******"]],
  ["``````", ["``````"]],
  ["** a**", ["** a**"]],
  ["**a **", ["**a **"]],
  ["*one star*", ["*one star*"]],
];

for (const [text, expected] of TABLE) {
  test(`${JSON.stringify(text)} is read as meant`, () => assert.deepEqual(short(text), expected));
}

for (const [text, plain] of [
  ["**now** or `never`", "now or never"],
  ["2 ** 3 ** 4, `open", "2 ** 3 ** 4, `open"],
  ["`**not bold**`", "**not bold**"],
  ["see:\n```\nlet a = `b`;\n```", "see:\n\nlet a = `b`;"],
  ["run ```make``` now", "run \nmake\n now"],
]) {
  test(`${JSON.stringify(text)} is quoted without its marks`, () => assert.equal(plainText(text), plain));
}

test("no character is lost, whatever is written", () => {
  const letters = ["`", "**", "*", "```", "a", " ", "\n", "b"];
  let seed = 7;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  for (let turn = 0; turn < 2_000; turn += 1) {
    const text = Array.from({ length: 12 }, () => letters[Math.floor(random() * letters.length)]).join("");
    assert.equal(splitMarkup(text).map(({ text: words, mark }) => mark + words + mark).join(""), text);
  }
});

test("a long text full of marks is read quickly", () => {
  const started = performance.now();
  for (const text of ["**a ".repeat(1_000), "`".repeat(4_000), "```".repeat(1_333), "**".repeat(2_000), `**${"a *".repeat(1_300)}`]) {
    splitMarkup(text);
  }
  assert.ok(performance.now() - started < 1_000, `${performance.now() - started} ms`);
});
