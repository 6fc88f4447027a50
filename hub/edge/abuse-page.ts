// A visitor asks whom to tell that a server is misused; the hub's own word leaves, under every name and in place of whatever the server would say.

import { Buffer } from 'node:buffer';
import { escape, pageStyle } from './failure-page.ts';
import { pagePolicy } from './failure.ts';
import type { VisitorRequest, VisitorResponse } from './visitor.ts';

/** Whom reports go to, and which hub it is. */
export interface AbuseDesk {
  readonly hubHostname: string;
  /** `mailto:`, `https:` or `tel:`. Undefined: nobody has said. */
  readonly contact: string | undefined;
}

/** security.md, section 2: a page that visitors find without asking its owner. Written in this one way. */
export function asksForAbusePage(target: string): boolean {
  return target === path || target.startsWith(`${path}?`);
}

const path = '/.phlix/abuse';

type Asked = Pick<VisitorRequest, 'id' | 'hostname' | 'wantsPage' | 'method'>;

/** A page for browsers, JSON for programs; `desk` undefined: a hub that names nobody. */
export function answerAbusePage(
  response: VisitorResponse,
  request: Asked,
  desk: AbuseDesk | undefined,
): void {
  const contact = contactOf(request, desk);
  const body = Buffer.from(request.wantsPage ? page(request, contact) : json(request, contact));
  response.head(200, [
    'content-type',
    request.wantsPage ? 'text/html; charset=utf-8' : 'application/json',
    'content-length',
    String(body.length),
    'cache-control',
    'no-store',
    'x-content-type-options',
    'nosniff',
    'x-request-id',
    request.id,
    'content-security-policy',
    pagePolicy,
    'referrer-policy',
    'no-referrer',
  ]);
  if (request.method !== 'HEAD') response.write(body);
  response.end();
}

interface Contact {
  readonly href: string;
  /** What a person reads: the address without its scheme. */
  readonly text: string;
  /** The operator named it; else it is where custom has reports go (RFC 2142 §2). */
  readonly isNamed: boolean;
}

function contactOf({ hostname }: Asked, desk: AbuseDesk | undefined): Contact {
  const href = desk?.contact ?? `mailto:abuse@${desk?.hubHostname ?? hostname}`;
  const text = href.replace(/^(mailto|tel):/, '');
  return { href, text, isNamed: desk?.contact !== undefined };
}

function json({ hostname }: Asked, { href, isNamed }: Contact): string {
  return `${JSON.stringify({ hostname, contact: href, is_named: isNamed })}\n`;
}

function page({ hostname }: Asked, contact: Contact): string {
  const link = `<a href="${escape(contact.href)}">${escape(contact.text)}</a>`;
  const whom = contact.isNamed
    ? `Write to ${link}.`
    : `Whoever runs this hub has named no address. By custom reports go to ${link}.`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex">
<title>Report abuse</title>
<style>${pageStyle}</style>
</head>
<body>
<main>
<p class="host">${escape(hostname)}</p>
<h1>Report abuse</h1>
<p>This address leads to a media server at somebody's home. Whoever runs this hub did not make what it shows, knows whose it is, and can close it.</p>
<p class="hint"><strong>${whom}</strong> Name this address, what you saw and when. A description is enough: do not send the material itself.</p>
<p>Is somebody in danger? Call the police of your country first.</p>
</main>
</body>
</html>
`;
}
