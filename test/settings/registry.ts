// The name of a setting arrives; the test leaves that shows, through real code, what the setting changes.

/** `title`: a part of the test's title. `sets`: the file that sets it, where that is not the test's own. */
export interface Shown {
  readonly file: string;
  readonly title: string;
  readonly sets?: string;
}

function shown(file: string, title: string, sets?: string): Shown {
  return { file, title, ...(sets !== undefined && { sets }) };
}

/** Rows of tables in test/settings, whose title is made of the setting's name. */
function inTable(room: string, names: readonly string[]): [string, Shown][] {
  const file = `test/settings/${room}.behaviour.test.ts`;
  return names.map((name) => [name, shown(file, name)]);
}

const guessing = [
  'ADDRESS_FAILURES',
  'ADDRESS_WINDOW',
  'ADDRESS_BLOCK',
  'ADDRESS_DAILY',
  'ADDRESS_BAN',
  'ACCOUNT_FAILURES',
  'ACCOUNT_WINDOW',
  'SLOW',
  'FACTOR_FAILURES',
  'FACTOR_WINDOW',
  'COUNTED',
  'HASHES',
  'QUEUE',
].map((word) => `HUB_LIMIT_LOGIN_${word}`);

const people = ['TIME', 'IDLE', 'LIFE', 'ADMIN_IDLE', 'ADMIN_LIFE'].map(
  (word) => `HUB_LIMIT_LOGIN_${word}`,
);

const edge = [
  'HELLO_TIMEOUT',
  'HANDSHAKE_TIMEOUT',
  'CONNECTIONS_PER_ADDRESS',
  'REDIRECT_CONNECTIONS',
  'HEAD_TIMEOUT',
  'HEAD_SIZE',
  'TARGET_SIZE',
  'FIELDS',
  'KEEP_ALIVE',
  'CONNECTIONS_PER_TUNNEL',
  'STREAMS_PER_TUNNEL',
  'STREAMS_PER_VISITOR',
  'SLOW_BODY',
  'H2_STREAMS',
  'H2_STREAM_WINDOW',
  'H2_SESSION_WINDOW',
  'H2_SESSION_MEMORY',
  'H2_RESET_BURST',
  'H2_RESETS_PER_SECOND',
  'H2_PING',
  'H2_IDLE',
].map((word) => `HUB_LIMIT_${word}`);

const agents = [
  'AGENT_HANDSHAKE_TIMEOUT',
  'AGENT_TIMEOUT',
  'AGENT_HANDSHAKES',
  'AGENT_CONNECTIONS_PER_ADDRESS',
  'AGENT_FAILURES',
  'AGENT_ARRIVALS',
  'LINKS_PER_AGENT',
  'AGENT_STREAMS',
  'ENROL_NONCE',
  'ENROL_SIZE',
  'ENROL_TIMEOUT',
].map((word) => `HUB_LIMIT_${word}`);

const deployment = 'test/support/deployment.ts';
const domains = 'test/e2e/domains.test.ts';
const mailed = 'test/e2e/mail-proofs.test.ts';
const updates = 'test/e2e/dynamic-updates.test.ts';
const origins = 'test/e2e/origins.test.ts';
const records = 'test/e2e/records.test.ts';

const elsewhere: readonly (readonly [string, Shown])[] = [
  [
    'HUB_PUBLIC_URL',
    shown('test/e2e/certificates-command.test.ts', 'loses nothing to a start with a mistyped name'),
  ],
  ['HUB_TENANT_DOMAIN', shown('hub/hub.test.ts', 'tells monitoring why it has no certificate yet')],
  ['HUB_DATA_DIR', shown('hub/hub.test.ts', 'refuses a second hub on the same data')],
  ['HUB_DATABASE_URL', shown(domains, 'is known to both of them, whichever was told')],
  [
    'HUB_SECRET_KEY',
    shown(
      'test/e2e/certificates-command.test.ts',
      'goes on without the former secret once what it sealed was sealed anew',
    ),
  ],
  ['HUB_HTTPS_LISTEN', shown('hub/hub.test.ts', 'names the port and %s when it is taken')],
  ['HUB_HTTP_LISTEN', shown('hub/hub.test.ts', 'leaves plain HTTP alone when it is off')],
  ['HUB_TUNNEL_LISTEN', shown('hub/hub.test.ts', 'names the port and %s when it is taken')],
  ['HUB_METRICS_LISTEN', shown('hub/hub.test.ts', 'tells monitoring what it counts and measures')],
  ['HUB_TLS', shown('hub/hub.test.ts', 'tells monitoring why it has no certificate yet')],
  ['HUB_TLS_CERT_FILE', shown('hub/hub.test.ts', 'refuses certificate files that are not there')],
  ['HUB_TLS_KEY_FILE', shown('hub/hub.test.ts', 'refuses certificate files that are not there')],
  [
    'HUB_TRUSTED_PROXIES',
    shown('test/e2e/admin-door.test.ts', 'is there for the networks that are named'),
  ],
  [
    'HUB_TRUSTED_PROXIES_ALLOW_WIDE',
    shown('hub/config.test.ts', 'HUB_TRUSTED_PROXIES are few: a wide network needs a word more'),
  ],
  ['HUB_TRUSTED_NETWORKS', shown('test/e2e/travel.test.ts', 'is not asked in a trusted network')],
  [
    'HUB_PROXY_PROTOCOL',
    shown(
      'test/e2e/haproxy.test.ts',
      'one visitor who holds all of his connections leaves the other his',
    ),
  ],
  [
    'HUB_ADMIN_LISTEN',
    shown('test/e2e/admin-door.test.ts', 'has a door of its own, and is nowhere else'),
  ],
  [
    'HUB_ADMIN_ALLOW_CIDRS',
    shown('test/e2e/admin-door.test.ts', 'is not there for whoever comes from elsewhere'),
  ],
  ['HUB_SECURITY_CONTACT', shown('test/e2e/api.test.ts', 'says whom to tell of a hole')],
  [
    'HUB_ABUSE_CONTACT',
    shown('test/e2e/suspension.test.ts', 'every name says whom to tell of abuse'),
  ],
  [
    'HUB_GEOIP_DB',
    shown('test/e2e/travel.test.ts', 'a sign-in from the other side of the world is counted'),
  ],
  [
    'HUB_BAN_ANSWER',
    shown('test/e2e/bans.test.ts', 'holds at every door from the moment it is said'),
  ],
  ['HUB_SMTP_HOST', shown(mailed, 'lets in the browser that asked, and no other')],
  ['HUB_SMTP_PORT', shown(mailed, 'lets in the browser that asked, and no other')],
  ['HUB_SMTP_USER', shown(mailed, 'lets in the browser that asked, and no other')],
  ['HUB_SMTP_PASSWORD', shown(mailed, 'lets in the browser that asked, and no other')],
  ['HUB_SMTP_FROM', shown(mailed, 'lets in the browser that asked, and no other')],
  ['HUB_EMAIL_CODES', shown(mailed, 'lets in the browser that asked, and no other')],
  ['HUB_LOCAL_LOGIN', shown('test/e2e/single-sign-on.test.ts', 'alone, it refuses passwords')],
  [
    'HUB_DRAIN_TIMEOUT',
    shown('test/chaos/stop.test.ts', 'a hub that is stopped lets what runs finish'),
  ],
  ['HUB_RECONNECT_GRACE', shown('test/chaos/takeover.test.ts', 'twice in a row fails no request')],
  [
    'HUB_RESUME_TIMEOUT',
    shown('test/e2e/resume.test.ts', 'a visitor waits no longer than HUB_RESUME_TIMEOUT'),
  ],
  [
    'HUB_DOMAIN_CHECK_INTERVAL',
    shown(domains, 'that leads elsewhere is still served for the grace'),
  ],
  ['HUB_DOMAIN_GRACE', shown(domains, 'that leads elsewhere is still served for the grace')],
  [
    'HUB_PING_INTERVAL',
    shown('test/conformance/malicious-agent.test.ts', 'that never reads is given up'),
  ],
  [
    'HUB_PING_DEADLINE',
    shown('test/conformance/malicious-agent.test.ts', 'that never reads is given up'),
  ],
  ['HUB_LIMIT_IDLE_BODY', shown('test/e2e/failures.test.ts', '$when: $status $code for a program')],
  [
    'HUB_LIMIT_MEMORY',
    shown('test/chaos/overload.test.ts', 'a hub short of memory refuses new requests'),
  ],
  [
    'HUB_ACME_AGREE_TERMS',
    shown(
      'hub/settings/acme.test.ts',
      'needs nothing but names that are public, and a yes to the terms',
    ),
  ],
  [
    'HUB_ACME_CHALLENGE',
    shown('test/e2e/domain-certificates.test.ts', 'plays its film with a certificate of its own'),
  ],
  [
    'HUB_DNS_PROVIDER',
    shown(
      'hub/composition/name-proofs.test.ts',
      'is proved at the doors without a provider, and in the DNS with one',
    ),
  ],
  ['HUB_DNS_RFC2136_SERVER', shown(updates, 'give a hub its certificates by settings alone')],
  ['HUB_DNS_RFC2136_KEY_NAME', shown(updates, 'give a hub its certificates by settings alone')],
  ['HUB_DNS_RFC2136_KEY', shown(updates, 'give a hub its certificates by settings alone')],
  ['HUB_DNS_RESOLVERS', shown(updates, 'give a hub its certificates by settings alone')],
  ['HUB_DNS_RESOLVERS_ONLY', shown(updates, 'give a hub its certificates by settings alone')],
  ['HUB_ACCESS_LOG', shown(records, 'is one line of the access log and one trace')],
  ['HUB_OTLP_URL', shown(records, 'is one line of the access log and one trace')],
  ['HUB_OTLP_HEADERS', shown(records, 'is one line of the access log and one trace')],
  ['HUB_BACKUP_DIR', shown('test/settings/upkeep.behaviour.test.ts', 'HUB_BACKUP_DIR')],
  ['HUB_BACKUP_SCHEDULE', shown('test/settings/upkeep.behaviour.test.ts', 'HUB_BACKUP_SCHEDULE')],
  [
    'HUB_USER',
    shown('test/e2e/unprivileged.test.ts', 'a hub that is started as root, with HUB_USER'),
  ],
  [
    'HUB_ADVISORY_FEED',
    shown('hub/doctor/advisory-feed.test.ts', 'with HUB_ADVISORY_FEED the doctor knows of holes'),
  ],
  [
    'HUB_ADVISORY_SIGNER',
    shown('hub/doctor/advisory-feed.test.ts', 'with HUB_ADVISORY_FEED the doctor knows of holes'),
  ],
  ['HUB_LOG_FILE', shown(records, 'a hub and an agent write their logs into files')],
  ['PHLIX_LOG_FILE', shown(records, 'a hub and an agent write their logs into files')],
  [
    'PHLIX_REPORT_FINDINGS',
    shown('test/settings/agent.behaviour.test.ts', 'PHLIX_REPORT_FINDINGS'),
  ],
  [
    'PHLIX_METRICS_LISTEN',
    shown('test/e2e/metrics.test.ts', 'counts it itself, with why its links failed'),
  ],
  ['PHLIX_HUB_URL', shown('test/e2e/links.test.ts', 'stand by default', deployment)],
  [
    'PHLIX_HUB_ENROLLMENT_TOKEN',
    shown('test/e2e/names.test.ts', 'a token that was used by another', deployment),
  ],
  [
    'PHLIX_SUBDOMAIN_AUTO_CLAIM',
    shown('test/e2e/names.test.ts', 'without auto-claim an agent waits'),
  ],
  [
    'PHLIX_TLS_ENABLED',
    shown('agent/identity.test.ts', 'PHLIX_TLS_ENABLED=0 takes the certificate'),
  ],
  [
    'PHLIX_HUB_CA_FILE',
    shown('test/e2e/names.test.ts', 'an authority that did not sign the hub’s certificate'),
  ],
  [
    'PHLIX_SERVER_NAME',
    shown('test/e2e/names.test.ts', 'a name with umlauts becomes a readable label'),
  ],
  [
    'PHLIX_DRAIN_TIMEOUT',
    shown('test/e2e/links.test.ts', 'takes over: what runs is finished by the former'),
  ],
  ['PHLIX_ORIGIN_URL', shown(origins, 'a film and its upload pass through a Unix socket')],
  ['PHLIX_ORIGIN_PIN', shown(origins, 'and is pinned')],
  ['PHLIX_ORIGIN_PROXY_PROTOCOL', shown(origins, 'an origin that reads the PROXY protocol')],
  ['HTTPS_PROXY', shown('test/e2e/links.test.ts', 'enrolment and links go through it')],
  ['NO_PROXY', shown('agent/dialling/proxy-settings.test.ts', 'NO_PROXY=%s leaves out this hub')],
];

/** Of each setting that README documents; a new one belongs here, with its test. */
export const behaviours: ReadonlyMap<string, Shown> = new Map([
  ...inTable('guessing', guessing),
  ...inTable('people', [
    ...people,
    'HUB_LIMIT_LOGINS_PER_ACCOUNT',
    'HUB_LIMIT_STEP_UP_TIME',
    'HUB_LIMIT_SETUP_TIME',
    'HUB_LIMIT_INVITATION_TIME',
    'HUB_LIMIT_ADMIN_FACTOR_GRACE',
    'HUB_STEP_UP',
    'HUB_TRAVEL',
    'HUB_TRAVEL_SPEED',
    'HUB_TRAVEL_DISTANCE',
    'HUB_TOTP_WINDOW',
    'HUB_TRUSTED_BROWSER_DAYS',
  ]),
  ...inTable('edge', edge),
  ...inTable('agents', agents),
  ...inTable('hub', [
    'HUB_LIMIT_NAMES_PER_OWNER',
    'HUB_LIMIT_NAME_CHANGES_PER_DAY',
    'HUB_LIMIT_DOMAINS_PER_OWNER',
    'HUB_AUDIT_EXCLUDE',
    'HUB_AUDIT_FILE_SIZE',
    'HUB_AUDIT_FILES',
    'HUB_AUDIT_RETENTION',
    'HUB_AUTH_LOG',
    'HUB_LOG_LEVEL',
    'HUB_TENANT_HSTS',
    'HUB_LIMIT_API_BODY',
    'HUB_LIMIT_API_TIMEOUT',
    'HUB_SMTP_URL',
    'HUB_HIBP',
    'HUB_HIBP_URL',
  ]),
  ...inTable('dns', [
    'HUB_DNS_CLOUDFLARE_TOKEN',
    'HUB_DNS_DIGITALOCEAN_TOKEN',
    'HUB_DNS_DESEC_TOKEN',
    'HUB_DNS_HETZNER_TOKEN',
    'HUB_DNS_HETZNER_API',
    'HUB_DNS_ROUTE53_ACCESS_KEY_ID',
    'HUB_DNS_ROUTE53_SECRET_ACCESS_KEY',
    'HUB_DNS_ROUTE53_SESSION_TOKEN',
    'HUB_DNS_ROUTE53_ZONE_ID',
    'HUB_DNS_HTTPREQ_URL',
    'HUB_DNS_HTTPREQ_USER',
    'HUB_DNS_HTTPREQ_PASSWORD',
    'HUB_DNS_HTTPREQ_RAW',
    'HUB_DNS_EXEC_PATH',
    'HUB_DNS_EXEC_RAW',
    'HUB_DNS_RFC2136_ZONE',
    'HUB_DNS_RFC2136_ALGORITHM',
    'HUB_DNS_RESPONDER_ZONES',
    'HUB_DNS_RESPONDER_ADDRESSES',
    'HUB_DNS_RESPONDER_LISTEN',
    'HUB_DNS_RESPONDER_NAME',
    'HUB_DNS_RESPONDER_CAA',
    'HUB_DNS_RESPONDER_TXT',
  ]),
  ...inTable('acme', [
    'HUB_ACME_DIRECTORY',
    'HUB_ACME_CA_FILE',
    'HUB_ACME_EMAIL',
    'HUB_ACME_EAB_KID',
    'HUB_ACME_EAB_HMAC_KEY',
    'HUB_ACME_PROFILE',
    'HUB_ACME_FALLBACK_DIRECTORY',
    'HUB_ACME_FALLBACK_EAB_KID',
    'HUB_ACME_FALLBACK_EAB_HMAC_KEY',
  ]),
  ...inTable('upkeep', [
    'HUB_LOG_FILE_SIZE',
    'HUB_LOG_FILES',
    'HUB_ACCESS_LOG_ADDRESSES',
    'HUB_TRACE_SAMPLE',
    'HUB_BACKUP_KEEP',
    'HUB_SNAPSHOT_KEEP',
    'HUB_BACKUP_RECIPIENT',
    'HUB_BACKUP_PASSPHRASE',
    'PHLIX_LOG_FILE_SIZE',
    'PHLIX_LOG_FILES',
  ]),
  ...inTable('agent', [
    'PHLIX_ORIGIN_CA_FILE',
    'PHLIX_LINKS',
    'PHLIX_STATE_DIR',
    'PHLIX_LOG_LEVEL',
  ]),
  ...elsewhere,
]);
