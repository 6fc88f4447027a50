// A request's fields arrive; whether a page of the hub's own may have sent them leaves, or the refusal (security row A-20). Pure.

import { ApiError } from '../problem/api-error.ts';

interface Fields {
  header(name: string): string | undefined;
}

/** RFC 9110 §9.2.1; whatever else there is may change something. */
const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * A tenant is a sibling of the hub's name and may be same-site with it, so SameSite protects nobody here: browsers would send
 * the login along with what a tenant's page posts, of any content type. `opensChannel`: a WebSocket or an event stream, which
 * are GET and yet show what only their owner may see.
 * @throws ApiError api.same-site
 */
export function requireOwnPage(
  method: string,
  fields: Fields,
  { origin, opensChannel = false }: { origin: string; opensChannel?: boolean },
): void {
  if (safeMethods.has(method) && !opensChannel) return;
  const site = fields.header('sec-fetch-site');
  if (site === 'same-origin') return;
  const sender = fields.header('origin');
  if (site === undefined && sender === origin) return;
  // No browser: it carries no cookie, or it would tell where the request comes from.
  const isProgram =
    site === undefined && sender === undefined && fields.header('cookie') === undefined;
  if (isProgram) return;
  throw new ApiError(
    'api.same-site',
    `Another site than ${origin} sent this: open the hub itself, and try again there.`,
  );
}

/** Of personal and of device tokens, and of the parameter that OAuth once had for them (RFC 6750 §2.3). */
const tokenInAddress =
  /phx_pat_|[?&](?:access_token|api_key|token)=ph[xd]_|[?&]access_token=|[=&?]phd_/i;

/** Addresses are kept by histories, logs and proxies. @throws ApiError api.token-in-address */
export function requireNoToken(url: string): void {
  const query = url.indexOf('?');
  if (query < 0 || !tokenInAddress.test(decoded(url.slice(query)))) return;
  throw new ApiError(
    'api.token-in-address',
    'Send the token as Authorization: Bearer. This one has been in an address, where logs keep it: revoke it.',
  );
}

function decoded(query: string): string {
  return query.replaceAll(/%([0-7][0-9a-f])/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
