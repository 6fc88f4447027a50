import { connect } from 'node:http2';

import { expect, test } from 'vitest';

import { exchange, hubHostname, TestEdge } from '../../test/support/edge.ts';

/** As a tenant's page plants them on the whole domain (security.md, section 0 d). */
const planted = Array.from({ length: 40 }, (_, at) => `bomb${at}=${'x'.repeat(3800)}`);

/** Browsers send them in crumbs (RFC 9113 §8.2.3); a single value of more than 64 KiB ends the connection. */
test('over HTTP/2 a jar that was filled is emptied, and not only refused', async () => {
  await using edge = await TestEdge.start();
  const session = connect(`https://${hubHostname}:${edge.port}`, {
    maxSendHeaderBlockLength: 1024 * 1024,
    createConnection: () => edge.connecting({ servername: hubHostname, ALPNProtocols: ['h2'] }),
  });
  session.on('error', () => undefined);
  const { headers } = await exchange(session, { ':authority': hubHostname, cookie: planted });
  expect(headers).toMatchObject({ ':status': 431, 'clear-site-data': '"cookies"' });
  // On the same connection, as the browser that was freed comes back.
  const again = await exchange(session, { ':authority': hubHostname });
  expect(again.headers).toMatchObject({ ':status': 200 });
  session.destroy();
});
