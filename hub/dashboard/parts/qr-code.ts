// A text arrives; its QR code leaves, as a drawing made here: no service gets to see it.

import { html, raw } from 'hono/html';
import { create } from 'qrcode';

import type { Markup } from './markup.ts';

/** Light modules around it, without which cameras do not find it (ISO 18004). */
const quietZone = 4;

/** `label` is heard instead: what the code leads to. The text must also stand beside it, for those who cannot scan. */
export function qrCode(text: string, label: string): Markup {
  const { path, size } = drawing(text);
  return html`<svg
    class="qr"
    role="img"
    aria-label="${label}"
    viewBox="0 0 ${size} ${size}"
    shape-rendering="crispEdges"
  >
    <rect class="qr-ground" width="${size}" height="${size}" />
    <path class="qr-ink" d="${raw(path)}" />
  </svg>`;
}

function drawing(text: string): { path: string; size: number } {
  const { modules } = create(text, { errorCorrectionLevel: 'M' });
  const parts: string[] = [];
  for (let row = 0; row < modules.size; row++)
    for (let column = 0; column < modules.size; column++)
      if (modules.get(row, column) === 1)
        parts.push(`M${column + quietZone} ${row + quietZone}h1v1h-1z`);
  return { path: parts.join(''), size: modules.size + 2 * quietZone };
}
