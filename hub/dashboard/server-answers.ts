// What the API answers about servers leaves here, as pages read it: the JSON of hub/api, whose schemas hold it.

import type { Finding } from '../../shared/doctor/finding.ts';

export interface Listed<Item> {
  readonly items: readonly Item[];
  readonly next_cursor?: string | null;
}

export interface ServerAnswer {
  readonly id: string;
  readonly name: string;
  readonly label: string | null;
  readonly addresses: readonly string[];
  readonly is_connected: boolean;
  readonly connected_since: string | null;
  readonly last_seen_at: string | null;
  readonly created_at: string;
  readonly access: 'owner' | 'admin' | 'member';
  readonly suspended_at: string | null;
  readonly suspension_reason: string | null;
  readonly switches: {
    readonly http2: boolean;
    readonly min_tls: '1.2' | '1.3';
    readonly certificate: 'ecdsa' | 'rsa';
    readonly authority: 'first' | 'second';
    readonly product: string | null;
    readonly lifted: readonly string[];
  };
}

export interface ServerInFull extends ServerAnswer {
  readonly deny_list: readonly {
    readonly entry: string;
    readonly what: string;
    readonly is_lifted: boolean;
  }[];
}

export interface CertificateAnswer {
  readonly id: string | null;
  readonly names: readonly string[];
  readonly key: 'ecdsa' | 'rsa';
  readonly server_id: string | null;
  readonly not_before: string | null;
  readonly not_after: string | null;
  readonly renews_at: string | null;
  readonly last_error: { readonly message: string; readonly at: string } | null;
}

interface DnsRecord {
  readonly type: string;
  readonly name: string;
  readonly value: string;
}

export interface DomainAnswer {
  readonly id: string;
  readonly hostname: string;
  readonly state: 'waiting' | 'active' | 'unreachable' | 'withdrawn' | 'dropped';
  readonly why: string;
  readonly proof_record: DnsRecord;
  readonly alias_record: DnsRecord;
}

export interface MemberAnswer {
  readonly account_id: string;
  readonly username: string;
  readonly since: string;
}

/** To a server. */
export interface GuestAnswer {
  readonly id: string;
  readonly email: string | null;
  readonly expires_at: string;
}

export interface OpenTokenAnswer {
  readonly id: string;
  readonly access: 'owner' | 'admin';
  readonly label: string | null;
  readonly server_id: string | null;
  readonly cidr: string | null;
  readonly created_at: string;
  readonly expires_at: string;
}

interface StreamAnswer {
  readonly id: string;
  readonly since: string;
  readonly address: string | null;
  readonly app: string;
  readonly kind: string | null;
  readonly path: string;
  readonly bytes_up: number;
  readonly bytes_down: number;
  readonly bits_per_second: number;
  readonly limited_by: 'viewer' | 'line' | 'agent' | 'origin' | 'limit' | null;
}

interface LinkAnswer {
  readonly links: number;
  readonly rtt_ms: number | null;
  readonly queue_ms: number | null;
  readonly bits_per_second_up: number;
  readonly bits_per_second_down: number;
}

export interface LiveAnswer {
  /** `phlix-agent/0.1.0`, as it said when it last connected. */
  readonly agent?: string | undefined;
  readonly is_connected: boolean;
  readonly link: LinkAnswer | null;
  readonly streams: readonly StreamAnswer[];
}

export type StatusClass = '1xx' | '2xx' | '3xx' | '4xx' | '5xx' | 'none';

export interface TrafficAnswer {
  readonly at: string;
  readonly bytes_up: number;
  readonly bytes_down: number;
  readonly requests: Readonly<Record<StatusClass, number>>;
}

export interface EventAnswer {
  readonly id: string;
  readonly at: string;
  readonly kind: string;
  readonly detail: Readonly<Record<string, string>>;
}

export interface LimitsAnswer {
  readonly bytes_per_month: number | null;
  readonly megabits_per_second: number | null;
  readonly streams: number | null;
  readonly bytes_this_month: number;
}

export interface AlertAnswer {
  /** null: nobody wants to know. */
  readonly offline_minutes: number | null;
}

export interface FindingsAnswer {
  /** null: its agent has told nothing. */
  readonly state: 'ok' | 'warning' | 'failure' | null;
  readonly looked_at: string | null;
  readonly line_measured_at: string | null;
  readonly items: readonly (Finding & { readonly looked_at: string })[];
}

export interface ServerAnswers {
  'servers.list': Listed<ServerAnswer>;
  'servers.show': ServerInFull;
  'certificates.of-server': Listed<CertificateAnswer>;
  'domains.list': Listed<DomainAnswer>;
  'members.list': Listed<MemberAnswer>;
  'invitations.of-server': Listed<GuestAnswer>;
  'enrolment-tokens.list': Listed<OpenTokenAnswer>;
  'usage.live': LiveAnswer;
  'usage.traffic': Listed<TrafficAnswer>;
  'usage.events': Listed<EventAnswer>;
  'usage.limits': LimitsAnswer;
  'usage.account-limits': LimitsAnswer;
  'alerts.show': AlertAnswer;
  'findings.show': FindingsAnswer;
}
