// Operations arrive with the services they need; each leaves as a route that judges its caller and its input before it runs.

import type { Context, Hono } from 'hono';

import { admit, requireStepUp, type StepUpDesk } from './admission.ts';
import { arrivalOf, type HubEnv } from '../doors/arrival.ts';
import { setCookieLine } from '../doors/cookies.ts';
import { inputOf, type InputLimits } from './input.ts';
import type { Operation } from './operation.ts';
import { Reply, type Stream } from './reply.ts';

export interface RouteOptions<Services> {
  readonly operations: readonly Operation<Services>[];
  readonly services: Services;
  readonly stepUp: StepUpDesk;
  readonly limits: InputLimits;
}

/** The caller first, so that a stranger learns nothing from faults of what he sent; then the input; the proof last, since one is spent by it. */
export function addRoutes<Services>(app: Hono<HubEnv>, options: RouteOptions<Services>): void {
  for (const operation of options.operations) {
    const path = operation.path.replaceAll(/\{(\w+)\}/g, ':$1');
    app.on(operation.method, path, async (context) => {
      const caller = context.get('caller');
      admit(caller, operation, context.get('isAdminDoorOpen'));
      const input = await inputOf(context, operation, options.limits);
      const proof = context.req.header('x-phlix-step-up');
      await requireStepUp(caller, operation, { input, proof, desk: options.stepUp });
      const said = await operation.run(caller as never, input as never, options.services);
      return answer(context, operation, said);
    });
  }
}

/** Goes on for as long as somebody listens, so no door may take it for a slow answer. */
export const eventStream = 'text/event-stream';

function answer(context: Context<HubEnv>, operation: Operation<never>, said: unknown): Response {
  const { body, extras } = said instanceof Reply ? said : { body: said, extras: {} };
  for (const cookie of extras.cookies ?? [])
    context.header('set-cookie', setCookieLine(cookie), { append: true });
  context.header('cache-control', 'no-store');
  if (operation.produces !== undefined)
    return streamed(context, operation.produces, body as Stream);
  if (operation.response === undefined) return context.body(null, 204);
  const judged = operation.response.safeParse(body);
  if (judged.success) return context.json(judged.data as object, operation.status ?? 200);
  const places = judged.error.issues.map(({ path }) => path.map(String).join('.'));
  throw new TypeError(`${operation.id} answered with a wrong ${places.join(', ')}`);
}

function streamed(context: Context<HubEnv>, type: string, { content, fileName }: Stream): Response {
  context.header('content-type', type);
  if (type === eventStream) arrivalOf(context.env.incoming).keepOpen();
  if (fileName !== undefined)
    context.header('content-disposition', `attachment; filename="${fileName}"`);
  return context.body(content, 200);
}
