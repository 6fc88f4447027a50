import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { DomainError } from './domain-error.ts';
import { domainName, readableName } from './domain-name.ts';
import { parseSuffixes } from './public-suffixes.ts';

const own = { hubHost: 'hub.example.net', tenantDomain: 'phlix.media' };
const suffixes = parseSuffixes(
  `// a comment\ncom\nco.uk\n*.ck\n!www.ck\n\ngithub.io // trailing\n公司.cn\n`,
);

describe('a domain', () => {
  test.each([
    ['films.example.org', 'films.example.org'],
    ['example.org', 'example.org'],
    ['Films.Example.ORG.', 'films.example.org'],
    ['  films.example.org\n', 'films.example.org'],
    ['https://films.example.org:8443/web/#home', 'films.example.org'],
    ['фильмы.рф', 'xn--h1agd3a1be.xn--p1ai'],
    ['faß.de', 'xn--fa-hia.de'],
    ['films。example.org', 'films.example.org'],
    ['a.b.c.d.e.example.co.uk', 'a.b.c.d.e.example.co.uk'],
    ['www.ck', 'www.ck'],
    ['me.github.io', 'me.github.io'],
    ['r3--sn.example.org', 'r3--sn.example.org'],
    ['media.internal', 'media.internal'],
    ['notphlix.media', 'notphlix.media'],
    ['example.net', 'example.net'],
  ])('written as %j is %s', (written, hostname) => {
    expect(domainName(written, own, suffixes)).toBe(hostname);
  });

  test.each([
    ['', 'nothing'],
    ['org', 'a single label'],
    ['com', 'a suffix'],
    ['co.uk', 'a suffix of two labels'],
    ['anything.ck', 'a suffix by a star'],
    ['公司.cn', 'a suffix that the list writes in Chinese'],
    ['*.example.org', 'a wildcard'],
    ['https://*.example.org/', 'a wildcard in a URL'],
    ['192.0.2.1', 'an address'],
    ['127.1', 'an address in short'],
    ['0x7f.1', 'an address in hexadecimal'],
    ['1.2.3', 'an address of three numbers'],
    ['::1', 'an address of version 6'],
    ['[::1]', 'the same in brackets'],
    ['https://[2001:db8::1]/', 'the same in a URL'],
    ['foo.123', 'a last label of digits'],
    ['films.example.org:8443', 'a port'],
    ['films.example.org/web', 'a path'],
    ['me@films.example.org', 'a person'],
    ['fi lms.example.org', 'a blank'],
    ['films..example.org', 'an empty label'],
    ['.example.org', 'an empty first label'],
    ['-films.example.org', 'a hyphen first'],
    ['films-.example.org', 'a hyphen last'],
    ['_dmarc.example.org', 'an underscore'],
    ['films.example.org\0', 'a zero byte'],
    ['xn--a.example.org', 'an encoded label that decodes to nothing'],
    ['xn--.example.org', 'an encoded label that is empty'],
    [`${'a'.repeat(64)}.example.org`, 'a label of 64 characters'],
    [`${'abcdefg.'.repeat(31)}example`, 'no room for the name of its proof'],
    ['films.localhost', 'this machine'],
    ['nas.local', 'mDNS'],
    ['films.onion', 'Tor'],
  ])('cannot be %j: %s', (written) => {
    expect(() => domainName(written, own, suffixes)).toThrow(
      expect.objectContaining({ code: 'domain.invalid' }),
    );
  });

  test.each([
    'hub.example.net',
    'x.hub.example.net',
    'phlix.media',
    'movies.phlix.media',
    'a.b.PHLIX.media.',
  ])('cannot be %s, which is the hub’s', (written) => {
    expect(() => domainName(written, own, suffixes)).toThrow(
      expect.objectContaining({ code: 'domain.reserved' }),
    );
  });

  test('is taken without a list of suffixes too, if it has two labels', () => {
    expect(domainName('co.uk', own)).toBe('co.uk');
    expect(() => domainName('uk', own)).toThrow(/suffix/);
  });

  test('is said with what was written, cut short, and with what to do', () => {
    expect(() => domainName(`*.${'x'.repeat(500)}`, own)).toThrow(
      /^"\*\.x{78}" is no domain that can be served: .*add each name/,
    );
  });

  test('comes out the same when it is put in again, whatever is written', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.domain()), (written) => {
        const hostname = nameOrCode(written);
        expect(hostname).toMatch(/^(domain\.(invalid|reserved)|[a-z0-9.-]{3,246})$/);
        expect(hostname.startsWith('domain.') || nameOrCode(hostname) === hostname).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('is shown as people read it', () => {
    expect(readableName('xn--h1agd3a1be.xn--p1ai')).toBe('фильмы.рф');
    expect(readableName('films.example.org')).toBe('films.example.org');
  });
});

/** Throws on only what is no refusal. */
function nameOrCode(written: string): string {
  try {
    return domainName(written, own, suffixes);
  } catch (error) {
    if (error instanceof DomainError) return error.code;
    throw error;
  }
}
