// When a link is stale and how long to wait before the next try: pure functions of the numbers given.

/** Times in milliseconds; each one is a promise of the protocol or a measured compromise. */
export const TIMES = Object.freeze({
  hedge: 2_000, // without a hello for this long a first poll starts beside the socket
  giveUp: 4_000, // an opening socket without a hello is abandoned after this
  probe: 3_000, // a ping on waking must be answered within this
  stale: 5_000, // on waking, a link that was heard more recently is trusted
  silence: 45_000, // the server speaks every 20 s, so this much silence means the link is dead
  settled: 10_000, // a link that lived this long resets the backoff
  quiet: 3_000, // the page says nothing about a lost link before this
  base: 500,
  cap: 20_000,
});

/** Pauses between tries of a WebSocket that seems to be blocked on this network. */
export const BLOCKED_PAUSES = Object.freeze([30_000, 120_000, 600_000]);

/**
 * The pause before retry number `failures` (0 for the first): anything from 0 to a growing, capped limit, so that
 * many clients cut at once do not come back at once.
 * @param {number} failures
 * @param {number} random from 0 up to 1
 */
export function backoff(failures, random) {
  return Math.round(random * Math.min(TIMES.cap, TIMES.base * 2 ** Math.min(failures, 16)));
}

/** @param {number} step @returns {number} */
export function blockedPause(step) {
  return BLOCKED_PAUSES[Math.min(step, BLOCKED_PAUSES.length - 1)] ?? 600_000;
}

/**
 * How long a link may be silent. The server says how often it speaks; 2.25 times that is 45 s at the usual 20 s.
 * @param {number | undefined} heartbeatMs
 */
export function silenceLimit(heartbeatMs) {
  return heartbeatMs && heartbeatMs > 0 ? Math.round(heartbeatMs * 2.25) : TIMES.silence;
}

/**
 * The pause a server asked for. A restart gives the whole crowd one number, so each client takes a random part of it.
 * @param {string | undefined} reason the text of a close frame
 * @param {number} random
 * @returns {number | null}
 */
export function restartPause(reason, random) {
  try {
    const retry = JSON.parse(reason ?? "").retry_ms;
    return typeof retry === "number" && retry >= 0 ? Math.round(random * retry) : null;
  } catch {
    return null;
  }
}
