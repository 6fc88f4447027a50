// Nothing arrives; what the API answers to admins leaves, of a hub on an evening with visitors: settings, places for notices, providers, health.

import type { CannedAnswers } from './staged-dashboard.ts';

const dayMs = 24 * 60 * 60_000;

export const accountIdOf = (number: number): string =>
  `019a0000-0000-7000-8000-0000000000a${number}`;

export const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();

export const adminAnswers: CannedAnswers = {
  'settings.list': {
    items: [
      {
        name: 'HUB_PUBLIC_URL',
        from: 'environment',
        value: 'https://hub.example.org',
        is_secret: false,
      },
      { name: 'HUB_SECRET_KEY', from: 'file', value: null, is_secret: true },
      { name: 'HUB_TRUSTED_PROXIES', from: 'default', value: null, is_secret: false },
      { name: 'HUB_LOG_LEVEL', from: 'default', value: 'info', is_secret: false },
    ],
  },
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
