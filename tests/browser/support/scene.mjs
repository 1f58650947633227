// A scene is one test: people come in, each with a browser of their own, and at its end everybody goes home and no page
// may have shown an error on the way.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after } from "node:test";
import { chromium } from "playwright-core";
import { Person } from "./person.mjs";
import { POLLS } from "./transport.mjs";
import { PATIENCE_MS, until } from "./until.mjs";
import { VIOLATION } from "./watch.mjs";
import { Wire } from "./wire.mjs";

/**
 * @typedef {{ room?: string, elsewhere?: Person, wire?: Wire, host?: string, phone?: boolean, tall?: boolean, dark?: boolean,
 *   language?: string, outside?: boolean, browser?: import("playwright-core").Browser, prepare?: () => void }} Circumstances
 *   `elsewhere`: on another instance than that person; `wire`: behind this network, and not the usual one of the run
 *   (see transport.mjs); `host`: by this name of the server,
 *   which is not localhost; `tall`: in a window for many rows; `outside`: before the sign-in form, with nothing done;
 *   `browser`: not the one all share; `prepare` runs in the page before its own scripts
 * @typedef {(name: string, circumstances?: Circumstances) => Promise<Person>} Invite
 * @typedef {{ person: Invite, wire: () => Promise<Wire>, room: string, secondTab: (person: Person) => Promise<Person> }} Stage
 *   `room`: a room that no other test uses
 */

const ARGS = [
  "--no-sandbox",
  "--disable-dev-shm-usage",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // A name that browsers do not trust as they trust localhost.
  "--host-resolver-rules=MAP hubbub.test 127.0.0.1",
];
/** The same browser without what only somebody at a screen needs, which takes little more than half of the time. */
const SMALLER = "/usr/bin/chromium-headless-shell";
let program = process.env["CHROMIUM"] ?? (existsSync(SMALLER) ? SMALLER : "/usr/bin/chromium");

/** For stories that the smaller build cannot tell, or where it matters what people have. For the start of a file. */
export function takeWholeBrowser() {
  program = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
}

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

/** @type {Promise<import("playwright-core").Browser> | null} */
let browser = null;
after(async () => (await browser)?.close());
let scenes = 0;

/** The browser all people of this test file share, started when the first one comes. */
export function theBrowser() {
  browser ??= launchBrowser();
  return browser;
}

/** One that differs from the others, for whoever closes it. @param {import("playwright-core").LaunchOptions} [more] */
export function launchBrowser(more) {
  return chromium.launch({ executablePath: program, args: ARGS, ...more });
}

/**
 * Makes a test of a story.
 * @param {() => import("./programs.mjs").Server} server asked when the test begins, as it is not running before
 * @param {(stage: Stage) => Promise<void>} story
 */
export function scene(server, story) {
  return async () => {
    scenes += 1;
    const number = scenes;
    /** @type {import("playwright-core").BrowserContext[]} */
    const contexts = [];
    /** @type {Wire[]} */
    const wires = [];
    /** @type {Person[]} */
    const people = [];
    /** @type {string[]} */
    const faults = [];
    const room = `scene-${number}`;
    /** @type {Promise<Wire> | null} */
    let usual = null;

    /** @type {Invite} */
    async function person(name, about = {}) {
      const { room: where = room, elsewhere, host, phone = false, tall = false, dark = false, language = "en-GB", prepare } = about;
      const network = about.wire ?? (POLLS ? await (usual ??= wire()) : null);
      const context = await (about.browser ?? (await theBrowser())).newContext({
        ...(phone ? PHONE : { viewport: { width: 1200, height: tall ? 2_400 : 800 } }),
        colorScheme: dark ? "dark" : "light",
        locale: language,
      });
      context.setDefaultTimeout(PATIENCE_MS);
      contexts.push(context);
      await context.exposeFunction(VIOLATION, (/** @type {string} */ what) => {
        faults.push(`against the page's policy (${name}): ${what}`);
      });
      await context.addInitScript(Person.prepare);
      if (prepare) await context.addInitScript(prepare);
      const url = (network?.url ?? server().url).replace("127.0.0.1", host ?? "127.0.0.1");
      // Names are unique on a server, so each scene has its own Ada.
      const guest = new Person(`${name} ${number}`, await context.newPage(), url, faults);
      people.push(guest);
      if (about.outside) {
        await guest.page.goto(`${url}/r/${where}`);
        return guest;
      }
      await guest.enters(where);
      if (elsewhere) await settleElsewhere(guest, elsewhere, context);
      return guest;
    }

    /** @param {Person} owner */
    async function secondTab(owner) {
      const tab = new Person(owner.name, await owner.page.context().newPage(), owner.url, faults);
      people.push(tab);
      await tab.page.goto(`${owner.url}/r/${room}`);
      await tab.isIn();
      return tab;
    }

    async function wire() {
      const made = await new Wire(server().url).open();
      made.blocksWebSocket = POLLS;
      wires.push(made);
      return made;
    }

    try {
      await story({ person, wire, room, secondTab });
      if (POLLS) assert.deepEqual(people.filter(({ greetings }) => greetings.includes("websocket")), [], "nobody has a WebSocket");
      // Whatever a page told before this answer has arrived with it. One that is being left answers as the next one.
      for (const { page } of people) {
        await until("the page to answer", async () => page.isClosed() || page.evaluate(() => true).catch(() => false));
      }
      assert.deepEqual(faults, []);
    } finally {
      for (const each of wires) each.close();
      await Promise.all(contexts.map((context) => context.close()));
    }
  };
}

/**
 * The balancer spreads people evenly, but promises nothing about any one of them; without their sticky cookie they are
 * assigned anew.
 * @param {Person} guest @param {Person} other @param {import("playwright-core").BrowserContext} context
 */
async function settleElsewhere(guest, other, context) {
  await until("another instance", async () => {
    await until("a greeting", () => guest.instance !== "" && other.instance !== "");
    if (guest.instance !== other.instance) return true;
    await context.clearCookies({ name: "SRV" });
    guest.instance = "";
    await guest.page.reload();
    await guest.isIn();
    return false;
  });
}
