// A CA, a gateway, the enrolment API and the registry on stores in memory: what an agent meets when it dials a hub.

import { createHash, X509Certificate } from 'node:crypto';

import { directPeers } from './direct-peers.ts';
import { CheckupDesk } from '../../hub/api/agents/checkup-api.ts';
import { LineGuard } from '../../hub/api/agents/line-api.ts';
import { createApi } from '../../hub/api/app.ts';
import { defaultApiLimits, type ApiLimits } from '../../hub/api/limits.ts';
import { issueAuthority, issueLeaf, type IssuedPair } from '../../hub/certificates/issuance.ts';
import { CertificateIndex, loadCertificate } from '../../hub/certificates/served.ts';
import { Gateway } from '../../hub/gateway/gateway.ts';
import { defaultGatewayLimits, type GatewayLimits } from '../../hub/gateway/limits.ts';
import { Enrolment } from '../../hub/tunnels/enrolment.ts';
import { Tunnels } from '../../hub/tunnels/registry.ts';
import { Rotation } from '../../hub/tunnels/rotation.ts';
import type { TokenRequest } from '../../hub/tunnels/token.ts';
import { createLogger, type Logger } from '../../shared/log.ts';
import { CidrSet } from '../../shared/net-address.ts';
import type { VersionRange } from '../../shared/wire/hello.ts';
import { MemoryStores } from './memory-stores.ts';

export const hubHost = 'hub.localhost';
export const tenantDomain = 'phlix.localhost';

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [fact: string]: unknown;
}

export interface AgentsDoor {
  readonly authority: IssuedPair;
  /** base64url SHA-256 of the authority's SPKI. */
  readonly pin: string;
  readonly port: number;
  readonly hubUrl: string;
  readonly stores: MemoryStores;
  readonly tunnels: Tunnels;
  readonly gateway: Gateway;
  readonly logged: LogLine[];
  token(request?: TokenRequest): Promise<string>;
  close(drainMs?: number): Promise<void>;
}

export interface DoorSettings {
  readonly limits?: Partial<GatewayLimits>;
  /** Who signs the hub's certificate; a new authority if left out. */
  readonly authority?: IssuedPair;
  readonly names?: readonly string[];
  readonly port?: number;
  /** Where agents are told to dial, if something stands in front. */
  readonly advertisedPort?: () => number | undefined;
  readonly apiLimits?: Partial<ApiLimits>;
  readonly stores?: MemoryStores;
  readonly pingIntervalMs?: number;
  readonly graceMs?: number;
  /** How long a measurement may go without a byte. */
  readonly lineSilentMs?: number;
  readonly overload?: { readonly refusesAgents: boolean };
  /** Of the wire: an earlier or a later hub's. */
  readonly versions?: VersionRange;
  /** 7: that of a hub of the first release. */
  readonly highestResetCode?: number;
}

export async function openAgentsDoor(settings: DoorSettings = {}): Promise<AgentsDoor> {
  const now = new Date();
  const authority = settings.authority ?? (await issueAuthority(['localhost'], now));
  const leaf = await issueLeaf(authority, settings.names ?? [hubHost, `*.${tenantDomain}`], now);
  const certificates = new CertificateIndex([
    loadCertificate(
      { chain: leaf.certificate, key: leaf.key, chainPath: 'leaf.pem', keyPath: 'key.pem' },
      now,
    ),
  ]);
  const stores = settings.stores ?? new MemoryStores();
  const { log, logged } = recordingLogger();
  const addressesOf = ({ label }: { label: string | undefined }): string[] =>
    label === undefined ? [] : [`https://${label}.${tenantDomain}`];
  const tunnels = new Tunnels({
    store: stores.servers,
    tenantDomain,
    addressesOf,
    onFailure: (error) => log.error({ err: error }, 'registry failed'),
    graceMs: settings.graceMs ?? 0,
    onRivals: (serverId) => log.warn({ serverId }, 'two agents use one key'),
  });
  await tunnels.start();
  const enrolment = new Enrolment({ store: stores.enrolment, hubHost });
  const rotation = new Rotation({ store: stores.enrolment, hubHost });
  let port = settings.port ?? 0;
  const gateway = new Gateway({
    trustedProxies: new CidrSet([]),
    certificates,
    peers: directPeers(log),
    hubHost,
    store: stores.servers,
    overload: settings.overload ?? { refusesAgents: false },
    tunnels,
    onAdmitted: (server) => tunnels.introduce(server),
    isOutranked: (serverId, newcomer) => tunnels.isOutranked(serverId, newcomer),
    addressesOf,
    onRequest: createApi({
      enrolment,
      rotation,
      line: new LineGuard(stores.servers, {
        ...(settings.lineSilentMs !== undefined && { silentMs: settings.lineSilentMs }),
      }),
      checkups: new CheckupDesk(stores.servers, stores.checkups),
      hubHost,
      tenantDomain,
      tunnelUrls: () => [`wss://${hubHost}:${settings.advertisedPort?.() ?? port}/tunnel`],
      addressesOf,
      failuresPerMinute: 20,
      limits: { ...defaultApiLimits, ...settings.apiLimits },
      log,
    }),
    ...(settings.versions && { versions: settings.versions }),
    ...(settings.highestResetCode && { highestResetCode: settings.highestResetCode }),
    ping: { intervalMs: settings.pingIntervalMs ?? 15_000, deadlineMs: 10_000 },
    log,
    limits: { ...defaultGatewayLimits, ...settings.limits },
  });
  port = (await gateway.listen(`127.0.0.1:${port}`)).port;
  const spki = new X509Certificate(authority.certificate).publicKey.export({
    type: 'spki',
    format: 'der',
  });
  const pin = createHash('sha256').update(spki).digest('base64url');
  return {
    authority,
    pin,
    port,
    hubUrl: `https://${hubHost}:${port}`,
    stores,
    tunnels,
    gateway,
    logged,
    token: async (request) =>
      (await enrolment.createToken({ caFingerprint: pin, ...request })).text,
    close: async (drainMs = 0) => {
      await gateway.close(drainMs);
      await tunnels.stop();
    },
  };
}

export function recordingLogger(): { log: Logger; logged: LogLine[] } {
  const logged: LogLine[] = [];
  const log = createLogger(
    { level: 'debug', name: 'test' },
    { write: (line) => void logged.push(JSON.parse(line) as LogLine) },
  );
  return { log, logged };
}
