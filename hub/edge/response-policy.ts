// The field lines of an origin's response arrive; they leave without what reaches beyond the origin's own host (security row A-20). Pure.

import type { FieldLines, VisitorRequest } from './visitor.ts';

/** What was taken out or cut back, for the count. */
export type Curbed =
  | 'alternative-service'
  | 'clear-site-data'
  | 'cookie-domain'
  | 'cookie-name'
  | 'key-pins'
  | 'network-reports'
  | 'service-worker-scope'
  | 'transport-security';

type Asked = Pick<VisitorRequest, 'hostname' | 'authority' | 'target'>;

/**
 * A tenant's host is a sibling of other tenants', and maybe of the hub: browsers would let it plant cookies on all of them, log
 * people out there, or send them elsewhere. Heads of every kind pass through here, and trailers. The very same array leaves
 * when nothing had to change.
 */
export function tenantFields(
  fields: FieldLines,
  asked: Asked,
  onCurbed?: (what: Curbed) => void,
): FieldLines {
  let kept: string[] | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    const rule = rules.get(name);
    if (rule === undefined) {
      kept?.push(name, value);
      continue;
    }
    const allowed = rule.allowed(value, asked);
    if (allowed !== value) {
      kept ??= fields.slice(0, i);
      onCurbed?.(rule.what(value));
    }
    if (allowed !== undefined) kept?.push(name, allowed);
  }
  return kept ?? fields;
}

/**
 * What every server is better off with (security row A-19), unless it says something of its own: its visitors come by TLS only,
 * and what it calls a film is no script. Never a policy for its pages, which would break televisions' shells.
 */
export function usualTenantFields(options: { transportSecurity: boolean }): FieldLines {
  const transport = ['strict-transport-security', 'max-age=31536000'];
  return [...(options.transportSecurity ? transport : []), 'x-content-type-options', 'nosniff'];
}

/** RFC 6797 §7.2: nothing of it over plain HTTP, where anybody could have written it. */
export function usualOver(scheme: 'https' | 'http', usual: FieldLines = []): FieldLines {
  if (scheme === 'https') return usual;
  return usual.filter((_, at) => usual[at - (at % 2)] !== 'strict-transport-security');
}

/** Of the usual lines, those whose name stands nowhere in the response. */
export function missingFrom(fields: FieldLines, usual: FieldLines = []): FieldLines {
  const missing: string[] = [];
  for (let i = 0; i < usual.length; i += 2) {
    const name = usual[i] as string;
    if (!hasName(fields, name)) missing.push(name, usual[i + 1] as string);
  }
  return missing;
}

function hasName(fields: FieldLines, name: string): boolean {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return true;
  return false;
}

interface Rule {
  /** undefined: the line goes. */
  allowed(value: string, asked: Asked): string | undefined;
  what(value: string): Curbed;
}

const rules: ReadonlyMap<string, Rule> = new Map([
  // Another host or port for this name, believed for a day and longer: the tenant may be gone by then.
  ['alt-svc', never('alternative-service')],
  // "cookies" empties the jar of the whole registrable domain, the hub's login included.
  ['clear-site-data', never('clear-site-data')],
  ['nel', never('network-reports')],
  ['public-key-pins', never('key-pins')],
  ['public-key-pins-report-only', never('key-pins')],
  ['report-to', never('network-reports')],
  [
    'service-worker-allowed',
    { allowed: serviceWorkerScope, what: () => 'service-worker-scope' as const },
  ],
  [
    'set-cookie',
    {
      allowed: hostOnlyCookie,
      what: (value) => (isHubCookie(value) ? ('cookie-name' as const) : ('cookie-domain' as const)),
    },
  ],
  [
    'strict-transport-security',
    { allowed: ownTransportSecurity, what: () => 'transport-security' as const },
  ],
]);

function never(what: Curbed): Rule {
  return { allowed: () => undefined, what: () => what };
}

/** The hub's own cookies on tenant hosts are its own. Also in a cookie without a name, which is sent back as its bare value. */
function isHubCookie(value: string): boolean {
  return /^[\s=]*__host-phlix/i.test(value);
}

/** Without every Domain attribute that names this host or what is above it, or that could be read so. */
function hostOnlyCookie(value: string, { hostname }: Asked): string | undefined {
  if (isHubCookie(value)) return undefined;
  const [pair = '', ...attributes] = value.split(';');
  const kept = attributes.filter((attribute) => !isWideDomain(attribute, hostname));
  return kept.length === attributes.length ? value : [pair, ...kept].join(';');
}

/** RFC 1035 §2.3.4: 253 characters, and a dot at either end. Looking for dots at the end of 64 KiB of them took seconds. */
const maxDomainLength = 255;

function isWideDomain(attribute: string, hostname: string): boolean {
  const equals = attribute.indexOf('=');
  const name = equals < 0 ? attribute : attribute.slice(0, equals);
  if (name.trim().toLowerCase() !== 'domain') return false;
  const written = attribute.slice(name.length + 1).trim();
  // No name is that long; and what is done to it below is worth the time for a name only.
  if (written.length > maxDomainLength) return true;
  const domain = written.toLowerCase().replaceAll(/^\.+|\.+$/g, '');
  // Browsers decode escapes and wide dots in it: what is not plain may be anybody's name.
  if (!/^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/.test(domain)) return true;
  return hostname === domain || hostname.endsWith(`.${domain}`);
}

/** For this host only: there are no hosts below it, and a list of preloads is not the tenant's to enter. */
function ownTransportSecurity(value: string): string | undefined {
  const directives = value.split(';');
  const kept = directives.filter((directive) => {
    const [name = ''] = directive.split('=', 1);
    return !['includesubdomains', 'preload'].includes(name.trim().toLowerCase());
  });
  if (kept.length === directives.length) return value;
  return kept.join(';').trim() || undefined;
}

/** A wider scope than its own folder is never all of the host. A script at the root has that by itself: a new owner's first answers clear it away. */
function serviceWorkerScope(value: string, { authority, target }: Asked): string | undefined {
  const script = URL.parse(`https://${authority}${target}`);
  if (script === null) return undefined;
  const scope = URL.parse(value, script.href);
  return scope?.origin === script.origin && scope.pathname !== '/' ? value : undefined;
}
