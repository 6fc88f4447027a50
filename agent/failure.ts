// Whatever ended an attempt leaves as one of these codes, with one sentence for the owner and its remedy. supervise.ts decides by the code.

import { CodedError } from '../shared/errors.ts';
import { SettingsError } from '../shared/settings/settings.ts';
import { CredentialError } from './credentials.ts';

export type AgentFailureCode =
  // The way to the hub.
  | 'hub.unresolved'
  | 'hub.unreachable'
  | 'hub.timeout'
  | 'hub.certificate'
  | 'hub.pin-mismatch'
  | 'hub.unexpected'
  | 'tunnel.unbound'
  | 'proxy.unreachable'
  | 'proxy.unauthorised'
  | 'proxy.refused'
  // The token. Those that start with `enrol.` are the hub's own words.
  | 'token.missing'
  | 'token.malformed'
  | 'enrol.token-invalid'
  | 'enrol.token-used'
  | 'enrol.token-expired'
  | 'enrol.wrong-network'
  | 'enrol.proof'
  | 'enrol.no-name'
  | 'enrol.rate-limited'
  // The link.
  | 'link.lost'
  | 'link.silent'
  | 'link.draining'
  | 'link.replaced'
  | 'link.revoked'
  | 'link.suspended'
  | 'link.unauthorised'
  | 'link.version'
  | 'link.overloaded'
  | 'link.protocol'
  // Changing the key, in the hub's own words.
  | 'rotate.refused'
  // This machine.
  | 'agent.key-rotated'
  | 'agent.misconfigured'
  | 'agent.internal';

export class AgentFailure extends CodedError<AgentFailureCode> {
  /** The hub's Retry-After: wait at least this long. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: AgentFailureCode,
    message: string,
    options: ErrorOptions & { retryAfterMs?: number | undefined } = {},
  ) {
    super(code, message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** A failure nobody foresaw is a bug of ours, told as one; it never ends the supervisor. */
export function asFailure(error: unknown): AgentFailure {
  if (error instanceof AgentFailure) return error;
  if (error instanceof CredentialError || error instanceof SettingsError) {
    return new AgentFailure('agent.misconfigured', error.message, { cause: error });
  }
  return new AgentFailure(
    'agent.internal',
    'the agent failed in a way it should not: please report this line',
    { cause: error },
  );
}
