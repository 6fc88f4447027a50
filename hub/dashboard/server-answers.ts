// What the API answers about servers leaves here, as pages read it: the JSON of hub/api, whose schemas hold it.

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

export interface DnsRecord {
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

export interface ServerAnswers {
  'servers.list': Listed<ServerAnswer>;
  'servers.show': ServerInFull;
  'certificates.of-server': Listed<CertificateAnswer>;
  'domains.list': Listed<DomainAnswer>;
  'members.list': Listed<MemberAnswer>;
}
