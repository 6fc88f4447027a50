import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { Secret } from '../../../shared/settings/secret.ts';
import { bindKey, startBind, type Bind, type BindKey } from '../../../test/support/bind.ts';
import { hasParts } from '../../../test/support/parts.ts';
import { Authoritative, txtValues } from './authoritative.ts';
import { DnsError } from './failure.ts';
import { Propagation } from './propagation.ts';
import type { Rfc2136Settings, TsigAlgorithm } from './provider-settings.ts';
import { ask, type ServerAddress } from './query.ts';
import { Rfc2136 } from './rfc2136.ts';

const key = bindKey('hub-acme');
const keys: Record<TsigAlgorithm, BindKey> = {
  'hmac-sha1': bindKey('hub-sha1', 'hmac-sha1'),
  'hmac-sha256': key,
  'hmac-sha384': bindKey('hub-sha384', 'hmac-sha384'),
  'hmac-sha512': bindKey('hub-sha512', 'hmac-sha512'),
};
const name = '_acme-challenge.example.test';
const one = { name, value: 'LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM' };
const other = { name, value: 'gfj9Xq-Rg85nMcMOc_gmtoMLHDhK3oGRvkiefQnx7OO' };
const calm = (): AbortSignal => AbortSignal.timeout(20_000);

function keySettings({ name, secret, algorithm }: BindKey): Rfc2136Settings['key'] {
  return { name, secret: new Secret(secret), algorithm: algorithm as TsigAlgorithm };
}

function open(
  server: ServerAddress,
  changes: Partial<Rfc2136Settings> = {},
  now?: () => Date,
): Rfc2136 {
  return new Rfc2136(
    { kind: 'rfc2136', server, zone: undefined, key: keySettings(key), ...changes },
    now,
  );
}

async function valuesAt(server: ServerAddress, at = name): Promise<string[]> {
  const { answers } = await ask(server, { name: at, type: 'TXT', isRecursive: false }, calm());
  return txtValues(answers, at).toSorted();
}

async function failureOf(work: Promise<unknown>): Promise<DnsError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DnsError);
  return error as DnsError;
}

describe.skipIf(!hasParts('bind'))('BIND 9', () => {
  let bind: Bind;
  beforeAll(async () => {
    const grants = Object.values(keys).map(({ name: who }) => `grant ${who} name ${name}. TXT;`);
    bind = await startBind({
      keys: Object.values(keys),
      zones: [
        { name: 'example.test', rights: `update-policy { ${grants.join(' ')} };` },
        { name: 'deep.example.test', rights: `update-policy { grant ${key.name} zonesub TXT; };` },
        {
          name: 'wild.test',
          rights: `update-policy { grant ${key.name} zonesub TXT; };`,
          // As hubs are often announced: every name of the tenant domain leads to the hub, this one too.
          records: ['* CNAME hub.elsewhere.test.'],
        },
        { name: 'open.test', rights: 'allow-update { 127.0.0.0/8; };' },
        { name: 'closed.test', rights: 'allow-update { none; };' },
      ],
    });
  });
  afterAll(async () => bind.stop());

  test('keeps the values of apex and wildcard side by side, and removes each alone', async () => {
    const provider = open(bind.primary);
    await provider.add(one, calm());
    await provider.add(other, calm());
    await provider.add(other, calm());
    expect(await valuesAt(bind.primary)).toEqual([one.value, other.value].toSorted());
    await provider.remove(one, calm());
    await provider.remove(one, calm());
    expect(await valuesAt(bind.primary)).toEqual([other.value]);
    await provider.remove(other, calm());
    expect(await valuesAt(bind.primary)).toEqual([]);
  });

  test.each(Object.keys(keys) as TsigAlgorithm[])(
    'understands signatures by %s',
    async (algorithm) => {
      const provider = open(bind.primary, { key: keySettings(keys[algorithm]) });
      await provider.add(one, calm());
      expect(await valuesAt(bind.primary)).toEqual([one.value]);
      await provider.remove(one, calm());
    },
  );

  test('has the record in the zone with the longest matching name', async () => {
    const deep = { ...one, name: '_acme-challenge.a.deep.example.test' };
    await open(bind.primary).add(deep, calm());
    expect(await valuesAt(bind.primary, deep.name)).toEqual([one.value]);
    expect(bind.log()).toMatch(/updating zone 'deep\.example\.test\/IN'/);
  });

  test('takes the zone of the settings, when it is the right one', async () => {
    const provider = open(bind.primary, { zone: 'example.test' });
    await provider.add(one, calm());
    expect(await valuesAt(bind.primary)).toEqual([one.value]);
    await provider.remove(one, calm());
  });

  test('takes updates without a key where it knows the hub by its address', async () => {
    const record = { ...one, name: '_acme-challenge.open.test' };
    await open(bind.primary, { key: undefined }).add(record, calm());
    expect(await valuesAt(bind.primary, record.name)).toEqual([one.value]);
  });

  test('shows a record on both servers within the wait for it', async () => {
    const authoritative = new Authoritative({
      resolvers: [`${bind.primary.host}:${bind.port}`],
      serverPort: bind.port,
    });
    const provider = open(bind.primary);
    await provider.add(one, calm());
    await new Propagation(authoritative).waitFor(one, calm());
    expect(await valuesAt(bind.secondary)).toEqual([one.value]);
    await provider.remove(one, calm());
  });

  test('has the record in the place of an alias that a wildcard makes', async () => {
    const authoritative = new Authoritative({
      resolvers: [`${bind.primary.host}:${bind.port}`],
      serverPort: bind.port,
    });
    const at = '_acme-challenge.wild.test';
    expect(await authoritative.followAlias(at, calm())).toBe(at);
    await open(bind.primary).add({ ...one, name: at }, calm());
    const wait = new Propagation(authoritative).waitFor({ ...one, name: at }, calm());
    await expect(wait).resolves.toBeUndefined();
  });

  describe('says no', () => {
    test('to another secret', async () => {
      const wrong = keySettings({ ...key, secret: bindKey('x').secret });
      const error = await failureOf(open(bind.primary, { key: wrong }).add(one, calm()));
      expect(error.code).toBe('dns.unauthorised');
      expect(error.message).toContain('another secret for the key "hub-acme"');
    });

    test.each<[string, Partial<BindKey>]>([
      ['a key that it does not know', { name: 'nobody' }],
      ['a key under another algorithm', { algorithm: 'hmac-sha512' }],
    ])('to %s', async (_, changes) => {
      const wrong = keySettings({ ...key, ...changes });
      const error = await failureOf(open(bind.primary, { key: wrong }).add(one, calm()));
      expect(error.code).toBe('dns.unauthorised');
      expect(error.message).toMatch(/has no key "\w+[\w-]*" with hmac-/);
    });

    test('to a record that its policy does not grant, and the grant can be pasted', async () => {
      const record = { ...one, name: '_acme-challenge.movies.example.test' };
      const error = await failureOf(open(bind.primary).add(record, calm()));
      expect(error.code).toBe('dns.forbidden');
      expect(error.message).toContain(
        'add "grant hub-acme name _acme-challenge.movies.example.test. TXT;" to the update-policy of example.test',
      );
    });

    test('to updates of a zone that takes none', async () => {
      const record = { ...one, name: '_acme-challenge.closed.test' };
      const error = await failureOf(open(bind.primary, { key: undefined }).add(record, calm()));
      expect(error.code).toBe('dns.forbidden');
      expect(error.message).toContain('TSIG key');
    });

    test.each([3_600_000, -3_600_000])(
      'to a clock that is %i ms wrong, and tells both times',
      async (skewMs) => {
        const error = await failureOf(
          open(bind.primary, {}, () => new Date(Date.now() + skewMs)).add(one, calm()),
        );
        expect(error.code).toBe('dns.clock');
        expect(error.message).toContain(new Date().toISOString().slice(0, 13));
        expect(error.message).toContain(new Date(Date.now() + skewMs).toISOString().slice(0, 13));
      },
    );

    test('to a name of another zone', async () => {
      const error = await failureOf(
        open(bind.primary).add({ ...one, name: '_acme-challenge.example.org' }, calm()),
      );
      expect(error.code).toBe('dns.zone-unknown');
    });

    test('to a zone of the settings that it does not hold, or that does not hold the name', async () => {
      const wrong = await failureOf(open(bind.primary, { zone: 'test' }).add(one, calm()));
      expect(wrong.code).toBe('dns.zone-unknown');
      expect(wrong.message).toContain('NOTAUTH');
      const outside = await failureOf(open(bind.primary, { zone: 'open.test' }).add(one, calm()));
      expect(outside.code).toBe('dns.zone-unknown');
    });

    test('on the server that follows another', async () => {
      const error = await failureOf(open(bind.secondary).add(one, calm()));
      expect(['dns.zone-unknown', 'dns.forbidden']).toContain(error.code);
    });
  });
});

describe.skipIf(!hasParts('bind'))('a secondary that is never told', () => {
  let bind: Bind;
  beforeAll(async () => {
    const rights = `update-policy { grant ${key.name} zonesub TXT; };`;
    bind = await startBind({
      keys: [key],
      zones: [{ name: 'example.test', rights }],
      isSecondaryDeaf: true,
      host: 31,
    });
  });
  afterAll(async () => bind.stop());

  test('is named, with how far it is behind', async () => {
    const resolvers = [`${bind.primary.host}:${bind.port}`];
    const authoritative = new Authoritative({ resolvers, serverPort: bind.port });
    await open(bind.primary).add(one, calm());
    const wait = new Propagation(authoritative, { timeoutMs: 1500 }).waitFor(one, calm());
    const error = await failureOf(wait);
    expect(error.code).toBe('dns.lagging');
    expect(error.message).toContain('ns2.example.test does not show it (serial 1)');
    expect(error.message).toContain('ns1.example.test shows it (serial 2)');
  });
});

describe("an answer that is not the server's", () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  /** Sends what the function makes of the update. */
  async function liar(answer: (update: Buffer) => Buffer): Promise<ServerAddress> {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        const bytes = answer(Buffer.from(chunk.subarray(2)));
        const length = Buffer.alloc(2);
        length.writeUInt16BE(bytes.length);
        socket.end(Buffer.concat([length, bytes]));
      });
    }).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  }

  test.each<[string, (update: Buffer) => Buffer]>([
    ['without a signature', (update) => header(update, 0xa800)],
    [
      'with the signature of the question',
      (update) => {
        const bytes = Buffer.from(update);
        bytes.writeUInt16BE(0xa800, 2);
        return bytes;
      },
    ],
    [
      'with another id',
      (update) => {
        const bytes = header(update, 0xa800);
        bytes.writeUInt16BE(update.readUInt16BE(0) ^ 1, 0);
        return bytes;
      },
    ],
    ['of zero bytes', () => Buffer.alloc(0)],
    ['of garbage', () => Buffer.alloc(3000, 0xee)],
    [
      'that promises more records than it has',
      (update) => {
        const bytes = header(update, 0xa800);
        bytes.writeUInt16BE(0xffff, 10);
        return bytes;
      },
    ],
    ['that is a question', (update) => update],
  ])('is not believed: %s', async (_, answer) => {
    const server = await liar(answer);
    const error = await failureOf(open(server, { zone: 'example.test' }).add(one, calm()));
    expect(error.code).toBe('dns.bad-answer');
    expect(error.message).toContain(`127.0.0.1:${server.port}`);
  });

  test('a secret that is not base64 is refused at once', () => {
    const wrong = keySettings({ ...key, secret: 'not base64!' });
    expect(() => open({ host: '127.0.0.1', port: 53 }, { key: wrong })).toThrow(/is not base64/);
  });
});

/** Of an answer without records. */
function header(update: Buffer, flags: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt16BE(update.readUInt16BE(0), 0);
  bytes.writeUInt16BE(flags, 2);
  return bytes;
}
