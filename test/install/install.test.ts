import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { hasParts } from '../support/parts.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { Machine } from './machine.ts';
import { writeMockRelease } from './mock-release.ts';

const isRoot = process.getuid?.() === 0;

/** The order of the tests is the life of one machine. */
describe.skipIf(!isRoot || !hasParts('iproute2'))(
  'on a machine with systemd',
  { timeout: 60_000 },
  () => {
    const releases = temporaryFolder('releases').path;
    const unitPath = '/etc/systemd/system/phlix-hub.service';
    const [one, two, broken, migrating] = [
      { version: '1.0.0' },
      { version: '1.1.0' },
      { version: '1.2.0', isBroken: true },
      { version: '1.3.0', isBroken: true, migrates: true },
    ].map((release) => writeMockRelease(join(releases, release.version), release));
    let machine: Machine;
    const install = async (...words: string[]) =>
      machine.run(
        [
          'sh',
          `${words.find((word) => word.startsWith(releases) && !word.endsWith('.mjs')) ?? one}/infra/install.sh`,
          ...words,
        ],
        {
          // Looks, a second or more apart: only the broken one uses them up.
          PHLIX_INSTALL_PATIENCE: words.includes('--no-backup') ? '4' : '60',
        },
      );
    const started = async (path = '/var/lib/phlix-hub') =>
      JSON.parse((await machine.sh(`cat ${path}/started.json`)).output) as Record<string, unknown>;

    beforeAll(async () => {
      machine = await Machine.start({ folders: [releases], runsSystemd: true });
    });
    afterAll(async () => machine?.stop());

    test('install: user, folders, settings, service; and it says what is left to do', async () => {
      const { code, output } = await install('hub');
      expect([code, output]).toEqual([
        0,
        expect.stringMatching(/1\.0\.0 is installed\.\nWrite its settings/),
      ]);
      const { output: stats } = await machine.sh(
        'stat -c "%a %U %n" /etc/phlix-hub /etc/phlix-hub/* /var/lib/phlix-hub /usr/local/bin/phlix-hub',
      );
      expect(stats.trim().split('\n')).toEqual([
        '750 root /etc/phlix-hub',
        '600 root /etc/phlix-hub/hub.env',
        '700 root /etc/phlix-hub/secrets',
        '700 phlix-hub /var/lib/phlix-hub',
        '755 root /usr/local/bin/phlix-hub',
      ]);
      const { output: kept } = await machine.sh(
        'ls /opt/phlix-hub/current/node_modules; ls -d /etc/systemd/system/*.wants/phlix-hub.service',
      );
      expect(kept).toBe('pg\n/etc/systemd/system/multi-user.target.wants/phlix-hub.service\n');
    });

    test('install again, with a setting and a secret: it starts as its user, and keeps what was there', async () => {
      await machine.sh(
        'echo HUB_LOG_LEVEL=debug >> /etc/phlix-hub/hub.env; echo hunter2 > /etc/phlix-hub/secrets/HUB_SMTP_PASSWORD',
      );
      const { code, output } = await install(
        'hub',
        '--set',
        'HUB_PUBLIC_URL=https://hub.example.org',
      );
      expect([code, output]).toEqual([
        0,
        expect.stringMatching(/installed already\.\nIt runs and is ready/),
      ]);
      const { output: text } = await machine.sh(
        'cat /etc/phlix-hub/hub.env; stat -c %a /etc/phlix-hub/hub.env /etc/phlix-hub/secrets/*; id -u phlix-hub',
      );
      expect(text).toMatch(
        /^HUB_LOG_LEVEL=debug\nHUB_PUBLIC_URL=https:\/\/hub\.example\.org\n600\n600\n/m,
      );
      expect(await started()).toMatchObject({
        version: '1.0.0',
        uid: Number(text.trim().split('\n').at(-1)),
        HUB_PUBLIC_URL: 'https://hub.example.org',
        HUB_SMTP_PASSWORD_FILE: '/run/credentials/phlix-hub.service/HUB_SMTP_PASSWORD',
      });
    });

    test('install again while it runs: restarted for what has changed, and for nothing else', async () => {
      const pid = async () => (await machine.sh('cat /run/phlix-hub.pid')).output;
      // systemd tells the second of a start: what follows comes after it.
      const after = async (script: string) =>
        machine.sh(
          `while [ "$(date +%s)" -le "$(stat -c %Z /run/phlix-hub.pid)" ]; do sleep 0.05; done; ${script}`,
        );
      const settings = '/etc/phlix-hub/hub.env';
      const secret = '/etc/phlix-hub/secrets/HUB_SMTP_PASSWORD';
      await after('true');
      const same = ['hub', '--set', 'HUB_PUBLIC_URL=https://hub.example.org'];
      const first = await pid();
      expect((await install(...same)).output).toMatch(/Left running: nothing[^]*is ready/);
      expect(await pid()).toBe(first);
      for (const [script, what] of [
        [`sed -i s/hub.example.org/other.example.org/ ${settings}`, 'settings'],
        // As old as it was, and yet new here.
        [`cp -p ${secret} /tmp/kept; mv /tmp/kept ${secret}`, 'secrets'],
        [`sed -i 's/^Description=.*/& of mine/' ${unitPath}`, 'unit'],
      ] as const) {
        await after(script);
        const before = await pid();
        const { code, output } = await install('hub');
        expect([code, output]).toEqual([
          0,
          expect.stringMatching(`has changed[^:]*: ${what}\\.\n`),
        ]);
        expect(await pid()).not.toBe(before);
      }
      expect(await started()).toMatchObject({ HUB_PUBLIC_URL: 'https://other.example.org' });
      expect((await machine.sh(`cat ${unitPath}`)).output).not.toContain('of mine');
    });

    test('a command has the settings that the service has, however the file is written', async () => {
      const settings = '/etc/phlix-hub/hub.env';
      const odd = String.raw` HUB_TLS = local \n; HUB_LOG_LEVEL=trace\nHUB_LOG_LEVEL="debug" \nHUB_ACME_EMAIL=you@\\\nexample.org`;
      await machine.sh(`cp -p ${settings} /tmp/kept; printf '${odd}' >> ${settings}`);
      const { code, output } = await machine.sh('phlix-hub settings');
      await machine.sh(`mv /tmp/kept ${settings}`);
      expect([code, JSON.parse(output)]).toEqual([
        0,
        { HUB_TLS: 'local', HUB_LOG_LEVEL: 'debug', HUB_ACME_EMAIL: 'you@example.org' },
      ]);
    });

    test.each([
      ['HUB_BACKUP_PASSPHRASE_FILE=/root/passphrase', true],
      ['HUB_BACKUP_RECIPIENT_FILE="/root/key"', true],
      ['HUB_BACKUP_RECIPIENT=', false],
      ['HUB_BACKUP_RECIPIENT=""', false],
      [' HUB_BACKUP_RECIPIENT = age1example', true],
      ['secret HUB_BACKUP_RECIPIENT', true],
      ['secret HUB_BACKUP_PASSPHRASE', true],
    ])('update with %s: whether it backs up is %s', async (setting, backsUp) => {
      const [first, name = ''] = setting.split(' ');
      const [on, off] =
        first === 'secret'
          ? [`echo x > /etc/phlix-hub/secrets/${name}`, `rm /etc/phlix-hub/secrets/${name}`]
          : [
              `echo '${setting}' >> /etc/phlix-hub/hub.env`,
              'sed -i "/^ *HUB_BACKUP/d" /etc/phlix-hub/hub.env',
            ];
      await machine.sh(on);
      const { code, output } = await install('hub', 'update');
      await machine.sh(off);
      expect(code).toBe(0);
      expect(output).toMatch(backsUp ? /backed up by uid 0/ : /No backup is made/);
    });

    test('update: a backup first, then the new one runs, and the former stays beside it', async () => {
      await machine.sh('echo HUB_BACKUP_RECIPIENT=age1example >> /etc/phlix-hub/hub.env');
      const { code, output } = await install('hub', 'update', '--from', `${two}`);
      expect([code, output]).toEqual([
        0,
        expect.stringMatching(
          /backed up by uid 0 for phlix-hub\nphlix-hub 1\.1\.0 runs and is ready/,
        ),
      ]);
      expect((await started())['version']).toBe('1.1.0');
      expect(
        (await machine.sh('ls /opt/phlix-hub/releases')).output.trim().split('\n'),
      ).toHaveLength(2);
      expect((await install('hub', 'update', '--from', `${two}`)).output).toMatch(
        /is what is installed already/,
      );
    });

    test('update to one that does not become ready: the former runs again', async () => {
      const { code, output } = await install('hub', 'update', '--no-backup', '--from', `${broken}`);
      expect([code, output]).toEqual([
        75,
        expect.stringMatching(/did not become ready, so the former one runs again/),
      ]);
      expect((await started())['version']).toBe('1.1.0');
      expect((await machine.sh('phlix-hub health --ready')).code).toBe(0);
    });

    test('update to one that changed the tables before it failed: they are changed back first', async () => {
      const failing = ['hub', 'update', '--no-backup', '--from', `${migrating}`];
      const { code, output } = await install(...failing);
      expect([code, output]).toEqual([
        75,
        expect.stringMatching(/rolled back by 1\.3\.0\n[^]*so the former one runs again/),
      ]);
      expect((await started())['version']).toBe('1.1.0');
      // The snapshot of that time is older than the next update, which changed nothing.
      const next = await install('hub', 'update', '--no-backup', '--from', `${broken}`);
      expect(next).toEqual({ code: 75, output: expect.not.stringMatching(/rolled back/) });
    });

    test('update whose change of the tables cannot be taken back: it stays, and the command for it is said', async () => {
      await machine.sh('touch /var/lib/phlix-hub/damaged');
      const failing = ['hub', 'update', '--no-backup', '--from', `${migrating}`];
      const { code, output } = await install(...failing);
      expect(code).toBe(70);
      const [, command = ''] = /Mend that, then: (.*)/.exec(output) ?? [];
      expect((await machine.sh('readlink /opt/phlix-hub/current')).output).toContain('1.3.0');
      await machine.sh('rm /var/lib/phlix-hub/damaged');
      expect((await machine.sh(command)).output).toContain('rolled back by 1.3.0');
      await expect
        .poll(async () => (await started())['version'], { timeout: 10_000 })
        .toBe('1.1.0');
    });

    test('update of a service that is stopped, or has no settings yet, starts nothing', async () => {
      await machine.sh('systemctl stop phlix-hub.service');
      const stopped = await install('hub', 'update', '--from', `${one}`);
      expect(stopped).toEqual({ code: 0, output: expect.stringMatching(/was stopped, and stays/) });
      const settings = '/etc/phlix-hub/hub.env';
      await machine.sh(`sed -i.kept /^HUB_PUBLIC_URL=/d ${settings}`);
      const bare = await install('hub', 'update', '--from', `${two}`);
      expect(bare).toEqual({ code: 0, output: expect.stringMatching(/Write its settings/) });
      expect((await machine.sh('systemctl is-active phlix-hub.service')).output).toBe('inactive\n');
      await machine.sh(`mv ${settings}.kept ${settings}; systemctl start phlix-hub.service`);
    });

    test('a version that cannot be moved to its place changes nothing, and is not said to be there', async () => {
      // In mv's place: it fails for the folders of releases.
      await machine.sh(
        `printf '#!/bin/sh\ncase $1 in *staged*) exit 1 ;; esac\nexec /bin/mv "$@"\n' > /usr/local/bin/mv; chmod 755 /usr/local/bin/mv`,
      );
      const { code, output } = await install('hub', 'update', '--from', `${one}`);
      await machine.sh('rm /usr/local/bin/mv');
      expect([code, output]).toEqual([73, expect.stringMatching(/nothing was changed/)]);
      expect((await machine.sh('readlink /opt/phlix-hub/current')).output).toContain('1.1.0');
    });

    test('a tarball will do, and what is none of ours is refused with nothing changed', async () => {
      await machine.sh(
        `tar -czf /tmp/release.tar.gz -C ${releases} 1.0.0; mkdir /tmp/other; echo no > /tmp/no.tar.gz`,
      );
      expect(
        (await install('hub', 'update', '--no-start', '--from', '/tmp/release.tar.gz')).code,
      ).toBe(0);
      expect((await machine.sh('cat /opt/phlix-hub/current/README.md')).output).toBe(
        'mock 1.0.0\n',
      );
      expect((await install('hub', 'update', '--from', '/tmp/other')).code).toBe(66);
      expect((await install('hub', 'update', '--from', '/tmp/no.tar.gz')).code).toBe(65);
      expect((await machine.sh('ls -A /opt/phlix-hub/releases | grep -c staged')).output).toBe(
        '0\n',
      );
    });

    test('a release without its packages gets them from npm', async () => {
      // In npm's place: it is asked once, and for what a service needs.
      await machine.sh(
        `cp -r ${releases}/1.1.0 /tmp/bare; mv /tmp/bare/node_modules /tmp/packages; tar -czf /tmp/bare.tar.gz -C /tmp bare
      printf '#!/bin/sh\necho "npm $*"; cp -r /tmp/packages node_modules\n' > /usr/local/bin/npm; chmod 755 /usr/local/bin/npm`,
      );
      const { code, output } = await install(
        'hub',
        'update',
        '--no-start',
        '--from',
        '/tmp/bare.tar.gz',
      );
      expect([code, output]).toEqual([
        0,
        expect.stringMatching(/1\.1\.0 is in place[^]*npm ci --omit=dev/),
      ]);
    });

    test('an agent beside it, with its token as a file; its commands run as its user', async () => {
      await install('agent');
      await machine.sh(
        'echo phe_token > /etc/phlix-agent/secrets/PHLIX_HUB_ENROLLMENT_TOKEN; systemctl stop phlix-hub.service',
      );
      const { code, output } = await install(
        'agent',
        '--set',
        'PHLIX_HUB_URL=https://hub.example.org',
      );
      expect([code, output]).toEqual([0, expect.stringMatching(/It runs and is ready/)]);
      expect(await started('/var/lib/phlix-agent')).toMatchObject({
        PHLIX_HUB_URL: 'https://hub.example.org',
        PHLIX_HUB_ENROLLMENT_TOKEN_FILE:
          '/run/credentials/phlix-agent.service/PHLIX_HUB_ENROLLMENT_TOKEN',
      });
      expect((await machine.sh('phlix-agent status')).code).toBe(0);
      // Its token is used up, and goes: without it the service starts as soon as install.sh has been there.
      await machine.sh('systemctl stop phlix-agent.service; rm /etc/phlix-agent/secrets/*');
      expect((await machine.sh('systemctl start phlix-agent.service')).code).not.toBe(0);
      expect((await install('agent')).output).toMatch(/It runs and is ready/);
      const facts = await started('/var/lib/phlix-agent');
      expect(facts).not.toHaveProperty('PHLIX_HUB_ENROLLMENT_TOKEN_FILE');
      const bundle = `${releases}/1.1.0/dist/agent/phlix-agent.mjs`;
      expect((await install('agent', 'update', '--no-start', '--from', bundle)).code).toBe(0);
      expect((await machine.sh('/opt/phlix-agent/current/bin/phlix-agent --version')).output).toBe(
        '1.1.0\n',
      );
    });

    test('an agent whose hub is away is updated all the same, and goes back from one that does not run', async () => {
      await machine.sh('touch /var/lib/phlix-agent/away');
      const update = ['agent', 'update', '--no-backup', '--from'];
      expect(await install(...update, `${one}`)).toEqual({
        code: 0,
        output: expect.stringMatching(
          /1\.0\.0 runs\. It is not connected[^]*as the former was not/,
        ),
      });
      expect(await install(...update, `${broken}`)).toEqual({
        code: 75,
        output: expect.stringMatching(/so the former one runs again/),
      });
      await machine.sh('rm /var/lib/phlix-agent/away');
      expect((await machine.sh('phlix-agent status')).code).toBe(0);
    });

    test('a Node that is older than package.json wants is not taken', async () => {
      const engines = '"engines": { "node": ">=24.1000.0" },';
      await machine.sh(
        `cp -r ${releases}/1.0.0 /tmp/later; sed -i '2i ${engines}' /tmp/later/package.json
        printf '#!/bin/sh\nexit 1\n' > /usr/local/bin/npm; chmod 755 /usr/local/bin/npm`,
      );
      const later = ['hub', 'update', '--no-start', '--from', '/tmp/later'];
      expect(await install(...later)).toEqual({
        code: 69,
        output: expect.stringMatching(/npm could not fetch Node 24/),
      });
      await machine.sh('sed -i s/24.1000/24.1/ /tmp/later/package.json');
      expect((await install(...later)).code).toBe(0);
    });

    test('uninstall keeps settings and data, and --purge takes them', async () => {
      expect((await install('hub', 'uninstall')).code).toBe(0);
      const left =
        'ls -d /opt/phlix-hub /etc/phlix-hub /var/lib/phlix-hub /usr/local/bin/phlix-hub /etc/systemd/system/*/phlix-hub.service 2>/dev/null';
      expect((await machine.sh(left)).output).toBe('/etc/phlix-hub\n/var/lib/phlix-hub\n');
      expect((await install('hub', '--no-start')).code).toBe(0);
      expect((await machine.sh('grep -c HUB_LOG_LEVEL /etc/phlix-hub/hub.env')).output).toBe('1\n');
      expect((await install('hub', 'uninstall', '--purge')).code).toBe(0);
      expect((await machine.sh(left)).output).toBe('');
      expect((await machine.sh('id phlix-hub')).code).not.toBe(0);
    });
  },
);

test.skipIf(!isRoot)('the machine that all this happened on is as it was', () => {
  const listed = execFileSync('sh', [
    '-c',
    'ls -d /opt/phlix-hub /etc/phlix-hub 2>/dev/null || true',
  ]);
  expect(listed.toString()).toBe('');
});
