// The programs under test: one instance with everything in its process, or a whole cluster behind the balancer. What is
// started here ends with the test file, whether it passes, fails or is interrupted.

import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "./until.mjs";

/**
 * @typedef {{ name: string, url: string, admin_url: string, pid: number }} Instance
 * @typedef {{ url: string, instances: Instance[], admin_key: string, api_key: string, token_secret: string,
 *   redis?: { url: string, pid: number }, end: () => Promise<void> }} Server
 *   `end` stops it; every other part is as in the description a cluster writes about itself
 */

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const SERVER = process.env["HUBBUB_BIN"] ?? join(ROOT, "target/debug/hubbub");
const CLUSTER = process.env["HUBBUB_CLUSTER_BIN"] ?? join(ROOT, "target/debug/hubbub-cluster");
const KEY = "only-for-the-browser-tests";
const TOKEN_SECRET = "signs-tokens-of-tests-and-of-nobody-else";

/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGTERM");
});
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) process.on(signal, () => process.exit(1));

/**
 * Two or more instances that share a Redis, behind HAProxy.
 * @param {{ instances?: number, env?: Record<string, string> }} [options] @returns {Promise<Server>}
 */
export async function startCluster({ instances = 2, env = {} } = {}) {
  const place = await mkdtemp(join(tmpdir(), "hubbub-browser-"));
  const file = join(place, "cluster.json");
  const child = run(
    CLUSTER,
    ["run", "--instances", String(instances), "--port", "0", "--file", file, "--binary", SERVER, "--haproxy-cfg", join(ROOT, "haproxy.cfg")],
    // A machine that stops for a moment is no news here.
    { HUBBUB__REDIS__PATIENCE: "5s", ...env },
  );
  // The file is written in one step and only when everything answers.
  await until("the cluster", () => isAlive(child) && existsSync(file), 30_000);
  const description = JSON.parse(await readFile(file, "utf8"));
  return {
    ...description,
    async end() {
      await stop(child);
      await rm(place, { recursive: true, force: true });
    },
  };
}

/** One instance that needs no other program. @param {{ env?: Record<string, string> }} [options] @returns {Promise<Server>} */
export async function startInstance({ env = {} } = {}) {
  const [port, adminPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const child = run(SERVER, ["serve"], {
    HUBBUB__HTTP__LISTEN: `127.0.0.1:${port}`,
    HUBBUB__ADMIN__LISTEN: `127.0.0.1:${adminPort}`,
    HUBBUB__ADMIN__KEY: KEY,
    HUBBUB__API__KEY: KEY,
    HUBBUB__TOKEN__SECRET: TOKEN_SECRET,
    ...env,
  });
  await until("the instance", () => isAlive(child) && fetch(`${url}/readyz`).then(({ ok }) => ok, () => false), 15_000);
  const instance = { name: "", url, admin_url: `http://127.0.0.1:${adminPort}`, pid: child.pid ?? 0 };
  return { url, instances: [instance], admin_key: KEY, api_key: KEY, token_secret: TOKEN_SECRET, end: () => stop(child) };
}

/** A connect token, by the program's own command. @param {string} secret @param {string} name */
export function mintToken(secret, name) {
  const env = { ...process.env, HUBBUB__TOKEN__SECRET: secret };
  return execFileSync(SERVER, ["token", "--name", name], { env, encoding: "utf8" }).trim();
}

/**
 * A call of the admin API of the first instance that answers.
 * @param {Server} server @param {string} method @param {string} path @param {object} [body]
 */
export async function administer(server, method, path, body) {
  return call(`${server.instances[0]?.admin_url}/api/v1/${path}`, server.admin_key, method, body);
}

/** Creates a room under a title. @param {Server} server @param {string} name @param {string} title */
export async function createRoom(server, name, title) {
  return call(`${server.url}/api/v1/rooms/${name}`, server.api_key, "POST", { title });
}

/** @param {string} url @param {string} key @param {string} method @param {object} [body] */
async function call(url, key, method, body) {
  const headers = { "x-api-key": key, ...(body ? { "content-type": "application/json" } : {}) };
  const response = await fetch(url, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`);
}

/** @param {string} program @param {string[]} args @param {Record<string, string>} env */
function run(program, args, env) {
  if (!existsSync(program)) throw new Error(`${program} is missing: run cargo build --workspace first`);
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"] });
  running.add(child);
  let said = "";
  // Kept for the case that it ends too early; a pipe that nobody reads would stop the program one day.
  child.stderr?.on("data", (part) => (said = (said + part).slice(-4_000)));
  child.on("exit", (code, signal) => {
    if (running.delete(child)) process.stderr.write(`${program} ended (${code ?? signal}):\n${said}\n`);
  });
  return child;
}

/** @param {import("node:child_process").ChildProcess} child */
function isAlive(child) {
  if (running.has(child)) return true;
  throw new Error("the program ended before it was ready");
}

/** @param {import("node:child_process").ChildProcess} child */
async function stop(child) {
  if (!running.delete(child)) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const patience = setTimeout(() => child.kill("SIGKILL"), 15_000);
  await ended;
  clearTimeout(patience);
}

/** @type {Set<number>} */
const handedOut = new Set();

/** A port that nothing listens on, handed out once. It lies below those that the kernel gives to outgoing connections, any
 * of which could take it before its server does, below those of the clusters, and is none that browsers refuse. @returns {Promise<number>} */
export async function freePort() {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = 7_000 + Math.floor(Math.random() * 3_000);
    if (handedOut.has(port) || !(await isFree(port))) continue;
    handedOut.add(port);
    return port;
  }
  throw new Error("no port is free");
}

/** @param {number} port @returns {Promise<boolean>} */
function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
