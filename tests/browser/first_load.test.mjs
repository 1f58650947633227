// What a first visit costs: few requests, to one place, and not many bytes.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { brotliCompressSync } from "node:zlib";
import { startInstance } from "./support/programs.mjs";
import { scene, takeWholeBrowser } from "./support/scene.mjs";
import { onlyOnce } from "./support/transport.mjs";
import { until } from "./support/until.mjs";
import { Voice } from "./support/voice.mjs";

takeWholeBrowser();

/** @type {import("./support/programs.mjs").Server} */
let instance;
before(async () => {
  instance = await startInstance({ env: { HUBBUB__LIMITS__SENDS: "1000" } });
  // Not while somebody is here: soon after a visit the files come from the service worker.
  await isSqueezed(instance.url);
});
after(() => instance?.end());
const server = () => instance;

const MOST_BYTES = 60 * 1024;

/** An instance that shows the page for the first time makes its files smaller beside that, for a part of a second. The
 * page itself comes last. @param {string} url */
async function isSqueezed(url) {
  const text = await (await fetch(url, { headers: { "accept-encoding": "identity" } })).arrayBuffer();
  const best = brotliCompressSync(text).length;
  const weigh = async () => Number((await fetch(url, { headers: { "accept-encoding": "br" } })).headers.get("content-length"));
  await until("the best compression", async () => (await weigh()) < best * 1.02);
}

for (const language of ["en-GB", "de"]) {
  test(`a first visit to a room of 50 messages stays under 60 KB (${language})`, onlyOnce("it weighs files; over long-poll what people say would be weighed as well"), scene(server, async ({ person, room }) => {
    const lines = Array.from({ length: 50 }, (_, index) => `Line ${index + 1}, as long as what people usually say to each other`);
    await (await Voice.of(instance.url, `Chronicler of ${room}`)).says(room, ...lines);
    const ada = await person("Ada", { room: "elsewhere", language });
    let told = 0;
    ada.page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => (told += Buffer.byteLength(payload))));
    const client = await ada.page.context().newCDPSession(ada.page);
    await client.send("Network.enable");
    await client.send("Network.setCacheDisabled", { cacheDisabled: true });
    // The worker of the page before may be ready by now, and what it gives weighs nothing.
    await client.send("Network.setBypassServiceWorker", { bypass: true });
    await ada.page.goto(`${ada.url}/r/${room}`);
    await ada.hears(/** @type {string} */ (lines.at(-1)));
    const loaded = await ada.page.evaluate(() => {
      const entries = /** @type {PerformanceResourceTiming[]} */ ([
        ...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource"),
      ]);
      // A cache that is empty at first keeps what comes: a file that is used twice comes once.
      return [...new Map(entries.map(({ name, transferSize }) => [name, { name, transferSize }])).values()];
    });
    assert.ok(loaded.length > 3 && loaded.every(({ name }) => name.startsWith(ada.url)), JSON.stringify(loaded));
    // A socket that a slow machine opens late has a poll beside it, which brings what people say.
    const weighed = loaded.filter(({ name }) => !/\/api\/v1\/(poll|frames)$/.test(name));
    const bytes = weighed.reduce((sum, { transferSize }) => sum + transferSize, 0);
    assert.ok(bytes > 20_000 && bytes <= MOST_BYTES, `${bytes} bytes: ${JSON.stringify(loaded)}`);
    process.stdout.write(`# first visit (${language}): ${bytes} bytes in ${weighed.length} requests, ${told} over the socket\n`);
  }));
}
