// The names of settings arrive; what people look for them under leaves.

/** In the page's order. The first that fits has it, so that `HUB_TRUSTED_PROXIES` is no matter of people. */
const beginnings: readonly (readonly [title: string, names: readonly string[]])[] = [
  [
    'Names and doors',
    ['PUBLIC_', 'TENANT_', 'HTTP', 'TUNNEL_', 'ADMIN_', 'PROXY_', 'TRUSTED_PROXIES', 'BAN_'],
  ],
  ['Certificates', ['TLS', 'ACME_']],
  ['DNS and domains', ['DNS_', 'DOMAIN_']],
  [
    'People and sign-in',
    ['LOCAL_', 'STEP_UP', 'TOTP_', 'TRUSTED_', 'HIBP', 'GEOIP_', 'TRAVEL', 'EMAIL_'],
  ],
  ['Mail and contacts', ['SMTP_', 'ABUSE_', 'SECURITY_']],
  ['Lines and films', ['PING_', 'DRAIN_', 'RECONNECT_', 'RESUME_']],
  [
    'Limits of sign-in',
    ['LIMIT_LOGIN', 'LIMIT_ADMIN_', 'LIMIT_INVITATION_', 'LIMIT_SETUP_', 'LIMIT_STEP_UP_'],
  ],
  ['Limits of visitors and agents', ['LIMIT_']],
  [
    'Logs and monitoring',
    ['LOG_', 'ACCESS_', 'AUDIT_', 'AUTH_', 'METRICS_', 'OTLP_', 'TRACE_', 'ADVISORY_'],
  ],
  ['Storage and backup', ['DATA', 'SECRET_', 'USER', 'BACKUP_', 'SNAPSHOT_']],
];

export interface SettingSection<Setting> {
  readonly title: string;
  readonly items: readonly Setting[];
}

/** Without those that are empty. What fits nowhere stands last. */
export function sectionsOf<Setting extends { readonly name: string }>(
  items: readonly Setting[],
): SettingSection<Setting>[] {
  const titles = [...beginnings.map(([title]) => title), otherTitle];
  return titles.flatMap((title) => {
    const own = items.filter(({ name }) => titleOf(name) === title);
    return own.length === 0 ? [] : [{ title, items: own }];
  });
}

export const otherTitle = 'Others';

function titleOf(name: string): string {
  const word = name.replace(/^HUB_/, '');
  const found = beginnings.find(([, starts]) => starts.some((start) => word.startsWith(start)));
  return found?.[0] ?? otherTitle;
}
