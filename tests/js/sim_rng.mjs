// What the simulations share: repeatable chance, virtual time, and many seeds with a word about the one that fails.

/** mulberry32: numbers from 0 up to 1 that depend on the seed alone. */
export function chance(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b9) | 0;
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const between = (low, high) => low + Math.floor(random() * (high - low));
  return { random, between, one: (list) => list[between(0, list.length)], in100: (percent) => random() * 100 < percent };
}

/** Time that passes only when something is due. */
export class Agenda {
  now = 0;
  #due = [];
  #number = 0;

  /** @returns a number by which it can be called off */
  after(delay, act) {
    this.#number += 1;
    this.#due.push({ at: this.now + Math.max(0, delay), number: this.#number, act });
    return this.#number;
  }

  cancel(number) {
    this.#due = this.#due.filter((entry) => entry.number !== number);
  }

  /** Does what is due until a moment, `then` after each step. */
  run(until, then = () => {}) {
    for (let turns = 0; turns < 50_000; turns += 1) {
      let next = null;
      for (const entry of this.#due) {
        if (entry.at > until) continue;
        if (next === null || entry.at < next.at || (entry.at === next.at && entry.number < next.number)) next = entry;
      }
      if (next === null) {
        this.now = until;
        return;
      }
      this.cancel(next.number);
      this.now = next.at;
      next.act();
      then();
    }
    throw new Error("something goes round and round");
  }
}

/**
 * Runs many seeds; `live(seed, tell)` throws when a promise is broken. HUBBUB_SIM_SEED runs one, HUBBUB_SIM_SEEDS more.
 * @param {number} seeds @param {(seed: number, tell: (line: string) => void) => void} live
 */
export function runSeeds(seeds, live) {
  const one = process.env.HUBBUB_SIM_SEED;
  const first = one === undefined ? 0 : Number(one);
  const end = one === undefined ? Number(process.env.HUBBUB_SIM_SEEDS ?? seeds) : first + 1;
  for (let seed = first; seed < end; seed += 1) {
    try {
      live(seed, () => {});
    } catch {
      const trace = [];
      let wrong = new Error("it did not happen again");
      try {
        live(seed, (line) => trace.push(line));
      } catch (error) {
        wrong = error;
      }
      const last = trace.slice(-40).join("\n");
      throw new Error(`seed ${seed}: ${wrong.message}\n${last}\nagain: HUBBUB_SIM_SEED=${seed} npm run test:unit`);
    }
  }
}
