// Finds the little markup that people write in messages: `code`, ``` a block of it ```, and **bold**. What does not close
// is text like any other, and no character is lost: the marks stay in the page and are only not shown.

/** @typedef {{ text: string, mark: string, kind: "plain" | "code" | "block" | "bold" }} Span `mark` stands on both sides */

// Code first: nothing in it is markup. A mark that hugs a space, as in 2 ** 3 ** 4, is none.
const MARKUP = /(?<block>```)(?<b>(?:(?!```)[\s\S])+)```|(?<code>`)(?<c>[^`\n]+)`|(?<bold>\*\*)(?<d>(?=\S)[^\n]*?[^\s*])\*\*(?!\*)/gu;

/**
 * Splits a text into plain pieces and marked ones.
 * @param {string} text @returns {Span[]}
 */
export function splitMarkup(text) {
  /** @type {Span[]} */
  const spans = [];
  let done = 0;
  for (const match of text.matchAll(MARKUP)) {
    const { block, b, code, c, bold, d } = match.groups ?? {};
    if (match.index > done) spans.push({ text: text.slice(done, match.index), mark: "", kind: "plain" });
    if (block) spans.push({ text: b ?? "", mark: block, kind: "block" });
    else if (code) spans.push({ text: c ?? "", mark: code, kind: "code" });
    else spans.push({ text: d ?? "", mark: bold ?? "", kind: "bold" });
    done = match.index + match[0].length;
  }
  if (done < text.length) spans.push({ text: text.slice(done), mark: "", kind: "plain" });
  return spans;
}

/** A text as one hears it, or reads it where nothing is bold: without the marks. A block stands on lines of its own.
 * @param {string} text */
export function plainText(text) {
  const words = splitMarkup(text).map((span) => (span.kind === "block" ? `\n${span.text.replace(/^\n|\n$/g, "")}\n` : span.text));
  return words.join("").trim();
}

/**
 * The nodes of a text. What is no code is handed on, because links and names may be in it.
 * @param {string} text @param {(words: string) => Node[]} plain @returns {Node[]}
 */
export function markUp(text, plain) {
  return splitMarkup(text).flatMap(({ text: words, mark, kind }, index, all) => {
    // A block ends its line by itself.
    const afterBlock = all[index - 1]?.kind === "block" && words.startsWith("\n");
    if (kind === "plain") return afterBlock ? [hidden("\n"), ...plain(words.slice(1))] : plain(words);
    const node = document.createElement(kind === "bold" ? "strong" : "code");
    if (kind === "block") node.className = "block";
    // The line breaks between the marks of a block and its first and last line belong to the marks.
    const [, first = "", body = words, last = ""] = kind === "block" ? (/^(\n?)([\s\S]*?)(\n?)$/u.exec(words) ?? []) : [];
    const inside = kind === "bold" ? plain(body) : [document.createTextNode(body)];
    node.append(hidden(mark + first), ...inside, hidden(last + mark));
    return [node];
  });
}

/** @param {string} mark */
function hidden(mark) {
  const node = document.createElement("span");
  node.className = "mark";
  node.textContent = mark;
  return node;
}
