// Whatever a library throws about a provider arrives; one of three codes leaves, with a sentence for the person who waits.

import { AuthorizationResponseError } from 'openid-client';

import { AccountError } from '../account-error.ts';
import type { Provider } from './provider.ts';

/** @throws AccountError sso.denied | sso.failed | sso.unavailable */
export async function orRefused<Result>(
  { name }: Provider,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const cause = { cause: error };
    if (error instanceof AccountError) throw error;
    if (error instanceof AuthorizationResponseError)
      throw new AccountError(
        'sso.denied',
        `${name} did not sign you in (${wordOf(error.error)}): try again, or ask whoever runs it`,
        cause,
      );
    if (isAbsence(error))
      throw new AccountError(
        'sso.unavailable',
        `${name} does not answer: try again in a minute, or sign in another way`,
        cause,
      );
    throw new AccountError(
      'sso.failed',
      `what ${name} answered does not hold, so nobody was signed in: begin again; if it stays so, the hub's log says why`,
      cause,
    );
  }
}

/** Of OAuth's own errors only their word: the description is whatever somebody wrote into an address. */
function wordOf(error: string): string {
  return /^[a-z_]{1,40}$/.test(error) ? error : 'an error';
}

const absences = new Set([
  'outbound.timeout',
  'outbound.failed',
  'outbound.refused',
  'outbound.redirect',
  'outbound.too-large',
  'outbound.address',
]);

function isAbsence(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code } = at as NodeJS.ErrnoException;
    if (code !== undefined && absences.has(code)) return true;
    if (code === 'OAUTH_RESPONSE_IS_NOT_CONFORM' && isServerFault(at)) return true;
    if (code === 'ERR_JWKS_TIMEOUT') return true;
  }
  return false;
}

function isServerFault(error: Error): boolean {
  const { cause } = error;
  return cause instanceof Response && cause.status >= 500;
}
