// Who there is and what is known of them arrives; a real OpenID provider leaves, on a free port of loopback, at which whoever comes is signed in at once.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Provider, type Configuration } from 'oidc-provider';

interface ThereKnown {
  sub: string;
  claims?: Record<string, unknown>;
  amr?: string[];
}

export interface IdentityProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Whoever comes next. */
  person: ThereKnown;
  stop(): Promise<void>;
}

/** `hub`: `https://hub.localhost:8443`; the one place that it sends people back to. */
export async function startIdentityProvider(hub: string, id = 'home'): Promise<IdentityProvider> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const there: IdentityProvider = {
    issuer,
    clientId: 'phlix',
    clientSecret: 'a client secret of thirty-two bytes',
    person: { sub: 'robin-there' },
    stop: async () => close(server),
  };
  const provider = new Provider(issuer, configurationOf(there, `${hub}/auth/oidc/${id}`));
  const answer = provider.callback();
  server.on('request', (request, response) => {
    const path = new URL(request.url ?? '', issuer).pathname;
    if (!path.startsWith('/interaction/')) return void answer(request, response);
    return void consent(provider, there).then(
      async (result) =>
        provider.interactionFinished(request, response, await result(request, response)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  return there;
}

/** The part of a browser's way that is the provider's: the path at the hub to which it is sent back. */
export async function visitProvider(hub: string, address: string): Promise<string> {
  const cookies = new Map<string, string>();
  for (let url = address; ;) {
    const headers = { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') };
    const response = await fetch(url, { redirect: 'manual', headers });
    for (const line of response.headers.getSetCookie()) {
      const [name = '', value = ''] = line.split(';')[0]?.split('=') ?? [];
      cookies.set(name, value);
    }
    const next = response.headers.get('location');
    if (next === null) throw new Error(`${url}: ${response.status} ${await response.text()}`);
    url = new URL(next, url).href;
    if (url.startsWith(hub)) return url.slice(hub.length);
  }
}

type Interaction = Parameters<Provider['interactionDetails']>;

/** What a person would press: "it is me", and "the hub may know". */
async function consent(provider: Provider, { person }: IdentityProvider) {
  return async (...[request, response]: Interaction) => {
    const details = await provider.interactionDetails(request, response);
    const grant = new provider.Grant({
      accountId: person.sub,
      clientId: String(details.params['client_id']),
    });
    grant.addOIDCScope(String(details.params['scope']));
    return {
      login: { accountId: person.sub, ...(person.amr && { amr: person.amr }) },
      consent: { grantId: await grant.save() },
    };
  };
}

function configurationOf(there: IdentityProvider, base: string): Configuration {
  return {
    clients: [
      {
        client_id: there.clientId,
        client_secret: there.clientSecret,
        redirect_uris: [`${base}/callback`],
        post_logout_redirect_uris: [new URL('/', base).href],
        response_types: ['code'],
        grant_types: ['authorization_code'],
        require_auth_time: true,
      },
    ],
    pkce: { required: () => true },
    scopes: ['openid', 'profile', 'email', 'groups'],
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['preferred_username', 'groups'],
      auth_time: null,
      amr: null,
      sid: null,
    },
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
    findAccount: async (_context, sub) => ({
      accountId: sub,
      claims: async () => ({ sub, ...there.person.claims }),
    }),
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    cookies: { keys: ['a key of this test'] },
  };
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
