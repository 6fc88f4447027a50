// An open database arrives; the hub's stores and enrolment on it leave, with a clock to turn and agents that send what honest ones do.

import { generateKeyPairSync, type KeyObject, randomBytes, randomUUID, sign } from 'node:crypto';

import { accounts } from '../../hub/db/account-tables.ts';
import type { Database } from '../../hub/db/connect.ts';
import { PostgresEnrolmentStore } from '../../hub/db/enrolment-store.ts';
import { owners } from '../../hub/db/schema.ts';
import { PostgresServerStore } from '../../hub/db/server-store.ts';
import { type Enrolled, Enrolment, type Redemption } from '../../hub/tunnels/enrolment.ts';
import { defaultNameLimits, type NameLimits } from '../../hub/tunnels/limits.ts';
import { Rotation, type Succession } from '../../hub/tunnels/rotation.ts';
import type { TokenRequest } from '../../hub/tunnels/token.ts';
import { parseEnrolmentToken } from '../../shared/enrolment-token.ts';
import { enrolmentProof, rotationProof, successionStatement } from '../../shared/wire/proof.ts';

const hubHost = 'hub.phlix.test';
export const dayMs = 24 * 60 * 60 * 1000;
/** When every test begins. */
export const start = new Date('2026-03-01T12:00:00.000Z');
/** The label that the hub of these tests keeps for itself. */
const ownLabel = 'portal';

export class TestStores {
  readonly servers: PostgresServerStore;
  readonly enrolment: Enrolment;
  readonly rotation: Rotation;
  now = start;

  constructor(database: Database, limits: NameLimits = defaultNameLimits) {
    const options = { limits, ownLabels: [ownLabel], now: () => this.now };
    this.servers = new PostgresServerStore(database, options);
    const store = new PostgresEnrolmentStore(database, options);
    this.enrolment = new Enrolment({ ...options, store, hubHost });
    this.rotation = new Rotation({ ...options, store, hubHost });
  }

  /** A new agent with a new token. */
  async enrol(request: TokenRequest & { name?: string } = {}): Promise<Enrolled> {
    const { text } = await this.enrolment.createToken(request);
    return this.enrolment.redeem(redemption(text, newKey(), { name: request.name }));
  }
}

/** People who may have servers, each with an account. */
export async function addOwners({ queries }: Database, ...ids: string[]): Promise<void> {
  await queries.insert(owners).values(ids.map((id) => ({ id })));
  const standing = { role: 'owner', state: 'active', createdAt: start } as const;
  const people = ids.map((ownerId) => ({
    ...standing,
    id: randomUUID(),
    ownerId,
    username: ownerId,
    key: ownerId,
  }));
  await queries.insert(accounts).values(people);
}

export interface Key {
  readonly raw: Buffer;
  readonly secret: KeyObject;
}

export function newKey(): Key {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  return { raw, secret: privateKey };
}

/** What an honest agent sends whose key was each of these in turn. */
export function succession(...keys: Key[]): Succession {
  const [nonce, exporter] = [randomBytes(32), randomBytes(32)];
  const last = keys.at(-1) ?? newKey();
  const proof = rotationProof({ hubHost, successor: last.raw, nonce, exporter });
  const statements = keys.slice(1).map((next, i) => {
    const former = keys[i] ?? next;
    const said = successionStatement({ hubHost, former: former.raw, successor: next.raw });
    return sign(null, said, former.secret);
  });
  return {
    keys: keys.map(({ raw }) => raw),
    statements,
    signature: sign(null, proof, last.secret),
    nonce,
    exporter,
    peerAddress: '192.0.2.1',
    epoch: 7n,
  };
}

/** What an honest agent sends, with what a test wants changed. */
export function redemption(
  text: string,
  key: Key,
  change: Partial<Pick<Redemption, 'name' | 'claim' | 'peerAddress' | 'secret' | 'tokenId'>> & {
    hub?: string;
  } = {},
): Redemption {
  const { id, secret } = parseEnrolmentToken(text);
  const tokenId = change.tokenId ?? id;
  const [nonce, exporter] = [randomBytes(32), randomBytes(32)];
  const proof = enrolmentProof({ hubHost: change.hub ?? hubHost, tokenId, nonce, exporter });
  return {
    tokenId,
    secret: change.secret ?? secret,
    publicKey: key.raw,
    signature: sign(null, proof, key.secret),
    nonce,
    exporter,
    peerAddress: change.peerAddress ?? '192.0.2.1',
    claim: change.claim ?? true,
    name: change.name,
  };
}
