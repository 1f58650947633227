// Makes the keys that let a send be retried without being doubled.

/**
 * A new send key: 128 random bits in hexadecimal. It uses getRandomValues because randomUUID does not exist on
 * plain http outside localhost.
 * @param {Pick<Crypto, "getRandomValues">} [source]
 */
export function newKey(source = crypto) {
  const bytes = source.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
