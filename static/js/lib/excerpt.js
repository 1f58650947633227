// Shows where the words one looked for stand in a text.

/** How much of a text is shown before the first word found, and in all. */
const BEFORE = 60;
const LENGTH = 240;

/** The words of a search that may stand in the text; "from:ada" is about the author. @param {string} query */
export function words(query) {
  return query.toLowerCase().split(/\s+/u).filter((word) => word !== "" && !word.startsWith("from:"));
}

/**
 * A stretch of a text around the first word found, with all words in it marked.
 * @param {string} text @param {string[]} wanted in lower case
 * @returns {{ text: string, hit: boolean }[]}
 */
export function excerptAround(text, wanted) {
  const line = text.replace(/\s+/gu, " ").trim();
  const first = nextHit(line.toLowerCase(), 0, wanted);
  const start = first === null || line.length <= LENGTH ? 0 : Math.max(0, first.at - BEFORE);
  const shown = line.slice(start, start + LENGTH);
  /** @type {{ text: string, hit: boolean }[]} */
  const pieces = start > 0 ? [{ text: "…", hit: false }] : [];
  // Lower case may be longer than what it was made of; then the places do not fit, and nothing is marked.
  const lower = shown.toLowerCase().length === shown.length ? shown.toLowerCase() : "";
  let done = 0;
  for (let hit = nextHit(lower, 0, wanted); hit !== null; hit = nextHit(lower, done, wanted)) {
    if (hit.at > done) pieces.push({ text: shown.slice(done, hit.at), hit: false });
    done = hit.at + hit.length;
    pieces.push({ text: shown.slice(hit.at, done), hit: true });
  }
  if (done < shown.length) pieces.push({ text: shown.slice(done), hit: false });
  if (start + LENGTH < line.length) pieces.push({ text: "…", hit: false });
  return pieces;
}

/** @param {string} lower @param {number} from @param {string[]} wanted */
function nextHit(lower, from, wanted) {
  /** @type {{ at: number, length: number } | null} */
  let best = null;
  for (const word of wanted) {
    const at = lower.indexOf(word, from);
    if (at >= 0 && (best === null || at < best.at || (at === best.at && word.length > best.length))) {
      best = { at, length: word.length };
    }
  }
  return best;
}
