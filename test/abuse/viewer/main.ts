// A film's address arrives as arguments; it is watched over HTTP/1.1 and HTTP/2, and each second leaves as a line: what came, how late, whether right.

import type { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import type { Readable } from 'node:stream';
import { connect } from 'node:tls';

import { contentBytes } from '../../support/content.ts';
import { filmSeed } from '../film.ts';
import { Newcomer } from '../newcomer.ts';
import { Watch } from '../watch.ts';

const [address = '', caFile = '', path = ''] = process.argv.slice(2);
const { host, hostname, port, origin } = new URL(address);
const ca = readFileSync(caFile);
/** From an address of its own, as a neighbour of the attackers would be. */
const place = {
  host: '127.0.0.1',
  port: Number(port),
  servername: hostname,
  localAddress: '127.0.0.9',
  ca,
};

const watches = [
  { name: 'http/1.1', film: await overHttp1() },
  { name: 'h2', film: await overHttp2() },
].map(({ name, film }) => ({ name, watch: new Watch(film), isExact: compared(film) }));

const newcomer = new Newcomer({ ...place, headers: { host }, path: '/small', agent: false });

process.stdout.write('watching\n');
const told = setInterval(() => {
  for (const { name, watch } of watches) say({ name, ...watch.second() });
  say({ name: 'newcomer', ...newcomer.second() });
}, 1000);

process.once('SIGTERM', () => {
  clearInterval(told);
  for (const { name, watch, isExact } of watches)
    say({ name, isExact: isExact(), isCut: watch.isOver });
  process.exit(0);
});

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function overHttp1(): Promise<Readable> {
  const asked = request({ ...place, path, headers: { host } });
  asked.end();
  const [answer] = (await once(asked, 'response')) as [Readable];
  return answer;
}

async function overHttp2(): Promise<Readable> {
  const session = connectHttp2(origin, {
    createConnection: () => connect({ ...place, ALPNProtocols: ['h2'] }),
  });
  const film = session.request({ ':path': path, ':authority': host });
  await once(film, 'response');
  return film;
}

/** Every byte with the one that belongs there. */
function compared(film: Readable): () => boolean {
  let bytes = 0;
  let isExact = true;
  film.on('data', (piece: Buffer) => {
    isExact &&= piece.equals(contentBytes(filmSeed, bytes, piece.length));
    bytes += piece.length;
  });
  return () => isExact;
}
