// Certificates that a hub holds, and its attempts to get them, arrive; what monitoring may know of them leaves, in as many lines for ten thousand as for ten.

import type { CertificateState } from '../certificates/life/inventory.ts';
import type { AttemptReport } from '../certificates/life/manager.ts';
import type { KeyKind, ServedCertificate } from '../certificates/store.ts';
import { counter, gauge, type Metric, type Sample } from '../../shared/telemetry/metric.ts';

export interface HeldCertificate {
  readonly names: readonly string[];
  readonly keyKind: KeyKind;
  /** Undefined: there is none yet. */
  readonly notAfter: Date | undefined;
  /** Told with its end. */
  readonly notBefore?: Date | undefined;
  /** For the hub's own names, not for one of its servers. */
  readonly isOwn: boolean;
  /** Nobody wishes for it any more. */
  readonly isReleased: boolean;
  /** The last attempt to get the next one failed. */
  readonly isFailing: boolean;
  /** Whose name it is for, where it is not the hub's own. */
  readonly serverId?: string | undefined;
  /** Where the hub gets it by itself: since when it has tried to. */
  readonly wantedSince?: Date | undefined;
  /** Of the last attempt, a sentence. */
  readonly failure?: string | undefined;
}

/** Since the start of the process: other processes of the hub make their own attempts. */
export class CertificateAttempts {
  readonly #reasons = new Set<string>();
  readonly #attempts = counter(
    'phlix_hub_certificate_attempts_total',
    'Attempts to get, renew or revoke a certificate.',
  );
  readonly #failures = counter(
    'phlix_hub_certificate_failures_total',
    'Of these, those that failed.',
    ['reason'],
  );
  readonly #waits = counter(
    'phlix_hub_certificate_waits_total',
    'Orders put off for more than a minute, for the limits of the authority.',
  );

  note({ outcome }: Pick<AttemptReport, 'outcome'>): void {
    // A question about the time of renewal obtains nothing.
    if (outcome.kind === 'asked') return;
    if (outcome.kind === 'waiting') {
      this.#waits.inc();
      return;
    }
    this.#attempts.inc();
    if (outcome.kind !== 'failed' && outcome.kind !== 'sealed') return;
    const { code } = outcome.error;
    const isKnown = this.#reasons.has(code) || this.#reasons.size < maxReasons;
    if (isKnown) this.#reasons.add(code);
    this.#failures.inc({ reason: isKnown ? code : 'other' });
  }

  get metrics(): readonly Metric[] {
    return [this.#attempts, this.#failures, this.#waits];
  }
}

/** `held` is asked at each scrape. */
export function certificateGauges(
  held: () => readonly HeldCertificate[],
  now: () => Date = () => new Date(),
): readonly Metric[] {
  return [
    gauge({
      name: 'phlix_hub_certificate_expires_in_seconds',
      help: "Until the end of the hub's own certificates, and of whichever of the others ends first.",
      labels: ['names', 'key'],
      read: () => timeLeft(held(), ({ notAfter }) => secondsBetween(now(), notAfter)),
    }),
    gauge({
      name: 'phlix_hub_certificate_life_left_ratio',
      help: 'The same as a share of their life: 1 when a certificate begins, 0 when it ends.',
      labels: ['names', 'key'],
      read: () => timeLeft(held(), (ending) => shareLeft(ending, now())),
    }),
    gauge({
      name: 'phlix_hub_certificates',
      help: 'Certificates, by how they stand.',
      labels: ['state'],
      read: () => countStates(held(), now()),
    }),
  ];
}

/** Of a hub that gets them by itself. */
export function managedCertificate(state: CertificateState): HeldCertificate {
  const { names, keyKind, issued, serverId, releasedAt, attempts, createdAt } = state;
  return {
    names,
    keyKind,
    notAfter: issued?.notAfter,
    notBefore: issued?.notBefore,
    isOwn: serverId === undefined,
    isReleased: releasedAt !== undefined,
    isFailing: attempts.failures > 0,
    serverId,
    wantedSince: createdAt,
    failure: attempts.failures > 0 ? attempts.lastError?.message : undefined,
  };
}

/** Of a hub whose operator gives them, or that makes its own. */
export function givenCertificate(
  certificate: ServedCertificate & { readonly kind: KeyKind; readonly notBefore?: Date },
): HeldCertificate {
  const { names, notBefore, notAfter, kind: keyKind } = certificate;
  return { names, keyKind, notBefore, notAfter, isOwn: true, isReleased: false, isFailing: false };
}

/** Codes are closed unions, some fifty; should one ever carry more than a code, monitoring pays no price for it. */
const maxReasons = 64;

/** An operator names his files one by one; more than this is a list that a program wrote. */
const maxOwn = 32;

/** No DNS name that an authority signs for has a single label. */
const others = 'others';

const dayMs = 86_400_000;

/** By names and kind of key, each once. What is held twice, as while it is replaced, is good for as long as the better one. */
function timeLeft(held: readonly HeldCertificate[], figure: (ending: Ending) => number): Sample[] {
  const own = new Map<string, Ending>();
  const rest = new Map<string, Ending>();
  for (const { names, keyKind, notBefore, notAfter, isOwn, isReleased } of held) {
    if (notAfter === undefined || isReleased) continue;
    const label = names.join(' ');
    const key = `${keyKind} ${label}`;
    const endings = isOwn && (own.has(key) || own.size < maxOwn) ? own : rest;
    const known = endings.get(key);
    if (known !== undefined && known.notAfter > notAfter) continue;
    endings.set(key, { label, keyKind, notBefore, notAfter });
  }
  return [...own.values(), ...firstToEnd([...rest.values()])].map((ending) => ({
    labels: { names: ending.label, key: ending.keyKind },
    value: figure(ending),
  }));
}

/** Negative when it is over. */
function secondsBetween(from: Date, to: Date): number {
  return Math.floor((to.getTime() - from.getTime()) / 1000);
}

function shareLeft({ notBefore, notAfter }: Ending, now: Date): number {
  // Of one whose beginning is not known it is what is left of the usual ninety days.
  const lifeMs = notBefore === undefined ? 90 * dayMs : notAfter.getTime() - notBefore.getTime();
  const share = (notAfter.getTime() - now.getTime()) / Math.max(1, lifeMs);
  return Math.round(Math.min(1, Math.max(0, share)) * 1000) / 1000;
}

interface Ending {
  readonly label: string;
  readonly keyKind: KeyKind;
  readonly notBefore: Date | undefined;
  readonly notAfter: Date;
}

/** One for each kind of key there is. */
function firstToEnd(endings: readonly Ending[]): Ending[] {
  const first = new Map<KeyKind, Ending>();
  for (const ending of endings) {
    const known = first.get(ending.keyKind)?.notAfter;
    if (known !== undefined && known <= ending.notAfter) continue;
    first.set(ending.keyKind, { ...ending, label: others });
  }
  return [...first.values()];
}

/** A state that nobody is in is told as 0: an alert on what is absent never fires. */
function countStates(held: readonly HeldCertificate[], now: Date): Sample[] {
  const counts = { valid: 0, failing: 0, missing: 0, ended: 0, released: 0 };
  for (const certificate of held) counts[stateOf(certificate, now)] += 1;
  return Object.entries(counts).map(([state, value]) => ({ labels: { state }, value }));
}

function stateOf(certificate: HeldCertificate, now: Date) {
  if (certificate.isReleased) return 'released';
  if (certificate.notAfter === undefined) return 'missing';
  if (certificate.notAfter <= now) return 'ended';
  return certificate.isFailing ? 'failing' : 'valid';
}
