// The text of a Host field, :authority or server name arrives; a strict lower-case hostname (and port) leaves, or undefined.

export interface Authority {
  /** Lower case, no port, no trailing dot. */
  readonly hostname: string;
  /** `hostname` or `hostname:port`. */
  readonly text: string;
}

// LDH labels of RFC 1123 §2.1. The port takes no leading zero, so that one authority has one spelling.
const authorityPattern =
  /^([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*)\.?(:[1-9][0-9]{0,4})?$/;

/** 253 octets of name (RFC 1035 §2.3.4 without the wire's length bytes), a dot, a colon and five digits. */
const maxAuthorityLength = 260;

/** Userinfo, commas, brackets, underscores and empty labels are refused, not repaired. */
export function parseAuthority(written: string): Authority | undefined {
  if (written.length > maxAuthorityLength) return undefined;
  const match = authorityPattern.exec(written.toLowerCase());
  const hostname = match?.[1];
  if (hostname === undefined || hostname.length > 253) return undefined;
  const port = match?.[2] ?? '';
  if (port.length === 6 && Number(port.slice(1)) > 65_535) return undefined;
  return { hostname, text: hostname + port };
}

/** A hostname alone, as in a server name indication. */
export function parseHostname(written: string): string | undefined {
  const authority = parseAuthority(written);
  return authority?.hostname === authority?.text ? authority?.hostname : undefined;
}
