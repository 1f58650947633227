// The network between one person and the server, as a TCP proxy that can be broken in the ways networks break. The
// browser's own offline switch leaves open WebSockets alone, so it cannot show what a cut does.

import { connect, createServer } from "node:net";

export class Wire {
  /** @type {Set<import("node:net").Socket>} */ #sockets = new Set();
  #server;
  #port = 0;
  #isCut = false;
  #isDeaf = false;
  /** What is held back, to arrive at once. @type {(() => void)[] | null} */ #held = null;
  /** Answers every WebSocket handshake with 403, as some company proxies do. */
  blocksWebSocket = false;

  /** @param {string} target the server's address, as "http://127.0.0.1:8080" */
  constructor(target) {
    const { hostname, port } = new URL(target);
    this.#server = createServer((near) => this.#join(near, connect(Number(port), hostname)));
  }

  async open() {
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", () => resolve(null)));
    const address = this.#server.address();
    this.#port = typeof address === "object" && address !== null ? address.port : 0;
    return this;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Every connection ends and no new one comes about. */
  cut() {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** What the page says still arrives, but it hears nothing any more. */
  deafen() {
    this.#isDeaf = true;
  }

  mend() {
    this.#isCut = this.#isDeaf = false;
  }

  /** What comes for the page from now on waits, until it is let go. */
  hold() {
    this.#held = [];
  }

  /** All of it arrives at once. */
  letGo() {
    const held = this.#held ?? [];
    this.#held = null;
    for (const pass of held) pass();
  }

  close() {
    this.cut();
    this.#server.close();
  }

  /** @param {import("node:net").Socket} near @param {import("node:net").Socket} far */
  #join(near, far) {
    for (const [socket, other] of /** @type {const} */ ([[near, far], [far, near]])) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    if (this.#isCut) return near.destroy();
    near.on("data", (data) => {
      if (this.blocksWebSocket && /^upgrade: *websocket/im.test(data.toString("latin1"))) {
        near.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
      } else {
        far.write(data);
      }
    });
    far.on("data", (data) => {
      if (this.#isDeaf) return;
      if (this.#held) this.#held.push(() => near.write(data));
      else near.write(data);
    });
  }
}
