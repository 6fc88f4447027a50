// How handshakes and links of agents begin and end arrives; words that monitoring may count leave, each from a closed list.

import { ProtocolError } from '../../shared/errors.ts';
import { HandshakeError } from '../../shared/mux/handshake.ts';

/** Who counts. */
export interface GatewayCounts {
  /** `put-off`: told to come again later. `version`: of the protocol; undefined when none was read. */
  handshake(result: string, version: number | undefined): void;
  /** At the door of agents. `version`: of TLS. */
  readonly tls: (result: 'ok' | 'failed', version?: string) => void;
  opened(kind: ArrivalKind): void;
  /** `reason`: of a goaway, or `line-lost`, `stopped`, `moved`. */
  closed(reason: string): void;
}

export const noCounts: GatewayCounts = {
  handshake: () => undefined,
  tls: () => undefined,
  opened: () => undefined,
  closed: () => undefined,
};

/** `further`: beside a link that is there. `again`: the server has none, and has been here before. */
type ArrivalKind = 'new' | 'again' | 'further';

export function arrivalKind(
  { lastSeenAt }: { readonly lastSeenAt: Date | undefined },
  isFirst: boolean,
): ArrivalKind {
  if (!isFirst) return 'further';
  return lastSeenAt === undefined ? 'new' : 'again';
}

/** A goaway's reason where the hub refused; `protocol`: not our language; `closed`: gone without a word. */
export function resultOf(error: unknown): string {
  if (error instanceof ProtocolError) return 'protocol';
  if (!(error instanceof HandshakeError)) return 'closed';
  if (error.code === 'handshake.timeout') return 'timeout';
  if (error.code === 'handshake.closed') return 'closed';
  return error.reason ?? 'version-unsupported';
}
