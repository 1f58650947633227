// A second Redis that follows the cluster's, falls behind, and takes its place: what was said meanwhile is lost, as in a
// failover to a replica that was not up to date. The address stays, as with a service in front of Redis.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./programs.mjs";
import { until } from "./until.mjs";

export class Standby {
  #port;
  #mainPort;
  #process;
  #place = mkdtempSync(join(tmpdir(), "hubbub-standby-"));

  /** @param {number} port @param {number} mainPort */
  constructor(port, mainPort) {
    this.#port = port;
    this.#mainPort = mainPort;
    const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", this.#place, "--save", "", "--repl-diskless-sync-delay", "0"];
    this.#process = spawn("redis-server", args, { stdio: "ignore" });
    process.on("exit", () => this.end());
  }

  /** One that has everything the cluster's Redis has. @param {import("./programs.mjs").Server} cluster */
  static async of(cluster) {
    const standby = new Standby(await freePort(), Number(new URL(cluster.redis?.url ?? "").port));
    await until("the second Redis", () => ask(standby.#port, "PING").then((answer) => answer === "+PONG", () => false));
    await standby.follows();
    return standby;
  }

  /** It gets all that the cluster's Redis has, and whatever comes. */
  async follows() {
    await follow(this.#port, this.#mainPort);
  }

  /** From now on it hears of nothing any more. */
  async fallsBehind() {
    const offset = await field(this.#mainPort, "master_repl_offset");
    await until("the second Redis to catch up", async () => Number(await field(this.#port, "slave_repl_offset")) >= Number(offset));
    await ask(this.#port, "REPLICAOF NO ONE");
  }

  /** What it has is all there is from now on. */
  async takesOver() {
    await follow(this.#mainPort, this.#port);
    await ask(this.#mainPort, "REPLICAOF NO ONE");
  }

  end() {
    this.#process.kill("SIGKILL");
    rmSync(this.#place, { recursive: true, force: true });
  }
}

/** @param {number} replica @param {number} master */
async function follow(replica, master) {
  await ask(replica, `REPLICAOF 127.0.0.1 ${master}`);
  await until("one Redis to follow the other", async () => (await field(replica, "master_link_status")) === "up", 30_000);
}

/** One field of INFO. @param {number} port @param {string} name */
async function field(port, name) {
  return new RegExp(`^${name}:(.*)$`, "m").exec(await ask(port, "INFO replication"))?.[1]?.trim();
}

/** One command over a connection of its own. @param {number} port @param {string} command @returns {Promise<string>} */
function ask(port, command) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(`${command}\r\nQUIT\r\n`));
    let answer = "";
    socket.setTimeout(5_000, () => socket.destroy(new Error(`the Redis on port ${port} does not answer "${command}"`)));
    socket.on("data", (part) => (answer += part));
    socket.on("error", reject);
    socket.on("close", () => {
      const said = answer.replace(/\+OK\r\n$/, "").trim();
      if (said.startsWith("-")) reject(new Error(`${command}: ${said}`));
      else resolve(said);
    });
  });
}
