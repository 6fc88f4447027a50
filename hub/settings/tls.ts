// HUB_TLS and the paths beside it arrive; where the hub's certificates come from leaves.

import type { z } from 'zod';

import { list, setting } from '../../shared/settings/kinds.ts';
import type { SettingProblem } from '../../shared/settings/settings.ts';
import type { CertificateFiles } from '../certificates/files.ts';

export interface FilesTls {
  readonly kind: 'files';
  readonly pairs: readonly CertificateFiles[];
}

const tlsModes = ['local-ca', 'files', 'acme'] as const;

const tlsMode = setting(
  {
    expected: 'local-ca, files or acme (proxy comes with a later version)',
    remedy:
      'set acme for certificates that the hub gets and keeps by itself, files for some from disk, or unset it for an authority of your own',
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
  if (settings.HUB_TLS !== 'files') {
    const isAlone = certificates !== undefined || keys !== undefined;
    const expected = 'HUB_TLS_CERT_FILE and HUB_TLS_KEY_FILE are read with HUB_TLS=files only';
    const remedy = 'set HUB_TLS=files, or unset the two';
    return isAlone ? [{ name: 'HUB_TLS', expected, remedy }] : [];
  }
  if (certificates !== undefined && certificates.length === keys?.length) return [];
  return [
    {
      name: certificates === undefined ? 'HUB_TLS_CERT_FILE' : 'HUB_TLS_KEY_FILE',
      expected: 'HUB_TLS=files needs a key for each certificate',
      remedy:
        'list as many paths in HUB_TLS_KEY_FILE as in HUB_TLS_CERT_FILE, in the same order, separated by commas',
    },
  ];
}

export function filesTls(settings: TlsSettings): FilesTls {
  const keys = settings.HUB_TLS_KEY_FILE ?? [];
  const pairs = (settings.HUB_TLS_CERT_FILE ?? []).flatMap((chainPath, index) => {
    const keyPath = keys[index];
    return keyPath === undefined ? [] : [{ chainPath, keyPath }];
  });
  return { kind: 'files', pairs };
}
