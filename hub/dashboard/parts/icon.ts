// The name of a picture arrives; its outline leaves, as SVG in the colour of the text around it. Readers of screens do not hear it.

import { html, raw } from 'hono/html';

import type { Markup } from './markup.ts';

/** Drawn on 24 x 24 with a line of 1.75. */
const outlines = {
  alert:
    'M12 8.5v4.2M12 16h.01M10.4 4 2.9 17a1.9 1.9 0 0 0 1.6 2.8h15a1.9 1.9 0 0 0 1.6-2.8L13.6 4a1.9 1.9 0 0 0-3.2 0z',
  audit:
    'M8 3.5h8l3.5 3.5v12a1.5 1.5 0 0 1-1.5 1.5H6A1.5 1.5 0 0 1 4.5 19V5A1.5 1.5 0 0 1 6 3.5zM8.5 9.5h5M8.5 13h7M8.5 16.5h7',
  ban: 'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM6 6l12 12',
  bell: 'M6 10a6 6 0 0 1 12 0c0 5 2 6.5 2 6.5H4S6 15 6 10M10 20a2.2 2.2 0 0 0 4 0',
  chart: 'M4 20V4M4 20h16M8 16l3.5-4.5 3 2.5L19 8',
  check: 'm5 12.5 4.5 4.5L19 7.5',
  chevron: 'm9 6 6 6-6 6',
  clock: 'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 7.5V12l3 2',
  close: 'M6 6l12 12M18 6 6 18',
  copy: 'M9 9h9.5A1.5 1.5 0 0 1 20 10.500V20H10.500A1.5 1.5 0 0 1 9 18.500zM15 9V5.500A1.5 1.5 0 0 0 13.5 4H5.500A1.5 1.5 0 0 0 4 5.500V14a1.5 1.5 0 0 0 1.5 1.500H9',
  desktop:
    'M4.5 4.500h15A1.5 1.5 0 0 1 21 6v9a1.5 1.5 0 0 1-1.5 1.500h-15A1.5 1.5 0 0 1 3 15V6a1.5 1.5 0 0 1 1.5-1.500zM8.5 20h7M12 16.500V20',
  download: 'M12 4v11M7.5 11l4.5 4.500L16.5 11M5 20h14',
  film: 'M5 4.500h14A1.5 1.5 0 0 1 20.5 6v12a1.5 1.5 0 0 1-1.5 1.500H5A1.5 1.5 0 0 1 3.5 18V6A1.5 1.5 0 0 1 5 4.500zM10 9v6l5-3z',
  health: 'M3.5 12h4l2.5-6 4 12 2.5-6h4',
  key: 'M14.5 3.500a6 6 0 0 0-5.7 7.900L3.5 16.700v3.800h3.800v-2.500h2.500v-2.500h1.700l1.1-1.100a6 6 0 1 0 1.9-10.900zM16 8h.01',
  link: 'M10 14a4 4 0 0 0 5.7 0l3.1-3.100a4 4 0 1 0-5.7-5.700L12 6.300M14 10a4 4 0 0 0-5.7 0l-3.1 3.100a4 4 0 1 0 5.7 5.700l1.1-1.1',
  lock: 'M6.5 10.500h11A1.5 1.5 0 0 1 19 12v7a1.5 1.5 0 0 1-1.5 1.500h-11A1.5 1.5 0 0 1 5 19v-7a1.5 1.5 0 0 1 1.5-1.500zM8 10.500V7.500a4 4 0 0 1 8 0v3',
  mail: 'M4.5 5.500h15A1.5 1.5 0 0 1 21 7v10a1.5 1.5 0 0 1-1.5 1.500h-15A1.5 1.5 0 0 1 3 17V7a1.5 1.5 0 0 1 1.5-1.500zM3.5 7.5 12 13l8.5-5.5',
  passkey:
    'M9.5 11.500a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM3 20c.3-3.5 2.9-6 6.5-6 1.1 0 2.1.2 3 .7M17.5 10.500a2.8 2.8 0 0 0-1 5.400V20l1.3 1.2 1.7-1.7-1.2-1.2 1.2-1.2-1-1.200a2.8 2.8 0 0 0-1-5.400z',
  people:
    'M9 11.500a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 19.500c.3-3.3 2.9-5.5 6.5-5.500s6.2 2.2 6.5 5.500M16 4.800a3.5 3.5 0 0 1 0 6.400M18 14.500c2 .7 3.3 2.5 3.5 5',
  phone:
    'M8 3h8a1.5 1.5 0 0 1 1.5 1.500v15A1.5 1.5 0 0 1 16 21H8a1.5 1.5 0 0 1-1.5-1.500v-15A1.5 1.5 0 0 1 8 3zM11 18h2',
  plus: 'M12 5v14M5 12h14',
  recovery: 'M4 12a8 8 0 1 1 2.5 5.800M4 12V7M4 12h5M12 8.500V12l2.5 1.5',
  search: 'M11 4.500a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM20 20l-4.4-4.4',
  server:
    'M5 4h14a1.5 1.5 0 0 1 1.5 1.500v4A1.5 1.5 0 0 1 19 11H5a1.5 1.5 0 0 1-1.5-1.500v-4A1.5 1.5 0 0 1 5 4zM5 13h14a1.5 1.5 0 0 1 1.5 1.500v4A1.5 1.5 0 0 1 19 20H5a1.5 1.5 0 0 1-1.5-1.500v-4A1.5 1.5 0 0 1 5 13zM7.5 7.500h.01M7.5 16.500h.01',
  settings: 'M5 7h8M17 7h2M5 12h2M11 12h8M5 17h6M15 17h4M15 5v4M9 10v4M13 15v4',
  shield:
    'M12 3.5 4.5 6.300v5.200c0 4.5 3.1 7.9 7.5 9.2 4.4-1.3 7.5-4.7 7.5-9.200V6.300zM9 12l2.2 2.200L15.5 10',
  signOut:
    'M14 4.500H6.500A1.5 1.5 0 0 0 5 6v12a1.5 1.5 0 0 0 1.5 1.500H14M10.5 12H20M16.5 8.5 20 12l-3.5 3.5',
  token: 'M8 4.5 3.5 12 8 19.500h8L20.5 12 16 4.500zM9.5 12h5',
  trash:
    'M4.5 6.500h15M9.5 6.500V4h5v2.500M6.5 6.500l.8 13a1 1 0 0 0 1 1h7.400a1 1 0 0 0 1-1l.8-13M10 10.500v6M14 10.500v6',
  user: 'M12 11.500a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.500c.4-3.9 3.4-6.5 7.5-6.500s7.1 2.6 7.5 6.5',
} as const;

export type IconName = keyof typeof outlines;

export function icon(name: IconName): Markup {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <path d="${raw(outlines[name])}" />
  </svg>`;
}

/** The sign of the hub: a film that comes out of an arch. */
export function mark(): Markup {
  return html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect class="mark-ground" width="32" height="32" rx="9" />
    <path class="mark-arch" d="M7 22a9 9 0 0 1 18 0" />
    <path
      class="mark-film"
      d="M13.2 13.4v9.2a.9.9 0 0 0 1.4.75l6.7-4.6a.9.9 0 0 0 0-1.5l-6.7-4.6a.9.9 0 0 0-1.4.75z"
    />
  </svg>`;
}
