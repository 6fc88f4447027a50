// A call of the API arrives; its answer leaves, or a Problem whose words people can read. What wants a proof of who is there asks for it and goes on by itself.

import { askStepUp } from './step-up.ts';

/** RFC 9457, as hub/api/problem/problem.ts writes it. */
interface ProblemBody {
  readonly code?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly challenge_id?: string;
  readonly methods?: readonly string[];
}

export class Problem extends Error {
  readonly code: string;
  readonly status: number;
  readonly body: ProblemBody;

  constructor(status: number, body: ProblemBody) {
    super(sentence(body.detail ?? body.title ?? 'The hub refused, and did not say why.'));
    this.code = body.code ?? 'unknown';
    this.status = status;
    this.body = body;
  }
}

/** Whoever was asked for a proof closed the dialog: nothing happened, and nothing needs to be said. */
export class Cancelled extends Error {}

/** `path` is whole: `/api/v1/servers`. @throws Problem | Cancelled */
export async function call<Answer = unknown>(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<Answer> {
  return (await send(method, path, body, { signal })) as Answer;
}

/** Of a provider, where somebody went from this page to show that it is them: good once, for the deed that wanted it. */
const heldProof = proofInAddress();

interface Surroundings {
  readonly proof?: string | undefined;
  /** Aborted: whoever called waits no longer. */
  readonly signal?: AbortSignal | undefined;
}

async function send(
  method: string,
  path: string,
  body: unknown,
  { proof, signal }: Surroundings = {},
): Promise<unknown> {
  const response = await askAsSomebody(method, path, body, { proof: proof ?? heldProof, signal });
  if (response.ok) return answerOf(response);
  const problem = await problemOf(response);
  const { challenge_id: challengeId, methods } = problem.body;
  if (problem.code === 'login.step-up' && challengeId !== undefined && proof === undefined) {
    const gained = await askStepUp({ challengeId, methods: methods ?? [] }, send);
    if (gained === undefined) throw new Cancelled();
    return send(method, path, body, { proof: gained, signal });
  }
  if (problem.code === 'login.required' && isSignedInPage()) {
    const back = encodeURIComponent(location.pathname + location.search);
    location.assign(`/sign-in?return=${back}`);
  }
  throw problem;
}

/** A proof beside this call may have given the login another cookie while it was under way. Nothing was done, so it goes again. */
async function askAsSomebody(...asked: Parameters<typeof ask>): Promise<Response> {
  const response = await ask(...asked);
  if (response.status !== 401 || !isSignedInPage()) return response;
  const { code } = await problemOf(response.clone());
  return code === 'login.required' ? ask(...asked) : response;
}

function isSignedInPage(): boolean {
  return document.querySelector('[data-signs-out]') !== null;
}

function proofInAddress(): string | undefined {
  const proof = /^#step-up=([\w-]+)$/.exec(location.hash)?.[1];
  if (proof !== undefined) history.replaceState(null, '', location.pathname + location.search);
  return proof;
}

async function ask(
  method: string,
  path: string,
  body: unknown,
  { proof, signal }: Surroundings,
): Promise<Response> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  // Empty: the login itself was lifted, and the call is repeated as it was.
  if (proof !== undefined && proof !== '') headers['x-phlix-step-up'] = proof;
  try {
    return await fetch(path, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
    });
  } catch {
    const detail = 'The hub does not answer. Look at your connection, then try again.';
    throw new Problem(0, { code: 'unreachable', detail });
  }
}

async function answerOf(response: Response): Promise<unknown> {
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return isJson ? await response.json() : undefined;
}

async function problemOf(response: Response): Promise<Problem> {
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  const body = isJson ? ((await response.json()) as ProblemBody) : {};
  return new Problem(response.status, body);
}

/** Details begin with a small letter, since logs quote them. */
function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
