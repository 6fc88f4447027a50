import { createServer, type Server } from 'node:net';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { listenOn, type PortSharing } from '../../shared/listen-address.ts';
import { recordingLogger } from '../../test/support/agents-door.ts';
import { HandOver } from './hand-over.ts';

// The agents' door is a port here: what moves through it is the gateway's own matter.

let port: number;
let server: Server;
let others: Server[];
let handOver: HandOver;
let logged: ReturnType<typeof recordingLogger>['logged'];
let asked: boolean[];

beforeEach(async () => {
  const logger = recordingLogger();
  logged = logger.logged;
  [server, others, asked] = [createServer(), [], []];
  ({ port } = await listenOn(server, '127.0.0.1:0', 'sharable'));
  const gateway = {
    listen: (address: string, sharing: PortSharing) => listenOn(server, address, sharing),
    stopListening: () => void server.close(),
    moveLinks: async (_ms: number, isAsked: (link: { isGuest: boolean }) => boolean) => {
      asked = [false, true].map((isGuest) => isAsked({ isGuest }));
      return { links: 1, moved: 1 };
    },
  };
  handOver = new HandOver({
    gateway,
    address: () => ({ host: '127.0.0.1', port }),
    log: logger.log,
  });
});

afterEach(() => {
  handOver.end();
  for (const open of [server, ...others]) open.close();
});

/** Somebody else has the port. */
async function take(sharing: PortSharing): Promise<Server> {
  const other = createServer();
  others.push(other);
  await listenOn(other, `127.0.0.1:${port}`, sharing);
  return other;
}

const messages = (): string[] => logged.map(({ msg }) => msg);

test('agents are asked at once, guests when their own door changes hands', async () => {
  await handOver.begin();
  expect(asked).toEqual([true, false]);
  expect(server.listening).toBe(false);
});

test('a successor that gives up, and lives on for a while, keeps nobody from listening again', async () => {
  await take('joining');
  await handOver.begin();
  handOver.cancel();
  await expect.poll(() => server.listening).toBe(true);
  expect(messages()).toEqual(['agents moved to another hub', 'agents are taken again']);
});

test('a port that somebody took is asked for until it is free, and complained about once', async () => {
  await handOver.begin();
  const other = await take('alone');
  handOver.cancel();
  await expect.poll(messages).toHaveLength(2);
  expect(logged[1]).toMatchObject({ level: 'error', err: { code: 'listen.in-use' } });
  other.close();
  await expect.poll(() => server.listening, { timeout: 5000 }).toBe(true);
  expect(messages().slice(2)).toEqual(['agents are taken again']);
});

test.each([
  ['draining', () => handOver.end()],
  ['asked by another successor', () => void handOver.begin()],
])('a hub that is %s meanwhile does not come back', async (_, meanwhile) => {
  await handOver.begin();
  handOver.cancel();
  // The kernel has been asked and has not answered yet.
  for (let turn = 0; turn < 3; turn += 1) await Promise.resolve();
  meanwhile();
  await new Promise(setImmediate);
  expect(server.listening).toBe(false);
});

test('a hub that drains stays away, whoever gives up', async () => {
  await handOver.begin();
  handOver.end();
  handOver.cancel();
  await new Promise(setImmediate);
  expect(server.listening).toBe(false);
});
