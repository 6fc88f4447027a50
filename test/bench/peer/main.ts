// WebSocket messages arrive, and leave as they came.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { WebSocketServer } from 'ws';

const server = createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false });
sockets.on('connection', (socket) => {
  socket.on('error', () => socket.terminate());
  socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }));
});
server.listen(0, '127.0.0.1', 4096, () => {
  process.stdout.write(`listening on ${(server.address() as AddressInfo).port}\n`);
});
