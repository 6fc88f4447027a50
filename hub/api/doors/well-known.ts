// Programs that know where to look arrive; whom to tell of a hole leaves (RFC 9116), and that nothing here is for an index.

import { Hono } from 'hono';

import type { HubEnv } from './arrival.ts';

/** RFC 9116 §2.5.5 wants less than a year; a hub that still runs then says it anew each day. */
const lifeMs = 180 * 24 * 60 * 60 * 1000;
const dayMs = 24 * 60 * 60 * 1000;

export function wellKnown(options: {
  origin: () => string;
  /** `mailto:` or `https:`. Undefined: nobody has said whom to tell, and a wrong address would be worse than none. */
  securityContact: string | undefined;
}): Hono<HubEnv> {
  const app = new Hono<HubEnv>();
  app.get('/robots.txt', (context) => context.text('User-agent: *\nDisallow: /\n'));
  const { securityContact } = options;
  if (securityContact !== undefined) {
    app.get('/.well-known/security.txt', (context) => {
      const today = Math.floor(Date.now() / dayMs) * dayMs;
      const lines = [
        `Contact: ${securityContact}`,
        `Expires: ${new Date(today + lifeMs).toISOString()}`,
        'Preferred-Languages: en',
        `Canonical: ${options.origin()}/.well-known/security.txt`,
      ];
      return context.text(`${lines.join('\n')}\n`);
    });
  }
  return app;
}
