import { expect, test, vi } from 'vitest';

import { ServerEvents, type EventStore } from './events.ts';
import type { ServerEvent } from './usage.ts';

const facts = { software: 'phlix-agent/2', address: '192.0.2.1' };

test('a line that breaks and comes back at once is no news, and one that stays away is', async () => {
  const { events, told } = recorded();
  events.connected('mine', facts);
  events.disconnected('mine', 'line-lost');
  events.connected('mine', facts);
  events.disconnected('mine', 'ping-timeout');
  await vi.waitFor(async () => {
    await events.flush();
    expect(told.map(({ kind }) => kind)).toEqual(['connected', 'disconnected']);
  });
  expect(told[1]?.detail).toEqual({ reason: 'ping-timeout' });
});

test('agents that go because their hub ends are no news', async () => {
  const { events, told } = recorded();
  events.connected('mine', facts);
  events.disconnected('mine', 'draining');
  events.leave();
  events.disconnected('other', 'draining');
  await events.flush();
  expect(told.map(({ kind }) => kind)).toEqual(['connected']);
});

test('an agent with other software was updated', async () => {
  const { events, told } = recorded('phlix-agent/1');
  events.connected('mine', facts);
  await vi.waitFor(async () => {
    await events.flush();
    expect(told.at(-1)).toMatchObject({
      kind: 'agent-updated',
      detail: { from: 'phlix-agent/1', to: 'phlix-agent/2' },
    });
  });
});

test('what could not be stored is stored with the next', async () => {
  const { events, told, store, failures } = recorded();
  const add = store.add.bind(store);
  store.add = () => Promise.reject(new Error('the database is away'));
  events.note('mine', 'certificate-renewed', { names: 'films.example' });
  await events.flush();
  expect(failures).toHaveLength(1);
  store.add = add;
  await events.flush();
  expect(told).toMatchObject([{ kind: 'certificate-renewed' }]);
});

function recorded(former?: string) {
  const told: ServerEvent[] = [];
  const failures: unknown[] = [];
  const store: EventStore = {
    add: async (events) => void told.push(...events),
    list: async () => [],
    noteAgent: async () => former,
    agents: async () => new Map(),
    forget: async () => undefined,
  };
  const onFailure = (error: unknown): void => void failures.push(error);
  const events = new ServerEvents({ store, onFailure, goneAfterMs: 20 });
  return { events, told, store, failures };
}
