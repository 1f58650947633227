// Who we are, over HTTP: sign in, ask, sign out, and the list of rooms. Failures come back as values, because each
// caller has something different to tell the user.

/**
 * @typedef {import("./protocol.js").User} User
 * @typedef {{ ok: true, body: any } | { ok: false, status: number, code: string, retryMs: number | null }} Answer
 *   status 0 means that nobody answered
 */

/** @param {string} method @param {string} path @param {object} [body] @returns {Promise<Answer>} */
async function ask(method, path, body) {
  try {
    const response = await fetch(path, {
      method,
      cache: "no-store",
      ...(body ? { headers: { "content-type": "application/json" }, body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(15_000),
    });
    const text = await response.text();
    if (response.ok) return { ok: true, body: text === "" ? null : JSON.parse(text) };
    return { ok: false, status: response.status, ...readError(text) };
  } catch {
    return { ok: false, status: 0, code: "unreachable", retryMs: null };
  }
}

/** @param {string} text */
function readError(text) {
  try {
    const { code, retry_after_ms: retryMs } = JSON.parse(text).error;
    return { code: String(code), retryMs: typeof retryMs === "number" ? retryMs : null };
  } catch {
    return { code: "unavailable", retryMs: null };
  }
}

export const whoAmI = () => ask("GET", "/api/v1/session");

/** @param {string} name */
export const signIn = (name) => ask("POST", "/api/v1/session", { name });

export const signOut = () => ask("DELETE", "/api/v1/session");

/** @returns {Promise<import("./store.js").DirectoryRoom[] | null>} */
export async function listRooms() {
  const answer = await ask("GET", "/api/v1/rooms");
  return answer.ok && Array.isArray(answer.body?.rooms) ? answer.body.rooms : null;
}
