// Names and a request arrive at an authority; the proofs are given, and the signed chain leaves (RFC 8555 §7.4).

import { Buffer } from 'node:buffer';

import type { Client, Order } from 'acme-client';

import type { AuthorityOrder } from './authority.ts';
import { checkChain } from './chain.ts';
import type { Conversation } from './conversation.ts';
import { patiently, type Question } from './patience.ts';
import { AcmeError, isRecord, parseProblem } from './problem.ts';
import { prove, type ProofContext } from './proof.ts';
import { requestRefused } from './refusal.ts';

/** @throws AcmeError, what the solver throws, or the signal's reason */
export async function placeOrder(context: ProofContext, wanted: AuthorityOrder): Promise<string> {
  const { conversation } = context;
  const order = await open(conversation, wanted);
  if (order.status === 'pending') await prove(context, order.authorizations, wanted.names);
  const certificate = await finish(context, order, wanted);
  const sent = await patiently(questionOf(context, 'the certificate'), () =>
    conversation.ask((client) => client.getCertificate({ ...order, status: 'valid', certificate })),
  );
  return checkChain(conversation.directory.host, sent, wanted, conversation.now());
}

/** What `newOrder` is sent; acme-client passes on what its types do not know. */
type NewOrder = Parameters<Client['createOrder']>[0] & { profile?: string; replaces?: string };

async function open(conversation: Conversation, wanted: AuthorityOrder): Promise<Order> {
  const { directory } = conversation;
  const request: NewOrder = {
    identifiers: wanted.names.map((value) => ({ type: 'dns', value })),
    ...profileOf(conversation, wanted.profile),
  };
  const replaces = directory.renewalInfo === undefined ? undefined : wanted.replaces || undefined;
  if (replaces === undefined) return create(conversation, request);
  try {
    return await create(conversation, { ...request, replaces });
  } catch (error) {
    if (!isAboutPredecessor(error)) throw error;
    // Another order took its place already, or another account made it (RFC 9773 §5): then this one is a new certificate.
    return create(conversation, request);
  }
}

async function create(conversation: Conversation, request: NewOrder): Promise<Order> {
  const order = await read(conversation, (client) => client.createOrder(request));
  // It may reuse what was proved before, and never ask for more than was ordered.
  if (order.authorizations.length <= request.identifiers.length) return order;
  throw conversation.badAnswer('more authorizations than names');
}

/**
 * An authority without any profiles, such as a second one, is asked for none: a certificate is better than none. One that
 * has some, and not this, has to be told apart from a spelling mistake by a person.
 */
function profileOf(
  { directory: { host, profiles } }: Conversation,
  profile: string | undefined,
): { profile?: string } {
  if (profile === undefined || profiles === undefined) return {};
  if (profiles.includes(profile)) return { profile };
  throw new AcmeError(
    'acme.profile',
    `${host} has no profile ${profile}; set HUB_ACME_PROFILE to one of ${profiles.join(', ')}, or leave it out.`,
  );
}

function isAboutPredecessor(error: unknown): boolean {
  const types = ['alreadyReplaced', 'malformed', 'unauthorized', 'conflict'];
  return error instanceof AcmeError && types.includes(error.problem?.type ?? '');
}

/** Reads the order until it is valid, finalizing it when it is ready: also when an answer in between was lost. */
async function finish(
  context: ProofContext,
  order: Order,
  { csr, beforeSigning }: AuthorityOrder,
): Promise<string> {
  const { conversation } = context;
  const pem = pemOf(csr);
  return patiently(questionOf(context, 'the order'), async () => {
    let seen = await read(conversation, (client) => client.getOrder(order));
    if (seen.status === 'ready') {
      await beforeSigning?.();
      seen = await read(conversation, (client) => client.finalizeOrder(seen, pem));
    }
    if (seen.status === 'invalid') throw failed(conversation, seen);
    return seen.status === 'valid' ? seen.certificate : undefined;
  });
}

function questionOf({ conversation, patience }: ProofContext, what: string): Question {
  return { conversation, signal: conversation.signal, patienceMs: patience.finishMs, what };
}

async function read(
  conversation: Conversation,
  question: (client: Client) => Promise<Order>,
): Promise<Order> {
  return parseOrder(conversation, await conversation.ask(question));
}

function failed({ directory }: Conversation, order: Order): AcmeError {
  const problem = parseProblem(order.error);
  return requestRefused(directory, { status: 400, problem, retryAfterMs: undefined });
}

const states = ['pending', 'ready', 'processing', 'valid', 'invalid'];

/** What follows relies on these fields alone. */
function parseOrder(conversation: Conversation, order: unknown): Order {
  const isOrder =
    isRecord(order) &&
    states.includes(String(order['status'])) &&
    isWords(order['authorizations']) &&
    typeof order['url'] === 'string' &&
    typeof order['finalize'] === 'string' &&
    typeof order['certificate'] ===
      (order['status'] === 'valid' ? 'string' : typeof order['certificate']);
  if (!isOrder) throw conversation.badAnswer('an order');
  return order as unknown as Order;
}

function isWords(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((word) => typeof word === 'string');
}

/** acme-client reads PEM only. */
function pemOf(csr: Uint8Array): string {
  const lines =
    Buffer.from(csr)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [
    '-----BEGIN CERTIFICATE REQUEST-----',
    ...lines,
    '-----END CERTIFICATE REQUEST-----',
    '',
  ].join('\n');
}
