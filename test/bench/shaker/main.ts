// A port and names arrive; TLS handshakes are made there for some seconds, several at once; how many, and what they cost this process, is printed.

import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { connect, createSecureContext, type TLSSocket } from 'node:tls';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '' },
    /** Asked for in turn: `tls-00000.phlix.localhost`. */
    name: { type: 'string', multiple: true, default: [] },
    seconds: { type: 'string', default: '1' },
    resumed: { type: 'boolean', default: false },
    /** Each name once, however long that takes. */
    once: { type: 'boolean', default: false },
  },
});

/** So many that the server never waits for one of us, and no queue of it overflows. */
const atOnce = 12;
const warmUpMs = 300;

// The same group at all servers: those with an older OpenSSL know no lattice, and would be compared with one who does.
const secureContext = createSecureContext({ minVersion: 'TLSv1.3', ecdhCurve: 'X25519' });
const port = Number(values.port);
let made = 0;
// Two of us, or one round after the other, should not ask for the same names.
let at = Math.floor(Math.random() * values.name.length);
let begun = 0;

const session = await firstSession(nextName());
const endsAt = performance.now() + warmUpMs + Number(values.seconds) * 1000;
const rounds = Array.from({ length: atOnce }, shakeInTurn);
await new Promise((resolve) => setTimeout(resolve, warmUpMs));
const from = { made, time: performance.now(), cpu: process.cpuUsage() };
await Promise.all(rounds);
const seconds = (performance.now() - from.time) / 1000;
const cpu = process.cpuUsage(from.cpu);
const counted = made - from.made;
const cpuSeconds = (cpu.user + cpu.system) / 1e6;
process.stdout.write(
  `${JSON.stringify({ perSecond: counted / seconds, counted, total: made, cpuSeconds })}\n`,
);

async function shakeInTurn(): Promise<void> {
  while (!isOver()) {
    begun += 1;
    await shake(nextName());
  }
}

function isOver(): boolean {
  return values.once ? begun >= values.name.length : performance.now() >= endsAt;
}

function nextName(): string {
  at += 1;
  return values.name[at % values.name.length] ?? '';
}

async function shake(name: string): Promise<void> {
  const ticket = values.resumed ? session : undefined;
  const socket = dial(name, ticket);
  // A ticket says that the server has seen our last message; one of Node sends no other to whoever came with one.
  await once(socket, values.resumed ? 'secureConnect' : 'session');
  if (socket.isSessionReused() !== values.resumed) {
    throw new Error(values.resumed ? 'a session was not resumed' : 'a session was resumed');
  }
  socket.destroy();
  made += 1;
}

/** One whose certificate is looked at: that of another name would be no handshake worth counting. */
async function firstSession(name: string): Promise<Buffer> {
  const socket = dial(name, undefined);
  const [ticket] = (await once(socket, 'session')) as [Buffer];
  const names = socket.getPeerCertificate().subjectaltname?.split(', ') ?? [];
  const covering = [name, name.replace(/^[^.]+/, '*')].map((each) => `DNS:${each}`);
  if (!covering.some((each) => names.includes(each))) throw new Error(`got ${names.join(' ')}`);
  socket.destroy();
  return ticket;
}

function dial(servername: string, ticket: Buffer | undefined): TLSSocket {
  return connect({
    host: '127.0.0.1',
    port,
    servername,
    secureContext,
    rejectUnauthorized: false,
    ...(ticket === undefined ? {} : { session: ticket }),
  });
}
