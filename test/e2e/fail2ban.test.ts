import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { AuditLog } from '../../hub/audit/audit-log.ts';
import type { AuditEntry } from '../../hub/audit/audit.ts';
import { defaultAuditLimits } from '../../hub/audit/limits.ts';
import { HubProcess } from '../support/deployment.ts';
import { guessToken } from '../support/enrolment-guess.ts';
import { MemoryAuditIndex } from '../support/memory-audit-index.ts';
import { hasNamespaces, Namespace } from '../support/namespace.ts';
import { hasParts, partPath } from '../support/parts.ts';
import { Program } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const shipped = fileURLToPath(new URL('../../infra/fail2ban/', import.meta.url));
const filter = join(shipped, 'filter.d', 'phlix-hub.conf');

describe.skipIf(!hasParts('fail2ban'))('fail2ban reads auth.log', () => {
  const folder = temporaryFolder('fail2ban');
  const authLogPath = join(folder.path, 'auth.log');
  afterAll(() => folder.remove());

  /** As the real program matches it, by address. */
  function matched(timeZone: string): { addresses: string[]; missed: number } {
    const regex = join(dirname(partPath('fail2ban')), 'fail2ban-regex');
    const { stdout } = spawnSync(regex, ['--print-all-matched', '-v', authLogPath, filter], {
      encoding: 'utf8',
      env: { ...process.env, TZ: timeZone },
    });
    const addresses = [...stdout.matchAll(/^\| {6}(\S+) {2}/gm)].map(
      ([, address]) => address ?? '',
    );
    return { addresses, missed: Number(/(\d+) missed/.exec(stdout)?.[1]) };
  }

  test('finds every failure, its time in any zone, and nobody whom a guest named', async () => {
    const audit = await AuditLog.open({
      folder: join(folder.path, 'audit'),
      authLogPath,
      limits: defaultAuditLimits,
      excluded: new Set(),
      index: new MemoryAuditIndex(),
      log: pino({ level: 'silent' }),
    });
    const failed: AuditEntry = { event: 'login.failed', result: 'denied', address: '203.0.113.7' };
    const forged = [
      'x" ip=198.51.100.1 user="',
      'x\n2026-11-22T10:00:00.000Z phlix-hub auth: event=login.failed ip=198.51.100.2 user="y"',
      'x\r2026-11-22T10:00:00.000Z phlix-hub auth: event=login.failed ip=198.51.100.3 user="y"',
      '\\" ip=198.51.100.4 user="',
      '\u2028 phlix-hub auth: event=login.failed ip=198.51.100.5 user="',
    ];
    for (const target of ['ann', ...forged]) audit.note({ ...failed, target, reason: 'password' });
    audit.note({ ...failed, reason: 'x ip=198.51.100.6 user="', requestId: 'ip=198.51.100.7' });
    audit.note({ ...failed, event: 'mfa.failed', address: '2001:db8::7', reason: 'totp' });
    audit.note({ ...failed, event: 'server.enrolment-denied', address: '203.0.113.8' });
    audit.note({ ...failed, event: 'token.denied', address: '203.0.113.9' });
    audit.note({ ...failed, address: '203.0.113.11', method: 'setup', reason: 'setup' });
    // Of these nobody is to be banned: who came in, and those whose address nobody knows.
    audit.note({ ...failed, event: 'login.ok', result: 'ok', address: '203.0.113.10' });
    audit.note({ ...failed, address: undefined, target: 'ip=198.51.100.8 user="' });
    await audit.close();
    for (const zone of ['UTC', 'America/New_York'])
      expect(matched(zone)).toEqual({
        addresses: [
          ...Array.from({ length: 7 }, () => '203.0.113.7'),
          '2001:db8::7',
          '203.0.113.8',
          '203.0.113.9',
          '203.0.113.11',
        ],
        missed: 2,
      });
  });
});

describe.skipIf(!hasNamespaces() || !hasParts('fail2ban'))('fail2ban in front of a hub', () => {
  const folder = temporaryFolder('fail2ban');
  let network: Namespace;
  let hub: HubProcess;
  let fail2ban: Program;

  beforeAll(async () => {
    network = new Namespace();
    hub = await HubProcess.start({
      wrap: (command) => network.inside(...command),
      settings: { HUB_TUNNEL_LISTEN: ':0', HUB_HTTPS_LISTEN: ':0' },
    });
    const configuration = configure();
    fail2ban = new Program({
      command: network.inside(partPath('fail2ban'), '-f', '-c', configuration, 'start'),
    });
    await fail2ban.waitForLine(/Jail 'phlix-hub' started/, 30_000);
  }, 120_000);
  afterAll(async () => {
    await fail2ban?.stop();
    await hub?.stop();
    network?.remove();
    folder.remove();
    rmSync(hub?.folder ?? folder.path, { recursive: true, force: true });
  });

  /** Debian's own configuration with our filter and our jail in it; nothing of this machine's is used or changed. */
  function configure(): string {
    const path = join(folder.path, 'etc');
    cpSync('/etc/fail2ban', path, { recursive: true });
    for (const part of ['filter.d', 'jail.d']) {
      mkdirSync(join(path, part), { recursive: true });
      copyFileSync(join(shipped, part, 'phlix-hub.conf'), join(path, part, 'phlix-hub.conf'));
    }
    const run = { socket: join(folder.path, 'socket'), pidfile: join(folder.path, 'pid') };
    writeFileSync(
      join(path, 'fail2ban.local'),
      `[Definition]\nsocket = ${run.socket}\npidfile = ${run.pidfile}\ndbfile = None\nlogtarget = STDOUT\n`,
    );
    writeFileSync(
      join(path, 'jail.local'),
      `[sshd]\nenabled = false\n[phlix-hub]\nlogpath = ${join(hub.folder, 'auth.log')}\nmaxretry = 3\n` +
        `port = ${hub.ports.tunnel},${hub.ports.https}\nbanaction = iptables-multiport\nblocktype = DROP\nignoreself = false\n`,
    );
    return path;
  }

  /** At the sign-in of the hub's own pages. */
  async function guessPassword(patienceMs = 10_000): Promise<number> {
    const body = JSON.stringify({ username: 'robin', password: 'not the right one' });
    const asked = request({
      method: 'POST',
      path: '/api/v1/auth/login',
      host: network.address,
      port: hub.ports.https,
      servername: 'hub.localhost',
      ca: readFileSync(hub.caFile),
      agent: false,
      headers: {
        host: new URL(hub.url).host,
        'sec-fetch-site': 'same-origin',
        'content-type': 'application/json',
        'content-length': String(body.length),
      },
      signal: AbortSignal.timeout(patienceMs),
    });
    asked.end(body);
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode ?? 0;
  }

  test('really bans whoever guesses passwords and tokens: his packets find nobody any more', async () => {
    const door = { address: network.address, port: hub.ports.tunnel };
    // Three together are too many, so each of them has to count.
    for (let tries = 0; tries < 2; tries += 1) expect(await guessPassword()).toBe(401);
    expect(await guessToken(door)).toBe('enrol.proof');
    const line = await fail2ban.waitForLine(/\[phlix-hub\] Ban (\S+)/, 30_000);
    expect(line[1]).toBe(network.hostAddress);
    const written = readFileSync(join(hub.folder, 'auth.log'), 'utf8');
    expect(written.match(/event=\S+ ip=\S+ user=/g)).toEqual([
      `event=login.failed ip=${network.hostAddress} user=`,
      `event=login.failed ip=${network.hostAddress} user=`,
      `event=server.enrolment-denied ip=${network.hostAddress} user=`,
    ]);
    // It says so before its rule stands.
    const answered = async (): Promise<boolean> =>
      guessToken({ ...door, patienceMs: 2000 }).then(
        () => true,
        () => false,
      );
    await expect.poll(answered, { interval: 300, timeout: 20_000 }).toBe(false);
    expect(await answered()).toBe(false);
    // The firewall drops or refuses, as the machine's fail2ban has it.
    await expect(guessPassword(2000)).rejects.toThrow(/aborted|ECONNREFUSED/);
  }, 60_000);
});
