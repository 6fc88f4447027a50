// What is known of holes in the software that the programs stand on, as of a day, leaves: nobody is asked for it while they run (security row E-12).

/** `fixedIn`: the first version without the hole. */
export interface Advisory {
  readonly id: string;
  readonly fixedIn: string;
}

export interface Snapshot {
  /** The day of the youngest fact in it. */
  readonly asOf: string;
  /** By the major version of Node: until when it is mended at all, and the last release that mended holes. */
  readonly node: Readonly<Record<string, Advisory & { readonly end: string }>>;
  /** By its line, `3.5`. It comes with Node. */
  readonly openssl: Readonly<Record<string, Advisory>>;
  /** Of the npm packages that meet strangers' bytes, or keep what is theirs. */
  readonly packages: Readonly<Record<string, Advisory>>;
}

/** Renewed with each release; a test holds the versions of the lockfile against it. */
export const snapshot: Snapshot = {
  asOf: '2026-09-20',
  node: {
    20: { id: 'the releases of 2026-03-24', fixedIn: '20.20.2', end: '2026-04-30' },
    22: { id: 'the releases of 2026-06-18', fixedIn: '22.23.0', end: '2027-04-30' },
    24: { id: 'the releases of 2026-06-18', fixedIn: '24.17.0', end: '2028-04-30' },
    25: { id: 'the releases of 2026-03-24', fixedIn: '25.8.2', end: '2026-06-01' },
    26: { id: 'the releases of 2026-06-18', fixedIn: '26.3.1', end: '2029-04-30' },
  },
  openssl: {
    '3.0': { id: 'CVE-2026-31790', fixedIn: '3.0.20' },
    3.5: { id: 'CVE-2026-31790', fixedIn: '3.5.6' },
    3.6: { id: 'CVE-2026-31790', fixedIn: '3.6.2' },
  },
  packages: {
    '@hono/node-server': { id: 'CVE-2026-29087', fixedIn: '1.19.10' },
    'dns-packet': { id: 'CVE-2021-23386', fixedIn: '5.2.2' },
    'drizzle-orm': { id: 'CVE-2026-39356', fixedIn: '0.45.2' },
    hono: { id: 'CVE-2026-47675', fixedIn: '4.12.21' },
    jose: { id: 'CVE-2024-28176', fixedIn: '4.15.5' },
    nodemailer: { id: 'GHSA-2x7j-588g-ccc2', fixedIn: '9.1.1' },
    undici: { id: 'CVE-2026-13697', fixedIn: '8.9.0' },
    ws: { id: 'CVE-2026-48779', fixedIn: '8.21.0' },
    zod: { id: 'CVE-2023-4316', fixedIn: '3.22.3' },
  },
};
