// Nothing arrives; what the API answers to admins leaves, of a hub on an evening with visitors: settings, places for notices, providers, health.

import { readConfig } from '../../hub/config.ts';
import type { CannedAnswers } from './staged-dashboard.ts';

const dayMs = 24 * 60 * 60_000;

export const accountIdOf = (number: number): string =>
  `019a0000-0000-7000-8000-0000000000a${number}`;

export const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();

const machine = { bindsLowPorts: true, stateFolder: '/var/lib', memoryBytes: 2 ** 33 };
/** What a hub in a cellar has set; all the rest is there too, as it comes. */
const environment = {
  HUB_PUBLIC_URL: 'https://hub.example.org',
  HUB_TENANT_DOMAIN: 'films.example.net',
  HUB_TRUSTED_PROXIES: '10.0.0.2',
  HUB_GEOIP_DB: '/srv/maps/GeoLite2-City.mmdb',
  HUB_SMTP_HOST: 'mail.example.org',
  HUB_SMTP_FROM: 'Phlix Hub <hub@example.org>',
};
const settings = readConfig(environment, machine).shown.map(({ name, from, text, isSecret }) =>
  name === 'HUB_SECRET_KEY'
    ? { name, from: 'file', value: null, is_secret: true }
    : { name, from, value: text ?? null, is_secret: isSecret },
);

export const adminAnswers: CannedAnswers = {
  'settings.list': { items: settings },
  'hub-notices.list': {
    items: [
      {
        id: accountIdOf(9),
        kind: 'ntfy',
        label: 'ntfy.sh',
        kinds: [],
        allow: [],
        is_enabled: true,
        last_sent_at: ago(2 * dayMs),
        failed_at: null,
        failure: null,
      },
      {
        id: accountIdOf(5),
        kind: 'webhook',
        label: 'hooks.example.org',
        kinds: ['ban.added', 'certificate.trouble'],
        allow: ['192.168.1.7/32'],
        is_enabled: false,
        last_sent_at: null,
        failed_at: ago(dayMs),
        failure: 'the receiver answered 500',
      },
    ],
  },
  'sso.list': {
    items: [
      {
        id: 'home',
        name: 'Authentik',
        preset: 'authentik',
        issuer: 'https://auth.example.org/application/o/phlix/',
        client_id: 'phlix',
        has_secret: true,
        redirect_uri: 'https://hub.example.org/auth/oidc/home/callback',
        back_channel_logout_uri: 'https://hub.example.org/auth/oidc/home/back-channel-logout',
        scopes: ['openid', 'profile', 'email'],
        groups_claim: 'groups',
        role_map: { admin: ['admins'], owner: [], member: [] },
        mfa: { acr: [], amr: ['mfa'] },
        links_by_email: false,
        creates_accounts: true,
        allow_private: false,
        allow: [],
        is_enabled: true,
        created_at: ago(9 * dayMs),
        answered_at: ago(dayMs),
      },
    ],
  },
  'notices.list': { items: [] },
  'health.show': {
    state: 'failure',
    items: [
      { check: 'tls.certificate', state: 'ok', message: 'The certificate is good for 60 days.' },
      {
        check: 'reach.https',
        state: 'failure',
        message: 'hub.example.org:443 does not lead to this hub: 198.51.100.7 refuses connections.',
        remedy: 'Let the firewall, and a router in front, pass TCP port 443 to this machine.',
      },
      {
        check: 'clock.authority',
        state: 'unknown',
        message: 'The authority acme-v02.api.letsencrypt.org does not answer (ETIMEDOUT).',
        remedy: 'Let the firewall pass HTTPS outwards, and look again.',
      },
      {
        check: 'config.same-site',
        state: 'warning',
        message: 'Servers live below the same domain as the hub itself.',
        remedy: 'Set HUB_TENANT_DOMAIN to a domain of its own.',
      },
      {
        check: 'audit.chain',
        state: 'ok',
        message: 'The audit log is whole: 1,204 lines in 2 files.',
      },
    ],
    trips: [
      { at: ago(60_000), limit: 'login.locked', who: '203.0.113.7', times: 12 },
      { at: ago(dayMs), limit: 'HUB_LIMIT_STREAMS_PER_TUNNEL', who: '2001:db8:1:2::/64', times: 1 },
      { at: ago(dayMs), limit: 'api.busy', who: null, times: 3 },
    ],
  },
};
