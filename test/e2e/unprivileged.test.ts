import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { request } from 'node:https';
import { once } from 'node:events';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { AgentProcess, HubProcess } from '../support/deployment.ts';
import { hasParts } from '../support/parts.ts';

/** Everywhere there is; the tests beside this one use other addresses of loopback. */
const [user, at] = ['daemon', '127.0.0.31'];
const isRoot = process.getuid?.() === 0;

/** Security rows E-07 and E-09. */
describe.skipIf(!isRoot || !hasParts('iproute2'))(
  'a hub that is started as root, with HUB_USER',
  () => {
    const daemon = userOf(user);
    let hub: HubProcess;
    let agent: AgentProcess;

    beforeAll(async () => {
      // As somebody begins: without it. What there is by then is root's, and the database another user's.
      const first = await HubProcess.start();
      await first.stop();
      hub = await HubProcess.start({
        folder: first.folder,
        settings: {
          HUB_USER: user,
          HUB_PUBLIC_URL: 'https://hub.localhost:643',
          HUB_HTTPS_LISTEN: `${at}:643`,
          HUB_HTTP_LISTEN: `${at}:680`,
        },
      });
      const token = await hub.createToken('--label', 'movies');
      const hosts = { url: `https://hub.localhost:${hub.ports.tunnel}` };
      agent = new AgentProcess({ hub: hosts, originPort: 9, token });
      await agent.reachable();
    }, 120_000);

    afterAll(async () => {
      await agent?.stop();
      await hub?.stop();
    });

    test('is that user, with his groups and no way back, and so is its database', () => {
      const family = [hub.program.pid, ...childrenOf(hub.program.pid)];
      expect(family.length).toBeGreaterThan(1);
      for (const pid of family) {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        const ids = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1];
        expect(ids('Uid')).toBe(Array(4).fill(daemon.uid).join('\t'));
        expect(ids('Gid')).toBe(Array(4).fill(daemon.gid).join('\t'));
        expect(ids('Groups')?.trim()).toBe(String(daemon.gid));
        expect(ids('CapEff')).toBe('0000000000000000');
        expect(ids('CapPrm')).toBe('0000000000000000');
      }
    });

    test('listens on the low ports that only root could bind', async () => {
      const asked = request({
        host: at,
        port: hub.ports.https,
        servername: 'hub.localhost',
        headers: { host: 'hub.localhost:643' },
        ca: readFileSync(hub.caFile),
      }).end();
      const [response] = await once(asked, 'response');
      response.resume();
      expect(response.statusCode).toBeLessThan(400);
      expect([hub.ports.https, hub.ports.http]).toEqual([643, 680]);
    });

    test('has the folder that was root’s to itself', () => {
      const programs = join(hub.folder, 'database', 'programs');
      for (const path of [hub.folder, ...pathsIn(hub.folder)]) {
        const { uid, mode } = lstatSync(path);
        expect([path, uid]).toEqual([path, daemon.uid]);
        if (path.startsWith(programs) || path.endsWith('auth.log')) continue;
        // Inside a folder that is closed a socket may have any mode.
        if (statSync(path).isSocket()) continue;
        expect([path, (mode & 0o077).toString(8)]).toEqual([path, '0']);
      }
    });

    test('is spoken to by root’s commands, which become that user too', async () => {
      const { exitCode, stdout, stderr } = await hub.run('servers', 'list', '--json');
      expect([exitCode, stderr]).toEqual([0, '']);
      expect(JSON.parse(stdout)).toMatchObject({ servers: [{ label: 'movies' }] });
    });

    test('listens where it was told, and nowhere else; the agent nowhere', () => {
      const family = [hub.program.pid, ...childrenOf(hub.program.pid)];
      const { https, http, tunnel } = hub.ports;
      const metrics = /"metrics":\{[^}]*"port":(\d+)/.exec(hub.program.output)?.[1];
      const declared = [`${at}:${https}`, `${at}:${http}`, `127.0.0.1:${tunnel}`];
      expect(listening('-ltnpH', family)).toEqual([...declared, `127.0.0.1:${metrics}`].sort());
      expect(listening('-lunpH', family)).toEqual([]);
      expect(listening('-ltnpH', [agent.program.pid])).toEqual([]);
      expect(listening('-lunpH', [agent.program.pid])).toEqual([]);
    });
  },
);

function userOf(name: string): { uid: number; gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${name}:`));
  const [, , uid, gid] = (line ?? '').split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

function childrenOf(pid: number): number[] {
  const listed = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  const own = listed === '' ? [] : listed.split(' ').map(Number);
  return own.flatMap((child) => [child, ...childrenOf(child)]);
}

function pathsIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true }).map((entry) =>
    join(entry.parentPath, entry.name),
  );
}

/** Local addresses, as `ss` prints them. */
function listening(words: string, pids: readonly number[]): string[] {
  const lines = execFileSync('ss', [words], { encoding: 'utf8' }).split('\n');
  const ours = lines.filter((line) => pids.some((pid) => line.includes(`pid=${pid},`)));
  return ours.map((line) => line.split(/\s+/)[3] ?? '').sort();
}
