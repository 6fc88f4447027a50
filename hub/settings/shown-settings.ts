// Settings as they were read arrive, with the environment; what may be shown of each leaves: whence it comes, its text, and of a secret only that it is set.

import { Secret } from '../../shared/settings/secret.ts';
import type { Environment } from '../../shared/settings/settings.ts';

export interface ShownSetting {
  readonly name: string;
  readonly from: 'environment' | 'file' | 'default';
  /** As it was written. Undefined: it is not set, or it is secret. */
  readonly text: string | undefined;
  readonly isSecret: boolean;
}

export function shownSettings(
  names: readonly string[],
  read: Readonly<Record<string, unknown>>,
  environment: Environment,
): ShownSetting[] {
  return names.toSorted().map((name) => {
    const isFile = Boolean(environment[`${name}_FILE`]);
    const text = environment[name] || undefined;
    const from = isFile ? 'file' : text === undefined ? 'default' : 'environment';
    const isSecret = holdsSecret(read[name]) || isCredential(text);
    return { name, from, text: isSecret ? undefined : text, isSecret };
  });
}

/** As a backup keeps them, for whoever has to set them again elsewhere. */
export function shownForBackup(
  shown: readonly ShownSetting[],
): { name: string; from: string; text?: string; is_secret: boolean }[] {
  return shown
    .filter(({ from }) => from !== 'default')
    .map(({ name, from, text, isSecret }) => ({
      name,
      from,
      ...(text === undefined ? {} : { text }),
      is_secret: isSecret,
    }));
}

function holdsSecret(value: unknown): boolean {
  return Array.isArray(value) ? value.some(holdsSecret) : value instanceof Secret;
}

/** An address with a password in it, whichever setting it is. */
function isCredential(text: string | undefined): boolean {
  const url = text === undefined ? null : URL.parse(text);
  return url !== null && (url.password !== '' || url.username !== '');
}
