import type { Server } from 'node:net';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { recordingLogger } from '../test/support/agents-door.ts';
import { type TemporaryFolder, temporaryFolder } from '../test/support/temporary-folder.ts';
import { Slots } from './slots.ts';
import { serveStatus, type AgentStatus } from './status.ts';
import { Estate, findPredecessor, takeoverQuestion, type Predecessor } from './takeover.ts';

const never = new Promise<never>(() => undefined);
const { signal } = new AbortController();
let folder: TemporaryFolder;
let door: Server | undefined;
beforeEach(() => {
  folder = temporaryFolder('takeover');
});
afterEach(() => {
  door?.close();
  folder.remove();
});

/** An agent with links in slots 0 and 1, of four that the hub grants. */
async function runningAgent(isLinked = true) {
  const slots = new Slots({ granted: 4 });
  await slots.take(0, signal);
  await slots.take(1, signal);
  const { log, logged } = recordingLogger();
  const handedOver = vi.fn<() => void>();
  const estate = new Estate({
    epoch: 7n,
    slots,
    isLinked: () => isLinked,
    leave: () => door?.close(),
    onHandedOver: handedOver,
    log,
  });
  door = await serveStatus(folder.path, () => ({ state: 'connected' }) as AgentStatus, {
    [takeoverQuestion]: (socket) => void estate.answer(socket),
  });
  return { slots, logged, handedOver };
}

async function predecessor(): Promise<Predecessor> {
  const found = await findPredecessor(folder.path);
  if (found === undefined) throw new Error('nobody runs');
  return found;
}

function events(linked: Promise<unknown>) {
  return { linked, over: never, patienceMs: 5000, log: recordingLogger().log };
}

test('where nobody runs there is nobody to take over from', async () => {
  expect(await findPredecessor(folder.path)).toBeUndefined();
});

test('a successor hears the epoch, the slots that are taken and how many there are', async () => {
  await runningAgent();
  const former = await predecessor();
  expect(former.inheritance).toEqual({ epoch: 7n, slots: [0, 1], maxLinks: 4 });
  former.withdraw();
});

test('until it is decided the former dials into no other slot, and then into all again', async () => {
  const { slots, logged } = await runningAgent();
  const former = await predecessor();
  const taken = vi.fn<(slot: number | undefined) => void>();
  void slots.take(2, signal).then(taken);
  slots.give(1);
  expect(await slots.take(1, signal)).toBe(1);
  expect(taken).not.toHaveBeenCalled();
  former.withdraw();
  await vi.waitFor(() => expect(taken).toHaveBeenCalledWith(2));
  expect(logged.map(({ msg }) => msg)).toEqual([
    'the agent that was to take over did not: this one goes on',
  ]);
});

test('of two successors the second is turned away', async () => {
  await runningAgent();
  const former = await predecessor();
  await expect(predecessor()).rejects.toMatchObject({ code: 'status.already-running' });
  former.withdraw();
  await vi.waitFor(async () => (await predecessor()).withdraw());
});

test('the former lets go when its successor has a link, not before', async () => {
  const { handedOver } = await runningAgent();
  const linked = Promise.withResolvers<void>();
  const taking = (await predecessor()).takeOver(events(linked.promise));
  await new Promise((resolve) => setImmediate(resolve));
  expect(handedOver).not.toHaveBeenCalled();
  linked.resolve();
  expect(await taking).toBe(true);
  expect(handedOver).toHaveBeenCalledOnce();
  expect(await findPredecessor(folder.path)).toBeUndefined();
});

test('of an agent that has no link nothing is kept by waiting', async () => {
  const { handedOver } = await runningAgent(false);
  expect(await (await predecessor()).takeOver(events(never))).toBe(true);
  expect(handedOver).toHaveBeenCalledOnce();
});

test('a former agent that dies meanwhile leaves everything to its successor', async () => {
  let die: (() => void) | undefined;
  door = await serveStatus(folder.path, () => ({ state: 'connected' }) as AgentStatus, {
    [takeoverQuestion]: (socket) => {
      socket.send(JSON.stringify({ epoch: '7', slots: [0, 1], maxLinks: 4 }));
      die = () => socket.destroy();
    },
  });
  const taking = (await predecessor()).takeOver(events(never));
  die?.();
  expect(await taking).toBe(true);
});

test.each([
  ['nonsense', 'x'],
  ['an epoch that is no number', JSON.stringify({ epoch: '-1', slots: [], maxLinks: 4 })],
  ['slots that cannot be', JSON.stringify({ epoch: '7', slots: [8], maxLinks: 4 })],
])('an agent that answers %s is left alone', async (_, answer) => {
  door = await serveStatus(folder.path, () => ({ state: 'connected' }) as AgentStatus, {
    [takeoverQuestion]: (socket) => socket.end(`${answer}\n`),
  });
  await expect(predecessor()).rejects.toMatchObject({ code: 'status.already-running' });
});
