// The certificates that the hub holds arrive; whether they last, and cover its names, leaves.

import {
  explained,
  failure,
  ok,
  unknown,
  warning,
  type Verdict,
} from '../../shared/doctor/finding.ts';
import type { Looks } from '../../shared/doctor/look.ts';
import { CertificateError } from '../certificates/failure.ts';
import type { HeldCertificate } from '../telemetry/certificate-metrics.ts';
import type { Premises } from './premises.ts';

const dayMs = 24 * 60 * 60 * 1000;
/** Renewed at a third of their life, 90 days or 45, certificates never come near this. */
const soonDays = 7;

export const certificateLooks = {
  'tls.certificate': async (premises) => withOwn(premises, lookAtDays),
  'tls.names': async (premises) => withOwn(premises, lookAtNames),
} satisfies Looks<Premises>;

async function withOwn(
  premises: Premises,
  look: (own: readonly HeldCertificate[], premises: Premises) => Verdict | undefined,
): Promise<Verdict | undefined> {
  try {
    const held = await premises.certificates();
    if (held === undefined)
      return unknown('The certificates are in the database: a running hub can say how they are.');
    return look(
      held.filter(({ isOwn, isReleased }) => isOwn && !isReleased),
      premises,
    );
  } catch (error) {
    if (error instanceof CertificateError) return explained('failure', error.message);
    throw error;
  }
}

function lookAtDays(
  own: readonly HeldCertificate[],
  { now, config }: Premises,
): Verdict | undefined {
  const ends = own.flatMap(({ notAfter }) => (notAfter === undefined ? [] : [notAfter.getTime()]));
  if (ends.length === 0) return missing(config.tls.kind);
  const days = Math.floor((Math.min(...ends) - now.getTime()) / dayMs);
  const remedy =
    config.tls.kind === 'files'
      ? 'Put the next one in the place of the files; the hub reads them by itself.'
      : 'phlix-hub certificates list says why the next one is late, and phlix-hub certificates renew tries it now.';
  if (days < 0) return failure('A certificate of the hub has ended.', remedy);
  const message = `The hub's own certificates are good for ${days} days.`;
  const failed = own.find(({ isFailing }) => isFailing)?.failure;
  if (own.some(({ isFailing }) => isFailing))
    return warning(
      `${message} The last attempt to get the next one failed${failed === undefined ? '' : `: ${failed}`}.`,
      remedy,
    );
  return days < soonDays ? warning(`${message} The next one is late.`, remedy) : ok(message);
}

function missing(kind: Premises['config']['tls']['kind']): Verdict {
  const message = 'The hub has no certificate.';
  if (kind === 'local-ca') return ok(`${message} It makes one at its first start.`);
  return failure(message, 'phlix-hub certificates list says why.');
}

/** Servers need the wildcard, or where there is none a certificate each: those are not the hub's own. Agents need the hub's name alone. */
function lookAtNames(own: readonly HeldCertificate[], { config }: Premises): Verdict | undefined {
  if (own.length === 0) return undefined;
  const names = own.flatMap((one) => one.names);
  const { hubHost, tenantDomain, tls, isBehindTls } = config;
  const needed = [hubHost, ...(hasWildcard(tls) && !isBehindTls ? [`server.${tenantDomain}`] : [])];
  const lacking = needed.filter((name) => !names.some((held) => covers(held, name)));
  if (lacking.length === 0)
    return ok(`They cover ${needed.map((name) => name.replace(/^server\./, '*.')).join(' and ')}.`);
  const told = lacking.map((name) => name.replace(/^server\./, '*.')).join(' and ');
  const sentence = `No certificate of the hub covers ${told}: who asks for that is turned away before he says what he wants.`;
  const remedy =
    tls.kind === 'files'
      ? `Add one for ${told} to HUB_TLS_CERT_FILE and HUB_TLS_KEY_FILE.`
      : 'phlix-hub certificates test says what keeps the authority from signing one.';
  return lacking.includes(hubHost) ? failure(sentence, remedy) : warning(sentence, remedy);
}

function hasWildcard(tls: Premises['config']['tls']): boolean {
  return tls.kind !== 'acme' || tls.challenge === 'dns-01';
}

/** RFC 9525 §6.3: a star stands for one label. */
function covers(held: string, name: string): boolean {
  if (held === name) return true;
  return held.startsWith('*.') && name.slice(name.indexOf('.')) === held.slice(1);
}
