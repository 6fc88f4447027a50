import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { hostnameOf, labelFault, labelFromName, labelOf, requireLabel } from './hostname.ts';
import { generateLabel } from './label-words.ts';

const domain = 'phlix.media';

describe('a label', () => {
  test.each([
    'movies',
    'a1b',
    'x-y',
    'the-long-way-home-2',
    '4k-films',
    'a'.repeat(32),
    'movie--night',
  ])('%s can be claimed', (label) => {
    expect(labelFault(label)).toBeUndefined();
    expect(() => requireLabel(label)).not.toThrow();
  });

  test.each([
    ['', 'nothing'],
    ['ab', 'too short'],
    ['a'.repeat(33), 'too long'],
    ['-movies', 'a hyphen first'],
    ['movies-', 'a hyphen last'],
    ['Movies', 'capitals'],
    ['mo_vies', 'an underscore'],
    ['mo.vies', 'a dot'],
    ['movies.', 'the root’s dot'],
    ['mo vies', 'a blank'],
    ['movies\n', 'a line break'],
    ['xn--e1afmkfd', 'an encoded name'],
    ['ab--cd', 'two hyphens at the third place'],
    ['12345', 'digits alone'],
    ['фильмы', 'letters beyond ASCII'],
    ['moviеs', 'a Cyrillic letter among Latin ones'],
  ])('%j is none: %s', (label) => {
    expect(labelFault(label)).toBe('name.invalid');
    expect(() => requireLabel(label)).toThrow(expect.objectContaining({ code: 'name.invalid' }));
  });

  test.each(
    `hub www www2 api admin auth login mail smtp imap ns1 nsa autodiscover wpad isatap localhost`.split(
      ' ',
    ),
  )('%s is reserved', (label) => {
    expect(labelFault(label)).toBe('name.reserved');
    expect(() => requireLabel(label)).toThrow(expect.objectContaining({ code: 'name.reserved' }));
  });

  test('that the hub uses itself is reserved', () => {
    expect(labelFault('portal', ['portal'])).toBe('name.reserved');
    expect(labelFault('portal')).toBeUndefined();
  });
});

describe('a hostname', () => {
  test.each([
    ['movies.phlix.media', 'movies'],
    ['MOVIES.Phlix.Media', 'movies'],
    ['movies.phlix.media.', 'movies'],
    ['phlix.media', undefined],
    ['.phlix.media', undefined],
    ['a.movies.phlix.media', undefined],
    ['movies.phlix.media.evil.example', undefined],
    ['moviesphlix.media', undefined],
    ['movies.phlix.media..', undefined],
    ['_acme-challenge.phlix.media', undefined],
  ])('%s has the label %s', (hostname, label) => {
    expect(labelOf(hostname, domain)).toBe(label);
  });

  test('and its label find back to each other', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9][a-z0-9-]{1,30}[a-z0-9]$/), (label) => {
        expect(labelOf(hostnameOf(label, domain), domain)).toBe(label);
      }),
    );
  });
});

describe('a label from a name', () => {
  test.each([
    ["Élodie's Movies!", 'elodies-movies'],
    ['Jörg’s   Straße', 'jorgs-strasse'],
    ['Smørrebrød & Æbler', 'smorrebrod-aebler'],
    ['  --Living Room--  ', 'living-room'],
    ['İstanbul', 'istanbul'],
    ['ＭＯＶＩＥＳ', 'movies'],
    ['a--b--c', 'a-b-c'],
    ['ab--cd', 'ab-cd'],
    ['映画', undefined],
    ['42', undefined],
    ['2001', undefined],
    ['Hub', undefined],
    ['www', undefined],
    ['', undefined],
  ])('%j is %s', (name, label) => {
    expect(labelFromName(name)).toBe(label);
  });

  test('of any name is claimable, or there is none', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (name) => {
        const label = labelFromName(name);
        expect(label === undefined || labelFault(label) === undefined).toBe(true);
      }),
    );
  });

  test('that is a label already stays as it is', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z][a-z0-9]{2,31}$/), (label) => {
        expect(labelFromName(label)).toBe(labelFault(label) === undefined ? label : undefined);
      }),
    );
  });
});

describe('a generated label', () => {
  test('is always claimable', () => {
    for (let draw = 0; draw < 5000; draw++) {
      const label = generateLabel();
      expect([label, labelFault(label)]).toEqual([label, undefined]);
    }
  });

  test('comes from millions', () => {
    const sizes: number[] = [];
    generateLabel((below) => {
      sizes.push(below);
      return 0;
    });
    expect(sizes.reduce((product, size) => product * size)).toBeGreaterThan(5_000_000);
  });
});
