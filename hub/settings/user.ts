// HUB_USER arrives; the name of the user that the hub becomes leaves, or why it cannot be that one.

import { setting } from '../../shared/settings/kinds.ts';
import type { SettingProblem } from '../../shared/settings/settings.ts';

export const userSettings = {
  HUB_USER: setting(
    {
      expected: 'the name of a user of this machine, other than root',
      remedy: 'make one with: useradd --system --no-create-home phlix-hub, and write its name',
    },
    // useradd(8); what is no name, such as a uid, has no groups and no line for PostgreSQL to find.
    (text) => (/^[a-z_][a-z0-9_.-]{0,31}$/i.test(text) && text !== 'root' ? text : undefined),
  ).optional(),
} as const;

interface UserSettings {
  readonly HUB_USER?: string | undefined;
  readonly HUB_TLS: string;
  readonly HUB_DNS_PROVIDER?: string | undefined;
  readonly HUB_DNS_RESPONDER_LISTEN?: readonly { readonly port: number }[] | undefined;
}

/** The responder's thread binds its ports anew when it was lost, and by then the hub has no privilege any more. */
export function userProblems(settings: UserSettings): SettingProblem[] {
  const listen = settings.HUB_DNS_RESPONDER_LISTEN ?? [{ port: 53 }];
  const isResponder = settings.HUB_TLS === 'acme' && settings.HUB_DNS_PROVIDER === 'responder';
  const isPrivileged = listen.some(({ port }) => port > 0 && port < firstFreePort);
  if (settings.HUB_USER === undefined || !isResponder || !isPrivileged) return [];
  const expected =
    'with HUB_USER the hub gives up the privilege that port 53 needs, and may need it again later';
  const remedy =
    'let systemd start the hub as that user with CAP_NET_BIND_SERVICE (infra/systemd/phlix-hub.service) and unset HUB_USER, or listen on a port from 1024 up and forward 53 to it';
  return [{ name: 'HUB_DNS_RESPONDER_LISTEN', expected, remedy }];
}

/** ip(7): below it a port needs CAP_NET_BIND_SERVICE. */
export const firstFreePort = 1024;
