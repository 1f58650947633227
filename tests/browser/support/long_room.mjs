// A room of very many messages, and what it costs the page to show it: time, nodes, memory, and the steadiness of what
// one reads. Times are for tools/measure_page.mjs; the tests look at the rest.

import { readFile } from "node:fs/promises";
import { Voice } from "./voice.mjs";

/**
 * @typedef {Pick<import("playwright-core").Page, "waitForSelector" | "click" | "evaluate">} Page what each program that
 *   drives browsers calls alike
 * @typedef {{ send: (method: any, parameters?: any) => Promise<any> }} Session of Chromium's protocol
 */

/** So that nothing is slowed down on its way in. */
export const NO_LIMITS = { HUBBUB__LIMITS__SENDS: "1000000", HUBBUB__LIMITS__ROOM_SENDS: "1000000" };
export const MANY = 10_000;
export const BURST = 1_000;
const AUTHORS = 5;

/** People who talk across each other, so that most rows begin with a name, which is the dearest kind. */
export class Crowd {
  #said = 0;
  /** @param {Voice[]} voices */
  constructor(voices) {
    this.voices = voices;
  }

  /** @param {string} url @param {string} name */
  static async of(url, name) {
    return new Crowd(await Promise.all(Array.from({ length: AUTHORS }, (_, index) => Voice.of(url, `${name} ${"ABCDE"[index]}`))));
  }

  /** Says so many messages in a room, and returns the text of the last one. @param {string} room @param {number} count */
  async says(room, count) {
    const texts = Array.from({ length: count - 1 }, () => line((this.#said += 1)));
    const share = Math.ceil(texts.length / AUTHORS);
    await Promise.all(this.voices.map((voice, index) => voice.says(room, ...texts.slice(index * share, (index + 1) * share))));
    const last = `Last of ${(this.#said += 1)}`;
    await this.voices[0]?.says(room, last);
    return last;
  }
}

/** As people write: mostly one line, sometimes a link, a bold word, some code or a second line. @param {number} number */
function line(number) {
  const text = `Line ${number} says about as much as people say when they sit together and talk`;
  if (number % 29 === 0) return `${text}\nand has a second thought`;
  if (number % 17 === 0) return `${text}, see https://example.org/lines/${number}`;
  if (number % 13 === 0) return `${text}, which is **important** for \`line_${number}()\``;
  return text;
}

/** Runs in the page before its own scripts: notes when frames arrive, and counts how often history is asked for. It has to
 * stand alone. */
export function noteArrivals() {
  const Native = WebSocket;
  Object.assign(window, { histories: 0 });
  window.WebSocket = class extends Native {
    /** @param {string | URL} url */
    constructor(url) {
      super(url);
      this.addEventListener("message", () => void (/** @type {any} */ (window).arrived ??= performance.now()));
    }

    /** @override @param {any} frame */
    send(frame) {
      if (String(frame).includes('"type":"history"')) /** @type {any} */ (window).histories += 1;
      super.send(frame);
    }
  };
}

/**
 * Clicks on a room in the list, and returns the time from the click to the paint that shows its latest message.
 * @param {Page} page @param {string} room @param {string} last
 */
export async function opens(page, room, last) {
  const link = `#sidebar [data-room="${room}"] a`;
  await page.waitForSelector(link);
  await page.evaluate(armPaint, { last, from: /** @type {const} */ ("click") });
  await page.click(link);
  return page.evaluate(() => /** @type {Promise<number>} */ (/** @type {any} */ (window).painted));
}

/**
 * Lets a burst of frames reach the page at once; the time from the first one's arrival to the paint that shows the last
 * one, and how long the main thread worked meanwhile.
 * @param {Page} page on that network @param {Session} tab its own @param {import("./wire.mjs").Wire} network
 * @param {Crowd} crowd @param {string} room
 */
export async function takesBurst(page, tab, network, crowd, room) {
  await tab.send("Performance.enable");
  const busy = async () => {
    const { metrics } = await tab.send("Performance.getMetrics");
    return metrics.find((/** @type {{ name: string }} */ { name }) => name === "TaskDuration").value;
  };
  network.hold();
  const last = await crowd.says(room, BURST);
  await page.evaluate(armPaint, { last, from: /** @type {const} */ ("arrival") });
  const before = await busy();
  network.letGo();
  const ms = await page.evaluate(() => /** @type {Promise<number>} */ (/** @type {any} */ (window).painted));
  const worked = ((await busy()) - before) * 1_000;
  await tab.send("Performance.disable");
  return { ms, worked, last };
}

/** Runs in the page, so it has to stand alone. @param {{ last: string, from: "click" | "arrival" }} what */
function armPaint({ last, from }) {
  const own = /** @type {any} */ (window);
  let clicked = 0;
  own.arrived = undefined;
  document.addEventListener("click", (event) => (clicked = event.timeStamp), { capture: true, once: true });
  own.painted = new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`"${last}" was not painted as the last row within 30 s`)), 30_000);
    // Looks right after each frame was painted: what is there then, that paint has shown.
    const after = new MessageChannel();
    after.port1.onmessage = () => {
      const rows = document.querySelectorAll("#messages .text");
      if (rows[rows.length - 1]?.textContent !== last) return requestAnimationFrame(next);
      resolve(performance.now() - (from === "click" ? clicked : own.arrived));
    };
    const next = () => after.port2.postMessage(0);
    requestAnimationFrame(next);
  });
}

/**
 * Scrolls up to the very first message. How far what one reads moved at worst when rows came above it, how often they
 * did, and how many nodes there were at most.
 * @param {Page} page @returns {Promise<{ drift: number, times: number, nodes: number }>}
 */
export function climbs(page) {
  return page.evaluate(async () => {
    const scroller = /** @type {HTMLElement} */ (document.getElementById("scroller"));
    const list = /** @type {HTMLElement} */ (document.getElementById("messages"));
    const note = /** @type {HTMLElement} */ (document.getElementById("history-note"));
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    // Counted without handing each one to the script, which would need memory of its own.
    const count = () => document.evaluate("count(//node())", document, null, XPathResult.NUMBER_TYPE).numberValue;
    const firstInView = (/** @type {number} */ top) => {
      for (const row of list.children) if (row.getBoundingClientRect().bottom > top + 30) return row.querySelector(".text");
      return null;
    };
    const found = { drift: 0, times: 0, nodes: count() };
    while (!/beginning/.test(note.textContent ?? "")) {
      const first = list.firstElementChild;
      scroller.scrollTop = Math.min(scroller.scrollTop, found.times % 2 === 0 ? 0 : 250);
      const top = scroller.getBoundingClientRect().top;
      const anchor = firstInView(top);
      const before = anchor?.getBoundingClientRect().top ?? 0;
      const end = performance.now() + 30_000;
      while (list.firstElementChild === first && !/beginning/.test(note.textContent ?? "")) {
        if (performance.now() > end) throw new Error("no older rows came");
        await frame();
      }
      if (list.firstElementChild === first) continue;
      for (let more = 0; more < 2; more += 1) {
        found.drift = Math.max(found.drift, Math.abs((anchor?.getBoundingClientRect().top ?? Number.NaN) - before));
        await frame();
      }
      found.times += 1;
      found.nodes = Math.max(found.nodes, count());
    }
    return found;
  });
}

/** The memory of the largest renderer of this browser, shared pages counted in part (PSS), in MB. What is free to be
 * collected is collected first: else the figure would say when that happened last.
 * @param {Session} tab the page's @param {Session} browser */
export async function rendererMemory(tab, browser) {
  await tab.send("HeapProfiler.collectGarbage");
  const { processInfo } = /** @type {{ processInfo: { type: string, id: number }[] }} */ (await browser.send("SystemInfo.getProcessInfo"));
  const renderers = processInfo.filter(({ type }) => type === "renderer");
  const sizes = await Promise.all(renderers.map(async ({ id }) => {
    const text = await readFile(`/proc/${id}/smaps_rollup`, "utf8").catch(() => "");
    return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) / 1_024;
  }));
  const largest = Math.max(0, ...sizes);
  if (largest === 0) throw new Error("no renderer whose memory can be read");
  return largest;
}
