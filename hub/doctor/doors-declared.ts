// The settings arrive; every door that this hub is to have leaves, with the setting that says so.

import type { AddressInfo } from 'node:net';

import type { ListenAddress } from '../../shared/listen-address.ts';
import type { HubConfig } from '../config.ts';
import type { ListenSetting } from '../doors/listen-failure.ts';
import type { OpenDoors } from './premises.ts';

export interface DeclaredDoor {
  readonly setting: ListenSetting;
  readonly listen: ListenAddress;
  readonly protocol: 'tcp' | 'udp';
  /** Where it really is, if the hub runs: 0 in a setting is any port. */
  readonly bound: AddressInfo | undefined;
}

export function declaredDoors(config: HubConfig, open?: OpenDoors): DeclaredDoor[] {
  const doors: readonly [ListenSetting, ListenAddress | undefined, AddressInfo | undefined][] = [
    ['HUB_HTTPS_LISTEN', config.httpsListen, open?.https],
    ['HUB_HTTP_LISTEN', config.httpListen, open?.http],
    ['HUB_TUNNEL_LISTEN', config.tunnelListen, open?.tunnel],
    ['HUB_ADMIN_LISTEN', config.adminListen, open?.admin],
    ['HUB_METRICS_LISTEN', config.metricsListen, undefined],
  ];
  const declared = doors.flatMap(([setting, listen, bound]) =>
    listen === undefined ? [] : [{ setting, listen, protocol: 'tcp' as const, bound }],
  );
  return [...declared, ...responderDoors(config)];
}

function responderDoors({ tls }: HubConfig): DeclaredDoor[] {
  const provider = tls.kind === 'acme' ? tls.dns?.provider : undefined;
  if (provider?.kind !== 'responder') return [];
  return provider.listen.flatMap((listen) =>
    (['tcp', 'udp'] as const).map((protocol) => ({
      setting: 'HUB_DNS_RESPONDER_LISTEN' as const,
      listen,
      protocol,
      bound: undefined,
    })),
  );
}

/** The port it has; 0: nobody can tell. */
export function portOf({ bound, listen }: DeclaredDoor): number {
  return bound?.port ?? listen.port;
}
