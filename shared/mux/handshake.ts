// A fresh pipe arrives; a pipe whose ends know each other and agree on a version leaves, with nothing lost behind the last message.

import type { Buffer } from 'node:buffer';
import { CodedError, ProtocolError } from '../errors.ts';
import { frameType, goawayCode, goawayReason, type GoawayReason } from '../wire/codes.ts';
import {
  commonVersion,
  decodeChallenge,
  decodeHello,
  decodeWelcome,
  encodeChallenge,
  encodeHello,
  encodeWelcome,
  protocolVersions,
  type Challenge,
  type Hello,
  type OriginProtocol,
  type VersionRange,
  type Welcome,
} from '../wire/hello.ts';
import { initialStreamWindowBytes } from '../wire/limits.ts';
import { decodeGoaway, encodeGoaway } from './goaway.ts';
import type { FramePipe } from './frame-pipe.ts';

export type HandshakeErrorCode =
  | 'handshake.refused'
  | 'handshake.timeout'
  | 'handshake.closed'
  | 'handshake.version';

/** `reason` is the peer's word and comes with `handshake.refused`. */
export class HandshakeError extends CodedError<HandshakeErrorCode> {
  readonly reason: GoawayReason | undefined;

  constructor(
    code: HandshakeErrorCode,
    message: string,
    reason?: GoawayReason,
    options?: ErrorOptions,
  ) {
    super(code, message, options);
    this.reason = reason;
  }
}

export interface AcceptOptions {
  /** What this program speaks, if left out. */
  readonly versions?: VersionRange;
  /** 32 random bytes of this connection alone. */
  readonly nonce: Buffer;
  /** For the whole handshake, milliseconds. */
  readonly deadlineMs: number;
  /** Decides who may come in. What it throws ends the link and rejects the handshake. */
  readonly authorise: (
    hello: Hello,
  ) => Promise<{ welcome: Welcome } | { refuse: GoawayReason; message: string }>;
}

/** The hub's side. @throws HandshakeError | ProtocolError (the link is closed by then) */
export async function acceptHandshake(
  pipe: FramePipe,
  options: AcceptOptions,
): Promise<{ hello: Hello; welcome: Welcome }> {
  return withDeadline(pipe, options.deadlineMs, async (messages) => {
    const { min, max } = options.versions ?? protocolVersions;
    const challenge = { minVersion: min, maxVersion: max, nonce: options.nonce };
    pipe.queue(frameType.challenge, 0, 0, encodeChallenge(challenge));
    pipe.flush();
    const hello = required(decodeHello(await messages.next(frameType.hello)), 'hello');
    if (hello.version < min || hello.version > max) {
      return refuse(pipe, 'version-unsupported', `this hub speaks ${spoken({ min, max })}`);
    }
    const verdict = await options.authorise(hello);
    messages.check();
    if ('refuse' in verdict) return refuse(pipe, verdict.refuse, verdict.message);
    pipe.queue(frameType.welcome, 0, 0, encodeWelcome(verdict.welcome));
    pipe.flush();
    return { hello, welcome: verdict.welcome };
  });
}

export interface DialOptions {
  /** What this program speaks, if left out. */
  readonly versions?: VersionRange;
  readonly deadlineMs: number;
  readonly prove: (challenge: { nonce: Buffer; version: number }) => {
    agentId: string;
    signature: Buffer;
  };
  /** See Hello. */
  readonly epoch: bigint;
  readonly software: string;
  readonly slot?: number;
  readonly originProtocol?: OriginProtocol;
  readonly wantsClientAddress?: boolean;
}

/** The agent's side. @throws HandshakeError | ProtocolError (the link is closed by then) */
export async function dialHandshake(
  pipe: FramePipe,
  options: DialOptions,
): Promise<{ welcome: Welcome; version: number }> {
  return withDeadline(pipe, options.deadlineMs, async (messages) => {
    const challenge = required(
      decodeChallenge(await messages.next(frameType.challenge)),
      'challenge',
    );
    const own = options.versions ?? protocolVersions;
    const version = commonVersion(challenge, own);
    if (version === undefined) throw noCommonVersion(challenge, own);
    const { agentId, signature } = options.prove({ nonce: challenge.nonce, version });
    const hello: Hello = {
      version,
      agentId,
      signature,
      epoch: options.epoch,
      initialWindowBytes: initialStreamWindowBytes,
      software: options.software,
      slot: options.slot ?? 0,
      originProtocol: options.originProtocol ?? 'http/1.1',
      ...(options.wantsClientAddress === true && { wantsClientAddress: true }),
    };
    pipe.queue(frameType.hello, 0, 0, encodeHello(hello));
    pipe.flush();
    const welcome = required(decodeWelcome(await messages.next(frameType.welcome)), 'welcome');
    return { welcome, version };
  });
}

/** Whoever is behind has to follow: only he can mend it. */
function noCommonVersion(hub: Challenge, own: VersionRange): HandshakeError {
  const remedy = hub.minVersion > own.max ? 'update this agent' : 'have the hub updated';
  return new HandshakeError(
    'handshake.version',
    `the hub speaks ${spoken({ min: hub.minVersion, max: hub.maxVersion })} of the tunnel's protocol, ` +
      `this agent ${spoken(own)}: ${remedy}`,
  );
}

function spoken({ min, max }: VersionRange): string {
  return min === max ? `version ${min}` : `versions ${min} to ${max}`;
}

/** The frames of the handshake, one at a time and in order; anything else is a violation. */
class Messages {
  readonly #pipe: FramePipe;
  #failure: Error | undefined;
  #fail: (error: Error) => void = () => {};

  constructor(pipe: FramePipe) {
    this.#pipe = pipe;
    pipe.onViolation = (error) => this.abort(error);
    pipe.onClosed = (error) =>
      this.abort(
        new HandshakeError('handshake.closed', 'the connection closed', undefined, {
          cause: error,
        }),
      );
    if (pipe.isClosed) pipe.onClosed(undefined);
  }

  /** The payload of the next frame, which must have this type. */
  next(type: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#fail = reject;
      this.#pipe.sink = {
        onControl: (header, payload) => {
          // What follows in the same chunk belongs to whoever comes next.
          this.#pipe.hold();
          if (header.type === type) resolve(payload);
          else if (header.type === frameType.goaway) reject(refusal(payload));
          else throw unexpected(header.type);
        },
        onData: () => {
          throw unexpected(frameType.data);
        },
      };
    });
  }

  /** @throws what ended the link meanwhile */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  abort(error: Error): void {
    this.#failure ??= error;
    this.#fail(error);
  }
}

async function withDeadline<Result>(
  pipe: FramePipe,
  deadlineMs: number,
  run: (messages: Messages) => Promise<Result>,
): Promise<Result> {
  const messages = new Messages(pipe);
  const timer = setTimeout(() => {
    messages.abort(
      new HandshakeError('handshake.timeout', `no answer to the handshake within ${deadlineMs} ms`),
    );
    pipe.destroy();
  }, deadlineMs);
  try {
    return await run(messages);
  } catch (error) {
    if (error instanceof ProtocolError) {
      pipe.queue(frameType.goaway, 0, 0, encodeGoaway(goawayCode['protocol-error'], error.code));
    }
    pipe.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function refuse(pipe: FramePipe, reason: GoawayReason, message: string): never {
  pipe.queue(frameType.goaway, 0, 0, encodeGoaway(goawayCode[reason], message));
  throw new HandshakeError('handshake.refused', message, reason);
}

function refusal(payload: Buffer): HandshakeError {
  const { code, message } = decodeGoaway(payload);
  return new HandshakeError('handshake.refused', message, goawayReason(code));
}

function unexpected(type: number): ProtocolError {
  return new ProtocolError('protocol.handshake', `frame type ${type} during the handshake`);
}

function required<Message>(message: Message | undefined, name: string): Message {
  if (message === undefined) throw new ProtocolError('protocol.malformed', `malformed ${name}`);
  return message;
}
