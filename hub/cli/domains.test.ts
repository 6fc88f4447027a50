import { PassThrough } from 'node:stream';

import { expect, test } from 'vitest';

import { runHub } from './program.ts';

/** In this process: what is judged before any work begins needs no database. */
async function say(...words: string[]): Promise<{ code: number; stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const environment = { HUB_DATA_DIR: '/nonexistent/phlix-hub' };
  const code = await runHub(['domains', ...words], { environment, stdout, stderr });
  return { code, stderr: String(stderr.read() ?? '') };
}

test.each([
  ['*.example.org', /add each name by itself/],
  ['192.0.2.1', /an address has no certificate/],
  ['films', /a suffix that many share/],
  ['films.example.org/web', /without a port or a path/],
  ['movies.phlix.localhost', /is not in the DNS/],
])('%s is refused in one sentence, before anything is opened', async (name, sentence) => {
  for (const words of [
    ['add', name, 'movies'],
    ['check', name],
    ['remove', name],
  ]) {
    const { code, stderr } = await say(...words);
    expect(code).toBe(65);
    expect(stderr).toMatch(sentence);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  }
});

test('a domain without its server is wrong usage', async () => {
  expect((await say('add', 'films.example.org')).code).toBe(64);
});
