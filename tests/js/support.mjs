// What the browser app's unit tests share: frames as the server writes them, and stand-ins for the browser.

/** A message frame; its position may be given short, as "7" in the usual epoch. */
export function message(seq, text = `message ${seq}`, more = {}) {
  const position = String(seq).includes("-") ? String(seq) : `100-${seq}`;
  return {
    type: "message", room: "lobby", position, key: `key-${position}`, from: { id: "u-ada", name: "Ada" }, text,
    at: 1_000_000 + Number(position.split("-")[1]), ...more,
  };
}

export function joined(messages, more = {}) {
  const head = messages.at(-1)?.position ?? "0-0";
  return { type: "joined", room: "lobby", title: "Lobby", head, recovered: false, count: 1, messages, more: false, ...more };
}

export const ME = { id: "u-me", name: "Me" };

/** localStorage, as far as the app uses it. */
export function fakeShelf() {
  const entries = new Map();
  return {
    get length() {
      return entries.size;
    },
    key: (index) => [...entries.keys()][index] ?? null,
    getItem: (name) => entries.get(name) ?? null,
    setItem: (name, value) => void entries.set(name, value),
    removeItem: (name) => void entries.delete(name),
  };
}

/** A clock that stands still until it is told otherwise. */
export function fakeClock(start = 1_000_000) {
  const clock = () => clock.time;
  clock.time = start;
  return clock;
}

/** Lets everything that is already promised happen. */
export async function settle() {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
}
