// HTTPS_PROXY and NO_PROXY arrive, as every program of this machine reads them; the proxy between this agent and its hub leaves, if there is one.

import { Buffer } from 'node:buffer';
import { isIP } from 'node:net';

import { CidrSet, parseAddress, parseNetwork } from '../../shared/net-address.ts';
import { Secret } from '../../shared/settings/secret.ts';
import { SettingsError, type Environment } from '../../shared/settings/settings.ts';
import { isLoopbackName } from './resolve.ts';

export interface Proxy {
  readonly hostname: string;
  readonly port: number;
  /** TLS as far as the proxy, so that its password crosses no network in the clear. */
  readonly isSecure: boolean;
  /** For logs and sentences: without the password. */
  readonly url: string;
  /** Value of Proxy-Authorization (RFC 7617). */
  readonly authorization: Secret | undefined;
}

/** The lower-case name wins, as in curl. @throws SettingsError */
export function readProxy(
  environment: Environment,
  hub: { readonly hostname: string; readonly port: number },
): Proxy | undefined {
  // A proxy elsewhere would look for `hub.localhost` on its own machine.
  if (isLoopbackName(hub.hostname)) return undefined;
  const name = environment['https_proxy'] ? 'https_proxy' : 'HTTPS_PROXY';
  const given = environment[name]?.trim() ?? '';
  if (given === '') return undefined;
  const exceptions = environment['no_proxy'] || environment['NO_PROXY'] || '';
  if (isExcepted(exceptions, hub)) return undefined;
  const proxy = parseProxy(given);
  if (proxy !== undefined) return proxy;
  throw new SettingsError([
    {
      name,
      expected: 'expected http:// or https:// with the host and the port of a proxy',
      remedy: `write http://user:password@proxy.example:3128, or add ${hub.hostname} to NO_PROXY`,
    },
  ]);
}

function parseProxy(given: string): Proxy | undefined {
  // `proxy:3128` is what curl takes for http://.
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(given) ? given : `http://${given}`);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return undefined;
  if (url.hostname === '' || url.search !== '' || url.hash !== '') return undefined;
  const isSecure = url.protocol === 'https:';
  // curl's default would be 1080, of SOCKS; an HTTP proxy without a port is on its scheme's.
  const port = url.port === '' ? (isSecure ? 443 : 80) : Number(url.port);
  return {
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port,
    isSecure,
    url: url.origin,
    authorization: url.username === '' ? undefined : basicAuthorization(url),
  };
}

function basicAuthorization({ username, password }: URL): Secret | undefined {
  try {
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return new Secret(`Basic ${Buffer.from(credentials, 'utf8').toString('base64')}`);
  } catch {
    // A password with a bare % is meant as it stands.
    return new Secret(`Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`);
  }
}

/** Entries with commas between: a name and everything below it, an address, a network, each with a port if need be; `*` is all. */
function isExcepted(
  exceptions: string,
  hub: { readonly hostname: string; readonly port: number },
): boolean {
  const entries = exceptions.toLowerCase().split(/[\s,]+/);
  return entries.filter((entry) => entry !== '').some((entry) => excepts(entry, hub));
}

function excepts(
  entry: string,
  hub: { readonly hostname: string; readonly port: number },
): boolean {
  if (entry === '*') return true;
  const [, name = entry, port] = /^(\[[^\]]+\]|[^:]+):(\d+)$/.exec(entry) ?? [];
  if (port !== undefined && Number(port) !== hub.port) return false;
  const bare = name.replace(/^\[|\]$/g, '');
  if (isIP(hub.hostname) !== 0) return holdsAddress(bare, hub.hostname);
  const domain = bare.replace(/^\*?\./, '').replace(/\.$/, '');
  return hub.hostname === domain || hub.hostname.endsWith(`.${domain}`);
}

function holdsAddress(network: string, hostname: string): boolean {
  const address = parseAddress(hostname);
  if (address === undefined) return false;
  try {
    return new CidrSet([parseNetwork(network)]).has(address);
  } catch {
    // A name, or a network that others read in their own way.
    return false;
  }
}
