// A state folder and perhaps a token arrive; the identity this agent connects with leaves: the stored one, or a freshly enrolled one.

import {
  EnrolmentTokenError,
  parseEnrolmentToken,
  type EnrolmentToken,
} from '../shared/enrolment-token.ts';
import type { Logger } from '../shared/log.ts';
import type { Secret } from '../shared/settings/secret.ts';
import type { AgentConfig } from './config.ts';
import {
  generateIdentityKey,
  readIdentity,
  refuseOtherHub,
  writeIdentity,
  type Enrolled,
  type Enrolling,
} from './credentials.ts';
import { enrol } from './enrol.ts';
import { AgentFailure } from './failure.ts';
import { findPinnedCa, trustOf } from './trust.ts';

export interface IdentityRequest {
  readonly config: AgentConfig;
  readonly log: Logger;
  readonly software: string;
  /** Called only while there is no identity. */
  readonly readToken: () => Secret | undefined;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** The identity of an earlier run. @throws CredentialError */
export async function storedIdentity(config: AgentConfig): Promise<Enrolled | undefined> {
  const stored = await readIdentity(config.stateFolder);
  if (stored?.state !== 'enrolled') return undefined;
  refuseOtherHub(stored, config.hub.url, config.stateFolder);
  return stored;
}

/** One attempt to turn the token into an identity. @throws AgentFailure | CredentialError */
export async function enrolIdentity(asked: IdentityRequest): Promise<Enrolled> {
  const { config, deadlineMs, signal } = asked;
  const token = presentedToken(asked);
  const { privateKey } = await keyFor(token, config);
  const pin = token.caFingerprint;
  const caPem =
    pin === undefined ? undefined : await findPinnedCa(config.hub, pin, { deadlineMs, signal });
  const trust = await trustOf(config, caPem);
  const reply = await enrol({
    hub: config.hub,
    claimsSubdomain: config.claimsSubdomain,
    serverName: config.serverName,
    software: asked.software,
    token,
    privateKey,
    trust,
    deadlineMs,
    signal,
  });
  const identity: Enrolled = {
    state: 'enrolled',
    hubUrl: config.hub.url,
    agentId: reply.agentId,
    serverId: reply.serverId,
    tunnelUrls: reply.tunnelUrls,
    privateKey,
    formerKeys: [],
    caPem,
  };
  await writeIdentity(config.stateFolder, identity);
  asked.log.info({ hub: config.hub.url, addresses: reply.addresses }, 'enrolled');
  return identity;
}

function presentedToken(asked: IdentityRequest): EnrolmentToken {
  const given = asked.readToken();
  if (given === undefined) {
    throw new AgentFailure(
      'token.missing',
      `this server is not enrolled yet: set PHLIX_HUB_ENROLLMENT_TOKEN to what "phlix-hub enrol-token create" prints on ${asked.config.hub.url}`,
    );
  }
  try {
    return parseEnrolmentToken(given.reveal().trim());
  } catch (error) {
    if (!(error instanceof EnrolmentTokenError)) throw error;
    throw new AgentFailure('token.malformed', `PHLIX_HUB_ENROLLMENT_TOKEN: ${error.message}`);
  }
}

/**
 * The key is on disk before the hub hears of it: when the reply is lost, the same key redeems the same token again.
 * Another token gets another key, since the hub may already know the first one.
 */
async function keyFor(token: EnrolmentToken, config: AgentConfig): Promise<Enrolling> {
  const stored = await readIdentity(config.stateFolder);
  const isSame =
    stored?.state === 'enrolling' &&
    stored.tokenId === token.id &&
    new URL(stored.hubUrl).hostname === config.hub.hostname;
  if (isSame) return stored;
  const fresh: Enrolling = {
    state: 'enrolling',
    hubUrl: config.hub.url,
    tokenId: token.id,
    privateKey: generateIdentityKey(),
  };
  await writeIdentity(config.stateFolder, fresh);
  return fresh;
}
