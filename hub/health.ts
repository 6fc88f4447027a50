// The parts of a running hub arrive; what it finds when it looks at itself leaves, each finding with what to do (security row A-25).

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { HealthFinding } from './api/areas/health.ts';
import type { MapState } from './accounts/login/travel-map.ts';
import type { Verification } from './audit/verify.ts';
import type { HubConfig } from './config.ts';
import { isSameSite } from './same-site.ts';
import type { HeldCertificate } from './telemetry/certificate-metrics.ts';

export interface HealthParts {
  readonly config: HubConfig;
  readonly certificates: () => readonly HeldCertificate[];
  /** Recalculates the hashes of what is on the disk. */
  readonly verifyAudit: () => Promise<Verification>;
  /** Entries that could not be written since the start. */
  readonly lostAuditEntries: () => number;
  /** The database's clock. */
  readonly databaseTime: () => Promise<Date>;
  /** When a trusted proxy last did not say who its visitor was. */
  readonly unnamedAt: () => Date | undefined;
  /** HUB_GEOIP_DB, looked at now, and how many sign-ins were held against it since the start; undefined: it is not set. */
  readonly travels: () => Promise<{ map: MapState; checks: number }> | undefined;
  readonly now?: () => Date;
}

type Look = (parts: HealthParts, now: Date) => HealthFinding | Promise<HealthFinding>;

/** A look that fails is a finding: nobody may take it for health. */
export class Health {
  readonly #parts: HealthParts;

  constructor(parts: HealthParts) {
    this.#parts = parts;
  }

  async look(): Promise<readonly HealthFinding[]> {
    const now = this.#parts.now?.() ?? new Date();
    return Promise.all(
      Object.entries(looks).map(async ([check, look]) => {
        try {
          return await look(this.#parts, now);
        } catch {
          return failure(check, 'This could not be looked at: the log of the hub says more.');
        }
      }),
    );
  }
}

const looks: Readonly<Record<string, Look>> = {
  'config.same-site': ({ config }) =>
    isSameSite(config)
      ? warning(
          'config.same-site',
          `Browsers take ${config.hubHost} and the servers below ${config.tenantDomain} for one site, so a server can send requests that look almost like the hub's own. The hub refuses them; a tenant domain that was registered by itself would leave nothing to refuse.`,
        )
      : ok('config.same-site', 'Hub and servers are different sites to a browser.'),

  'config.secrets': ({ config }) =>
    config.secretKeys === undefined
      ? ok(
          'config.secrets',
          'What is sealed is sealed with a key in the data folder: a backup without it opens nothing.',
        )
      : ok('config.secrets', 'What is sealed is sealed with HUB_SECRET_KEY.'),

  'config.permissions': lookAtPermissions,

  'config.admin-door': ({ config: { adminListen, adminNetworks } }) =>
    adminListen === undefined && adminNetworks === undefined
      ? warning(
          'config.admin-door',
          'Admins may come from anywhere. If they always come from a few networks, name those in HUB_ADMIN_ALLOW_CIDRS.',
        )
      : ok(
          'config.admin-door',
          'What is for admins is closed to strange networks, or has a door of its own.',
        ),

  'config.proxies': ({ config, unnamedAt }) => {
    const at = unnamedAt();
    if (at !== undefined)
      return warning(
        'config.proxies',
        `A trusted proxy did not say who its visitor was (${at.toISOString()}): let it set X-Forwarded-For, or send a PROXY header with HUB_PROXY_PROTOCOL=1.`,
      );
    return ok(
      'config.proxies',
      config.isProxied
        ? 'Trusted proxies say who their visitors are, by PROXY header.'
        : 'Nobody is believed about whom he brings, or all that are did say so.',
    );
  },

  'tls.certificate': lookAtCertificates,
  'audit.chain': lookAtAudit,
  'clock.offset': lookAtClock,
  'login.travel': lookAtTravels,
};

/** Own secrets, readable by others of this machine, are nobody's secrets. */
async function lookAtPermissions({ config: { dataDir } }: HealthParts): Promise<HealthFinding> {
  const names = (await readdir(dataDir)).filter((name) => /key|token|secret/i.test(name));
  const open: string[] = [];
  for (const name of names) {
    const { mode } = await stat(join(dataDir, name));
    if ((mode & 0o077) !== 0) open.push(name);
  }
  return open.length === 0
    ? ok('config.permissions', 'Secrets in the data folder are closed to other users.')
    : failure(
        'config.permissions',
        `Other users of this machine can read ${open.join(', ')} in the data folder: chmod 600.`,
      );
}

const dayMs = 24 * 60 * 60 * 1000;
/** Renewed at a third of their life, 90 days or 45, certificates never come near this. */
const soonDays = 7;

function lookAtCertificates({ certificates }: HealthParts, now: Date): HealthFinding {
  const own = certificates().filter(({ isOwn, isReleased }) => isOwn && !isReleased);
  const ends = own.flatMap(({ notAfter }) => (notAfter === undefined ? [] : [notAfter.getTime()]));
  if (ends.length === 0)
    return failure(
      'tls.certificate',
      'The hub has no certificate: phlix-hub certificates list says why.',
    );
  const days = Math.floor((Math.min(...ends) - now.getTime()) / dayMs);
  if (days < 0) return failure('tls.certificate', 'A certificate of the hub has ended: renew it.');
  const sentence = `The hub's own certificates are good for ${days} days.`;
  const isTroubled = days < soonDays || own.some(({ isFailing }) => isFailing);
  return isTroubled
    ? warning(
        'tls.certificate',
        `${sentence} The next one is late: the page of certificates says why.`,
      )
    : ok('tls.certificate', sentence);
}

async function lookAtAudit(parts: HealthParts): Promise<HealthFinding> {
  const lost = parts.lostAuditEntries();
  const { breaks } = await parts.verifyAudit();
  if (breaks.length > 0)
    return failure(
      'audit.chain',
      'The audit log has been changed, or a disk has: phlix-hub audit verify names the line.',
    );
  return lost === 0
    ? ok('audit.chain', 'The audit log is whole.')
    : failure(
        'audit.chain',
        `${lost} entries of the audit log could not be written: look at the disk.`,
      );
}

/** Codes of authenticator apps live for 30 s. */
const clockOffsetMs = 5000;

async function lookAtClock({ databaseTime }: HealthParts, now: Date): Promise<HealthFinding> {
  const offsetMs = Math.abs((await databaseTime()).getTime() - now.getTime());
  return offsetMs < clockOffsetMs
    ? ok('clock.offset', 'The hub and its database agree on the time.')
    : warning(
        'clock.offset',
        `The hub and its database differ by ${Math.round(offsetMs / 1000)} seconds: let both follow a time server.`,
      );
}

async function lookAtTravels({ travels }: HealthParts): Promise<HealthFinding> {
  const found = await travels();
  if (found === undefined)
    return ok(
      'login.travel',
      'Nobody’s travels are looked at: that needs a map of addresses, HUB_GEOIP_DB.',
    );
  const { map, checks } = found;
  if (map.kind === 'broken')
    return warning(
      'login.travel',
      `Nobody’s travels are looked at, since HUB_GEOIP_DB cannot be used: ${map.reason}. Put a City file in MMDB format there; the hub takes it up by itself.`,
    );
  return ok(
    'login.travel',
    `${checks} sign-ins since the start were compared with the last one’s place, by ${map.type} of ${map.builtAt.toISOString().slice(0, 10)}.`,
  );
}

function ok(check: string, sentence: string): HealthFinding {
  return { check, state: 'ok', sentence };
}

function warning(check: string, sentence: string): HealthFinding {
  return { check, state: 'warning', sentence };
}

function failure(check: string, sentence: string): HealthFinding {
  return { check, state: 'failure', sentence };
}
