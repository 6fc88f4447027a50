import { describe, expect, it } from 'vitest';

import { listenFailure } from './listen-failure.ts';

const everywhere = { host: undefined, port: 53 };

function refused(code: string): Error {
  return Object.assign(new Error(`bind ${code}`), { code });
}

describe('what bind refused', () => {
  it.each([
    ['EADDRINUSE', 'listen.in-use', 'set HUB_HTTPS_LISTEN to another port'],
    ['EACCES', 'listen.denied', 'HUB_HTTPS_LISTEN to a port from 1024 up.'],
    ['EADDRNOTAVAIL', 'listen.failed', 'set HUB_HTTPS_LISTEN to an address of this machine'],
  ])('with %s says what to do', (code, expected, remedy) => {
    const error = listenFailure(refused(code), 'HUB_HTTPS_LISTEN', { host: undefined, port: 443 });
    expect(error.code).toBe(expected);
    expect(error.message).toContain(remedy);
  });

  it('of the DNS never sends it to a port where nobody asks', () => {
    const inUse = listenFailure(refused('EADDRINUSE'), 'HUB_DNS_RESPONDER_LISTEN', everywhere);
    expect(inUse.message).toContain('systemd-resolved');
    expect(inUse.message).not.toContain('another port');
    const denied = listenFailure(refused('EACCES'), 'HUB_DNS_RESPONDER_LISTEN', everywhere);
    expect(denied.message).toContain('forward port 53');
  });
});
