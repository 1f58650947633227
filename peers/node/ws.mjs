// A peer for `make bench`: rooms over `ws`, shared between processes by Redis.
// A room is the path /room/<n>. Each text goes out by PUBLISH and comes back, to
// its sender too, over the one connection that subscribes.
// Usage: node ws.mjs PORT REDIS_PORT

import { createServer } from 'node:http';
import { Redis } from 'ioredis';
import { WebSocketServer } from 'ws';

const [port, redisPort] = process.argv.slice(2).map(Number);
const publisher = new Redis(redisPort, '127.0.0.1');
const subscriber = new Redis(redisPort, '127.0.0.1');

/** Room name to its members here and the promise of its subscription. */
const rooms = new Map();

subscriber.on('message', (name, text) => {
  for (const member of rooms.get(name)?.members ?? []) member.send(text);
});

function room(name) {
  let found = rooms.get(name);
  if (!found) {
    found = { members: new Set(), subscribed: subscriber.subscribe(name) };
    rooms.set(name, found);
  }
  return found;
}

const server = createServer((_, response) => response.writeHead(404).end());
const sockets = new WebSocketServer({ noServer: true });

// The handshake is answered when the room is subscribed, so nobody misses anything.
server.on('upgrade', async (request, socket, head) => {
  const name = request.url;
  const entered = room(name);
  await entered.subscribed;
  sockets.handleUpgrade(request, socket, head, (member) => {
    entered.members.add(member);
    member.on('message', (data) => publisher.publish(name, data));
    member.on('close', () => entered.members.delete(member));
    member.on('error', () => member.terminate());
  });
});

server.listen({ port, host: '127.0.0.1', backlog: 4096 });
