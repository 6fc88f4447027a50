// The clocks of others arrive; how far this machine's is from them leaves.

import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { rootCertificates } from 'node:tls';

import { clockVerdict } from '../../shared/doctor/clock.ts';
import { unknown, type Verdict } from '../../shared/doctor/finding.ts';
import type { Looks } from '../../shared/doctor/look.ts';
import type { AuthoritySettings } from '../settings/acme.ts';
import type { Premises, RunningHub } from './premises.ts';

export const worldClockLooks = {
  'clock.authority': lookAtAuthority,
} satisfies Looks<Premises>;

export const clockLooks = {
  'clock.offset': async ({ databaseTime, now }) => {
    const begunAt = performance.now();
    const theirs = (await databaseTime()).getTime();
    // Its answer was on the way for half of this.
    const elapsedMs = (performance.now() - begunAt) / 2;
    return clockVerdict(theirs - elapsedMs - now.getTime(), "the database's");
  },
} satisfies Looks<RunningHub>;

const timeoutMs = 6000;

/** Certificates begin and end by its clock. A hub that asks no authority has nobody outside to compare with. */
async function lookAtAuthority({ config: { tls }, now }: Premises): Promise<Verdict | undefined> {
  if (tls.kind !== 'acme') return undefined;
  const { hostname } = new URL(tls.authority.directoryUrl);
  const begunAt = performance.now();
  const date = await dateOf(tls.authority).catch((error: NodeJS.ErrnoException) => error);
  if (date instanceof Error)
    return unknown(
      `The authority ${hostname} does not answer (${date.code ?? date.message}), so its clock is not known.`,
      'Certificates cannot be renewed until it does: let the firewall pass HTTPS outwards, and look again.',
    );
  if (Number.isNaN(date)) return unknown(`The authority ${hostname} does not say what time it is.`);
  return clockVerdict(date - (performance.now() - begunAt) / 2 - now.getTime(), "the authority's");
}

/** NaN where it says none. */
async function dateOf({ directoryUrl, caFile }: AuthoritySettings): Promise<number> {
  const own = caFile === undefined ? undefined : await readFile(caFile, 'utf8');
  return new Promise((resolve, reject) => {
    const asking = request(directoryUrl, {
      method: 'HEAD',
      timeout: timeoutMs,
      ...(own !== undefined && { ca: [own, ...rootCertificates] }),
    });
    asking.once('response', (response) => {
      response.resume();
      resolve(Date.parse(response.headers.date ?? ''));
      asking.destroy();
    });
    asking.once('timeout', () => asking.destroy(new Error('no answer')));
    asking.on('error', reject);
    asking.end();
  });
}
