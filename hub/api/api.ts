// Requests for the hub's own name arrive, from the edge and from the gateway; JSON, problems and one page leave.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';

import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';

import type { HubBindings } from './channel.ts';
import { enrolmentApi, type EnrolmentApiOptions } from './enrolment-api.ts';
import { landingPage, landingPolicy, notFoundPage } from './landing-page.ts';
import { problem } from './problem.ts';

export type ApiOptions = EnrolmentApiOptions;

export type RequestListener = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
) => void;

export function createApi(options: ApiOptions): RequestListener {
  const app = new Hono<HubBindings>();
  app.use(async (context, next) => {
    await next();
    context.header('x-content-type-options', 'nosniff');
    context.header('referrer-policy', 'no-referrer');
  });
  app.get('/', (context) => {
    context.header('content-security-policy', landingPolicy);
    return context.html(landingPage(options.hubHost));
  });
  app.route('/api/v1', enrolmentApi(options));
  app.notFound((context) => {
    const { path } = context.req;
    const isPerson = context.req.header('accept')?.includes('text/html') === true;
    if (!isPerson || path.startsWith('/api/'))
      return problem(
        context,
        'api.not-found',
        'There is nothing at this address: check its spelling.',
      );
    context.header('content-security-policy', landingPolicy);
    return context.html(notFoundPage(options.hubHost), 404);
  });
  app.onError((error, context) => {
    options.log.error({ err: error, path: context.req.routePath }, 'request failed');
    return problem(context, 'api.internal', 'The hub failed; its log says why. Try again later.');
  });
  // Node's own Request and Response stay as they are for the rest of the process.
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  return (request, response) => void listener(request, response);
}
