import type { IncomingMessage, ServerResponse } from 'node:http';

import { expect, it } from 'vitest';

import { hubHostname, onlineHostname, readUntil, TestEdge } from '../../test/support/edge.ts';

/** An origin that lets the test answer /first, and does the rest itself. */
async function edgeWith(second: (request: IncomingMessage, response: ServerResponse) => void) {
  const first = Promise.withResolvers<ServerResponse>();
  const asked = Promise.withResolvers<void>();
  const edge = await TestEdge.start({
    origin: (request, response) => {
      if (request.url === '/first') return first.resolve(response);
      second(request, response);
      return asked.resolve();
    },
  });
  return { edge, first: first.promise, asked: asked.promise };
}

function request(method: string, path: string, more = ''): string {
  return `${method} ${path} HTTP/1.1\r\nHost: ${onlineHostname}\r\n${more}\r\n`;
}

const outline = (answers: string) =>
  answers.match(/(?<=HTTP\/1\.1 )\d+|(?<=\r\n)(?:first|second)(?=HTTP|$)/g);

const hints = 'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';

it('interim answers to a pipelined request wait for the answers before, and come before their own', async () => {
  const { edge, first, asked } = await edgeWith((_request, response) => {
    response.socket?.write(hints);
    response.writeHead(200, { 'content-length': 6 }).end('second');
  });
  await using _edge = edge;
  const socket = await edge.connect();
  socket.write(request('GET', '/first') + request('GET', '/second'));
  await asked;
  (await first).writeHead(200, { 'content-length': 5 }).end('first');
  const answers = await readUntil(socket, /second$/);
  expect(outline(answers)).toEqual(['200', 'first', '102', '103', '200', 'second']);
  socket.destroy();
});

it('interim answers to a pipelined request do not wait for their own', async () => {
  const later = Promise.withResolvers<ServerResponse>();
  const { edge, first, asked } = await edgeWith((_request, response) => {
    response.socket?.write(hints);
    later.resolve(response);
  });
  await using _edge = edge;
  const socket = await edge.connect();
  socket.write(request('GET', '/first') + request('GET', '/second'));
  await asked;
  (await first).writeHead(200, { 'content-length': 5 }).end('first');
  const early = await readUntil(socket, /103 [^]*\r\n\r\n/);
  expect(outline(early)).toEqual(['200', 'first', '102', '103']);
  (await later.promise).end('second');
  expect(await readUntil(socket, /second$/)).toMatch(/^HTTP\/1\.1 200 /);
  socket.destroy();
});

it('100 Continue to a pipelined request waits for the answers before, and is left out behind its own', async () => {
  const { edge, first, asked } = await edgeWith((message, response) => {
    message.resume();
    response.writeHead(413, { 'content-length': 6 }).end('second');
  });
  await using _edge = edge;
  const socket = await edge.connect();
  const more = 'Expect: 100-continue\r\nContent-Length: 3\r\n';
  socket.write(request('GET', '/first') + request('GET', '/second', more));
  await asked;
  (await first).writeHead(200, { 'content-length': 5 }).end('first');
  const answers = await readUntil(socket, /second$/);
  expect(outline(answers)).toEqual(['200', 'first', '413', 'second']);
  socket.destroy();
});

it('100 Continue to a pipelined request is said in its turn', async () => {
  const { edge, first } = await edgeWith((message, response) => {
    message.resume().on('end', () => response.end('second'));
  });
  await using _edge = edge;
  const socket = await edge.connect();
  const more = 'Expect: 100-continue\r\nContent-Length: 3\r\n';
  socket.write(request('GET', '/first') + request('POST', '/second', more));
  (await first).writeHead(200, { 'content-length': 5 }).end('first');
  expect(outline(await readUntil(socket, /100 Continue\r\n\r\n$/))).toEqual([
    '200',
    'first',
    '100',
  ]);
  socket.write('abc');
  expect(await readUntil(socket, /second$/)).toMatch(/^HTTP\/1\.1 200 /);
  socket.destroy();
});

it('100 Continue to a pipelined request to the hub itself is left out behind its answer', async () => {
  const first = Promise.withResolvers<() => void>();
  const second = Promise.withResolvers<void>();
  await using edge = await TestEdge.start({
    hub: {
      onRequest: (message, response) => {
        if (message.url === '/first') return first.resolve(() => response.end('first'));
        response.end('second');
        return second.resolve();
      },
    },
  });
  const socket = await edge.connect({ servername: hubHostname });
  const more = 'Expect: 100-continue\r\nContent-Length: 3\r\n';
  const both = request('GET', '/first') + request('GET', '/second', more);
  socket.write(both.replaceAll(onlineHostname, hubHostname));
  await second.promise;
  (await first.promise)();
  expect((await readUntil(socket, /second$/)).match(/(?<=HTTP\/1\.1 )\d+/g)).toEqual([
    '200',
    '200',
  ]);
  socket.destroy();
});
