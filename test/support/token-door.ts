// A world of tokens arrives; the API's part for tokens and devices leaves, behind the door that guards people's requests, on a port of loopback.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';

import type { LoginCaller } from '../../hub/accounts/caller.ts';
import { noteArrival, type HubEnv } from '../../hub/api/doors/arrival.ts';
import { oauthApi } from '../../hub/api/areas/oauth.ts';
import type { Operation } from '../../hub/api/operation/operation.ts';
import { peopleDoor } from '../../hub/api/doors/people.ts';
import { problemFor } from '../../hub/api/problem/problem.ts';
import { addRoutes } from '../../hub/api/operation/routes.ts';
import { tokenOperations, type TokenServices } from '../../hub/api/areas/tokens.ts';
import type { TokenWorld } from './token-world.ts';

export const origin = 'https://hub.example.test';

export interface TokenDoor {
  readonly url: string;
  /** Where requests come from. */
  address: string | undefined;
  /** What a cookie of this value stands for. */
  readonly logins: Map<string, LoginCaller>;
  /** As where HUB_STEP_UP is all-config. */
  readonly provenActions: string[];
  close(): Promise<void>;
}

/** `more` stands beside the area's own operations. */
export async function openTokenDoor(
  world: TokenWorld,
  more: readonly Operation<TokenServices>[] = [],
): Promise<TokenDoor> {
  const logins = new Map<string, LoginCaller>();
  const provenActions: string[] = [];
  const services = { tokens: world.tokens, devices: world.devices };
  const app = new Hono<HubEnv>();
  app.onError((error, context) => {
    const known = problemFor(context, error);
    if (known === undefined) throw error;
    return known;
  });
  app.use(
    peopleDoor({
      origin: () => origin,
      logins: { find: async (secret) => logins.get(secret) },
      tokens: world.tokens,
      browsers: { isSomebodys: async () => false },
      bans: { covering: () => undefined },
      admins: { networks: undefined, isHere: true },
      channels: new Set(),
    }),
  );
  const api = new Hono<HubEnv>();
  addRoutes(api, {
    operations: [...tokenOperations, ...more],
    services,
    stepUp: {
      require: async (_login, { action, level }) => {
        if (level !== 'small') provenActions.push(action);
      },
    },
    limits: { bodyBytes: 65_536, bodyTimeoutMs: 10_000 },
  });
  app.route('/api/v1', api);
  app.route('/oauth', oauthApi({ devices: world.devices, origin: () => origin }));
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const server = createServer((request, response) => {
    noteArrival(request, { address: door.address, peer: '127.0.0.1', keepOpen: () => undefined });
    void listener(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const door: TokenDoor = {
    url: `http://127.0.0.1:${port}`,
    address: '192.0.2.7',
    logins,
    provenActions,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return door;
}
