// websocket-bench as published, with our generator, against the server. The tool ends with status 0 whatever happened, so
// its table is read; what it does not measure, the generator counts.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { mintToken, startCluster, startInstance } from "../browser/support/programs.mjs";

const FOLDER = fileURLToPath(new URL("websocket-bench/", import.meta.url));
const TOOL = `${FOLDER}node_modules/websocket-bench/bin/websocket-bench`;
/** @typedef {{ connections: number, perSecond: number, messages: number }} Crowd */
const CROWD = { connections: 50, perSecond: 25, messages: 4 };
/** Ten times as many is a run of its own: see docs/load-testing.md. */
const LARGE_CROWD = { connections: 200, perSecond: 50, messages: 4 };
/** One user plays the whole crowd. */
// It asks for nothing again: what a Redis that stops for a moment leaves unanswered would count as a fault.
const SETTINGS = { HUBBUB_PROFILE: "bench", HUBBUB__REDIS__PATIENCE: "5s" };

/**
 * Runs the tool to its end. @param {string} url @param {Record<string, string>} [env] @param {Crowd} [of]
 * @returns {Promise<{ table: number[], counts: any }>} the row of its last table, and what the generator counted
 */
async function bench(url, env = {}, of = CROWD) {
  assert.ok(existsSync(TOOL), `${TOOL} is missing: run make load-tools`);
  const crowd = ["-a", of.connections, "-c", of.perSecond, "-m", of.messages].map(String);
  const args = [TOOL, "-t", "primus", "-p", "websockets", "-g", `${FOLDER}chat.cjs`, ...crowd, url];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env }, timeout: 60_000 });
  const rows = stdout.split("\n").filter((line) => /^│ +\d/.test(line));
  const counts = stdout.split("\n").find((line) => line.startsWith("{"));
  assert.ok(rows.length > 0 && counts, stdout);
  return { table: (rows.at(-1)?.match(/\d+/g) ?? []).map(Number), counts: JSON.parse(counts).hubbub };
}

/** @param {import("../browser/support/programs.mjs").Server} server @param {string} [token] */
function address(server, token = mintToken(server.token_secret, "Load")) {
  return `${server.url.replace("http", "ws")}/?token=${token}`;
}

/** @param {{ table: number[], counts: any }} ran @param {number} rooms @param {Crowd} [of] */
function assertClean({ table, counts }, rooms, of = CROWD) {
  const { connections, messages } = of;
  const said = connections * messages;
  const [number, connected, errors, sent, failed] = table;
  assert.deepEqual({ number, connected, errors, sent, failed }, { number: connections, connected: connections, errors: 0, sent: said, failed: 0 });
  const { joined, acknowledged, heard, before, ...rest } = counts;
  assert.deepEqual({ joined, sent: rest.sent, acknowledged }, { joined: connections, sent: said, acknowledged: said });
  const { refused, late, twice, missing, gaps, short } = rest;
  assert.deepEqual({ refused, late, twice, missing, gaps, short }, { refused: 0, late: 0, twice: 0, missing: 0, gaps: 0, short: 0 });
  // Each member of a room heard, once, all that was said there, but for what was said before it came.
  assert.equal(heard + before, (said / rooms) * connections);
  assert.ok(heard >= (said * connections) / rooms / 2, `${heard} heard`);
}

test("one instance serves websocket-bench without a fault", async (t) => {
  const server = await startInstance({ env: SETTINGS });
  t.after(() => server.end());
  assertClean(await bench(address(server), { HUBBUB_ROOMS: "2" }), 2);
});

test("three instances behind the balancer serve 200 connections without a fault", async (t) => {
  const server = await startCluster({ instances: 3, env: SETTINGS });
  t.after(() => server.end());
  assertClean(await bench(address(server), { HUBBUB_ROOMS: "5" }, LARGE_CROWD), 5, LARGE_CROWD);
  const taken = server.instances.map(({ admin_url }) => connections(admin_url, server.admin_key));
  for (const count of await Promise.all(taken)) assert.ok(count > 0, "every instance took part");
});

test("whoever is refused is counted, so that a clean table means something", async (t) => {
  const server = await startInstance({ env: SETTINGS });
  t.after(() => server.end());
  const { table, counts } = await bench(address(server, "nonsense"));
  assert.deepEqual(table.slice(0, 5), [CROWD.connections, 0, CROWD.connections, 0, 0]);
  assert.equal(counts.joined, 0);
});

/** How many WebSockets an instance has taken since it started. @param {string} admin @param {string} key */
async function connections(admin, key) {
  const text = await (await fetch(`${admin}/metrics`, { headers: { "x-api-key": key } })).text();
  return Number(/^hubbub_connections_opened_total (\d+)/m.exec(text)?.[1] ?? 0);
}
