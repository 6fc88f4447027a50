import { PassThrough } from 'node:stream';

import { describe, expect, test } from 'vitest';

import { deniedEntryNames } from '../edge/denied/entries.ts';
import { changedSwitches, defaultSwitches } from '../tunnels/server.ts';
import { runHub } from './program.ts';
import { joinChanges, readSwitchWord, switchTexts } from './switch-words.ts';

/** What the words make of a new server. */
function after(...words: string[]): Record<string, string> {
  const change = words.map(readSwitchWord).reduce(joinChanges, {});
  return Object.fromEntries(switchTexts(changedSwitches(defaultSwitches, change)));
}

describe('words for switches', () => {
  test('change what they name and leave the rest', () => {
    const untouched = {
      http2: 'on',
      'min-tls': '1.2',
      certificate: 'ecdsa',
      authority: 'first',
      product: 'unknown',
      lifted: 'none',
    };
    expect(after()).toEqual(untouched);
    expect(after('http2=off')).toEqual({ ...untouched, http2: 'off' });
    expect(after('min-tls=1.3', 'certificate=RSA')).toEqual({
      ...untouched,
      'min-tls': '1.3',
      certificate: 'rsa',
    });
    expect(after('product=plex', 'product=unknown')).toEqual(untouched);
  });

  test('lift entries, one or more at a time, and take that back', () => {
    expect(after('lift=jellyfin.restart,jellyfin.metrics', 'lift=plex.claim')['lifted']).toBe(
      'jellyfin.metrics, jellyfin.restart, plex.claim',
    );
    expect(after('lift=jellyfin.restart', 'unlift=jellyfin.restart')['lifted']).toBe('none');
    for (const name of deniedEntryNames) expect(after(`lift=${name}`)['lifted']).toBe(name);
  });
});

async function said(...words: string[]): Promise<[number, string]> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const context = { environment: {}, stdout, stderr };
  const code = await runHub(['servers', 'set', 'movies', ...words], context);
  return [code, String(stderr.read() ?? '')];
}

describe('a wrong word', () => {
  test.each([
    ['http2=maybe', 'http2 may be on, off.'],
    ['min-tls=1.1', 'min-tls may be 1.2, 1.3.'],
    ['certificate=', 'certificate may be ecdsa, rsa.'],
    ['product=kodi', 'product may be jellyfin, emby, plex, phlix, other, unknown.'],
    ['lift=jellyfin.reboot', 'lift may be emby.configuration-pages'],
    ['lift=jellyfin.restart,', 'lift may be'],
    ['authority=letsencrypt', 'authority may be first, second.'],
    [
      'http=off',
      'Write <switch>=<value>: http2, min-tls, certificate, authority, product, lift, unlift.',
    ],
    ['http2', 'Write <switch>=<value>:'],
    ['=off', 'Write <switch>=<value>:'],
    ['__proto__=1', 'Write <switch>=<value>:'],
    ['product=__proto__', 'product may be'],
  ])('such as %s names what is allowed, and nothing is changed', async (word, sentence) => {
    expect(await said('http2=off', word)).toEqual([64, expect.stringContaining(sentence)]);
  });

  test('none at all is one too', async () => {
    expect(await said()).toEqual([64, expect.stringContaining('missing required argument')]);
  });
});
