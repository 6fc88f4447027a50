import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { CidrSet, parseNetwork } from '../../shared/net-address.ts';
import { clientAddress } from './client-address.ts';

const trusted = new CidrSet(['10.0.0.0/24', '2001:db8:1::/64'].map(parseNetwork));

describe('the client address', () => {
  it.each([
    [
      'is the peer, whatever it claims, when it is no trusted proxy',
      '192.0.2.7',
      ['198.51.100.1'],
      '192.0.2.7',
    ],
    ['is what the trusted proxy saw', '10.0.0.1', ['198.51.100.1'], '198.51.100.1'],
    [
      'is the first untrusted hop from the right',
      '10.0.0.1',
      ['203.0.113.9, 198.51.100.1, 10.0.0.2'],
      '198.51.100.1',
    ],
    [
      'is found over several lines',
      '10.0.0.1',
      ['203.0.113.9', '198.51.100.1', '10.0.0.2'],
      '198.51.100.1',
    ],
    ['is stripped of its port', '10.0.0.1', ['198.51.100.1:5555'], '198.51.100.1'],
    ['is stripped of brackets and port', '10.0.0.1', ['[2001:db8::7]:443'], '2001:db8::7'],
    ['is written canonically', '10.0.0.1', ['2001:DB8:0::7'], '2001:db8::7'],
    ['is IPv4 when mapped', '10.0.0.1', ['::ffff:198.51.100.1'], '198.51.100.1'],
    ['is the peer when every hop is trusted', '10.0.0.1', ['10.0.0.7, 10.0.0.2'], '10.0.0.1'],
    ['is found behind an IPv6 proxy', '2001:db8:1::5', ['198.51.100.1'], '198.51.100.1'],
    ['is unknown without the field', '10.0.0.1', [], undefined],
    ['is unknown when the field is empty', '10.0.0.1', [''], undefined],
    ['is unknown when the nearest hop cannot be read', '10.0.0.1', ['198.51.100.1, a'], undefined],
    [
      'is unknown when a hop behind trusted ones cannot be read',
      '10.0.0.1',
      ['198.51.100.1, unknown, 10.0.0.2'],
      undefined,
    ],
    [
      'is stripped of its port when mapped',
      '10.0.0.1',
      ['[::ffff:198.51.100.1]:1'],
      '198.51.100.1',
    ],
    ['is stripped of brackets alone', '10.0.0.1', ['[2001:db8::7]'], '2001:db8::7'],
    ['sees through a mapped proxy', '10.0.0.1', ['198.51.100.1, ::ffff:10.0.0.2'], '198.51.100.1'],
    ['sees through a proxy with a port', '10.0.0.1', ['198.51.100.1, 10.0.0.2:80'], '198.51.100.1'],
    [
      'is found between blanks and tabs',
      '10.0.0.1',
      [' 198.51.100.1\t,\t10.0.0.2 '],
      '198.51.100.1',
    ],
    ['is unknown for a port that is none', '10.0.0.1', ['198.51.100.1:65536'], undefined],
    ['is unknown for an empty port', '10.0.0.1', ['198.51.100.1:'], undefined],
    ['is unknown for a bracketed zone id', '10.0.0.1', ['[fe80::1%eth0]:1'], undefined],
    ['is unknown for a hidden hop', '10.0.0.1', ['_hidden'], undefined],
    ['is unknown for "unknown"', '10.0.0.1', ['unknown'], undefined],
    ['is unknown for quotes', '10.0.0.1', ['"198.51.100.1"'], undefined],
    ['is unknown for the syntax of Forwarded', '10.0.0.1', ['for=198.51.100.1'], undefined],
    ['is unknown for a network', '10.0.0.1', ['198.51.100.0/24'], undefined],
    ['is unknown for hexadecimal spelling', '10.0.0.1', ['0x7f.1'], undefined],
    ['is unknown for one number', '10.0.0.1', ['2130706433'], undefined],
    ['is unknown when an empty line came last', '10.0.0.1', ['198.51.100.1', ''], undefined],
    ['is unknown at an empty hop', '10.0.0.1', ['198.51.100.1,'], undefined],
    ['is unknown for octal spelling', '10.0.0.1', ['010.0.0.1'], undefined],
    ['is unknown for a zone id', '10.0.0.1', ['fe80::1%eth0'], undefined],
    ['is unknown for a bracketed IPv4', '10.0.0.1', ['[198.51.100.1]'], undefined],
    [
      'does not look left of the first untrusted hop',
      '10.0.0.1',
      ['garbage, 198.51.100.1'],
      '198.51.100.1',
    ],
  ])('%s', (_behaviour, peer, lines, expected) => {
    expect(clientAddress(peer, lines, trusted)).toBe(expected);
  });

  it('never depends on what the client wrote left of the proxy that is trusted', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (lines) => {
        expect(clientAddress('10.0.0.1', [...lines, '198.51.100.1'], trusted)).toBe('198.51.100.1');
      }),
    );
  });
});
