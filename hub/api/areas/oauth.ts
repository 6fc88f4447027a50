// Devices without a browser ask to be let in and poll for their token; answers leave in the words of OAuth, which their libraries know (RFC 8628, RFC 6749 §5).

import { Hono, type Context } from 'hono';

import { addressBucket } from '../../../shared/net-address.ts';
import { AccountError } from '../../accounts/account-error.ts';
import type { DeviceGrant, Poll } from '../../accounts/tokens/device-grant.ts';
import { deviceScopes } from '../../accounts/tokens/scope.ts';
import { FailureBudget } from '../../tunnels/failure-budget.ts';
import { arrivalOf, type HubEnv } from '../doors/arrival.ts';
import { bytesOf } from '../operation/input.ts';

export interface OAuthOptions {
  readonly devices: DeviceGrant;
  /** `https://hub.example.org`. */
  readonly origin: () => string;
}

/** Of one address in a minute, whatever comes of it: ten devices that poll every five seconds make 120. */
const pace = { limit: 300, windowMs: 60_000 };

/** The longest honest form is 300 bytes. */
const formLimits = { bytes: 4096, timeoutMs: 10_000 };

const deviceGrantType = 'urn:ietf:params:oauth:grant-type:device_code';

/** RFC 6749 §A.1 allows all visible letters; a name on a page has no need for more than these. */
const clientIdPattern = /^[\x21-\x7E]{1,64}$/;

export function oauthApi(options: OAuthOptions): Hono<HubEnv> {
  const app = new Hono<HubEnv>();
  const budget = new FailureBudget(pace);
  app.post('/device_authorization', async (context) =>
    answered(context, begin, { ...options, budget }),
  );
  app.post('/token', async (context) => answered(context, poll, { ...options, budget }));
  return app;
}

type Said = {
  readonly status: 200 | 400 | 415 | 429;
  readonly body: object;
  readonly waitMs?: number;
};
type Work = (
  form: URLSearchParams,
  address: string | undefined,
  options: OAuthOptions,
) => Promise<Said>;

async function answered(
  context: Context<HubEnv>,
  work: Work,
  { budget, ...options }: OAuthOptions & { budget: FailureBudget },
): Promise<Response> {
  const { address, peer } = arrivalOf(context.env.incoming);
  const said = await paced(budget, address ?? peer, async () => {
    const form = await formOf(context.req.raw);
    return form instanceof URLSearchParams ? work(form, address, options) : form;
  });
  if (said.waitMs !== undefined)
    context.header('retry-after', String(Math.ceil(said.waitMs / 1000)));
  // RFC 6749 §5.1.
  context.header('cache-control', 'no-store');
  return context.json(said.body, said.status);
}

/** Each request costs the database something, and nobody has signed in: a household polls once a second at most. */
async function paced(
  budget: FailureBudget,
  asker: string | undefined,
  work: () => Promise<Said>,
): Promise<Said> {
  const bucket = asker === undefined ? 'unknown' : addressBucket(asker);
  const waitMs = budget.waitMs(bucket);
  if (waitMs > 0)
    return { ...refused('slow_down', 'Too many requests: wait.'), status: 429, waitMs };
  budget.note(bucket);
  return work();
}

async function begin(
  form: URLSearchParams,
  address: string | undefined,
  { devices, origin }: OAuthOptions,
): Promise<Said> {
  const app = form.get('client_id') ?? '';
  if (!clientIdPattern.test(app)) return badClient;
  const scope = form.get('scope') ?? '';
  const isMore = scope.split(' ').some((word) => word !== '' && !isDeviceScope(word));
  if (isMore) return refused('invalid_scope', `A device may have: ${deviceScopes.join(' ')}.`);
  try {
    const opening = await devices.begin({
      app,
      deviceName: form.get('device_name') ?? app,
      address,
    });
    if (opening.kind === 'full') return noRoom(opening);
    const page = `${origin()}/device`;
    return {
      status: 200,
      body: {
        device_code: opening.deviceCode,
        user_code: opening.userCode,
        verification_uri: page,
        verification_uri_complete: `${page}?code=${opening.userCode}`,
        expires_in: opening.lifeMs / 1000,
        interval: opening.intervalMs / 1000,
      },
    };
  } catch (error) {
    if (!(error instanceof AccountError)) throw error;
    return refused('invalid_request', `device_name: ${error.message}.`);
  }
}

async function poll(
  form: URLSearchParams,
  _address: string | undefined,
  { devices }: OAuthOptions,
): Promise<Said> {
  if (form.get('grant_type') !== deviceGrantType)
    return refused('unsupported_grant_type', `The one grant here is ${deviceGrantType}.`);
  const app = form.get('client_id') ?? '';
  if (!clientIdPattern.test(app)) return badClient;
  const deviceCode = form.get('device_code') ?? '';
  if (deviceCode === '') return refused('invalid_request', 'device_code is missing.');
  const answer = await devices.poll(deviceCode, app);
  if (answer.kind !== 'token') return refusals[answer.kind];
  return {
    status: 200,
    body: {
      access_token: answer.text,
      token_type: 'Bearer',
      expires_in: answer.lifeMs / 1000,
      scope: deviceScopes.join(' '),
    },
  };
}

function refused(error: string, sentence: string): Said {
  return { status: 400, body: { error, error_description: sentence } };
}

const badClient = refused('invalid_request', 'client_id must have 1 to 64 visible letters.');

/** RFC 8628 §3.5. */
const refusals: Readonly<Record<Exclude<Poll['kind'], 'token'>, Said>> = {
  pending: refused(
    'authorization_pending',
    'Nobody has decided yet: ask again after the interval.',
  ),
  'slow-down': refused('slow_down', 'Too soon: wait five seconds longer between two requests.'),
  denied: refused('access_denied', 'The request was denied.'),
  expired: refused('expired_token', 'The code has expired: begin again.'),
  invalid: refused('invalid_grant', 'No device of this client waits with this code: begin again.'),
};

function noRoom({ who, retryAfterMs }: { who: 'address' | 'hub'; retryAfterMs: number }): Said {
  const where = who === 'address' ? 'at this address' : 'at this hub';
  const sentence = `Too many devices wait ${where} already: approve or leave those, and try again.`;
  return { ...refused('temporarily_unavailable', sentence), status: 429, waitMs: retryAfterMs };
}

function isDeviceScope(word: string): boolean {
  return (deviceScopes as readonly string[]).includes(word);
}

/** RFC 6749 §3.2: no parameter twice. */
async function formOf(request: Request): Promise<URLSearchParams | Said> {
  const type = request.headers.get('content-type') ?? '';
  if (!/^application\/x-www-form-urlencoded(?:\s*;|\s*$)/i.test(type)) {
    const sentence = 'Send the parameters as application/x-www-form-urlencoded.';
    return { ...refused('invalid_request', sentence), status: 415 };
  }
  const bytes = await bytesOf(request, formLimits.bytes, formLimits.timeoutMs);
  const form = new URLSearchParams(bytes.toString('utf8'));
  const names = [...form.keys()];
  return new Set(names).size === names.length
    ? form
    : refused('invalid_request', 'A parameter stands there twice.');
}
