// The wish for a new factor arrives; the hub and the authenticator are asked, and the page shows what is to be done.

import { call } from './call.ts';
import { makePasskey } from './passkeys.ts';

interface TotpStart {
  readonly secret: string;
  readonly qr: string;
}

/** A passkey of this device, named after it. */
export async function addPasskey(name: string = deviceName()): Promise<void> {
  const offer = await call('POST', '/api/v1/account/passkeys/options', {});
  const response = await makePasskey(offer);
  await call('POST', '/api/v1/account/passkeys', { name, response });
}

/** Its secret counts once the form below it has sent a code. */
export async function startTotp(): Promise<void> {
  const panel = document.querySelector<HTMLElement>('[data-totp]');
  const image = panel?.querySelector<HTMLImageElement>('[data-totp-qr]');
  const secret = panel?.querySelector('#totp-secret');
  if (panel === null || !image || !secret) return;
  const started = await call<TotpStart>('POST', '/api/v1/account/totp', {});
  image.src = `data:image/svg+xml,${encodeURIComponent(started.qr)}`;
  secret.replaceChildren(...quadsOf(started.secret));
  panel.hidden = false;
  panel.scrollIntoView({ block: 'nearest' });
  panel.querySelector<HTMLElement>('#totp-code')?.focus();
}

export async function newRecoveryCodes(): Promise<readonly string[]> {
  const { codes } = await call<{ codes: readonly string[] }>(
    'POST',
    '/api/v1/account/recovery-codes',
    {},
  );
  return codes;
}

/** In fours, for whoever types it: the gaps are the style's, so that a copy of it has none. */
function quadsOf(secret: string): HTMLElement[] {
  return (secret.match(/.{1,4}/g) ?? []).map((letters) => {
    const quad = document.createElement('span');
    quad.className = 'quad';
    quad.textContent = letters;
    return quad;
  });
}

/** What people would call it. */
function deviceName(): string {
  const agent = navigator.userAgent;
  const known: readonly [RegExp, string][] = [
    [/iPhone/, 'iPhone'],
    [/iPad/, 'iPad'],
    [/Android/, 'Android phone'],
    [/Windows/, 'Windows computer'],
    [/Mac OS X/, 'Mac'],
    [/CrOS/, 'Chromebook'],
    [/Linux/, 'Linux computer'],
  ];
  return known.find(([pattern]) => pattern.test(agent))?.[1] ?? 'Passkey';
}
