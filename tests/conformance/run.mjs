// Autobahn's test suite for WebSocket servers against ours: every case that needs no compression, direct and behind the
// balancer. The suite runs under Python 2.7 only; where that is missing, this says so and ends well.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PLACE = join(ROOT, "target/conformance");
/** All cases but those of permessage-deflate (12 and 13), which we do not offer. A run with fewer has proved nothing. */
const CASES = 301;
const ACCEPTED = new Set(["OK", "NON-STRICT", "INFORMATIONAL"]);
/** A whole run takes half a minute on a slow machine. */
const LIMIT_MS = 300_000;

/** @returns {string | undefined} */
function findPython() {
  // pyenv keeps versions that are not on the PATH.
  const versions = join(process.env["PYENV_ROOT"] ?? join(homedir(), ".pyenv"), "versions");
  const kept = existsSync(versions) ? readdirSync(versions).filter((version) => version.startsWith("2.7.")) : [];
  const candidates = ["python2.7", "python2", ...kept.map((version) => join(versions, version, "bin/python2.7"))];
  return candidates.find((program) => spawnSync(program, ["-c", "import sys; sys.exit(sys.version_info[:2] != (2, 7))"]).status === 0);
}

/** The suite in an environment of its own. @param {string} python */
function install(python) {
  const wstest = join(PLACE, "suite/bin/wstest");
  if (existsSync(wstest)) return wstest;
  rmSync(PLACE, { recursive: true, force: true });
  mkdirSync(PLACE, { recursive: true });
  const libraries = join(PLACE, "virtualenv");
  /** @param {string} program @param {string[]} args @param {Record<string, string>} [env] */
  const run = (program, args, env) => execFileSync(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "inherit"] });
  run(python, ["-m", "pip", "install", "--quiet", "--target", libraries, "virtualenv==20.15.1"]);
  run(python, ["-m", "virtualenv", "--quiet", join(PLACE, "suite")], { PYTHONPATH: libraries });
  run(join(PLACE, "suite/bin/pip"), ["install", "--quiet", "autobahntestsuite==25.10.1"]);
  return wstest;
}

/**
 * Runs the suite against a server. It ends with status 0 whatever happened, so its report is read.
 * @param {string} wstest @param {string} name @param {string} url @returns {string[]} what is wrong
 */
function judge(wstest, name, url) {
  const folder = join(PLACE, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const spec = { outdir: folder, servers: [{ agent: name, url }], cases: ["*"], "exclude-cases": ["12.*", "13.*"], "exclude-agent-cases": {} };
  writeFileSync(join(folder, "spec.json"), JSON.stringify(spec));
  const since = performance.now();
  const ran = spawnSync(wstest, ["-m", "fuzzingclient", "-s", join(folder, "spec.json")], { timeout: LIMIT_MS, encoding: "utf8" });
  if (ran.status !== 0) return [`wstest ended with ${ran.status ?? ran.signal}: ${ran.stderr}`];
  /** @type {Record<string, { behavior: string, behaviorClose: string }>} */
  const cases = JSON.parse(readFileSync(join(folder, "index.json"), "utf8"))[name] ?? {};
  const wrong = Object.entries(cases)
    .filter(([, { behavior, behaviorClose }]) => !ACCEPTED.has(behavior) || !ACCEPTED.has(behaviorClose))
    .map(([number, { behavior, behaviorClose }]) => `case ${number}: ${behavior}, close ${behaviorClose}`);
  /** @type {Record<string, number>} */
  const counts = {};
  for (const { behavior } of Object.values(cases)) counts[behavior] = (counts[behavior] ?? 0) + 1;
  const total = Object.keys(cases).length;
  const seconds = Math.round((performance.now() - since) / 1000);
  console.log(`${name}: ${total} cases in ${seconds} s: ${JSON.stringify(counts)}`);
  if (total !== CASES) wrong.push(`${total} cases ran and not ${CASES}`);
  return wrong;
}

const python = findPython();
if (python === undefined) {
  console.log("SKIPPED conformance: Python 2.7 is not installed, and the Autobahn suite runs under nothing newer");
  process.exit(0);
}
// Every program that is started below is the one with the echo.
process.env["HUBBUB_BIN"] = process.env["HUBBUB_ECHO_BIN"] ?? join(ROOT, "target/debug/examples/echo");
const { startCluster, startInstance } = await import("../browser/support/programs.mjs");
const wstest = install(python);
const env = { HUBBUB_PROFILE: "bench" };
const problems = [];
for (const [name, start] of /** @type {const} */ ([["direct", startInstance], ["balancer", startCluster]])) {
  const server = await start({ env });
  problems.push(...judge(wstest, name, `${server.url.replace("http", "ws")}/echo`).map((problem) => `${name}: ${problem}`));
  await server.end();
}
for (const problem of problems) console.error(problem);
console.log(problems.length === 0 ? "conformance: passed" : `conformance: FAILED, see ${PLACE}/*/index.html`);
process.exit(problems.length === 0 ? 0 : 1);
