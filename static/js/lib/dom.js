// The few DOM pieces every view needs. Text always enters the page as text nodes: nothing here or elsewhere parses HTML.

/**
 * The element of index.html with this id. The markup and the views ship together, so a missing one is our mistake.
 * @template {HTMLElement} T
 * @param {string} id @param {new () => T} type @returns {T}
 */
export function byId(id, type) {
  const node = document.getElementById(id);
  if (!(node instanceof type)) throw new Error(`index.html has no ${type.name} #${id}`);
  return node;
}

/** @param {string} id */
export const element = (id) => byId(id, HTMLElement);
/** @param {string} id */
export const button = (id) => byId(id, HTMLButtonElement);
/** @param {string} id */
export const input = (id) => byId(id, HTMLInputElement);

/** A fresh copy of a template's only element. @param {string} id */
export function fromTemplate(id) {
  const copy = byId(id, HTMLTemplateElement).content.firstElementChild?.cloneNode(true);
  if (!(copy instanceof HTMLElement)) throw new Error(`template #${id} is empty`);
  return copy;
}

/** @param {ParentNode} root @param {string} selector @returns {HTMLElement} */
export function part(root, selector) {
  const node = root.querySelector(selector);
  if (!(node instanceof HTMLElement)) throw new Error(`no ${selector} in this part of the page`);
  return node;
}

/** A dialog is open, which has its own Escape. */
export const hasDialog = () => document.querySelector("dialog[open]") !== null;

/** Takes a control out of sight, or back. Whoever is on it by keyboard goes on at another element instead of nowhere.
 * @param {HTMLElement} node @param {boolean} hidden @param {HTMLElement} next */
export function hide(node, hidden, next) {
  if (hidden) handOn(node, next);
  node.hidden = hidden;
}

/** For a control that is about to go. A pointer leaves the focus nowhere, so that what is typed next is a message.
 * @param {HTMLElement} node @param {HTMLElement} next */
export function handOn(node, next) {
  if (node.matches(":focus-visible")) next.focus({ preventScroll: true });
}

/** Writes only what changed, so that selections and screen readers are left alone. @param {Node} node
 * @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Gives a field in `.growing` the height of its text; the style sheet sets the largest one. @param {HTMLTextAreaElement} field */
export function grow(field) {
  field.parentElement?.setAttribute("data-text", field.value);
}

/**
 * Makes a parent's children match a list, moving and reusing nodes by key.
 * @template T
 * @param {HTMLElement} parent
 * @param {Map<string, HTMLElement>} nodes the nodes of the last call; changed in place
 * @param {T[]} items
 * @param {{ key: (item: T) => string, create: (item: T) => HTMLElement, update: (node: HTMLElement, item: T) => void }} how
 */
export function reconcile(parent, nodes, items, { key, create, update }) {
  const wanted = new Map(items.map((item) => [key(item), item]));
  for (const [name, node] of nodes) {
    if (wanted.has(name)) continue;
    node.remove();
    nodes.delete(name);
  }
  const focused = /** @type {HTMLElement} */ (document.activeElement);
  let cursor = parent.firstElementChild;
  for (const [name, item] of wanted) {
    const node = nodes.get(name) ?? create(item);
    nodes.set(name, node);
    update(node, item);
    if (node === cursor) cursor = cursor.nextElementSibling;
    else parent.insertBefore(node, cursor);
  }
  // What is moved loses it.
  if (parent.contains(focused)) focused.focus({ preventScroll: true });
}

/**
 * Gives an avatar its initials and a colour derived from the user's id, so that it stays the same everywhere.
 * @param {HTMLElement} node @param {{ id: string, name: string }} user
 */
export function paintAvatar(node, user) {
  setText(node, initials(user.name));
  node.style.setProperty("--hue", String(hue(user.id)));
}

/** @param {string} name */
export function initials(name) {
  const words = name.trim().split(/[\s._-]+/u).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters.map((word) => firstLetter(word ?? "?")).join("");
}

/** @param {string} word */
function firstLetter(word) {
  const [first = "?"] = word;
  return first.toLocaleUpperCase();
}

/** @param {string} id */
export function hue(id) {
  let hash = 2_166_136_261;
  for (let index = 0; index < id.length; index += 1) hash = Math.imul(hash ^ id.charCodeAt(index), 16_777_619);
  return (hash >>> 0) % 360;
}
