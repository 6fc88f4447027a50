// The authorizations of an order arrive; each name's proof is presented, seen by the authority, and taken away again, whatever happens.

import type { Authorization, Order } from 'acme-client';

import type { Challenge, ChallengeKind, Solver } from '../challenges/solver.ts';
import type { Conversation } from './conversation.ts';
import { patiently, type Patience } from './patience.ts';
import { AcmeError, isRecord, parseProblem } from './problem.ts';
import { proofRefused } from './refusal.ts';

export interface ProofContext {
  readonly conversation: Conversation;
  readonly solver: Solver;
  readonly patience: Patience;
  /** A proof that could not be taken away again; the order goes on. */
  readonly onLeftover: (challenge: Challenge, error: unknown) => void;
}

/** @throws AcmeError, what the solver throws, or the signal's reason; the first failure ends the others */
export async function prove(
  context: ProofContext,
  authorizationUrls: readonly string[],
  names: readonly string[],
): Promise<void> {
  const { conversation, solver } = context;
  const proofs: Proof[] = [];
  for (const url of authorizationUrls) {
    const authorization = await readAuthorization(conversation, url, names);
    if (isProved(conversation, authorization, solver.kind)) continue;
    proofs.push(await proofOf(conversation, url, authorization, solver.kind));
  }
  const presented: Challenge[] = [];
  try {
    for (const { challenge } of proofs) {
      conversation.signal.throwIfAborted();
      presented.push(challenge);
      await solver.present(challenge, conversation.signal);
    }
    await showAll(context, proofs);
  } finally {
    for (const challenge of presented) {
      await solver.cleanUp(challenge).catch((error: unknown) => {
        context.onLeftover(challenge, error);
      });
    }
  }
}

type Offer = Authorization['challenges'][number] & { readonly token: string };

interface Proof {
  readonly authorizationUrl: string;
  readonly offer: Offer;
  readonly challenge: Challenge;
}

/** base64url (RFC 8555 §8.1); it becomes part of a path and of a DNS record. */
const tokenPattern = /^[\w-]{20,256}$/;

/** All or none: what still waits when one has failed would outlive the cleaning up. */
async function showAll(context: ProofContext, proofs: readonly Proof[]): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([context.conversation.signal, failed.signal]);
  const shown = proofs.map(async (proof) => {
    try {
      await context.solver.wait(proof.challenge, signal);
      signal.throwIfAborted();
      await show(context, proof, signal);
    } catch (error) {
      failed.abort(error);
    }
  });
  await Promise.all(shown);
  signal.throwIfAborted();
}

async function show(context: ProofContext, proof: Proof, signal: AbortSignal): Promise<void> {
  const { conversation, patience, solver } = context;
  const { offer, authorizationUrl, challenge } = proof;
  await conversation.ask((client) => client.completeChallenge(offer));
  const question = { conversation, signal, what: `the proof for ${challenge.name}` };
  await patiently({ ...question, patienceMs: patience.proofMs }, async () => {
    const names = [challenge.name];
    const authorization = await readAuthorization(conversation, authorizationUrl, names);
    return isProved(conversation, authorization, solver.kind) || undefined;
  });
}

async function readAuthorization(
  conversation: Conversation,
  url: string,
  names: readonly string[],
): Promise<Authorization> {
  const only = { authorizations: [url] } as Partial<Order> as Order;
  const [found] = await conversation.ask((client) => client.getAuthorizations(only));
  if (!isAuthorization(found)) throw conversation.badAnswer('an authorization');
  const bare = names.map((name) => name.replace(/^\*\./, ''));
  // A proof for a name that was not ordered would let the authority certify it for somebody else.
  if (bare.includes(found.identifier.value)) return found;
  throw conversation.badAnswer('an authorization for a name that was not ordered');
}

/** False: still open. @throws AcmeError once it cannot become valid any more */
function isProved(
  { directory }: Conversation,
  { status, identifier, challenges }: Authorization,
  kind: ChallengeKind,
): boolean {
  if (status === 'valid') return true;
  const refused = challenges.find((challenge) => challenge.status === 'invalid');
  if (status === 'pending' && refused === undefined) return false;
  throw proofRefused(directory, identifier.value, kind, parseProblem(refused?.error));
}

async function proofOf(
  conversation: Conversation,
  authorizationUrl: string,
  { challenges, identifier, wildcard }: Authorization,
  kind: ChallengeKind,
): Promise<Proof> {
  const offer = challenges.find((challenge): challenge is Offer => challenge.type === kind);
  if (offer === undefined) {
    throw notOffered(conversation, `${wildcard === true ? '*.' : ''}${identifier.value}`, kind);
  }
  if (!tokenPattern.test(offer.token)) throw conversation.badAnswer('a token');
  // acme-client returns the digest for dns-01; the part before it is the same for all kinds (RFC 8555 §8.1).
  const keyAuthorization = await conversation.ask((client) =>
    client.getChallengeKeyAuthorization({ ...offer, type: 'http-01' }),
  );
  const { token } = offer;
  const challenge = { kind, name: identifier.value, token, keyAuthorization };
  return { authorizationUrl, offer, challenge };
}

function notOffered(conversation: Conversation, name: string, kind: ChallengeKind): AcmeError {
  const remedy =
    kind !== 'dns-01' && name.startsWith('*.')
      ? 'a wildcard is proved by dns-01 only: set HUB_DNS_PROVIDER'
      : 'set HUB_ACME_CHALLENGE to another one';
  return new AcmeError(
    'acme.challenge',
    `${conversation.directory.host} offers no ${kind} for ${name}; ${remedy}.`,
  );
}

function isAuthorization(value: unknown): value is Authorization {
  return (
    isRecord(value) &&
    typeof value['status'] === 'string' &&
    isRecord(value['identifier']) &&
    value['identifier']['type'] === 'dns' &&
    typeof value['identifier']['value'] === 'string' &&
    Array.isArray(value['challenges']) &&
    value['challenges'].every(isChallenge)
  );
}

function isChallenge(value: unknown): boolean {
  return (
    isRecord(value) && ['type', 'url', 'status'].every((field) => typeof value[field] === 'string')
  );
}
