// Folds what muted people say: a run of their messages becomes one quiet line that can be opened.

/**
 * @typedef {import("./message_row.js").Source} Source
 * @typedef {{ kind: "folded", position: string, at: number, count: number }} Folded
 */

/**
 * @param {Source[]} sources @param {(user: import("../protocol.js").User) => boolean} isMuted
 * @param {ReadonlySet<string>} opened keys of the folds that one has opened @returns {Source[]}
 */
export function foldMuted(sources, isMuted, opened) {
  /** @type {Source[]} */
  const rows = [];
  /** @type {Source[]} */
  let run = [];
  const end = () => {
    const first = run[0];
    if (!first?.entry) return;
    const key = `folded:${first.key}`;
    const { position } = first.entry;
    if (opened.has(key)) rows.push(...run);
    else rows.push({ ...first, key, unsent: null, deed: null, quoted: null, mentioned: "", entry: { kind: "folded", position, at: first.at, count: run.length } });
    run = [];
  };
  for (const source of sources) {
    if (source.entry?.kind === "message" && isMuted(source.entry.from)) {
      run.push(source);
      continue;
    }
    end();
    rows.push(source);
  }
  end();
  return rows;
}
