// Uploads and WebSocket messages arrive; nothing and the same messages leave.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { WebSocketServer } from 'ws';

const server = createServer((request, response) => {
  request.resume();
  // Whoever measures for a time leaves in the middle of an upload.
  request.on('error', () => undefined);
  request.on('end', () => response.end());
});
server.requestTimeout = 0;
const sockets = new WebSocketServer({ server, perMessageDeflate: false });
sockets.on('connection', (socket) => {
  socket.on('error', () => socket.terminate());
  socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }));
});
server.listen(0, '127.0.0.1', 4096, () => {
  process.stdout.write(`listening on ${(server.address() as AddressInfo).port}\n`);
});
