// The hub's name arrives; the pages that a curious browser finds there leave. No script, nothing fetched from elsewhere.

import { createHash } from 'node:crypto';

import { html, raw } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';

const style = `
:root { color-scheme: light dark; font: 18px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 38rem; padding: 12vh 1.25rem 2rem; }
h1 { font-size: 1.6rem; margin: 0 0 1rem; }
code { font: 0.9em ui-monospace, monospace; overflow-wrap: anywhere; }
p { margin: 0 0 1rem; }
`;

/** Nothing may run here, frame this page or be posted from it (security row A-19). */
export const landingPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export function landingPage(hubHost: string): Page {
  return page(
    'Phlix Hub',
    html`<h1>This is a Phlix Hub</h1>
      <p>
        It gives media servers at home a public address, without a port opened there. Servers are
        found under names of their own; this page, at ${hubHost}, is only the door.
      </p>
      <p>
        To connect a server, its owner asks this hub's operator for an enrolment token. The operator
        makes one with <code>phlix-hub enrol-token create</code>.
      </p>`,
  );
}

export function notFoundPage(hubHost: string): Page {
  return page(
    'Nothing here',
    html`<h1>There is nothing at this address</h1>
      <p>
        ${hubHost} is the hub itself. A media server has a name of its own: look again at the
        address that its owner gave you. <a href="/">What this hub is</a>
      </p>`,
  );
}

export function providerAwayPage(hubHost: string): Page {
  return page(
    'No answer',
    html`<h1>The identity provider does not answer</h1>
      <p>
        ${hubHost} asked it to sign you in, and got nothing back. Try again in a minute, or
        <a href="/sign-in">sign in another way</a>.
      </p>`,
  );
}

type Page = HtmlEscapedString | Promise<HtmlEscapedString>;

function page(title: string, body: Page): Page {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${title}</title>
        ${styleElement}
      </head>
      <body>
        ${body}
      </body>
    </html>`;
}

/** In one piece: the policy's hash is over every byte between the tags. */
const styleElement = raw(`<style>${style}</style>`);
