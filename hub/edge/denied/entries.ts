// The list of what media servers offer that nobody should reach from outside leaves here, entry by entry (security row B-12).

import type { Product } from '../../tunnels/server.ts';

export interface DeniedEntry {
  /** Stable: owners lift entries by it. One for each product that has these paths, `jellyfin.restart` first. */
  readonly names: readonly string[];
  /** In lower case, without the first slash; each stands for everything below it too. A last `*` stands for any end of the word. */
  readonly paths: readonly string[];
  /** `writes`: GET, HEAD and OPTIONS pass. */
  readonly methods: 'all' | 'writes';
  /** `without-token`: passes with what looks like an access token of the product. */
  readonly holds: 'always' | 'without-token';
  /** What it keeps strangers from: the object of "does not pass on". */
  readonly what: string;
}

type ListedProduct = Exclude<Product, 'other'>;

const listedProducts: readonly ListedProduct[] = ['jellyfin', 'emby', 'plex', 'phlix'];

/**
 * To the media server every visitor seems to sit in the living room. These are the requests that it answers to people there
 * without asking who they are, or that a player never sends. Emby and Jellyfin have common ancestors and common paths.
 */
const deniedEntries: readonly DeniedEntry[] = [
  // Jellyfin restarts for any local caller (jellyfin#16673).
  jellyfinAndEmby('restart', ['system/restart'], 'requests to restart the media server'),
  jellyfinAndEmby('shutdown', ['system/shutdown'], 'requests to shut the media server down'),
  // Open to everybody until the first setup is done, and again whenever the configuration is lost.
  jellyfinAndEmby(
    'startup',
    [
      'startup',
      ...['configuration', 'complete', 'firstuser', 'remoteaccess', 'user'].map(
        (step) => `startup/${step}`,
      ),
    ],
    'the setup of a new media server',
  ),
  jellyfinAndEmby('metrics', ['metrics'], 'the figures for monitoring'),
  // Resets the password of anybody for callers who seem local.
  jellyfinAndEmby('forgot-password', ['users/forgotpassword*'], 'resets of forgotten passwords'),
  jellyfinAndEmby(
    'environment',
    [
      'environment',
      ...[
        'defaultdirectorybrowser',
        'directorycontents',
        'drives',
        'networkshares',
        'parentpath',
        'validatepath',
      ].map((question) => `environment/${question}`),
    ],
    'looks into the folders of the machine',
  ),
  // Lists the whole library to anybody who seems local; televisions in the house find it without the hub.
  jellyfinAndEmby('dlna', ['dlna'], 'DLNA'),
  // Served to everybody, with what plugins write into them (jellyfin#13987); the administrator's browser brings its token.
  jellyfinAndEmby(
    'configuration-pages',
    ['web/configurationpage*', 'dashboard'],
    'pages of the dashboard without a sign-in',
    'without-token',
  ),
  entry(['plex'], 'preferences', [':/prefs'], 'changes of preferences', 'always', 'writes'),
  entry(['plex'], 'claim', ['myplex/claim'], 'claims of the media server by an account'),
  entry(['plex'], 'diagnostics', ['diagnostics'], 'logs and copies of the database'),
  entry(['phlix'], 'admin', ['admin', 'api/v1/admin'], 'the administration'),
  entry(['phlix'], 'setup', ['setup'], 'the setup of a new media server'),
];

/** Those that hold for a server: of its product, or of all while it is not known which it is. */
export function entriesOf(product: Product | undefined): readonly DeniedEntry[] {
  return product === undefined ? deniedEntries : (entriesByProduct.get(product) ?? []);
}

/** The names an owner may lift. */
export const deniedEntryNames: readonly string[] = deniedEntries
  .flatMap(({ names }) => names)
  .toSorted();

const entriesByProduct: ReadonlyMap<Product, readonly DeniedEntry[]> = new Map(
  listedProducts.map((product) => [
    product,
    deniedEntries.flatMap((denied) => {
      const names = denied.names.filter((name) => name.startsWith(`${product}.`));
      return names.length === 0 ? [] : [{ ...denied, names }];
    }),
  ]),
);

function jellyfinAndEmby(
  name: string,
  paths: readonly string[],
  what: string,
  holds: DeniedEntry['holds'] = 'always',
): DeniedEntry {
  return entry(['jellyfin', 'emby'], name, paths, what, holds);
}

function entry(
  products: readonly ListedProduct[],
  name: string,
  paths: readonly string[],
  what: string,
  holds: DeniedEntry['holds'] = 'always',
  methods: DeniedEntry['methods'] = 'all',
): DeniedEntry {
  return { names: products.map((product) => `${product}.${name}`), paths, methods, holds, what };
}
