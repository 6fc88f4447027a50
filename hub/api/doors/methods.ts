// A path arrives; the methods leave by which there is something at it, for Allow (RFC 9110 §10.2.1).

import type { Hono } from 'hono';

import type { HubEnv } from './arrival.ts';

/** HEAD is asked of whatever GET is; OPTIONS is answered nowhere, since no other site's page may ask anything here. */
const known = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Of what stands before every path, and of the page for whatever is not there. */
const everyPath = '/*';

/** Empty: there is nothing at this path, whatever is asked. */
export function methodsAt({ router }: Pick<Hono<HubEnv>, 'router'>, path: string): string[] {
  const answered = known.filter((method) =>
    router
      .match(method, path)[0]
      .some(([[, route]]) => route.method === method && route.path !== everyPath),
  );
  return answered.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
}
