// Requests for the hub's own name arrive, from the edge and from the gateway; JSON, problems and pages leave.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { TLSSocket } from 'node:tls';

import { getRequestListener } from '@hono/node-server';
import { Hono, type Context } from 'hono';

import type { StepUpDesk } from './operation/admission.ts';
import { arrivalOf, noteArrival, type Arrival, type HubEnv } from './doors/arrival.ts';
import { apiDocument } from './document.ts';
import { checkupApi, type CheckupApiOptions } from './agents/checkup-api.ts';
import { enrolmentApi, type EnrolmentApiOptions } from './agents/enrolment-api.ts';
import { rotationApi, type RotationApiOptions } from './agents/rotation-api.ts';
import { forwardAuth, type ForwardAuthOptions } from './areas/forward-auth.ts';
import { securityHeaders } from './doors/headers.ts';
import { lineApi, type LineApiOptions } from './agents/line-api.ts';
import { landingPage, landingPolicy, notFoundPage } from './landing-page.ts';
import { defaultApiLimits } from './limits.ts';
import { oauthApi } from './areas/oauth.ts';
import { oidcRoutes } from './areas/oidc.ts';
import { operations, type ApiServices } from './operations.ts';
import { paced } from './doors/pace.ts';
import { methodsAt } from './doors/methods.ts';
import { isAdminPath, peopleDoor, type PeopleDoor } from './doors/people.ts';
import { problem, problemFor } from './problem/problem.ts';
import { addRoutes, eventStream } from './operation/routes.ts';
import { probes, type Probed } from './doors/probes.ts';
import { wellKnown } from './doors/well-known.ts';

/** What people are served. Without it there is what agents need, as on the door that is theirs. */
export interface PeopleOptions extends Omit<PeopleDoor, 'channels'> {
  readonly services: ApiServices;
  readonly stepUp: StepUpDesk;
  readonly forwardAuth: Omit<ForwardAuthOptions, 'origin'>;
  /** Whom to tell of a hole; undefined: nobody has said. */
  readonly securityContact: string | undefined;
  /** Adds the dashboard. `caller` and the other variables are set for it as for operations. */
  readonly servePages?: (app: Hono<HubEnv>) => void;
}

export interface ApiOptions
  extends EnrolmentApiOptions, RotationApiOptions, LineApiOptions, CheckupApiOptions {
  /** Host of HUB_PUBLIC_URL. */
  readonly hubHost: string;
  readonly tenantDomain: string;
  /** Adds `/healthz` and `/readyz`. */
  readonly readiness?: Probed;
  /** Told of each answer that is a problem, and who got it. */
  readonly onProblem?: (code: string, who: string | undefined) => void;
  readonly people?: PeopleOptions;
}

export type RequestListener = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
  arrival?: Arrival,
) => void;

export function createApi(options: ApiOptions): RequestListener {
  const app = new Hono<HubEnv>();
  app.use(async (context, next) => {
    await next();
    const code = context.get('problemCode');
    if (code !== undefined) options.onProblem?.(code, whoAsks(context, options));
  });
  // Before every guard: what asks here is a machine that may have no name, no cookie and little time.
  if (options.readiness !== undefined) app.route('/', probes(options.readiness));
  // First, since whoever matches ends here: agents are no browsers, and have rules of their own.
  app.route('/api/v1', enrolmentApi(options));
  app.route('/api/v1', rotationApi(options));
  app.route('/api/v1', lineApi(options));
  app.route('/api/v1', checkupApi(options));
  if (options.people !== undefined) servePeople(app, options.people, options);
  if (options.people?.servePages === undefined) serveLanding(app, options);
  serveFailures(app, options);
  // Node's own Request and Response stay as they are for the rest of the process.
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const headers = securityHeaders(options);
  return (request, response, arrival) => {
    // Here, so that no answer lacks them: what cannot even be read is answered before Hono sees it.
    for (const [name, value] of headers) response.setHeader(name, value);
    noteArrival(request, arrival);
    void listener(request, response);
  };
}

function whoAsks(context: Context<HubEnv>, { peerOf }: ApiOptions): string | undefined {
  const { incoming } = context.env;
  const { address, peer } = arrivalOf(incoming);
  const { socket } = incoming;
  return address ?? peer ?? (socket instanceof TLSSocket ? peerOf?.(socket)?.address : undefined);
}

function servePeople(
  app: Hono<HubEnv>,
  people: PeopleOptions,
  { limits = defaultApiLimits, hubHost }: ApiOptions,
): void {
  const channels = operations.filter(({ produces }) => produces === eventStream);
  const paths = new Set(channels.map(({ path }) => `/api/v1${path}`));
  // Before the door: whoever looks for them is no caller.
  app.route('/', wellKnown(people));
  app.use(peopleDoor({ ...people, channels: paths }));
  const api = new Hono<HubEnv>();
  api.use('/auth/passkey/options', paced(questions));
  addRoutes(api, { operations, limits: limits, ...people });
  const document = apiDocument();
  api.get('/openapi.json', (context) => context.json(document));
  app.route('/api/v1', api);
  app.route('/api/v1', forwardAuth({ ...people.forwardAuth, origin: people.origin }));
  app.route('/oauth', oauthApi({ devices: people.services.devices, origin: people.origin }));
  app.route('/auth/oidc', oidcRoutes({ ...people.services, hubHost }));
  people.servePages?.(app);
}

/**
 * Of passkeys, asked by whoever opens the page to sign in, within a minute: each is two rows that live ten minutes. An office
 * begins its day with a hundred.
 */
const questions = { limit: 120, windowMs: 60_000 };

function serveLanding(app: Hono<HubEnv>, { hubHost }: ApiOptions): void {
  app.get('/', (context) => {
    context.header('content-security-policy', landingPolicy);
    return context.html(landingPage(hubHost));
  });
}

/** At a door that is not the admins', or from elsewhere than they may come, nothing of theirs is there (E-13). */
function isHidden(context: Context<HubEnv>): boolean {
  // Unset where a guard ended the request before it was known.
  return isAdminPath(context.req.path) && !context.get('isAdminDoorOpen');
}

function serveFailures(app: Hono<HubEnv>, { hubHost, log }: ApiOptions): void {
  app.notFound((context) => {
    const { path, method } = context.req;
    const allowed = isHidden(context) ? [] : methodsAt(app, path);
    if (allowed.length > 0 && !allowed.includes(method)) {
      const methods = allowed.join(', ');
      context.header('allow', methods);
      return problem(context, 'api.method', `Nothing here takes ${method}: it is ${methods}.`);
    }
    const isPerson = context.req.header('accept')?.includes('text/html') === true;
    if (!isPerson || path.startsWith('/api/'))
      return problem(
        context,
        'api.not-found',
        'There is nothing at this address: check its spelling.',
      );
    context.header('content-security-policy', landingPolicy);
    return context.html(notFoundPage(hubHost), 404);
  });
  app.onError((error, context) => {
    const known = problemFor(context, error);
    if (known !== undefined) return known;
    log.error({ err: error, path: context.req.routePath }, 'request failed');
    return problem(context, 'api.internal', 'The hub failed; its log says why. Try again later.');
  });
}
