// Words such as `http2=off` arrive; the change of a server's switches that they ask for leaves, and the words for how it stands.

import { deniedEntryNames } from '../edge/denied/entries.ts';
import type { ServerSwitches, SwitchChange } from '../tunnels/server.ts';

/** What follows "=", and what it means. */
interface SwitchWord {
  readonly allowed: readonly string[];
  read(value: string): SwitchChange | undefined;
}

/** @throws SwitchWordError with the sentence that names what is allowed. */
export function readSwitchWord(text: string): SwitchChange {
  const equals = text.indexOf('=');
  const name = text.slice(0, Math.max(0, equals));
  const word = Object.hasOwn(switchWords, name) ? switchWords[name] : undefined;
  if (word === undefined) {
    throw new SwitchWordError(`Write <switch>=<value>: ${Object.keys(switchWords).join(', ')}.`);
  }
  const change = word.read(text.slice(equals + 1).toLowerCase());
  if (change === undefined) {
    throw new SwitchWordError(`${name} may be ${word.allowed.join(', ')}.`);
  }
  return change;
}

export class SwitchWordError extends Error {}

/** Later words win; entries to lift and not to lift add up. */
export function joinChanges(former: SwitchChange, change: SwitchChange): SwitchChange {
  return {
    ...former,
    ...change,
    lift: [...(former.lift ?? []), ...(change.lift ?? [])],
    unlift: [...(former.unlift ?? []), ...(change.unlift ?? [])],
  };
}

/** By the names that `set` takes. */
export function switchTexts(switches: ServerSwitches): readonly (readonly [string, string])[] {
  const { http2, minTls, certificateKey, authority, product, lifted } = switches;
  return [
    ['http2', http2 ? 'on' : 'off'],
    ['min-tls', minTls],
    ['certificate', certificateKey],
    ['authority', authority],
    ['product', product ?? 'unknown'],
    ['lifted', lifted.length === 0 ? 'none' : lifted.join(', ')],
  ];
}

export function switchesJson(switches: ServerSwitches): object {
  return {
    http2: switches.http2,
    min_tls: switches.minTls,
    certificate: switches.certificateKey,
    authority: switches.authority,
    product: switches.product ?? null,
    lifted: switches.lifted,
  };
}

const switchWords: Readonly<Record<string, SwitchWord>> = {
  http2: choice({ on: { http2: true }, off: { http2: false } }),
  'min-tls': choice({ '1.2': { minTls: '1.2' }, '1.3': { minTls: '1.3' } }),
  certificate: choice({ ecdsa: { certificateKey: 'ecdsa' }, rsa: { certificateKey: 'rsa' } }),
  authority: choice({ first: { authority: 'first' }, second: { authority: 'second' } }),
  product: choice({
    jellyfin: { product: 'jellyfin' },
    emby: { product: 'emby' },
    plex: { product: 'plex' },
    phlix: { product: 'phlix' },
    other: { product: 'other' },
    unknown: { product: undefined },
  }),
  lift: entries((lift) => ({ lift })),
  unlift: entries((unlift) => ({ unlift })),
};

function choice(changes: Readonly<Record<string, SwitchChange>>): SwitchWord {
  return {
    allowed: Object.keys(changes),
    read: (value) => (Object.hasOwn(changes, value) ? changes[value] : undefined),
  };
}

/** One or more names of the deny-list, with commas between. */
function entries(change: (names: readonly string[]) => SwitchChange): SwitchWord {
  return {
    allowed: deniedEntryNames,
    read: (value) => {
      const names = value.split(',').map((name) => name.trim());
      return names.every((name) => deniedEntryNames.includes(name)) ? change(names) : undefined;
    },
  };
}
