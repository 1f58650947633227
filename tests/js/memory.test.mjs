// What the browser remembers, and what holds where it remembers nothing.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import {
  forgetPerson, isSigningOut, keepsUnsent, mayBeSignedIn, recallDraft, rememberDraft, rememberId, rememberName, rememberSignedIn, rememberUser, takeOverEdits,
} from "../../static/js/memory.js";
import { sweep } from "../../static/js/sweep.js";
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

/** A storage with these entries, listed as the browser lists its own. */
function storageOf(...names) {
  const storage = Object.fromEntries(names.map((name) => [`hubbub:${name}`, '"x"']));
  const own = (name, value) => Object.defineProperty(storage, name, { value, enumerable: false });
  own("getItem", (name) => storage[name] ?? null);
  own("setItem", (name, value) => void (storage[name] = value));
  own("removeItem", (name) => void delete storage[name]);
  keep({ value: storage });
  return () => Object.keys(storage).map((name) => name.replace("hubbub:", "")).sort();
}

test("whoever signs out leaves no text, room or reading behind, and takes nobody else's unsent along", () => {
  const names = storageOf("draft:lobby", "reply:lobby", "read:u-me", "rooms:u-me", "unsent:u-me:k1", "unsent:u-else:k2", "rooms:u-else", "name");
  rememberUser({ id: "u-me", name: "Me" });
  forgetPerson();
  assert.deepEqual(names(), ["name", "rooms:u-else", "unsent:u-else:k2"]);
});

test("what signing out would take along of one's own is known, whichever tab wrote it", () => {
  const unsent = (...names) => {
    storageOf(...names);
    rememberUser({ id: "u-me", name: "Me" });
    return keepsUnsent();
  };
  assert.equal(unsent("unsent:u-else:k1", "read:u-me", "rooms:u-me", "name"), false);
  assert.equal(unsent("unsent:u-me:k1"), true);
  assert.equal(unsent("draft:lobby"), true);
  keep({ get: () => { throw new Error("blocked"); } });
  assert.equal(keepsUnsent(), false);
});

test("another tab's signing out is told from its signing in and from all else", () => {
  assert.ok(isSigningOut({ key: "hubbub:user", newValue: null }));
  assert.ok(!isSigningOut({ key: "hubbub:user", newValue: '{"id":"u","name":"Ada"}' }));
  assert.ok(!isSigningOut({ key: "hubbub:draft:lobby", newValue: null }));
});

test("what others left is there for a day, and then goes", () => {
  const names = storageOf("unsent:u-me:k1", "rooms:u-me", "unsent:u:else:k2", "rooms:u:else", "read:u:else", "draft:lobby");
  const day = 24 * 3_600_000;
  sweep("u-me", 1_000);
  sweep("u-me", day);
  assert.equal(names().length, 7);
  // They come back in between.
  sweep("u:else", day + 500);
  sweep("u-me", day + 2_000);
  assert.ok(names().includes("unsent:u:else:k2"));
  sweep("u-me", 2 * day + 2_001);
  assert.deepEqual(names(), ["draft:lobby", "rooms:u-me", "unsent:u-me:k1"]);
});

test("what a message should have become is a draft for whoever cannot change it any more", () => {
  storageOf();
  rememberDraft("lobby", "Half a line");
  rememberDraft("lobby 100-2", "Soup, not tea");
  rememberDraft("kitchen 100-9", "At five");
  assert.ok(keepsUnsent());
  takeOverEdits();
  assert.equal(recallDraft("lobby"), "Half a line\nSoup, not tea");
  assert.equal(recallDraft("kitchen"), "At five");
  assert.equal(recallDraft("lobby 100-2"), "");
});

test("the ids one had under a name are known, the latest of them, and none of another name", () => {
  assert.deepEqual(rememberId({ id: "u-1", name: "Ada" }), []);
  assert.deepEqual(rememberId({ id: "u-1", name: "Ada" }), [], "the id one has is none of them");
  assert.deepEqual(rememberId({ id: "u-2", name: "ada" }), ["u-1"]);
  assert.deepEqual(rememberId({ id: "u-3", name: "Ben" }), []);
  for (let number = 4; number < 40; number += 1) rememberId({ id: `u-${number}`, name: "Ada" });
  const former = rememberId({ id: "u-1", name: "Ada" });
  assert.deepEqual([former.length, former[0]], [20, "u-39"]);
});
