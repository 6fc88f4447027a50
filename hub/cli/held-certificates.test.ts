import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';

import { beforeAll, expect, test } from 'vitest';

import { selfSigned } from '../../test/support/self-signed.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { runHub } from './program.ts';

const folder = temporaryFolder('held').path;
const chain = join(folder, 'servers.pem');
const key = join(folder, 'servers.key');

beforeAll(async () => {
  const pair = await selfSigned('*.phlix.localhost');
  writeFileSync(chain, pair.cert);
  writeFileSync(key, pair.key, { mode: 0o600 });
});

async function show(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const environment = {
    HUB_DATA_DIR: folder,
    HUB_TLS: 'files',
    HUB_TLS_CERT_FILE: chain,
    HUB_TLS_KEY_FILE: key,
  };
  const code = await runHub(['certificates', 'show', ...words], { environment, stdout, stderr });
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

test.each(['movies', 'movies.phlix.localhost', '*.phlix.localhost'])(
  'a certificate that the hub does not order is shown for %s, with its file',
  async (wanted) => {
    const { code, stdout } = await show(wanted);
    expect(code).toBe(0);
    expect(stdout).toContain(chain);
    const { stdout: json } = await show(wanted, '--json');
    expect(JSON.parse(json)).toMatchObject({
      certificates: [{ names: ['*.phlix.localhost'], key: 'ecdsa', path: chain }],
    });
  },
);

test('a name that no certificate covers is told so, with the way to see those there are', async () => {
  const { code, stderr } = await show('films.example.org');
  expect(code).toBe(65);
  expect(stderr).toContain('There is no certificate for "films.example.org"');
});
