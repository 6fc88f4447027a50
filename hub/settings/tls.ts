// HUB_TLS and the paths beside it arrive; where the hub's certificates come from leaves.

import type { z } from 'zod';

import type { ListenAddress } from '../../shared/listen-address.ts';
import { list, setting } from '../../shared/settings/kinds.ts';
import type { SettingProblem } from '../../shared/settings/settings.ts';
import type { CertificateFiles } from '../certificates/files.ts';

export interface FilesTls {
  readonly kind: 'files';
  readonly pairs: readonly CertificateFiles[];
}

const tlsModes = ['local-ca', 'files', 'acme', 'proxy'] as const;

const tlsMode = setting(
  {
    expected: 'local-ca, files, acme or proxy',
    remedy:
      'set acme for certificates that the hub gets and keeps by itself, files for some from disk, proxy where another program ends TLS in front, or unset it for an authority of your own',
  },
  (text) => tlsModes.find((mode) => mode === text.toLowerCase()),
);

const paths = list(
  { expected: 'paths of files, separated by commas', remedy: 'write /path/to/file.pem' },
  (item) => (item.includes('\0') ? undefined : item),
);

export const tlsSettings = {
  HUB_TLS: tlsMode.default('local-ca'),
  HUB_TLS_CERT_FILE: paths.optional(),
  HUB_TLS_KEY_FILE: paths.optional(),
} as const;

type TlsSettings = z.output<z.ZodObject<typeof tlsSettings>>;

export function fileProblems(settings: TlsSettings): SettingProblem[] {
  const certificates = settings.HUB_TLS_CERT_FILE;
  const keys = settings.HUB_TLS_KEY_FILE;
  const isAlone = certificates !== undefined || keys !== undefined;
  // Behind a proxy they are for the agents' door, whose TLS the hub ends in any case.
  if (settings.HUB_TLS === 'proxy' && !isAlone) return [];
  if (settings.HUB_TLS !== 'files' && settings.HUB_TLS !== 'proxy') {
    const expected =
      'HUB_TLS_CERT_FILE and HUB_TLS_KEY_FILE are read with HUB_TLS=files or proxy only';
    const remedy = 'set HUB_TLS=files, or unset the two';
    return isAlone ? [{ name: 'HUB_TLS', expected, remedy }] : [];
  }
  if (certificates !== undefined && certificates.length === keys?.length) return [];
  return [
    {
      name: certificates === undefined ? 'HUB_TLS_CERT_FILE' : 'HUB_TLS_KEY_FILE',
      expected: `HUB_TLS=${settings.HUB_TLS} needs a key for each certificate`,
      remedy:
        'list as many paths in HUB_TLS_KEY_FILE as in HUB_TLS_CERT_FILE, in the same order, separated by commas',
    },
  ];
}

/** Whether what the hub itself ends TLS with comes from files. */
export function hasFiles({ HUB_TLS, HUB_TLS_CERT_FILE }: TlsSettings): boolean {
  return HUB_TLS === 'files' || (HUB_TLS === 'proxy' && HUB_TLS_CERT_FILE !== undefined);
}

/** security.md E-06: in plain HTTP the hub speaks to programs that it was told of, or to none but this machine's. */
export function behindTlsProblems(
  settings: TlsSettings & { readonly HUB_TRUSTED_PROXIES: readonly unknown[] },
  httpListen: ListenAddress | 'off',
): SettingProblem[] {
  if (settings.HUB_TLS !== 'proxy') return [];
  if (httpListen === 'off') {
    const expected = 'with HUB_TLS=proxy visitors come in here, from the proxy that ends TLS';
    const remedy = 'set HUB_HTTP_LISTEN=127.0.0.1:8080, and let the proxy pass requests on to it';
    return [{ name: 'HUB_HTTP_LISTEN', expected, remedy }];
  }
  if (settings.HUB_TRUSTED_PROXIES.length > 0 || isLoopback(httpListen)) return [];
  const expected =
    'with HUB_TLS=proxy visitors come in plain HTTP, at an address that others reach too, and this is empty';
  const remedy =
    'name the addresses of the proxy that ends TLS here, and listen on loopback if it runs on this machine: HUB_HTTP_LISTEN=127.0.0.1:8080';
  return [{ name: 'HUB_TRUSTED_PROXIES', expected, remedy }];
}

function isLoopback({ host }: ListenAddress): boolean {
  return host === '::1' || host?.startsWith('127.') === true;
}

export function filesTls(settings: TlsSettings): FilesTls {
  const keys = settings.HUB_TLS_KEY_FILE ?? [];
  const pairs = (settings.HUB_TLS_CERT_FILE ?? []).flatMap((chainPath, index) => {
    const keyPath = keys[index];
    return keyPath === undefined ? [] : [{ chainPath, keyPath }];
  });
  return { kind: 'files', pairs };
}
