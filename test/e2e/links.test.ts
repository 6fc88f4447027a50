import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import { freePort } from '../../infra/quickstart/ports.ts';
import { startConnectProxy } from '../support/connect-proxy.ts';
import { contentHash, measure } from '../support/content.ts';
import { AgentProcess, deploy, type Deployment, HubProcess } from '../support/deployment.ts';
import { type Origin, startOrigin } from '../support/origin/origin.ts';
import { Visitor } from '../support/visitor.ts';

// Real programs, beside whatever else runs on the machine.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

const started: { stop(): unknown }[] = [];
let origin: Origin;

beforeAll(async () => {
  origin = await startOrigin();
});
afterEach(async () => {
  for (const one of started.splice(0).toReversed()) await one.stop();
});
afterAll(() => origin.stop());

function forNow<Program extends { stop(): unknown }>(program: Program): Program {
  started.push(program);
  return program;
}

interface LinkLine {
  readonly state: string;
  readonly slot?: number;
  readonly tunnel?: string;
  readonly proxy?: string;
}

/** What `phlix-agent status --json` says, once it says that so many links stand. */
async function linksOf(agent: AgentProcess, count: number): Promise<LinkLine[]> {
  return vi.waitFor(
    async () => {
      const { stdout } = await agent.status('--json');
      const { links = [] } = JSON.parse(stdout) as { links?: LinkLine[] };
      const connected = links.filter(({ state }) => state === 'connected');
      expect(connected).toHaveLength(count);
      return connected;
    },
    { timeout: 30_000, interval: 200 },
  );
}

async function watch(address: string, caFile: string): Promise<{ bytes: number; sha256: string }> {
  const visitor = new Visitor(address, caFile);
  const answer = await visitor.ask('/content/film/300000');
  const measured = await measure(answer);
  visitor.leave();
  return measured;
}

const wholeFilm = { bytes: 300_000, sha256: contentHash('film', 0, 300_000) };

describe('two links', () => {
  test('stand by default, and stand again when the hub has restarted', async () => {
    const { hub, agent, address } = await deployed();
    const before = await linksOf(agent, 2);
    expect(before.map(({ slot }) => slot)).toEqual([0, 1]);
    await hub.stop();
    await hub.startAgain();
    await linksOf(agent, 2);
    expect(await watch(address, hub.caFile)).toEqual(wholeFilm);
    const { stdout } = await agent.status();
    expect(stdout.match(/^link .* connected since .* ms to the hub and back/gm)).toHaveLength(2);
  });

  test('are one where the hub grants one, and the agent does not fight for more', async () => {
    const settings = { HUB_LIMIT_LINKS_PER_AGENT: '1' };
    const { agent, hub } = await deployed({ settings });
    expect(await linksOf(agent, 1)).toMatchObject([{ slot: 0 }]);
    expect(agent.program.output).not.toMatch(/not connected|link down/);
    expect(hub.program.output).not.toMatch(/agent refused|two agents use one key/);
  });
});

async function deployed(hub: { settings?: Record<string, string> } = {}): Promise<Deployment> {
  return forNow(await deploy({ originPort: origin.port, hub }));
}

describe('an agent that is started beside a running one', () => {
  test('takes over: what runs is finished by the former, what comes is served by the new one', async () => {
    const film = forNow(await startFilm());
    const settings = { PHLIX_DRAIN_TIMEOUT: '60s' };
    const deployment = forNow(await deploy({ originPort: film.port, agent: { settings } }));
    const { hub, agent: former, address } = deployment;
    const { folder } = former;
    const visitor = new Visitor(address, hub.caFile);
    const first = await visitor.ask('/film');
    const measured = measure(first);
    const [half] = await film.asked(1);

    const successor = forNow(new AgentProcess({ hub, originPort: film.port, folder, settings }));
    await successor.program.waitForLine(/"took over"/);
    await former.program.waitForLine(/"another agent has taken over/);
    await linksOf(successor, 2);

    const second = await visitor.ask('/film');
    const measuredToo = measure(second);
    const [, other] = await film.asked(2);
    half?.end('b'.repeat(50_000));
    other?.end('b'.repeat(50_000));
    expect((await measured).bytes).toBe(100_000);
    expect((await measuredToo).bytes).toBe(100_000);
    visitor.leave();
    // Nobody asked for it twice: neither was cut and resumed.
    expect(film.count).toBe(2);
    expect(await former.program.ended).toBe(0);
    expect(hub.program.output).not.toContain('two agents use one key');
    const { stdout, exitCode } = await successor.status();
    expect({ stdout, exitCode }).toMatchObject({
      stdout: expect.stringContaining('connected'),
      exitCode: 0,
    });
  });
});

describe('behind a proxy', () => {
  let hub: HubProcess;
  let url: string;

  beforeAll(async () => {
    const port = await freePort();
    // A name that no resolver of this machine knows.
    url = `https://hub.phlix.example:${port}`;
    const settings = {
      HUB_PUBLIC_URL: url,
      HUB_TENANT_DOMAIN: 'films.phlix.example',
      HUB_HTTPS_LISTEN: `127.0.0.1:${port}`,
    };
    hub = await HubProcess.start({ settings });
  });
  afterAll(() => hub.stop());

  test('enrolment and links go through it, with its password in no log', async () => {
    const proxy = forNow(await startConnectProxy({ credentials: 'me:pa55' }));
    const agent = await connect('password', `http://me:pa55@127.0.0.1:${proxy.port}`);
    const [address = ''] = await agent.reachable();
    const shown = `http://127.0.0.1:${proxy.port}`;
    expect(await linksOf(agent, 2)).toMatchObject([{ proxy: shown }, { proxy: shown }]);
    expect(proxy.asked).toContain(new URL(url).host);
    expect(proxy.asked).toContain(`${new URL(url).hostname}:${hub.ports.tunnel}`);
    expect(await watch(address, hub.caFile)).toEqual(wholeFilm);
    expect(agent.program.output).not.toContain('pa55');
    expect(agent.program.output).not.toContain(Buffer.from('me:pa55').toString('base64'));
  });

  test('whose tunnels are cut, the agent dials new ones', async () => {
    const proxy = forNow(await startConnectProxy());
    const agent = await connect('cut', `http://127.0.0.1:${proxy.port}`);
    const [address = ''] = await agent.reachable();
    await linksOf(agent, 2);
    proxy.cut();
    await agent.program.waitForLine(/"error".*"not connected"/);
    await linksOf(agent, 2);
    expect(await watch(address, hub.caFile)).toEqual(wholeFilm);
  });

  test('that lets nothing through but the port of the website, the links use that', async () => {
    const { host } = new URL(url);
    const refuse = (authority: string) => (authority === host ? undefined : 403);
    const proxy = forNow(await startConnectProxy({ refuse }));
    const agent = await connect('website', `http://127.0.0.1:${proxy.port}`);
    const [address = ''] = await agent.reachable();
    const tunnel = `wss://${host}/tunnel`;
    expect(await linksOf(agent, 2)).toMatchObject([{ tunnel }, { tunnel }]);
    expect(await watch(address, hub.caFile)).toEqual(wholeFilm);
  });

  test('that wants a password, the agent says so', async () => {
    const proxy = forNow(await startConnectProxy({ credentials: 'me:right' }));
    const agent = await connect('nobody', `http://127.0.0.1:${proxy.port}`);
    const sentence = /proxy\.unauthorised.*wants a user and a password/;
    expect(await agent.program.waitForLine(sentence)).toHaveLength(1);
  });

  async function connect(label: string, proxy: string): Promise<AgentProcess> {
    const token = await hub.createToken('--label', label);
    const settings = { HTTPS_PROXY: proxy };
    return forNow(new AgentProcess({ hub: { url }, originPort: origin.port, token, settings }));
  }
});

describe('where the port for agents is blocked', () => {
  let hub: HubProcess;

  beforeAll(async () => {
    // The hub's name leads to 127.0.0.1, and at its tunnel's port there is no hub.
    hub = await HubProcess.start({ settings: { HUB_TUNNEL_LISTEN: '127.0.0.2:0' } });
  });
  afterAll(() => hub.stop());

  const firewalls: Record<string, ((socket: Socket) => void) | undefined> = {
    refuses: undefined,
    resets: (socket) => void socket.once('data', () => socket.resetAndDestroy()),
    swallows: (socket) => void socket.resume(),
  };

  test.each(Object.keys(firewalls))('by one that %s, the website is the way', async (kind) => {
    const block = firewalls[kind];
    if (block !== undefined) forNow(await startFirewall(hub.ports.tunnel, block));
    const token = await hub.createToken('--label', kind);
    const agent = forNow(new AgentProcess({ hub, originPort: origin.port, token }));
    const [address = ''] = await agent.reachable();
    const tunnel = `wss://hub.localhost:${hub.ports.https}/tunnel`;
    expect(await linksOf(agent, 2)).toMatchObject([{ tunnel }, { tunnel }]);
    expect(await watch(address, hub.caFile)).toEqual(wholeFilm);
  });
});

async function startFirewall(
  port: number,
  block: (socket: Socket) => void,
): Promise<{ stop(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    block(socket);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

interface Film {
  readonly port: number;
  /** How often it was asked for. */
  readonly count: number;
  /** Resolves when it has been asked for so often: each half sent, and open. */
  asked(times: number): Promise<readonly Socket[]>;
  stop(): void;
}

/** 100,000 bytes without a validator, so that nothing can be resumed: half at once, the rest when the test says. */
async function startFilm(): Promise<Film> {
  const open: Socket[] = [];
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n');
      socket.write('a'.repeat(50_000), () => open.push(socket));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get count() {
      return open.length;
    },
    asked: (times) =>
      vi.waitFor(() => {
        expect(open).toHaveLength(times);
        return open;
      }, 20_000),
    stop() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
