// Nothing arrives; a hub leaves as it might be on an evening with visitors: what its API answers, for pages that are looked at.

import type { Role } from '../../hub/accounts/account.ts';
import type { LoginCaller } from '../../hub/accounts/caller.ts';
import { accountIdOf, adminAnswers, ago } from './admin-scenes.ts';
import type { CannedAnswers } from './staged-dashboard.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

export const serverIdOf = (number: number): string =>
  `019a0000-0000-7000-8000-00000000000${number}`;

const ahead = (ms: number): string => new Date(Date.now() + ms).toISOString();

export function somebody(role: Role = 'admin'): LoginCaller {
  const at = new Date();
  const account = {
    id: accountIdOf(1),
    ownerId: 'operator',
    username: 'robin',
    key: 'robin',
    email: 'robin@example.org',
    emailVerifiedAt: at,
    role,
    state: 'active' as const,
    createdAt: at,
    lastLoginAt: at,
    passwordBreached: false,
    networks: [],
  };
  const login = {
    id: accountIdOf(2),
    accountId: account.id,
    secretHash: Buffer.alloc(32),
    methods: ['passkey' as const],
    restriction: undefined,
    createdAt: at,
    seenAt: at,
    endsAt: new Date(at.getTime() + dayMs),
    address: '203.0.113.7',
    software: 'Firefox on Linux',
    liftedUntil: undefined,
  };
  return { kind: 'login', account, login, address: '203.0.113.7', requestId: 'a' };
}

export function server(number: number, change: object = {}): { id: string } {
  const usual = {
    name: 'Movies',
    label: 'movies',
    addresses: ['https://movies.phlix.example'],
    is_connected: true,
    connected_since: ago(3 * dayMs),
    last_seen_at: ago(0),
    created_at: ago(90 * dayMs),
    access: 'owner',
    suspended_at: null,
    suspension_reason: null,
    switches: {
      http2: true,
      min_tls: '1.2',
      certificate: 'ecdsa',
      authority: 'first',
      product: 'jellyfin',
      lifted: [],
    },
  };
  return { ...usual, ...change, id: serverIdOf(number) };
}

const servers = [
  server(1),
  server(2, {
    name: 'Grandmother’s summer house',
    label: 'summer-house',
    addresses: ['https://summer-house.phlix.example'],
    is_connected: false,
    connected_since: null,
    last_seen_at: ago(40 * minuteMs),
  }),
  server(3, {
    name: 'Attic',
    label: null,
    addresses: [],
    is_connected: false,
    connected_since: null,
    last_seen_at: null,
  }),
  server(4, {
    name: 'Series',
    label: 'series',
    addresses: ['https://series.phlix.example'],
    access: 'member',
  }),
];

const stream = (change: object): object => ({
  id: 'a',
  since: ago(12 * minuteMs),
  address: '198.51.100.23',
  app: 'Jellyfin Web',
  kind: 'video',
  path: 'playback',
  bytes_up: 4000,
  bytes_down: 1.4e9,
  bits_per_second: 18.3e6,
  limited_by: 'viewer',
  ...change,
});

export const live = {
  agent: 'phlix-agent/0.1.0',
  is_connected: true,
  link: {
    links: 2,
    rtt_ms: 18.4,
    queue_ms: 3.1,
    bits_per_second_up: 120_000,
    bits_per_second_down: 31.7e6,
  },
  streams: [
    stream({}),
    stream({
      id: 'b',
      address: '2001:db8:40::17',
      app: 'Infuse',
      bits_per_second: 12.9e6,
      limited_by: 'line',
    }),
    stream({
      id: 'c',
      address: null,
      app: 'Firefox',
      kind: 'page',
      bits_per_second: 0,
      bytes_down: 830_000,
      limited_by: null,
    }),
  ],
};

export const samples = {
  items: Array.from({ length: 360 }, (_, at) => ({
    at: ago((360 - at) * 10_000),
    rtt_ms: 18 + 3 * Math.sin(at / 9) + (at % 37 === 0 ? 22 : 0),
    queue_ms: 3 + 2 * Math.cos(at / 14),
    bits_per_second_up: 90_000 + 40_000 * Math.sin(at / 5),
    bits_per_second_down: at < 90 ? 0 : 24e6 + 9e6 * Math.sin(at / 17),
  })),
};

const traffic = {
  items: Array.from({ length: 30 }, (_, at) => ({
    at: `${ago((29 - at) * dayMs).slice(0, 10)}T00:00:00.000Z`,
    bytes_up: 4e6 * (at % 5),
    bytes_down: at % 7 === 2 ? 0 : 6e9 + 5e9 * Math.sin(at),
    requests: {
      '1xx': 12,
      '2xx': 18_000,
      '3xx': 900,
      '4xx': 140,
      '5xx': at === 20 ? 35 : 0,
      none: 60,
    },
  })),
};

const certificate = {
  id: serverIdOf(9),
  names: ['*.phlix.example'],
  key: 'ecdsa',
  server_id: null,
  not_before: ago(30 * dayMs),
  not_after: ahead(60 * dayMs),
  renews_at: ahead(30 * dayMs),
  last_error: null,
};

const domain = (change: object): object => ({
  id: serverIdOf(7),
  hostname: 'films.example.org',
  state: 'waiting',
  why: 'No TXT record was found at _phlix.films.example.org.',
  proof_record: {
    type: 'TXT',
    name: '_phlix.films.example.org',
    value: 'phlix-domain=3hJc0m8ZQ2xV4a9LrT7yKw',
  },
  alias_record: { type: 'CNAME', name: 'films.example.org', value: 'movies.phlix.example' },
  ...change,
});

const event = (kind: string, detail: object, ms: number): object => ({
  id: serverIdOf(5),
  at: ago(ms),
  kind,
  detail,
});

const user = (number: number, change: object): object => ({
  id: accountIdOf(number),
  username: 'robin',
  email: 'robin@example.org',
  is_email_verified: true,
  role: 'admin',
  state: 'active',
  created_at: ago(200 * dayMs),
  last_login_at: ago(minuteMs),
  is_password_breached: false,
  networks: [],
  ...change,
});

const entry = (seq: number, change: object): object => ({
  ts: ago(seq * 7 * minuteMs),
  seq,
  event: 'login.ok',
  actor: { id: accountIdOf(1), name: 'robin' },
  actor_ip: '203.0.113.7',
  target: null,
  server: null,
  result: 'ok',
  method: 'passkey',
  reason: null,
  ...change,
});

const finding = (check: string, state: string, message: string, remedy?: string): object => ({
  check,
  state,
  message,
  ...(remedy !== undefined && { remedy }),
  looked_at: ago(check.startsWith('line.') ? 9 * 60 * minuteMs : 2 * minuteMs),
});

export const findings = {
  state: 'failure',
  looked_at: ago(2 * minuteMs),
  line_measured_at: ago(9 * 60 * minuteMs),
  items: [
    finding('agent.running', 'ok', 'Connected since 2026-11-19T20:14:03.000Z.'),
    finding('reach.tunnel', 'ok', "The tunnel's own door is open: port 8802."),
    finding('clock.offset', 'ok', "This machine's clock is within 1 s of the hub's."),
    finding(
      'origin.forwarded',
      'failure',
      'It ignores the forwarded address: every visitor looks as if he sat at 172.18.0.2.',
      'In Jellyfin: Dashboard, Networking, Known proxies: add 172.18.0.2, save and restart Jellyfin.',
    ),
    finding(
      'software.versions',
      'warning',
      'Node 24.3.0 has holes that are known.',
      'Update the agent.',
    ),
    finding('line.speed', 'ok', 'The hub is 18 ms away; this home sends 38 Mbit/s to it.'),
    finding('line.bitrate', 'ok', '4K at 25 Mbit/s fits; 4K from the disc at 80 Mbit/s does not.'),
  ],
};

const openToken = (change: object): object => ({
  id: 'abcdefgh',
  access: 'owner',
  label: 'attic',
  server_id: serverIdOf(1),
  cidr: '2001:db8:1234:5678::/64',
  created_at: ago(60 * minuteMs),
  expires_at: ahead(6 * dayMs),
  ...change,
});

export const answers: CannedAnswers = {
  'servers.list': { items: servers, next_cursor: null },
  'servers.show': { ...servers[0], deny_list: [] },
  'usage.live': live,
  'usage.traffic': traffic,
  'usage.events': {
    items: [
      event('connected', { software: 'phlix-agent/0.1.0', address: '203.0.113.80' }, 3 * dayMs),
      event('disconnected', { reason: 'the line was silent' }, 3 * dayMs + 4 * minuteMs),
      event('agent-updated', { from: 'phlix-agent/0.0.9', to: 'phlix-agent/0.1.0' }, 9 * dayMs),
      event('certificate-renewed', { names: '*.phlix.example' }, 30 * dayMs),
    ],
    next_cursor: null,
  },
  'usage.limits': {
    bytes_per_month: 2e12,
    megabits_per_second: null,
    streams: null,
    bytes_this_month: 213e9,
  },
  'usage.account-limits': {
    bytes_per_month: null,
    megabits_per_second: null,
    streams: null,
    bytes_this_month: 840e9,
  },
  'alerts.show': { offline_minutes: 10 },
  'findings.show': findings,
  'certificates.of-server': { items: [certificate] },
  'certificates.list': { items: [certificate] },
  'domains.list': {
    items: [
      domain({}),
      domain({
        id: serverIdOf(8),
        hostname: 'tv.example.net',
        state: 'active',
        why: 'It leads here.',
      }),
    ],
  },
  'members.list': {
    items: [{ account_id: accountIdOf(3), username: 'kim', since: ago(20 * dayMs) }],
  },
  'invitations.of-server': {
    items: [
      { id: accountIdOf(8), email: 'lee@example.org', expires_at: ahead(5 * dayMs) },
      { id: accountIdOf(9), email: null, expires_at: ahead(6 * dayMs) },
    ],
    next_cursor: null,
  },
  'enrolment-tokens.list': {
    items: [openToken({}), openToken({ id: 'ijklmnop', label: null, access: 'admin' })],
    next_cursor: null,
  },
  'users.list': {
    items: [
      user(3, { username: 'kim', role: 'owner', email: null, last_login_at: null }),
      user(1, {}),
      user(4, { username: 'sascha.with-a-rather-long-name', role: 'member', state: 'suspended' }),
    ],
    next_cursor: null,
  },
  'users.show': user(3, { username: 'kim', role: 'owner', networks: ['192.0.2.0/24'] }),
  'invitations.list': {
    items: [
      {
        id: accountIdOf(6),
        role: 'member',
        email: 'ada@example.org',
        created_at: ago(dayMs),
        expires_at: ahead(6 * dayMs),
      },
    ],
    next_cursor: null,
  },
  'bans.list': {
    items: [
      {
        id: accountIdOf(7),
        network: '198.51.100.0/24',
        origin: 'operator',
        reason: 'scans for open servers',
        by: 'robin',
        created_at: ago(dayMs),
        until: null,
      },
      {
        id: accountIdOf(8),
        network: '2001:db8:bad::/64',
        origin: 'guard',
        reason: 'too many failed sign-ins',
        by: 'the hub',
        created_at: ago(5 * minuteMs),
        until: ahead(10 * minuteMs),
      },
    ],
  },
  'login-blocks.list': {
    items: [{ kind: 'address', what: '192.0.2.77', failures: 11, until: ahead(9 * minuteMs) }],
    next_cursor: null,
  },
  'audit.list': {
    items: [
      entry(9, {}),
      entry(8, {
        event: 'login.failed',
        actor: null,
        actor_ip: '2001:db8:bad::1',
        target: 'admin',
        result: 'failed',
        method: 'password',
        reason: 'wrong',
      }),
      entry(7, {
        event: 'server.renamed',
        target: 'movies',
        method: 'login',
        reason: 'films to movies',
      }),
      entry(6, { event: 'token.denied', actor_ip: null, result: 'denied', method: null }),
    ],
    next_cursor: 'more',
  },
  ...adminAnswers,
};
