// The sources of both programs and their READMEs arrive; the names of all settings leave, and which of them hold secrets.

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Where schemas of settings stand. */
export function settingSources(): string {
  return [
    'hub/config.ts',
    'hub/settings/limits.ts',
    'agent/config.ts',
    ...globSync('hub/settings/*.ts', { cwd: root }).filter((path) => !path.endsWith('.test.ts')),
  ]
    .map(read)
    .join('\n');
}

/** Of the tables in README.md and hub/README.md: what operators are told. */
export function documentedSettings(): string[] {
  const tables = `${read('README.md')}\n${read('hub/README.md')}`;
  const cells = [...tables.matchAll(/^\| ((?:`[A-Z0-9_]+` ?)+)\|/gm)].map(([, names]) => names);
  const names = [...cells.join('\n').matchAll(/`([A-Z][A-Z0-9_]+)`/g)].map(([, name = '']) => name);
  return [...new Set(names)].toSorted();
}

/** What nobody may guess, and nothing may print. A test finds those of the schemas that are missing. */
export const secretSettings = [
  'HUB_ACME_EAB_HMAC_KEY',
  'HUB_ACME_FALLBACK_EAB_HMAC_KEY',
  'HUB_BACKUP_PASSPHRASE',
  'HUB_DATABASE_URL',
  'HUB_DNS_CLOUDFLARE_TOKEN',
  'HUB_DNS_DESEC_TOKEN',
  'HUB_DNS_DIGITALOCEAN_TOKEN',
  'HUB_DNS_HETZNER_TOKEN',
  'HUB_DNS_HTTPREQ_PASSWORD',
  'HUB_DNS_RFC2136_KEY',
  'HUB_DNS_ROUTE53_SECRET_ACCESS_KEY',
  'HUB_DNS_ROUTE53_SESSION_TOKEN',
  'HUB_OTLP_HEADERS',
  'HUB_SECRET_KEY',
  'HUB_SMTP_PASSWORD',
  'HUB_SMTP_URL',
  'PHLIX_HUB_ENROLLMENT_TOKEN',
];
