import { expect, test } from 'vitest';

import { hubHostname, onlineHostname, TestEdge } from '../../test/support/edge.ts';
import { asksForRelatedOrigins } from './related-origins.ts';

test.each([
  ['the hub', hubHostname, '/.well-known/webauthn'],
  ['a server', onlineHostname, '/.well-known/webauthn'],
  ['a server, with a query', onlineHostname, '/.well-known/webauthn?a=b'],
  ['a name that is offline', 'asleep.phlix.example', '/.well-known/webauthn'],
])('of %s nobody learns which sites share its passkeys', async (_whose, host, path) => {
  const seen: string[] = [];
  await using edge = await TestEdge.start({
    origin: (request, response) => {
      seen.push(request.url ?? '');
      response.end(JSON.stringify({ origins: ['https://evil.example'] }));
    },
    hub: {
      onRequest: (_request, response) => {
        seen.push('hub');
        response.end();
      },
    },
  });
  const request = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  expect(await edge.raw(request, { servername: host })).toMatch(/404[^]*"code":"edge.webauthn"/);
  expect(seen).toEqual([]);
});

test.each([
  '/',
  '/.well-known/webauthn-notes',
  '/a/.well-known/webauthn',
  '/?/.well-known/webauthn',
])('%s is somebody’s own', (target) => {
  expect(asksForRelatedOrigins(target)).toBe(false);
});
