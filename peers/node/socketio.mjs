// A peer for `make bench`: rooms over Socket.IO 4 and its Redis adapter, with
// everything else as it comes. A client names its room in the handshake, is told
// "j" once it has joined, and says "m" to the room, itself included.
// Usage: node socketio.mjs PORT REDIS_PORT

import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';

const [port, redisPort] = process.argv.slice(2).map(Number);
const publisher = new Redis(redisPort, '127.0.0.1');
const subscriber = publisher.duplicate();

const server = createServer();
const io = new Server(server, {
  adapter: createAdapter(publisher, subscriber),
  serveClient: false,
});

io.on('connection', async (socket) => {
  const { room } = socket.handshake.query;
  await socket.join(room);
  socket.on('m', (text) => io.to(room).emit('m', text));
  socket.emit('j');
});

server.listen({ port, host: '127.0.0.1', backlog: 4096 });
