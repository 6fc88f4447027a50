// The state folder arrives; the agent's identity leaves: the key it signs with, the hub that knows it, the CA it trusts there.

import { Buffer } from 'node:buffer';
import { randomBytes, createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, lstat, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { z } from 'zod';

import { CodedError } from '../shared/errors.ts';
import type { FormerKey } from './succession.ts';

export type CredentialErrorCode =
  | 'credentials.exposed'
  | 'credentials.inaccessible'
  | 'credentials.malformed'
  | 'credentials.other-hub';

/** Each message is one sentence with its remedy; the agent prints it and stops with EX_CONFIG. */
export class CredentialError extends CodedError<CredentialErrorCode> {}

/** A key that waits for its token to be redeemed. Stored first: a lost reply is then retried with the same key. */
export interface Enrolling {
  readonly state: 'enrolling';
  readonly hubUrl: string;
  readonly tokenId: string;
  readonly privateKey: KeyObject;
}

/** What the hub made of it. Nothing here but the key is secret. */
export interface Enrolled {
  readonly state: 'enrolled';
  readonly hubUrl: string;
  readonly agentId: string;
  readonly serverId: string;
  readonly tunnelUrls: readonly string[];
  readonly privateKey: KeyObject;
  /** Oldest first: for a hub that was restored from a backup and knows one of them only. */
  readonly formerKeys: readonly FormerKey[];
  /** PEM of the hub's local CA, found by the token's pin; undefined where the system's CAs are enough. */
  readonly caPem: string | undefined;
}

export type Identity = Enrolling | Enrolled;

export function identityPath(folder: string): string {
  return join(folder, 'identity.json');
}

export function generateIdentityKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey;
}

/** The identity that is to come, while the hub does not know it yet or its answer is on the way. */
function nextIdentityPath(folder: string): string {
  return join(folder, 'identity.next.json');
}

/** Makes the folder (0700) if it is missing. @throws CredentialError when others can look into it. */
export async function openStateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw inaccessible(folder, 'create', cause);
  });
  const facts = await lstat(folder);
  if (!facts.isDirectory()) {
    throw new CredentialError(
      'credentials.inaccessible',
      `${folder} is not a folder: set PHLIX_STATE_DIR to one that only this user can read`,
    );
  }
  refuseExposed(folder, facts, '700');
}

/** The stored identity, or undefined before the first enrolment. @throws CredentialError */
export async function readIdentity(folder: string): Promise<Identity | undefined> {
  const path = identityPath(folder);
  const text = await readPrivate(path);
  return text === undefined ? undefined : decode(path, text);
}

/** Replaces the identity. @throws CredentialError */
export async function writeIdentity(folder: string, identity: Identity): Promise<void> {
  await writePrivate(identityPath(folder), encode(identity));
}

/** Undefined: no change of the key was begun, or it has ended. @throws CredentialError */
export async function readNextIdentity(folder: string): Promise<Enrolled | undefined> {
  const path = nextIdentityPath(folder);
  const text = await readPrivate(path);
  const next = text === undefined ? undefined : decode(path, text);
  return next?.state === 'enrolled' ? next : undefined;
}

/** Stored before the hub hears of it: whichever of the two keys the hub knows after a crash is there. @throws CredentialError */
export async function writeNextIdentity(folder: string, identity: Enrolled): Promise<void> {
  await writePrivate(nextIdentityPath(folder), encode(identity));
}

/** The hub knows it now: it takes the place of the former one. @throws CredentialError */
export async function adoptNextIdentity(folder: string, identity: Enrolled): Promise<void> {
  await writeIdentity(folder, identity);
  await forgetNextIdentity(folder);
}

export async function forgetNextIdentity(folder: string): Promise<void> {
  await unlink(nextIdentityPath(folder)).catch(() => undefined);
}

/** Replaces a file of the state folder so that a crash leaves the former one or the new one, never half of one. @throws CredentialError */
export async function writePrivate(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await unlink(draft).catch(() => undefined);
    throw inaccessible(path, 'write', cause);
  }
}

/** The identity belongs to one hub: talking to another with it would be refused there, and would look like a hub's fault. */
export function refuseOtherHub(identity: Identity, hubUrl: string, folder: string): void {
  if (new URL(identity.hubUrl).hostname === new URL(hubUrl).hostname) return;
  throw new CredentialError(
    'credentials.other-hub',
    `this server is enrolled at ${identity.hubUrl} but PHLIX_HUB_URL names ${hubUrl}: set PHLIX_HUB_URL back, ` +
      `or delete ${identityPath(folder)} and enrol with a token of the new hub`,
  );
}

/** Undefined when there is no such file. @throws CredentialError also when other users can read it */
export async function readPrivate(path: string): Promise<string | undefined> {
  // A symlink in the folder was put there by somebody else: it is refused, not followed.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(
    (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return undefined;
      throw inaccessible(path, 'read', cause);
    },
  );
  if (file === undefined) return undefined;
  try {
    refuseExposed(path, await file.stat(), '600');
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

function refuseExposed(path: string, facts: { mode: number; uid: number }, remedy: string): void {
  // Windows has no such bits: there the folder lives in the user's profile, which others cannot read.
  const uid = process.getuid?.();
  if (uid === undefined) return;
  if ((facts.mode & 0o077) !== 0) {
    throw new CredentialError(
      'credentials.exposed',
      `other users can read ${path}, which holds this server's key: run chmod ${remedy} ${path}`,
    );
  }
  if (facts.uid !== uid) {
    throw new CredentialError(
      'credentials.exposed',
      `${path} belongs to another user, who could replace this server's key: run chown ${uid} ${path}`,
    );
  }
}

function inaccessible(path: string, verb: string, cause: unknown): CredentialError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new CredentialError(
    'credentials.inaccessible',
    `cannot ${verb} ${path} (${reason}): set PHLIX_STATE_DIR to a folder that this user owns`,
    { cause },
  );
}

/** A rename survives a power cut only once the folder itself is on the disk. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const storedIdentity = z.discriminatedUnion('state', [
  z.object({
    version: z.literal(1),
    state: z.literal('enrolling'),
    hub_url: z.url(),
    token_id: z.string(),
    private_key: z.string(),
  }),
  z.object({
    version: z.literal(1),
    state: z.literal('enrolled'),
    hub_url: z.url(),
    agent_id: z.string(),
    server_id: z.string(),
    tunnel_urls: z.array(z.url()).min(1),
    private_key: z.string(),
    ca: z.string().nullable(),
    former_keys: z
      .array(
        z.object({
          public_key: z.base64url().length(43),
          statement: z.base64url().length(86),
        }),
      )
      .default([]),
  }),
]);

function encode(identity: Identity): string {
  const common = {
    version: 1,
    state: identity.state,
    hub_url: identity.hubUrl,
    private_key: identity.privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
  const stored =
    identity.state === 'enrolling'
      ? { ...common, token_id: identity.tokenId }
      : {
          ...common,
          agent_id: identity.agentId,
          server_id: identity.serverId,
          tunnel_urls: identity.tunnelUrls,
          ca: identity.caPem ?? null,
          former_keys: identity.formerKeys.map(({ publicKey, statement }) => ({
            public_key: publicKey.toString('base64url'),
            statement: statement.toString('base64url'),
          })),
        };
  return `${JSON.stringify(stored, undefined, 2)}\n`;
}

function decode(path: string, text: string): Identity {
  try {
    const stored = storedIdentity.parse(JSON.parse(text));
    const privateKey = createPrivateKey(stored.private_key);
    if (privateKey.asymmetricKeyType !== 'ed25519') throw new Error('not an Ed25519 key');
    if (stored.state === 'enrolling') {
      return { state: 'enrolling', hubUrl: stored.hub_url, tokenId: stored.token_id, privateKey };
    }
    return {
      state: 'enrolled',
      hubUrl: stored.hub_url,
      agentId: stored.agent_id,
      serverId: stored.server_id,
      tunnelUrls: stored.tunnel_urls,
      privateKey,
      caPem: stored.ca ?? undefined,
      formerKeys: stored.former_keys.map((key) => ({
        publicKey: Buffer.from(key.public_key, 'base64url'),
        statement: Buffer.from(key.statement, 'base64url'),
      })),
    };
  } catch (cause) {
    throw new CredentialError(
      'credentials.malformed',
      `${path} is damaged: restore it from a backup, or delete it and enrol again with a new token`,
      { cause },
    );
  }
}
