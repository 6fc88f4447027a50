// Answers of a media server arrive; which product and version it is leaves, and whether it takes a visitor for who the hub says he is.

import { failure, ok, unknown, type Verdict } from '../../shared/doctor/finding.ts';
import type { OriginAnswer, OriginQuestions } from './origin-question.ts';

export interface MediaServer {
  readonly product: 'jellyfin' | 'emby' | 'plex' | 'phlix' | 'other';
  /** For people: `Jellyfin 10.11.2 "Living room"`. */
  readonly description: string;
  /** Where it was recognised. */
  readonly path: string;
  /** Plex: somebody owns it. */
  readonly isClaimed?: boolean;
}

type Questions = Pick<OriginQuestions, 'ask'>;

/** What each product tells everybody. In this order: Emby and Jellyfin answer one question, and only Jellyfin says which it is. */
export async function recognise(questions: Questions): Promise<MediaServer | undefined> {
  for (const path of ['/System/Info/Public', '/emby/System/Info/Public']) {
    const emby = embyOf(await questions.ask(path), path);
    if (emby !== undefined) return emby;
  }
  const plex = plexOf(await questions.ask('/identity'));
  if (plex !== undefined) return plex;
  const root = await questions.ask('/', { accept: 'text/html' });
  if (root === undefined) return undefined;
  if (/<title>[^<]*phlix/i.test(root.text)) {
    return { product: 'phlix', description: 'Phlix', path: '/' };
  }
  const server = root.fields.server;
  const description = `no product this agent knows${server === undefined ? '' : ` (${String(server)})`}`;
  return { product: 'other', description, path: '/' };
}

/** Of what a visitor meets there. */
export interface Forwarding {
  readonly forwarded: Verdict;
  /** Plex: whether it asks for one. */
  readonly login?: Verdict;
  /** Plex: whether anybody owns it. */
  readonly owner?: Verdict;
}

/** RFC 5737: an address that no visitor has. The hub sends all three of each request. */
const asVisitor = {
  'x-forwarded-for': '192.0.2.1',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'doctor.example',
};

/** `from`: the agent's address, as the origin sees it. */
export async function checkForwarding(
  questions: Questions,
  server: MediaServer,
  from: string | undefined,
): Promise<Forwarding> {
  return checks[server.product](questions, server, from ?? 'the agent');
}

type Check = (questions: Questions, server: MediaServer, agent: string) => Promise<Forwarding>;

const checks: Readonly<Record<MediaServer['product'], Check>> = {
  jellyfin: checkEmby,
  emby: checkEmby,
  plex: checkPlex,
  phlix: checkPhlix,
  other: checkOther,
};

async function checkOther(_: Questions, __: MediaServer, agent: string): Promise<Forwarding> {
  const found = 'This server is not known to tell whom it takes a visitor for (forwarded address).';
  const remedy = `Make it believe X-Forwarded-For when it comes from ${agent}, and look into its log after a visit.`;
  return { forwarded: unknown(found, remedy) };
}

function embyOf(answer: OriginAnswer | undefined, path: string): MediaServer | undefined {
  const told = jsonOf(answer);
  if (answer?.status !== 200 || typeof told?.['Version'] !== 'string') return undefined;
  if (typeof told['Id'] !== 'string') return undefined;
  const productName = told['ProductName'];
  const isJellyfin = typeof productName === 'string' && productName.includes('Jellyfin');
  const product = isJellyfin ? 'jellyfin' : 'emby';
  const name = typeof told['ServerName'] === 'string' ? ` "${told['ServerName']}"` : '';
  const description = `${isJellyfin ? 'Jellyfin' : 'Emby'} ${told['Version']}${name}`;
  return { product, description: printable(description), path };
}

/** JSON to those who ask for it, XML from older ones. */
function plexOf(answer: OriginAnswer | undefined): MediaServer | undefined {
  if (answer?.status !== 200 || !/machineIdentifier/.test(answer.text)) return undefined;
  // The prolog has a version of its own.
  const text = answer.text.replace(/^<\?xml[^>]*>/, '');
  const version = /\bversion"?\s*[=:]\s*"([^"]{1,64})"/.exec(text)?.[1] ?? '';
  const isClaimed = !/"?claimed"?\s*[=:]\s*(?:"0"|false)/.test(answer.text);
  const description = printable(`Plex Media Server ${version}`.trim());
  return { product: 'plex', description, path: '/identity', isClaimed };
}

/**
 * The address at which it wants to be called back depends on who asks: to a caller on this machine it is a loopback
 * address, to one from elsewhere never. So it tells by it whom it took us for.
 */
async function checkEmby(
  questions: Questions,
  server: MediaServer,
  agent: string,
): Promise<Forwarding> {
  const isJellyfin = server.product === 'jellyfin';
  const plain = localAddress(await questions.ask(server.path));
  const answer = await questions.ask(server.path, asVisitor);
  if (answer?.status === 401 || answer?.status === 403 || answer?.status === 503) {
    const found = 'It honours the forwarded address, and refuses everybody who is not at home.';
    const remedy = 'Allow remote connections to this server: Dashboard, Networking.';
    return { forwarded: failure(found, remedy) };
  }
  const forwarded = localAddress(answer);
  if (plain !== undefined && forwarded !== undefined && plain !== forwarded) {
    return { forwarded: ok('It honours the forwarded address.') };
  }
  const remedy = isJellyfin ? jellyfinRemedy(agent) : embyRemedy(agent);
  if (isJellyfin && forwarded !== undefined && isLoopbackUrl(forwarded)) {
    const found = `It ignores the forwarded address: every visitor looks as if he sat at ${agent}.`;
    return { forwarded: failure(found, remedy) };
  }
  const found = 'It does not tell without a login whom it takes a visitor for (forwarded address).';
  return { forwarded: unknown(found, remedy) };
}

function jellyfinRemedy(agent: string): string {
  return `In Jellyfin: Dashboard, Networking, Known proxies: add ${agent}, save and restart Jellyfin; where 10.11 still ignores it, set <IsBehindProxy>true</IsBehindProxy> in network.xml; after a visit the dashboard's activity shows the visitor's address and not ${agent}.`;
}

function embyRemedy(agent: string): string {
  return `Look at the address of a device that came through the hub (Dashboard, Devices): if it is ${agent}, let Emby read the client's address from proxy headers (Settings, Network).`;
}

async function checkPlex(
  questions: Questions,
  server: MediaServer,
  agent: string,
): Promise<Forwarding> {
  const open = await questions.ask('/library/sections', asVisitor);
  return {
    ...(server.isClaimed === false && { owner: ownerless }),
    ...(open?.status === 200 && {
      login: failure(
        `Plex lets ${agent} in without a login, and with it everybody who comes through the hub.`,
        `Take ${agent} out of Settings, Network, "List of IP addresses and networks that are allowed without auth".`,
      ),
    }),
    forwarded: unknown(
      'Plex does not tell without a login whom it takes a visitor for (forwarded address).',
      `Keep ${agent} out of Settings, Network, "LAN Networks", so that the limits for remote streams hold.`,
    ),
  };
}

const ownerless = failure(
  'This Plex server belongs to nobody: whoever comes through the hub can make it his own.',
  'Sign in to it from this machine, before anybody else does.',
);

/** Only the local network gets the description of its DLNA server: a visitor from elsewhere must be refused. */
async function checkPhlix(
  questions: Questions,
  _server: MediaServer,
  agent: string,
): Promise<Forwarding> {
  const plain = await questions.ask('/description.xml');
  const forwarded = await questions.ask('/description.xml', asVisitor);
  if (plain?.status === 200 && forwarded?.status === 403) {
    return { forwarded: ok('It honours the forwarded address.') };
  }
  const remedy = `Set TRUSTED_PROXIES of the Phlix server to ${agent} (loopback is trusted without it).`;
  if (plain?.status === 200 && forwarded?.status === 200) {
    const found = `It ignores the forwarded address: every visitor looks as if he sat at ${agent}.`;
    return { forwarded: failure(found, remedy) };
  }
  const found =
    'Phlix tells whom it takes a visitor for only while its DLNA server is on (forwarded address).';
  return { forwarded: unknown(found, remedy) };
}

function localAddress(answer: OriginAnswer | undefined): string | undefined {
  const told = jsonOf(answer);
  const one = told?.['LocalAddress'] ?? told?.['LocalAddresses'];
  const first: unknown = Array.isArray(one) ? one[0] : one;
  return typeof first === 'string' ? first : undefined;
}

function isLoopbackUrl(text: string): boolean {
  const hostname = URL.parse(text)?.hostname ?? '';
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
}

function jsonOf(answer: OriginAnswer | undefined): Record<string, unknown> | undefined {
  try {
    const told: unknown = JSON.parse(answer?.text ?? '');
    return typeof told === 'object' && told !== null ? { ...told } : undefined;
  } catch {
    return undefined;
  }
}

/** It goes to a terminal: a server's name may hold anything. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '').slice(0, 120);
}
