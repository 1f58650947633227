// What the browser remembers, and what holds where it remembers nothing.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { mayBeSignedIn, rememberName, rememberSignedIn } from "../../static/js/memory.js";
import { fakeShelf } from "./support.mjs";

const keep = (storage) => Object.defineProperty(globalThis, "localStorage", { configurable: true, ...storage });

beforeEach(() => keep({ value: fakeShelf() }));

afterEach(() => {
  delete globalThis.localStorage;
});

test("on a first visit nobody is signed in, and the next load knows that too", () => {
  assert.equal(mayBeSignedIn(), false);
  assert.equal(mayBeSignedIn(), false);
});

test("whoever signed in may still be, until the server says otherwise", () => {
  rememberName("Ada");
  rememberSignedIn(true);
  assert.equal(mayBeSignedIn(), true);
  rememberSignedIn(false);
  assert.equal(mayBeSignedIn(), false);
});

test("a name without a note is from a visit before there were notes", () => {
  rememberName("Ada");
  assert.equal(mayBeSignedIn(), true);
});

test("where nothing can be written, only the server knows", () => {
  const full = { ...fakeShelf(), setItem: () => { throw new Error("full"); } };
  keep({ value: full });
  assert.equal(mayBeSignedIn(), true);
});

test("where storage cannot even be reached, only the server knows", () => {
  keep({ get: () => { throw new Error("blocked"); } });
  assert.equal(mayBeSignedIn(), true);
});
