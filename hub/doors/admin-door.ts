// The parts of a hub arrive; the door of HUB_ADMIN_LISTEN leaves: the hub's own name alone, with what is for admins (security row E-13).

import type { AddressInfo } from 'node:net';

import type { PortSharing } from '../../shared/listen-address.ts';
import type { Logger } from '../../shared/log.ts';
import { createApi } from '../api/app.ts';
import { securityHeaders } from '../api/doors/headers.ts';
import type { CertificateSource } from '../certificates/store.ts';
import type { HubConfig } from '../config.ts';
import { Admission } from '../edge/admission.ts';
import { Front } from '../edge/front.ts';
import { EdgeListener } from '../edge/listener.ts';
import type { Peers } from '../edge/peers.ts';
import type { Place } from '../composition/place.ts';
import type { Reception } from './reception.ts';
import type { VitalSigns } from '../composition/vital-signs.ts';
import type { Stores } from '../composition/stores.ts';

export interface AdminDoorParts {
  readonly config: HubConfig;
  readonly log: Logger;
  readonly stores: Pick<Stores, 'enrolment' | 'rotation'>;
  readonly certificates: CertificateSource;
  readonly place: Place;
  readonly peers: Peers;
  readonly reception: Reception;
  readonly vitals: VitalSigns;
}

export class AdminDoor {
  readonly #listener: EdgeListener;
  readonly #place: Place;

  constructor(parts: AdminDoorParts) {
    const { config, certificates, peers } = parts;
    const { edgeLimits: limits, trustedProxies } = config;
    const admission = new Admission(limits);
    this.#place = parts.place;
    const front = new Front({
      hubHostname: config.hubHost,
      hubFields: securityHeaders(config).flat(),
      // Whoever can mend what is wrong is let in.
      overload: { sheds: false },
      hub: {
        onRequest: this.#api(parts),
        onUpgrade: (_request, socket) =>
          void socket.end(
            'HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
          ),
      },
      tunnels: { find: () => undefined },
      admission,
      trustedProxies,
      limits,
      abuse: { hubHostname: config.hubHost, contact: config.abuseContact },
    });
    this.#listener = new EdgeListener({
      // Servers' names lead nowhere here, not even into a handshake.
      certificates: {
        find: (name, kind) => (name === config.hubHost ? certificates.find(name, kind) : undefined),
      },
      switchesOf: () => undefined,
      peers,
      front,
      admission,
      trustedProxies,
      limits,
    });
  }

  async listen(address: string, sharing?: PortSharing): Promise<AddressInfo> {
    const bound = await this.#listener.listen(address, sharing);
    this.#place.settleAdmin(bound.port);
    return bound;
  }

  async close(drainMs: number): Promise<void> {
    await this.#listener.close(drainMs);
  }

  #api({
    config,
    log,
    stores,
    place,
    reception,
    vitals,
  }: AdminDoorParts): ReturnType<typeof createApi> {
    return createApi({
      enrolment: stores.enrolment,
      rotation: stores.rotation,
      hubHost: config.hubHost,
      tenantDomain: config.tenantDomain,
      tunnelUrls: () => place.tunnelUrls,
      addressesOf: (server) => place.addressesOf(server),
      failuresPerMinute: config.gatewayLimits.failuresPerMinute,
      limits: config.apiLimits,
      log,
      onProblem: (code) => reception.measured.refused(code),
      readiness: vitals.readiness,
      people: {
        ...reception.people,
        origin: () => place.adminUrl ?? place.publicUrl,
        admins: { networks: config.adminNetworks, isHere: true },
      },
    });
  }
}
