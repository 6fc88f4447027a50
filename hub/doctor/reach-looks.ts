// A running hub arrives; whether its name leads to its own doors leaves, and whether somebody in between shows another certificate.

import { lookup } from 'node:dns/promises';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';

import { failure, ok, unknown, warning, type Verdict } from '../../shared/doctor/finding.ts';
import type { Looks } from '../../shared/doctor/look.ts';
import { knock, type Answer } from './knock.ts';
import type { RunningHub } from './premises.ts';

export const reachLooks = {
  'reach.https': async (hub) => reachVerdict(hub, await lookFromOutside(hub, 'https'), 'HTTPS'),
  'reach.tunnel': async (hub) => reachVerdict(hub, await lookFromOutside(hub, 'tunnel'), 'agents'),
  'reach.http': lookAtRedirect,
  'tls.interception': lookForInterception,
} satisfies Looks<RunningHub>;

interface Seen {
  readonly port: number;
  /** What the hub itself shows there; undefined: it shows nothing to this machine. */
  readonly own: string | undefined;
  readonly answers: readonly { address: string; answer: Answer }[];
}

type OutsideDoor = 'https' | 'tunnel';

/** Of one examination: several looks ask the same of the same door. */
const seenBy = new WeakMap<RunningHub, Map<OutsideDoor, Promise<Seen | undefined>>>();

function lookFromOutside(hub: RunningHub, door: OutsideDoor): Promise<Seen | undefined> {
  const seen = seenBy.get(hub) ?? new Map<OutsideDoor, Promise<Seen | undefined>>();
  seenBy.set(hub, seen);
  const looking = seen.get(door) ?? knockFromOutside(hub, door);
  seen.set(door, looking);
  return looking;
}

/** Undefined: the name has no address, or nothing listens yet. dns.hub says the former. */
async function knockFromOutside(hub: RunningHub, door: OutsideDoor): Promise<Seen | undefined> {
  const bound = hub.doors();
  if (bound === undefined) return undefined;
  const serverName = hub.config.hubHost;
  const inner = bound[door];
  const outerPort = door === 'https' ? Number(new URL(hub.publicUrl).port || 443) : inner.port;
  const addresses = await addressesOf(serverName, inner);
  const [own, ...answers] = await Promise.all([
    knock({ address: nearest(inner), port: inner.port, serverName }),
    ...addresses.map(async (address) => knock({ address, port: outerPort, serverName })),
  ]);
  return {
    port: outerPort,
    own: own.kind === 'certificate' ? own.fingerprint : undefined,
    answers: addresses.flatMap((address, at) => {
      const answer = answers[at];
      return answer === undefined ? [] : [{ address, answer }];
    }),
  };
}

/** More are a round robin that is looked at elsewhere. */
const maxAddresses = 6;

async function addressesOf(name: string, inner: AddressInfo): Promise<string[]> {
  // RFC 6761 §6.3: this machine, at whichever of its loopback addresses the hub listens.
  if (/(^|\.)localhost$/.test(name)) return [nearest(inner)];
  const found = await lookup(name, { all: true }).catch(() => []);
  return found.slice(0, maxAddresses).map(({ address }) => address);
}

function nearest({ address, family }: AddressInfo): string {
  if (address === '::' || address === '0.0.0.0') return '127.0.0.1';
  return family === 'IPv6' && address === '' ? '::1' : address;
}

function reachVerdict(hub: RunningHub, seen: Seen | undefined, whom: string): Verdict | undefined {
  if (seen === undefined) return undefined;
  const { port, answers } = seen;
  const name = `${hub.config.hubHost}:${port}`;
  if (answers.length === 0)
    return unknown(
      `${hub.config.hubHost} has no address that this machine finds, so nobody was asked.`,
    );
  // Where this machine has no IPv6, nothing can be said of it.
  const asked = answers.filter(({ answer }) => answer.kind !== 'unroutable');
  const reached = asked.filter(({ answer }) => answer.kind === 'certificate');
  const failed = asked.filter(({ answer }) => answer.kind !== 'certificate');
  const told = failed.map(({ address, answer }) => `${address} ${wordsOf(answer)}`).join('; ');
  const open = `Let the firewall, and a router in front, pass TCP port ${port} to this machine`;
  if (reached.length > 0 && failed.length === 0)
    return ok(
      `${name} answers, for ${whom}, at ${reached.map(({ address }) => address).join(', ')}.`,
    );
  if (reached.length > 0)
    return warning(
      `${name} answers at some of its addresses only: ${told}.`,
      `${open}, or take the record of that address out of the DNS: a part of the people gets there first.`,
    );
  if (asked.length === 0) return unknown(`This machine has no way to the addresses of ${name}.`);
  // Many routers lead nobody from inside to their own outer address.
  const isDoubtful = failed.every(({ answer }) => answer.kind === 'silent');
  return isDoubtful
    ? warning(
        `${name} does not answer this machine: ${told}.`,
        `Try it from another network (curl -v https://${name}/): if it answers there, only this machine's router does not lead back to itself. Else: ${open.toLowerCase()}.`,
      )
    : failure(`${name} does not lead to this hub: ${told}.`, `${open}.`);
}

function wordsOf(answer: Answer): string {
  if (answer.kind === 'refused') return 'refuses connections';
  if (answer.kind === 'silent')
    return `is silent (${answer.kind === 'silent' ? answer.reason : ''})`;
  return answer.kind === 'no-tls' ? `answers, but not with TLS (${answer.reason})` : 'answers';
}

async function lookForInterception(hub: RunningHub): Promise<Verdict | undefined> {
  const doors = await Promise.all([lookFromOutside(hub, 'https'), lookFromOutside(hub, 'tunnel')]);
  const seen = doors.filter((door) => door !== undefined);
  const compared = seen.flatMap(({ own, port, answers }) =>
    answers.flatMap(({ address, answer }) =>
      own === undefined || answer.kind !== 'certificate'
        ? []
        : [{ place: `${address}:${port}`, answer, isOurs: answer.fingerprint === own }],
    ),
  );
  if (compared.length === 0)
    return unknown('No certificate was seen from outside, so there was none to compare.');
  const strange = compared.filter(({ isOurs }) => !isOurs);
  if (strange.length === 0)
    return ok('Whoever comes by the name is shown the certificate that the hub shows.');
  return failure(
    `Somebody else's certificate is shown for ${hub.config.hubHost}: ${strange.map(({ place, answer }) => `at ${place} one for ${answer.subject}, issued by ${answer.issuer}`).join('; ')}.`,
    'Find out who answers there: another machine with this address, or a firewall or proxy that opens TLS. Agents need the TLS of the hub itself: let port 8802 through untouched.',
  );
}

/** What a browser does with an address without https://. */
async function lookAtRedirect(hub: RunningHub): Promise<Verdict | undefined> {
  const inner = hub.doors()?.http;
  // Behind a proxy that ends TLS it is the proxy that sends people there.
  if (inner === undefined || hub.config.isBehindTls) return undefined;
  const { hubHost } = hub.config;
  const port = new URL(hub.publicUrl).port === '' ? 80 : inner.port;
  const [address] = await addressesOf(hubHost, inner);
  if (address === undefined) return undefined;
  const answer = await redirectOf({ address, port, hubHost });
  if (answer.location?.startsWith('https://') === true)
    return ok(`http://${hubHost} sends people to ${answer.location}.`);
  const acme =
    hub.config.tls.kind === 'acme' && hub.config.tls.challenge === 'http-01'
      ? ' The authority looks there for its proof.'
      : '';
  return warning(
    `Port ${port} of ${hubHost} does not lead to this hub (${answer.reason}): who leaves https:// out finds nothing.${acme}`,
    `Let the firewall, and a router in front, pass TCP port ${port} to this machine.`,
  );
}

function redirectOf(place: {
  address: string;
  port: number;
  hubHost: string;
}): Promise<{ location: string | undefined; reason: string }> {
  return new Promise((resolve) => {
    const { address: host, port, hubHost } = place;
    const asking = request({ host, port, path: '/', timeout: 4000, headers: { host: hubHost } });
    asking.once('response', (response) => {
      response.resume();
      const { location } = response.headers;
      resolve({ location, reason: `it answers with status ${response.statusCode}` });
      asking.destroy();
    });
    asking.once('timeout', () => asking.destroy(new Error('no answer')));
    asking.on('error', (error: NodeJS.ErrnoException) =>
      resolve({ location: undefined, reason: error.code ?? error.message }),
    );
    asking.end();
  });
}
