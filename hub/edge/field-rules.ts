// The name of a request field arrives as the visitor spelled it; what the edge does with that field leaves.

/** `hop`: belongs to the visitor's connection. `drop`: would let a visitor speak in the hub's name. `invalid`: not a field name. */
type FieldUse =
  | 'keep'
  | 'drop'
  | 'hop'
  | 'invalid'
  | 'accept'
  | 'connection'
  | 'content-length'
  | 'cookie'
  | 'expect'
  | 'forwarded-for'
  | 'forwarded-proto'
  | 'host'
  | 'te'
  | 'transfer-encoding'
  | 'upgrade';

export interface FieldRule {
  /** Lower case. */
  readonly name: string;
  readonly use: FieldUse;
}

/** Fields that the edge reads itself. Those of framing and routing are written anew towards the origin. */
const readHere: ReadonlySet<string> = new Set<FieldUse>([
  'accept',
  'connection',
  'content-length',
  'cookie',
  'expect',
  'host',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** RFC 9110 §7.6.1. `trailer` goes with the trailers of requests, which are dropped (CVE-2026-88004 of Traefik). */
const hopByHop: ReadonlySet<string> = new Set(['keep-alive', 'trailer', 'http2-settings']);

/**
 * What origins believe when it comes from a proxy (security.md §1.6): who the client is, which host and path it
 * asked for, and who it is logged in as. Compared with folded names.
 */
const deleted: ReadonlySet<string> = new Set([
  'auth-user',
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  'client-ip',
  'fastly-client-ip',
  'fly-client-ip',
  'forwarded',
  'forwarded-for',
  'true-client-ip',
  'wl-proxy-client-ip',
  'x-azure-clientip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-forwarded',
  'x-host',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-originating-ip',
  'x-real-ip',
  'x-request-id',
]);
const deletedPrefixes = [
  'cf-access-',
  'proxy',
  'remote-',
  'ssl-client-',
  'tailscale-user-',
  'x-auth-',
  'x-authenticated-',
  'x-authentik-',
  'x-client-cert',
  'x-envoy-',
  'x-forwarded-',
  'x-original-',
  'x-phlix-',
  'x-proxy',
  'x-remote-',
  'x-rewrite-',
  'x-ssl-',
  'x-webauth-',
];

const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** Rules by spelling. Visitors choose the spellings, so the memory is bounded: when full it starts again. */
const remembered = new Map<string, FieldRule>();
const rememberedNames = 512;
const rememberedNameLength = 64;

export function fieldRule(written: string): FieldRule {
  const known = remembered.get(written);
  if (known !== undefined) return known;
  const name = written.toLowerCase();
  const rule: FieldRule = { name, use: useOf(name) };
  if (written.length <= rememberedNameLength) {
    if (remembered.size >= rememberedNames) remembered.clear();
    remembered.set(written, rule);
  }
  return rule;
}

function useOf(name: string): FieldUse {
  if (readHere.has(name)) return name as FieldUse;
  if (name === 'x-forwarded-for') return 'forwarded-for';
  if (name === 'x-forwarded-proto') return 'forwarded-proto';
  if (hopByHop.has(name)) return 'hop';
  if (!tokenPattern.test(name)) return 'invalid';
  // CGI-like servers read `_`, and some `.`, as `-`: X_Forwarded_For would arrive beside ours (GHSA-vjrc-mh2v-45x6).
  if (name.includes('_') || name.includes('.')) return 'drop';
  const folded = foldedName(name);
  if (deleted.has(folded) || deletedPrefixes.some((prefix) => folded.startsWith(prefix)))
    return 'drop';
  return folded === name || !readHere.has(folded) ? 'keep' : 'drop';
}

/** The name as a careless server may read it (lighttpd folds every sign for CGI): runs of signs are one `-`, none at the ends. */
function foldedName(name: string): string {
  return name.replaceAll(/[^0-9a-z]+/g, '-').replaceAll(/^-|-$/g, '');
}
