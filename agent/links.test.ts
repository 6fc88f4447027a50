import { afterEach, expect, test, vi } from 'vitest';

import { Backoff } from '../shared/backoff.ts';
import type { GoawayReason } from '../shared/wire/codes.ts';
import { recordingLogger, type AgentsDoor, type LogLine } from '../test/support/agents-door.ts';
import {
  atTheEnd,
  door,
  movies,
  online,
  run,
  shoutingOrigin,
  stopEverything,
} from '../test/support/running-agent.ts';
import { readAll } from '../test/support/sessions.ts';
import { readIdentity } from './credentials.ts';
import type { Link, LinkRequest } from './link.ts';
import { Links } from './links.ts';
import { Slots } from './slots.ts';
import type { Outcome } from './supervise.ts';
import { trustOf } from './trust.ts';
import { Ways } from './ways.ts';

afterEach(stopEverything);

interface Bench {
  readonly links: Links;
  readonly logged: LogLine[];
  readonly ups: Link[];
  readonly ended: Promise<Outcome<never>>;
  readonly announced: (readonly string[])[];
  stop(): void;
}

interface Wish {
  readonly count?: number;
  readonly slots?: Slots;
  readonly epoch?: bigint;
  readonly backoff?: () => Backoff;
  readonly tunnelUrls?: readonly string[];
  readonly onStream?: LinkRequest['onStream'];
}

async function identityAt(hub: AgentsDoor) {
  const running = run({ hubUrl: hub.hubUrl, token: await hub.token() });
  await online(hub, movies);
  await running.stop();
  const identity = await readIdentity(running.folder);
  if (identity?.state !== 'enrolled') throw new Error('not enrolled');
  return identity;
}

async function start(hub: AgentsDoor, wish: Wish = {}): Promise<Bench> {
  const identity = await identityAt(hub);
  const { log, logged } = recordingLogger();
  const [ups, announced]: [Link[], (readonly string[])[]] = [[], []];
  const links = new Links({
    count: wish.count ?? 2,
    ways: new Ways({ url: hub.hubUrl }, wish.tunnelUrls ?? identity.tunnelUrls),
    slots: wish.slots ?? new Slots(),
    request: {
      identity,
      identityFile: 'identity.json',
      trust: await trustOf({ hubCaFile: undefined, verifiesCertificate: true }, identity.caPem),
      proxy: undefined,
      epoch: wish.epoch ?? BigInt(Date.now()) + 1000n,
      originProtocol: 'http/1.1',
      software: 'test/1',
      deadlineMs: 5000,
      onStream: wish.onStream ?? ((stream) => stream.pipe(stream)),
      onAddresses: (addresses) => announced.push(addresses),
    },
    askTunnelUrls: async () => undefined,
    backoff: wish.backoff ?? (() => new Backoff({ firstMs: 20, maxMs: 50 })),
    log,
    onUp: (link) => ups.push(link),
    onDown: () => undefined,
    onFailure: () => undefined,
  });
  const stop = new AbortController();
  const ended = links.run(stop.signal);
  atTheEnd(async () => {
    stop.abort();
    await ended;
    await links.drain(0);
  });
  return { links, logged, ups, ended, announced, stop: () => stop.abort() };
}

async function linked(bench: Bench, slots: readonly number[]): Promise<readonly Link[]> {
  return vi.waitFor(() => {
    const { live } = bench.links;
    expect(live.map(({ slot }) => slot).toSorted((a, b) => a - b)).toEqual(slots);
    return live;
  }, 10_000);
}

/** The hub takes a link in after it has welcomed it. */
async function bothAtHub(hub: AgentsDoor): Promise<void> {
  await vi.waitFor(() => expect(hub.tunnels.find(movies)?.links).toHaveLength(2), 10_000);
}

/** What the hub says of its own accord. */
function endFromHub(hub: AgentsDoor, at: number, reason: GoawayReason): void {
  const link = hub.tunnels.find(movies)?.links[at];
  (link as unknown as { end(reason: GoawayReason): void }).end(reason);
}

const patient = (): Backoff =>
  new Backoff({ firstMs: 3_600_000, maxMs: 3_600_000, random: () => 1 });

test('they stand side by side, each in a slot of its own, and the hub spreads over them', async () => {
  const hub = await door();
  const bench = await start(hub, { count: 3 });
  await linked(bench, [0, 1, 2]);
  await vi.waitFor(() => expect(hub.tunnels.find(movies)?.links).toHaveLength(3));
  expect(bench.links.status()).toMatchObject(
    Array.from({ length: 3 }, () => ({
      state: 'connected',
      tunnel: `wss://hub.localhost:${hub.port}/tunnel`,
      address: '127.0.0.1',
      streams: 0,
    })),
  );
});

test('one that is lost comes back in its slot, and its streams are the only ones lost', async () => {
  const hub = await door();
  const bench = await start(hub);
  const [first, second] = await linked(bench, [0, 1]);
  await bothAtHub(hub);
  const stream = hub.tunnels.find(movies)?.links[1]?.openStream();
  stream?.write('half ');
  await vi.waitFor(() => expect(second?.session.streamCount).toBe(1));
  first?.session.destroy();
  await vi.waitFor(() => expect(bench.ups).toHaveLength(3));
  await linked(bench, [0, 1]);
  stream?.end('a film');
  expect(stream && (await readAll(stream)).toString()).toBe('half a film');
});

test('a loss is a warning while another link lives, and an error when none does', async () => {
  const hub = await door();
  const bench = await start(hub, { backoff: patient });
  const [first, second] = await linked(bench, [0, 1]);
  first?.session.destroy();
  await vi.waitFor(() => expect(levels(bench)).toEqual(['warn: link down']));
  second?.session.destroy();
  await vi.waitFor(() =>
    expect(levels(bench)).toEqual(['warn: link down', 'error: not connected']),
  );
  expect(bench.links.status()).toMatchObject([{ state: 'waiting' }, { state: 'waiting' }]);
});

function levels({ logged }: Bench): string[] {
  const failures = logged.filter(({ msg }) => msg === 'link down' || msg === 'not connected');
  return failures.map(({ level, msg }) => `${level}: ${msg}`);
}

test('a hub that grants one link has one, and is not asked for more', async () => {
  const hub = await door({ limits: { linksPerAgent: 1 } });
  const bench = await start(hub);
  const [only] = await linked(bench, [0]);
  only?.session.destroy();
  await vi.waitFor(() => expect(bench.ups).toHaveLength(2));
  await linked(bench, [0]);
  expect(hub.logged.filter(({ msg }) => msg === 'agent refused')).toEqual([]);
});

test('a hub that puts out one of ours for another of ours has one, without a fight', async () => {
  const hub = await door();
  const bench = await start(hub);
  await linked(bench, [0, 1]);
  await bothAtHub(hub);
  // As a hub says that knows no slots: the one from before an update that was taken back.
  for (const link of bench.ups) Object.assign(link, { maxLinks: 1 });
  endFromHub(hub, 0, 'replaced');
  await linked(bench, [1]);
  await vi.waitFor(() =>
    expect(bench.logged.map(({ msg }) => msg)).toContain('the hub keeps one link of this agent'),
  );
  expect(levels(bench)).toEqual([]);
  const [rest] = bench.links.live;
  rest?.session.destroy();
  await vi.waitFor(() => expect(bench.links.live.length).toBeGreaterThan(0));
});

test('a hub that knows slots puts none of ours out for another of ours: that is told as another agent, once', async () => {
  const hub = await door();
  const bench = await start(hub, { backoff: patient });
  await linked(bench, [0, 1]);
  await bothAtHub(hub);
  const told = (): string[] =>
    bench.logged
      .filter(({ msg }) => msg === 'another agent with the same key has taken over')
      .map(({ level }) => level);
  // One before the other, as their news may arrive.
  endFromHub(hub, 0, 'replaced');
  await vi.waitFor(() => expect(told()).toEqual(['error']), 10_000);
  endFromHub(hub, 0, 'replaced');
  await vi.waitFor(() => expect(told()).toEqual(['error', 'debug']), 10_000);
  expect(bench.logged.map(({ msg }) => msg)).not.toContain('the hub keeps one link of this agent');
});

test('a hub that is about to drain is obeyed: another link first, the streams of the former to their end', async () => {
  const hub = await door();
  const bench = await start(hub);
  const before = await linked(bench, [0, 1]);
  await bothAtHub(hub);
  const streams = hub.tunnels.find(movies)?.links.map((link) => link.openStream()) ?? [];
  for (const stream of streams) stream.write('half ');
  await vi.waitFor(() => expect(bench.links.streamCount).toBe(2));
  const counts: number[] = [];
  const looking = setInterval(() => counts.push(hub.tunnels.find(movies)?.links.length ?? 0), 1);
  expect(await hub.gateway.moveLinks(5000)).toEqual({ links: 2, moved: 2 });
  clearInterval(looking);
  expect(Math.min(...counts)).toBe(2);
  expect((await linked(bench, [0, 1])).filter((link) => before.includes(link))).toEqual([]);
  const states = bench.links.status().map(({ slot, state }) => `${slot} ${state}`);
  expect(states.toSorted()).toEqual(['0 connected', '0 draining', '1 connected', '1 draining']);
  for (const stream of streams) stream.end('a film');
  for (const stream of streams) expect((await readAll(stream)).toString()).toBe('half a film');
  await vi.waitFor(() => expect(bench.links.status()).toHaveLength(2));
  expect(levels(bench)).toEqual([]);
});

test('a hub that gives up taking over leaves its links where they were, to be moved again', async () => {
  const hub = await door();
  const bench = await start(hub);
  const before = await linked(bench, [0, 1]);
  await bothAtHub(hub);
  hub.gateway.stopListening();
  const { port, authority, stores } = hub;
  const successor = await door({ port, authority, stores });
  expect(await hub.gateway.moveLinks(5000)).toEqual({ links: 2, moved: 2 });
  await bothAtHub(successor);
  expect(bench.links.live).toHaveLength(4);
  successor.gateway.stopListening();
  for (const link of bench.links.live) if (!before.includes(link)) link.session.destroy();
  await vi.waitFor(() => expect(bench.links.live).toEqual(before));
  await hub.gateway.listen(`127.0.0.1:${port}`);
  // Both are at this hub again, and nothing of the first time counts.
  expect(await hub.gateway.moveLinks(5000)).toEqual({ links: 2, moved: 2 });
  expect((await linked(bench, [0, 1])).filter((link) => before.includes(link))).toEqual([]);
  await bothAtHub(hub);
});

test('a link over an address that is gone is given up at once, and the others are asked', async () => {
  const hub = await door();
  const bench = await start(hub);
  const before = await linked(bench, [0, 1]);
  const probed = before.map(({ session }) => vi.spyOn(session, 'probe'));
  bench.links.networkChanged(() => true);
  expect(probed.map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
  bench.links.networkChanged(() => false);
  await vi.waitFor(() => expect(bench.ups).toHaveLength(4));
  expect(before.filter(({ session }) => session.isAccepting)).toEqual([]);
});

test('a successor stays in the slots it took: there the hub replaces a link that it cannot know to be dead', async () => {
  const hub = await door();
  const slots = new Slots({ reserved: [0, 1], granted: 8 });
  const bench = await start(hub, { slots });
  await linked(bench, [2, 3]);
  slots.release();
  bench.links.networkChanged(() => false);
  await vi.waitFor(() => expect(bench.ups).toHaveLength(4));
  await linked(bench, [2, 3]);
  await bothAtHub(hub);
});

test('a wait is over when the network changes', async () => {
  const hub = await door();
  const bench = await start(hub, { count: 1, backoff: patient });
  const [only] = await linked(bench, [0]);
  only?.session.destroy();
  await vi.waitFor(() => expect(bench.links.status()).toMatchObject([{ state: 'waiting' }]));
  bench.links.networkChanged(() => true);
  await linked(bench, [0]);
});

test('where the tunnel port is blocked, the website of the hub is the way', async () => {
  const hub = await door();
  const bench = await start(hub, { tunnelUrls: ['wss://hub.localhost:1/tunnel'] });
  const live = await linked(bench, [0, 1]);
  const website = `wss://hub.localhost:${hub.port}/tunnel`;
  expect(live.map(({ tunnelUrl }) => tunnelUrl)).toEqual([website, website]);
});

test('a server that was removed ends all of them', async () => {
  const hub = await door();
  const bench = await start(hub);
  await linked(bench, [0, 1]);
  await bothAtHub(hub);
  await hub.stores.servers.revoke(hub.tunnels.find(movies)?.serverId ?? '');
  expect(await bench.ended).toMatchObject({ end: 'stopped', failure: { code: 'link.revoked' } });
});

test('the agent is connected while any link lives, and announces its address once', async () => {
  const hub = await door();
  const originPort = await shoutingOrigin();
  const running = run({ hubUrl: hub.hubUrl, token: await hub.token(), originPort });
  await vi.waitFor(
    () =>
      expect(running.agent.status()).toMatchObject({
        state: 'connected',
        links: [{ state: 'connected' }, { state: 'connected' }],
      }),
    10_000,
  );
  await bothAtHub(hub);
  const { since } = running.agent.status();
  endFromHub(hub, 0, 'overloaded');
  await vi.waitFor(() => expect(running.agent.status().lastFailure).toBeDefined());
  await bothAtHub(hub);
  expect(running.agent.status()).toMatchObject({ state: 'connected', since });
  const news = running.logged.filter(({ msg }) => msg === 'your server is reachable');
  expect(news).toHaveLength(1);
});
