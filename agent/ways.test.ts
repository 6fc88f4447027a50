import { expect, test } from 'vitest';

import { AgentFailure, type AgentFailureCode } from './failure.ts';
import { Ways } from './ways.ts';

const hub = { url: 'https://hub.example.org' };
const direct = 'wss://hub.example.org:8802/tunnel';
const second = 'wss://hub.example.org:8803/tunnel';
const website = 'wss://hub.example.org/tunnel';

function failing(failures: Record<string, AgentFailureCode>) {
  const tried: string[] = [];
  const attempt = async (url: string): Promise<string> => {
    tried.push(url);
    const code = failures[url];
    if (code !== undefined) throw new AgentFailure(code, url);
    return url;
  };
  return { tried, attempt };
}

test("the hub's own order comes first and its website last, each once", () => {
  expect(new Ways(hub, [direct]).order(0)).toEqual([direct, website]);
  expect(new Ways(hub, [direct, `${hub.url.replace('https', 'wss')}:443/tunnel`]).order(0)).toEqual(
    [direct, website],
  );
  expect(new Ways(hub, []).order(0)).toEqual([website]);
  expect(new Ways({ url: 'https://[::1]:8443' }, []).order(0)).toEqual(['wss://[::1]:8443/tunnel']);
});

test('several slots begin at several URLs', () => {
  const ways = new Ways(hub, [direct, second]);
  expect(ways.order(0)).toEqual([direct, second, website]);
  expect(ways.order(1)).toEqual([second, direct, website]);
  expect(ways.order(2)).toEqual([direct, second, website]);
});

test.each(['hub.unreachable', 'hub.timeout', 'hub.certificate', 'link.lost', 'proxy.refused'])(
  'after %s the next one is tried at once',
  async (code) => {
    const { tried, attempt } = failing({ [direct]: code as AgentFailureCode });
    expect(await new Ways(hub, [direct]).through(0, attempt)).toBe(website);
    expect(tried).toEqual([direct, website]);
  },
);

test.each(['link.overloaded', 'link.unauthorised', 'link.revoked', 'hub.unresolved'])(
  '%s is as true at every other port',
  async (code) => {
    const { tried, attempt } = failing({ [direct]: code as AgentFailureCode });
    await expect(new Ways(hub, [direct]).through(0, attempt)).rejects.toMatchObject({ code });
    expect(tried).toEqual([direct]);
  },
);

test('what was blocked comes last for ten minutes, for every slot', async () => {
  let nowMs = 1000;
  const ways = new Ways(hub, [direct], () => nowMs);
  await ways.through(0, failing({ [direct]: 'hub.timeout' }).attempt);
  expect(ways.order(1)).toEqual([website, direct]);
  nowMs += 10 * 60_000 - 1;
  expect(ways.order(0)).toEqual([website, direct]);
  nowMs += 1;
  expect(ways.order(0)).toEqual([direct, website]);
});

test('in another network nothing is known to be blocked', async () => {
  const ways = new Ways(hub, [direct]);
  await ways.through(0, failing({ [direct]: 'hub.timeout' }).attempt);
  ways.forget();
  expect(ways.order(0)).toEqual([direct, website]);
});

test('a hub that is down blocks nothing: the first failure is told, and the order stays', async () => {
  const ways = new Ways(hub, [direct]);
  const { attempt } = failing({ [direct]: 'hub.unreachable', [website]: 'hub.timeout' });
  expect(ways.areLost).toBe(false);
  await expect(ways.through(0, attempt)).rejects.toMatchObject({ message: direct });
  expect(ways.order(0)).toEqual([direct, website]);
  expect(ways.areLost).toBe(true);
});

test('ports that moved are learnt', async () => {
  const ways = new Ways(hub, [direct]);
  const { attempt } = failing({ [direct]: 'hub.timeout', [website]: 'hub.unexpected' });
  await ways.through(0, attempt).catch(() => undefined);
  ways.learn([second]);
  expect(ways.areLost).toBe(false);
  expect(ways.order(0)).toEqual([second, website]);
});
