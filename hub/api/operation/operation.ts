// One route of the API arrives as a declaration: who may call it, with what, for what, and how; it leaves for the router, the OpenAPI document and the tests.

import type { z } from '@hono/zod-openapi';

import type { Caller } from '../../accounts/caller.ts';
import type { Scope } from '../../accounts/tokens/scope.ts';
import type { CookieName } from '../doors/cookies.ts';
import type { Reply, Stream } from './reply.ts';

type LoginCaller = Extract<Caller, { kind: 'login' }>;
type SignedIn = Exclude<Caller, { kind: 'nobody' }>;

/**
 * Who may call it at all; what of it he may then see or do is the operation's own question. `owner`: accounts that may have
 * servers. `admin`: from the networks and by the door for admins only; everybody else is told that there is nothing (E-13).
 */
export type Auth = 'nobody' | 'login' | 'owner' | 'admin';

/** `destructive`: each call wants a proof of its own, bound to this operation and its target (security row A-11). */
type StepUpClass = 'none' | 'config' | 'destructive';

/** `none`: no token can do it, whatever it holds. */
export type OperationScope = Scope | 'none';

/** What `run` knows of its caller: an operation that is closed to tokens always has a login in front of it. */
type CallerOf<A extends Auth, S extends OperationScope> = A extends 'nobody'
  ? Caller
  : S extends 'none'
    ? LoginCaller
    : SignedIn;

/** Facts of the request that no schema describes. */
export interface Surroundings {
  /** Of the hub's own cookies; each stood there once. */
  readonly cookies: ReadonlyMap<CookieName, string>;
  readonly userAgent: string | undefined;
  /** What only admins may see is there for this request: its door and its address are right. */
  readonly isAdminDoorOpen: boolean;
  /** Aborts when whoever asked has gone. */
  readonly signal: AbortSignal;
}

export interface Input<P, Q, B> extends Surroundings {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
}

interface Declared {
  /** `servers.rename`: area and verb, stable. It is the operationId, and what a step-up's proof is bound to. */
  readonly id: `${string}.${string}`;
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** Below /api/v1, as OpenAPI writes it: `/servers/{id}`. */
  readonly path: `/${string}`;
  /** One line, for the document's contents. */
  readonly summary: string;
  readonly description?: string;
  /** How much JSON it takes; left out, 64 KiB. */
  readonly bodyBytes?: number;
  /** Of an answer with a body; left out, 200. */
  readonly status?: 200 | 201 | 202;
  /** The type of what it streams; `run` then returns a Stream, of text unless `response` says more of it. */
  readonly produces?: string;
  /** A login that may do nothing but enrol a factor or set a password may do this too. */
  readonly isOpenWhileEnrolling?: boolean;
}

interface OperationParts<
  A extends Auth,
  S extends OperationScope,
  P extends z.ZodObject,
  Q extends z.ZodObject,
  B extends z.ZodType,
  R extends z.ZodType,
  Services,
> extends Declared {
  readonly auth: A;
  readonly scope: S;
  readonly stepUp: StepUpClass;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** What it does not name never leaves the hub, whatever `run` returns (E-14). Left out: 204, no body. */
  readonly response?: R;
  /** What a proof is for; left out, the path's `id`, or else the caller's own account. */
  readonly target?: (input: Input<z.output<P>, z.output<Q>, z.output<B>>) => string;
  run(
    caller: CallerOf<A, S>,
    input: Input<z.output<P>, z.output<Q>, z.output<B>>,
    services: Services,
  ): Promise<z.input<R> | Reply<z.input<R>> | Stream | void>;
}

/** An operation whose types have been checked where it was declared. */
export interface Operation<Services> extends Declared {
  readonly auth: Auth;
  readonly scope: OperationScope;
  readonly stepUp: StepUpClass;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly response?: z.ZodType;
  readonly target?: (input: Input<never, never, never>) => string;
  readonly run: (
    caller: never,
    input: Input<never, never, never>,
    services: Services,
  ) => Promise<unknown>;
}

/** What it needs of the hub is read off the type of `run`'s last argument. */
export function operation<
  A extends Auth,
  S extends OperationScope,
  P extends z.ZodObject,
  Q extends z.ZodObject,
  B extends z.ZodType,
  R extends z.ZodType,
  Services,
>(parts: OperationParts<A, S, P, Q, B, R, Services>): Operation<Services> {
  return parts;
}
