// Following a conversation: the end stays in view while one reads it, whatever happens around it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { act } from "./support/deeds.mjs";
import { startCluster } from "./support/programs.mjs";
import { scene } from "./support/scene.mjs";
import { until } from "./support/until.mjs";
import { Voice } from "./support/voice.mjs";

/** @type {import("./support/programs.mjs").Server} */
let cluster;
before(async () => void (cluster = await startCluster({ env: { HUBBUB__LIMITS__SENDS: "100000", HUBBUB__LIMITS__ROOM_SENDS: "100000" } })));
after(() => cluster?.end());
const server = () => cluster;

/** So many lines were said in a room before anybody comes. @param {string} room @param {number} count */
async function talk(room, count) {
  const crowd = await Voice.of(cluster.url, `Crowd of ${room}`);
  await crowd.says(room, ...Array.from({ length: count }, (_, line) => `Line ${line + 1}`));
  return crowd;
}

test("whoever reads the end stays there, and whoever reads further up is not moved", scene(server, async ({ person }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  const long = (/** @type {number} */ line) => Array.from({ length: 12 }, () => `Long ${line}`).join("\n");
  for (let line = 1; line <= 5; line += 1) await ben.says(long(line));
  await ada.page.locator("#messages .text").nth(4).waitFor();
  const fromEnd = () => ada.page.locator("#scroller").evaluate((node) => node.scrollHeight - node.clientHeight - node.scrollTop);
  await until("the end in view", async () => (await fromEnd()) < 2);
  await ada.seesNo("#jump");
  const top = await ada.page.locator("#scroller").evaluate((node) => {
    node.scrollTop -= 300;
    return node.scrollTop;
  });
  await ada.sees("#jump", "Jump to latest");
  await ben.says(long(6));
  await ben.says(long(7));
  await ada.sees("#jump", "2 new messages");
  assert.equal(await ada.page.locator("#scroller").evaluate((node) => node.scrollTop), top);
  await ada.page.locator("#jump").click();
  await until("the end in view", async () => (await fromEnd()) < 2);
  await ada.seesNo("#jump");
}));

test("a window as tall as the conversation is full of it, from the beginning and when it has become so", scene(server, async ({ person, room }) => {
  await talk(room, 50);
  const ada = await person("Ada", { tall: true });
  const ben = await person("Ben", { elsewhere: ada });
  for (const each of [ada, ben]) await each.hears("Line 50");
  await ben.page.setViewportSize({ width: 1200, height: 2_400 });
  for (const each of [ada, ben]) await until("all of it", async () => (await each.texts()).length === 50);
}));

test("whoever moves up slowly leaves the end, however much is said meanwhile, and has not read that", scene(server, async ({ person, room }) => {
  await talk(room, 40);
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await ada.hears("Line 40");
  for (let step = 1; step <= 3; step += 1) {
    const top = await ada.page.locator("#scroller").evaluate(async (node) => {
      const scrolled = new Promise((resolve) => node.addEventListener("scroll", resolve, { once: true }));
      node.scrollTop -= 30;
      await scrolled;
      return node.scrollTop;
    });
    await ben.says(`Step ${step}`);
    await ada.hears(`Step ${step}`);
    assert.equal(await ada.page.locator("#scroller").evaluate((node) => node.scrollTop), top, `step ${step}`);
  }
  const badge = `#joined-rooms [data-room="${room}"] .badge`;
  await ada.sees("#jump", "3 new messages");
  await ada.sees(badge, "3");
  await ada.page.locator("#scroller").evaluate((node) => node.scrollTo(0, node.scrollHeight));
  await ada.seesNo("#jump");
  await ada.seesNo(badge);
  await ben.says("The end again");
  await ada.hears("The end again");
  await ada.seesNo("#jump");
}));

test("whoever writes a long text stays at the end of the conversation, and it does not move below them", scene(server, async ({ person, room }) => {
  await talk(room, 40);
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  await ada.hears("Line 40");
  const field = ada.page.locator("#composer-text");
  await field.fill(Array.from({ length: 6 }, (_, line) => `Draft ${line + 1}`).join("\n"));
  // The end of a long text is in view when one comes back to it.
  await ada.page.reload();
  await ada.hears("Line 40");
  await field.focus();
  await field.press("End");
  await field.pressSequentially(", and on");
  assert.ok(await field.evaluate((node) => node.clientHeight > 100 && node.clientHeight === node.scrollHeight), "all of the text in view");
  const fromEnd = () => ada.page.locator("#scroller").evaluate((node) => node.scrollHeight - node.clientHeight - node.scrollTop);
  await until("the end in view", async () => (await fromEnd()) < 2);
  for (const text of ["The first meanwhile", "The second meanwhile"]) {
    await ben.says(text);
    await ada.hears(text);
  }
  await until("the end in view", async () => (await fromEnd()) < 2);
  await ada.seesNo("#jump");
}));

test("whoever changes a message keeps it under their hands, however much is said meanwhile", scene(server, async ({ person, room }) => {
  const ada = await person("Ada");
  const ben = await person("Ben", { elsewhere: ada });
  const crowd = await talk(room, 30);
  await ada.says("A first thought");
  for (const each of [ada, ben]) await each.hears("A first thought");
  await ada.page.keyboard.press("ArrowUp");
  const field = ada.page.locator(".editor textarea");
  await field.pressSequentially(", changed");
  await ada.isDrawn();
  const before = await field.boundingBox();
  await crowd.says(room, ...Array.from({ length: 120 }, (_, line) => `Meanwhile ${line + 1}`));
  await ada.sees("#jump", "120 new messages");
  assert.deepEqual(await field.boundingBox(), before);
  await ada.page.keyboard.type(" in peace");
  await ada.page.keyboard.press("Enter");
  await ada.hears("A first thought, changed in peace");
  await ada.page.locator("#jump").click();
  await ada.hears("Meanwhile 120");
  await ada.seesNo("#jump");
  await act(ada, "Meanwhile 120", "reply");
  await ada.says("Here again");
  await ada.hears("Here again");
  await ada.page.keyboard.press("ArrowUp");
  await field.waitFor();
  await ada.isDrawn();
  await ben.says("While nothing is changed");
  await ada.sees("#jump", "1 new message");
  await ada.page.keyboard.press("Escape");
  await ada.seesNo("#jump");
}));

test("what one reads stays in place when the page gets another width", scene(server, async ({ person, room }) => {
  const crowd = await Voice.of(cluster.url, `Crowd of ${room}`);
  const words = "with so many words that they need more lines where there is less room for them than there was before";
  await crowd.says(room, ...Array.from({ length: 120 }, (_, line) => `Line ${line + 1} ${words}`));
  const ada = await person("Ada");
  await ada.hears(`Line 120 ${words}`);
  const reads = (/** @type {string} */ start) => ada.page.evaluate((wanted) => {
    const { top } = /** @type {HTMLElement} */ (document.getElementById("scroller")).getBoundingClientRect();
    const text = [...document.querySelectorAll("#messages .text")].find((node) => node.textContent?.startsWith(wanted));
    return Math.round((text?.getBoundingClientRect().top ?? Number.NaN) - top);
  }, start);
  await ada.page.locator("#scroller").evaluate((node) => {
    const text = [...node.querySelectorAll(".text")].find((each) => each.textContent?.startsWith("Line 90 "));
    node.scrollTop += (text?.getBoundingClientRect().top ?? 0) - node.getBoundingClientRect().top - 1;
  });
  await ada.sees("#jump", "Jump to latest");
  await until("the place to be settled", async () => (await reads("Line 90 ")) === 1);
  for (const width of [420, 1200, 800]) {
    await ada.page.setViewportSize({ width, height: 800 });
    await until("the new width", () => ada.page.evaluate((wanted) => innerWidth === wanted, width));
    await until(`its place at ${width} px`, async () => Math.abs((await reads("Line 90 ")) - 1) <= 1);
  }
  // As behind a panel that covers everything, while a phone is turned.
  const display = (/** @type {string} */ how) => ada.page.locator("#scroller").evaluate((node, value) => {
    /** @type {HTMLElement} */ (node).style.display = value;
    return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  }, how);
  await display("none");
  await ada.page.setViewportSize({ width: 420, height: 800 });
  await display("");
  await until("its place when it is back in sight", async () => Math.abs((await reads("Line 90 ")) - 1) <= 1);
}));

/** What happens in the middle of what a page does in a frame. Each has to stand alone. */
const DISTURBANCES = {
  /** Between a message's coming and its being drawn: nobody has told the page of its new size yet. */
  "that gets lower before a message is drawn": () => {
    const strip = /** @type {HTMLElement} */ (document.getElementById("strip"));
    const request = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = (draw) => request((now) => {
      strip.style.minHeight = "240px";
      draw(now);
    });
  },
  /** Drawing one has moved the view, and the browser tells that only now. */
  "that gets lower after a message was drawn": () => {
    const scroller = /** @type {HTMLElement} */ (document.getElementById("scroller"));
    const strip = /** @type {HTMLElement} */ (document.getElementById("strip"));
    scroller.addEventListener("scroll", () => (strip.style.minHeight = "240px"), { capture: true, once: true });
  },
  /** As signing in does, and as a drawer does that covers everything. */
  "that comes into sight while a message is drawn": () => {
    const scroller = /** @type {HTMLElement} */ (document.getElementById("scroller"));
    scroller.style.display = "none";
    const request = window.requestAnimationFrame.bind(window);
    // The page takes notice of what is hidden before it comes back. A message that comes before that would stay hidden.
    return new Promise((resolve) => request(() => request(() => {
      window.requestAnimationFrame = (draw) => request((now) => {
        scroller.style.display = "";
        draw(now);
      });
      resolve(null);
    })));
  },
  /** A page that is busy is told late that it has scrolled, when it has far more to draw than it had then. */
  "in which many messages come at once": () => {
    const scroller = /** @type {HTMLElement} */ (document.getElementById("scroller"));
    const [request, parse] = [window.requestAnimationFrame.bind(window), JSON.parse];
    /** @type {FrameRequestCallback[] | null} */
    let held = null;
    const hold = (/** @type {Event} */ event) => {
      event.stopImmediatePropagation();
      held = [];
    };
    scroller.addEventListener("scroll", hold, { capture: true, once: true });
    window.requestAnimationFrame = (draw) => held?.push(draw) ?? request(draw);
    // Both transports read what comes by JSON.parse.
    JSON.parse = (text, reviver) => {
      if (held !== null && text.includes("The last")) setTimeout(release);
      return parse(text, reviver);
    };
    function release() {
      const draws = held ?? [];
      held = null;
      scroller.dispatchEvent(new Event("scroll"));
      for (const draw of draws) request(draw);
    }
  },
};

for (const [what, disturb] of Object.entries(DISTURBANCES)) {
  test(`a conversation ${what} is followed on`, scene(server, async ({ person, room }) => {
    const ada = await person("Ada");
    const ben = await person("Ben", { elsewhere: ada });
    const crowd = await Voice.of(cluster.url, `Crowd of ${room}`);
    const lines = Array.from({ length: 100 }, (_, line) => `Line ${line + 1}`);
    await crowd.says(room, ...lines.slice(0, 30));
    await ada.hears("Line 30");
    // What is still under way for these would be taken for what comes next.
    await ada.isDrawn();
    await ada.page.evaluate(disturb);
    await ben.says("The first afterwards");
    await ada.hears("The first afterwards");
    await crowd.says(room, ...lines.slice(30), "The last");
    await ada.hears("The last");
    await until("the end in view", () => ada.page.locator("#scroller").evaluate((node) => {
      return node.scrollHeight - node.clientHeight - node.scrollTop < 2;
    }));
    await ada.seesNo("#jump");
  }));
}
