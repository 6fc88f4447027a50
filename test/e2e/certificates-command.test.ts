import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { AcmeHub } from '../support/acme-hub.ts';
import { hasParts } from '../support/parts.ts';

interface Told {
  readonly names: string[];
  readonly not_after: string | null;
  readonly next: string;
  readonly released_at: string | null;
  readonly last_error: { readonly code: string; readonly message: string } | null;
}

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let acme: AcmeHub;

async function told(...words: string[]): Promise<Told[]> {
  const { stdout } = await acme.hub.run('certificates', ...words, '--json');
  return (JSON.parse(stdout) as { certificates: Told[] }).certificates;
}

const serialOf = async (): Promise<string | undefined> =>
  (await acme.shown('hub.localhost'))?.serialNumber;

describe.skipIf(!hasParts('pebble'))('phlix-hub certificates', () => {
  beforeAll(async () => {
    acme = await AcmeHub.start({ challenge: 'http-01' });
    await vi.waitUntil(serialOf, { timeout: 60_000, interval: 250 });
  });
  afterAll(() => acme.stop());

  test('lists what is held, and what comes next', async () => {
    const [own] = await told('list');
    expect(own?.names).toEqual(['hub.localhost']);
    expect(Date.parse(own?.not_after ?? '')).toBeGreaterThan(Date.now());
    const { stdout } = await acme.hub.run('certificates', 'list');
    expect(stdout).toMatch(
      /^NAMES +KEY +AUTHORITY +ENDS +NEXT\nhub\.localhost +ecdsa +localhost:\d+ +in \d+ d +renewed in \d+ d\n$/,
    );
    const { stdout: shown } = await acme.hub.run('certificates', 'show', 'hub.localhost');
    expect(shown).toMatch(/^proved by +http-01$/m);
  });

  test('rehearses an order, and keeps nothing of it', async () => {
    const before = await serialOf();
    const { exitCode: code, stdout } = await acme.hub.run('certificates', 'test');
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^hub\.localhost, by http-01:\n {2}ok: /),
    ]);
    expect([await serialOf(), (await told('list')).length]).toEqual([before, 1]);
  });

  test('renews, and waits until the new one is served', async () => {
    const before = await serialOf();
    const { exitCode: code, stdout } = await acme.hub.run('certificates', 'renew', 'hub.localhost');
    expect([code, stdout]).toEqual([0, expect.stringContaining('a new certificate is served')]);
    await expect.poll(serialOf, { timeout: 10_000 }).not.toBe(before);
  });

  test('revokes one whose key is known to others, and has another in its place', async () => {
    const before = await serialOf();
    const words = ['revoke', 'hub.localhost', '--reason', 'key-compromise'];
    const { exitCode: code, stdout } = await acme.hub.run('certificates', ...words);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/is revoked\.\n.*is served/)]);
    await expect.poll(serialOf, { timeout: 10_000 }).not.toBe(before);
    expect(await acme.pebble.statusOf(before ?? '')).toBe('Revoked');
  });

  test('is known to the audit log by what the host asked for, and by what the hub did', async () => {
    const { stdout } = await acme.hub.run('audit', 'list', '--json');
    const { entries } = JSON.parse(stdout) as { entries: Record<string, unknown>[] };
    const asked = entries.filter(({ event }) => String(event).startsWith('cert.'));
    const target = 'hub.localhost';
    const [host, system] = [{ name: 'host' }, { name: 'system' }];
    expect(asked.toReversed()).toMatchObject([
      { event: 'cert.obtained', target, actor: system },
      { event: 'cert.renewal-asked', target, actor: host, method: 'cli' },
      { event: 'cert.obtained', target, actor: system },
      { event: 'cert.revoked', target, actor: host, reason: 'keyCompromise' },
      { event: 'cert.obtained', target, actor: system },
    ]);
  });

  test('says where the hub logs that a command asked for a new one', () => {
    expect(acme.hub.program.output).toContain('ordered anew, a command asked for it');
  });

  test('says what it does not know', async () => {
    const { exitCode: code, stderr } = await acme.hub.run('certificates', 'show', 'nobody');
    expect([code, stderr]).toEqual([65, expect.stringContaining('There is no certificate for')]);
  });

  describe('while the hub stands still', () => {
    beforeAll(() => acme.hub.stop());

    test('loses nothing to a start with a mistyped name', async () => {
      const [own] = await told('list');
      const port = acme.hub.ports.https;
      const mistyped = await acme.withOther({ HUB_PUBLIC_URL: `https://hbu.localhost:${port}` });
      await mistyped.program.waitForLine(
        /"the settings ask for these certificates no more/,
        10_000,
      );
      // Longer than what an owner lets go is kept for.
      await mistyped.program.waitForLine(/"hbu\.localhost".*"certificate not obtained"/, 30_000);
      const releasedAt = Date.parse((await told('show', 'hub.localhost'))[0]?.released_at ?? '');
      await vi.waitUntil(() => Date.now() > releasedAt + 35_000, { timeout: 40_000 });
      expect(await serialOf()).toBeDefined();
      expect(await acme.pebble.statusOf((await serialOf()) ?? '')).toBe('Valid');
      await mistyped.stop();
      await acme.hub.startAgain();
      await expect
        .poll(async () => (await told('show', 'hub.localhost'))[0]?.released_at, {
          timeout: 20_000,
        })
        .toBeNull();
      const [mended] = await told('show', 'hub.localhost');
      expect(mended?.not_after).toBe(own?.not_after);
      await acme.hub.stop();
    }, 120_000);

    test('leaves a renewal to the next start, and says so with exit code 75', async () => {
      const { exitCode: code, stdout } = await acme.hub.run(
        'certificates',
        'renew',
        'hub.localhost',
      );
      expect([code, stdout]).toEqual([75, expect.stringMatching(/^No hub runs here: /)]);
    });

    test('begins again where sealing.key is gone for good, and not before it is told so', async () => {
      const file = join(acme.hub.folder, 'sealing.key');
      await rm(file);
      const { exitCode: code, stderr } = await acme.hub.run('start');
      const words = /sealing\.key is missing.*restore it from a backup.*certificates forget-keys/;
      expect([code, stderr]).toEqual([78, expect.stringMatching(words)]);
      const { stdout: shown } = await acme.hub.run('certificates', 'forget-keys');
      expect(shown).toMatch(
        /^Closed, with these settings:\n {2}hub\.localhost\n {2}the account at /,
      );
      expect([existsSync(file), (await told('show', 'hub.localhost')).length]).toEqual([false, 1]);
      const { stdout: done } = await acme.hub.run('certificates', 'forget-keys', '--yes');
      expect(done).toMatch(/^Forgotten:\n {2}hub\.localhost\n/);
      const { stdout: listed } = await acme.hub.run('audit', 'list', '--event', 'key.forgotten');
      expect(listed).toContain('host');
      await acme.hub.startAgain();
      await expect.poll(serialOf, { timeout: 30_000 }).toBeDefined();
    });

    test('goes on without the former secret once what it sealed was sealed anew', async () => {
      await acme.hub.stop();
      const former = (await readFile(join(acme.hub.folder, 'sealing.key'), 'utf8')).trim();
      const next = 'Zk3vR8mTq1Xw6bLs9dNf4hJp7cYg2aEu';
      const renewed: unknown[] = [];
      for (const HUB_SECRET_KEY of [`${next},${former}`, next]) {
        const hub = await acme.withOther({ HUB_SECRET_KEY });
        const { exitCode: code } = await hub.run('certificates', 'renew', 'hub.localhost');
        renewed.push([code, hub.program.output.includes('certificate.sealed')]);
        await hub.stop();
      }
      expect(renewed).toEqual([
        [0, false],
        [0, false],
      ]);
    });
  });
});
