import { setImmediate } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { MemoryChallengeStore } from '../../../test/support/memory-certificates.ts';
import { selfSigned } from '../../../test/support/self-signed.ts';
import { Proofs } from './proofs.ts';
import type { Challenge } from './solver.ts';

const token = 'DGyRejmCefe7v4NfDGDKfA';
const http: Challenge = {
  kind: 'http-01',
  name: 'movies.example',
  token,
  keyAuthorization: `${token}.thumbprint`,
};
const soon = (): Date => new Date(Date.now() + 60_000);

async function proofsWith(...challenges: Challenge[]) {
  const store = new MemoryChallengeStore();
  for (const challenge of challenges) await store.put(challenge, soon());
  const made: Challenge[] = [];
  const proofs = new Proofs({
    store,
    makePair: async (challenge) => {
      made.push(challenge);
      const { cert, key } = await selfSigned(challenge.name);
      return { certificate: cert, key };
    },
  });
  return { proofs, store, made };
}

describe('a token', () => {
  it('is answered for the name it was made for', async () => {
    const { proofs } = await proofsWith(http);
    expect(await proofs.ofToken('movies.example', token)).toBe(http.keyAuthorization);
  });

  it.each([
    ['for another name', 'other.example', token],
    ['that nobody made', 'movies.example', `${token}x`],
    ['that is too short to be one', 'movies.example', 'DGyRejm'],
    ['that is a path', 'movies.example', `../${token}`],
  ])('%s is not', async (_what, name, asked) => {
    const { proofs } = await proofsWith(http, { ...http, token: 'DGyRejm' });
    expect(await proofs.ofToken(name, asked)).toBeUndefined();
  });

  it('of another kind of challenge is not', async () => {
    const { proofs } = await proofsWith({ ...http, kind: 'tls-alpn-01' });
    expect(await proofs.ofToken('movies.example', token)).toBeUndefined();
  });

  it('is gone with its challenge', async () => {
    const { proofs, store } = await proofsWith(http);
    await store.remove(http);
    expect(await proofs.ofToken('movies.example', token)).toBeUndefined();
  });
});

describe('a name', () => {
  it('is proved with one pair, however many places look', async () => {
    const challenge: Challenge = { ...http, kind: 'tls-alpn-01' };
    const { proofs, made } = await proofsWith(challenge);
    const contexts = await Promise.all([1, 2, 3].map(async () => proofs.ofName('movies.example')));
    expect(new Set(contexts).size).toBe(1);
    expect(contexts[0]).toBeDefined();
    expect(made).toEqual([challenge]);
    expect(await proofs.ofName('other.example')).toBeUndefined();
  });

  it('that is proved by http-01 is not proved by a handshake', async () => {
    const { proofs } = await proofsWith(http);
    expect(await proofs.ofName('movies.example')).toBeUndefined();
  });

  it('whose pair could not be made is tried again', async () => {
    const { store } = await proofsWith({ ...http, kind: 'tls-alpn-01' });
    let tries = 0;
    const proofs = new Proofs({
      store,
      makePair: async () => {
        tries += 1;
        throw new Error('no entropy');
      },
    });
    await expect(proofs.ofName('movies.example')).rejects.toThrow('no entropy');
    await expect(proofs.ofName('movies.example')).rejects.toThrow('no entropy');
    expect(tries).toBe(2);
  });
});

function crowdedStore() {
  const looks: PromiseWithResolvers<Challenge[]>[] = [];
  const store = {
    listOpen: async () => {
      const look = Promise.withResolvers<Challenge[]>();
      looks.push(look);
      return look.promise;
    },
  };
  return { looks, proofs: new Proofs({ store, makePair: emptyPair }) };
}

const emptyPair = async () => ({ certificate: '', key: '' });

describe('a crowd', () => {
  it('costs one look at the store at a time, and each is answered by one that began after he asked', async () => {
    const { looks, proofs } = crowdedStore();
    const early = Array.from({ length: 1000 }, async () => proofs.ofToken('movies.example', token));
    await setImmediate();
    const late = Array.from({ length: 1000 }, async () => proofs.ofToken('movies.example', token));
    await setImmediate();
    expect(looks).toHaveLength(1);
    looks[0]?.resolve([]);
    expect(new Set(await Promise.all(early))).toEqual(new Set([undefined]));
    await setImmediate();
    expect(looks).toHaveLength(2);
    looks[1]?.resolve([http]);
    expect(new Set(await Promise.all(late))).toEqual(new Set([http.keyAuthorization]));
  });

  it('hears of a store that fails, and the next one is answered', async () => {
    const { looks, proofs } = crowdedStore();
    const first = proofs.ofToken('movies.example', token);
    await setImmediate();
    const second = proofs.ofToken('movies.example', token);
    looks[0]?.reject(new Error('away'));
    await expect(first).rejects.toThrow('away');
    await setImmediate();
    looks[1]?.resolve([http]);
    expect(await second).toBe(http.keyAuthorization);
  });
});
