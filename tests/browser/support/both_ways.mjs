// One story told twice: with everybody on a WebSocket, and with everybody behind a proxy that lets none through.

import { test } from "node:test";
import { scene } from "./scene.mjs";

/** @typedef {import("./scene.mjs").Stage & { network: import("./wire.mjs").Wire }} Stage everybody is on that network */

/**
 * @param {string} title @param {() => import("./programs.mjs").Server} server
 * @param {(stage: Stage) => Promise<void>} story
 */
export function bothWays(title, server, story) {
  for (const how of ["WebSocket", "long-poll"]) {
    test(`${title}, over ${how}`, scene(server, async (stage) => {
      const network = await stage.wire();
      network.blocksWebSocket = how === "long-poll";
      await story({
        ...stage,
        network,
        person: (name, circumstances = {}) => stage.person(name, { wire: network, ...circumstances }),
      });
    }));
  }
}
