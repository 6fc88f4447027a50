// A running hub arrives; whether what watches over it is awake leaves: the audit log, bans, limits, travels, and what admins prove themselves with.

import { randomUUID } from 'node:crypto';

import { failure, ok, warning, type Verdict } from '../../shared/doctor/finding.ts';
import type { Looks } from '../../shared/doctor/look.ts';
import type { RunningHub } from './premises.ts';

export const guardLooks = {
  'audit.chain': lookAtAudit,
  'detectors.audit': lookAtDetectors,
  'detectors.bans': lookAtBans,
  'accounts.passkeys': lookAtAdmins,
  'login.travel': lookAtTravels,
  'limits.trips': lookAtTrips,
} satisfies Looks<RunningHub>;

async function lookAtAudit({ audit, verifyAudit }: RunningHub): Promise<Verdict> {
  const { lost } = audit.counts;
  await audit.flush();
  // What is being written while it is read looks broken once, and not again.
  const isBroken = async (): Promise<boolean> => (await verifyAudit()).breaks.length > 0;
  if ((await isBroken()) && (await isBroken()))
    return failure(
      'The audit log has been changed, or a disk has.',
      'phlix-hub audit verify names the line.',
    );
  return lost === 0
    ? ok('The audit log is whole.')
    : failure(
        `${lost} entries of the audit log could not be written.`,
        'Look at the disk: it may be full, or not writable.',
      );
}

/** By a note of its own, which has to be found again: a detector that is there and hears nothing is the commonest fault. */
async function lookAtDetectors({ audit, findsNoted }: RunningHub): Promise<Verdict> {
  const target = randomUUID();
  audit.note({ event: 'hub.examined', actor: 'system', target, result: 'ok' });
  await audit.flush();
  if (await findsNoted(target))
    return ok('What happens is written down, and found again: a note of this look was.');
  return failure(
    `What happens is not found in the audit log: a note of this look was not, and ${audit.counts.waiting} entries wait to be written.`,
    "Look whether the data folder's disk is full, and at the log of the hub.",
  );
}

/** Doors ask the memory of the process, never the database. */
async function lookAtBans({ bans }: RunningHub): Promise<Verdict> {
  const { held, stored } = await bans();
  const missed = stored.filter((network) => !held.includes(network));
  const stale = held.filter((network) => !stored.includes(network));
  if (missed.length === 0 && stale.length === 0)
    return ok(
      `The doors keep out what they are to: ${stored.length === 1 ? '1 ban holds' : `${stored.length} bans hold`}.`,
    );
  return failure(
    `The doors have not heard of every change of the bans: ${[...missed.map((network) => `${network} still comes in`), ...stale.map((network) => `${network} is still kept out`)].slice(0, 5).join('; ')}.`,
    'Start the hub again; if it comes back, its connection to the database breaks: the log says when.',
  );
}

async function lookAtAdmins({ admins }: RunningHub): Promise<Verdict | undefined> {
  const all = await admins();
  if (all.length === 0) return undefined;
  const bare = all.filter(({ passkeys, hasTotp }) => passkeys === 0 && !hasTotp);
  if (bare.length > 0)
    return warning(
      `A password alone opens the account of ${namesOf(bare)}, and with it this hub.`,
      'They should add a passkey on the page Security, or an authenticator app.',
    );
  const without = all.filter(({ passkeys }) => passkeys === 0);
  if (without.length > 0)
    return warning(
      `These admins have no passkey: ${namesOf(without)}. A code of an app can be asked for by a page that looks like this one; a passkey cannot.`,
      'They should add one on the page Security.',
    );
  return ok(all.length === 1 ? 'The admin has a passkey.' : 'All admins have passkeys.');
}

/** Names are enough for a person to act on, and ten of them too many. */
function namesOf(admins: readonly { readonly username: string }[]): string {
  const names = admins.slice(0, 5).map(({ username }) => username);
  return `${names.join(', ')}${admins.length > names.length ? ` and ${admins.length - names.length} more` : ''}`;
}

async function lookAtTravels({ travels }: RunningHub): Promise<Verdict> {
  const found = await travels();
  if (found === undefined)
    return ok('Nobody’s travels are looked at: that needs a map of addresses, HUB_GEOIP_DB.');
  const { map, checks } = found;
  if (map.kind === 'broken')
    return warning(
      `Nobody’s travels are looked at, since HUB_GEOIP_DB cannot be used: ${map.reason}.`,
      'Put a City file in MMDB format there; the hub takes it up by itself.',
    );
  return ok(
    `${checks} sign-ins since the start were compared with the last one’s place, by ${map.type} of ${map.builtAt.toISOString().slice(0, 10)}.`,
  );
}

const hourMs = 60 * 60 * 1000;
/** A browser that tries again every few seconds; fewer are people who mistype. */
const manyTrips = 300;

function lookAtTrips({ trips, now }: RunningHub): Verdict {
  const recent = trips.list().filter(({ at }) => now.getTime() - at.getTime() < hourMs);
  const count = recent.reduce((sum, { times }) => sum + times, 0);
  if (count < manyTrips)
    return ok(
      `Limits turned somebody away ${trips.total === 1 ? 'once' : `${trips.total} times`} since the start, ${count} of them in the last hour.`,
    );
  return warning(
    `Limits turned somebody away ${count} times in the last hour, most often ${oftenest(recent)}.`,
    'The list of these is on the page Health: ban who attacks (phlix-hub ban add), or raise that limit if it is your own people.',
  );
}

function oftenest(
  trips: readonly { limit: string; who: string | undefined; times: number }[],
): string {
  const counts = new Map<string, number>();
  for (const { limit, who, times } of trips) {
    const what = who === undefined ? limit : `${limit} of ${who}`;
    counts.set(what, (counts.get(what) ?? 0) + times);
  }
  return [...counts].toSorted(([, one], [, other]) => other - one)[0]?.[0] ?? 'none';
}
