// How much of a film a visitor shall have arrives; the visitor with so much, its origin and the tunnel between them leave, for the test to break.

import type { ResumeEvent } from '../../hub/edge/resume/event.ts';
import type { RecordingVisitor, ScriptedOrigin } from './exchanges.ts';
import { RestartingTunnel, type TestSession } from './restarting-tunnel.ts';

export const film = '0123456789';
export const head200 = 'HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: 10\r\n\r\n';

export function head206(first: number, more = '', last = 9): string {
  return (
    `HTTP/1.1 206 Partial Content\r\nETag: "a"\r\nContent-Range: bytes ${first}-${last}/10\r\n` +
    `Content-Length: ${last - first + 1}\r\n${more}\r\n`
  );
}

interface Scene {
  readonly tunnel: RestartingTunnel;
  readonly link: TestSession;
  readonly visitor: RecordingVisitor;
  readonly origin: ScriptedOrigin;
}

/** A visitor that has got so much of the film. */
export async function underWay(
  bytes = 4,
  ...wish: Parameters<RestartingTunnel['forward']>
): Promise<Scene> {
  const tunnel = new RestartingTunnel();
  const link = tunnel.connect();
  const visitor = tunnel.forward(...wish);
  const origin = await link.accept();
  origin.answer(head200, film.slice(0, bytes));
  await visitor.when(() => visitor.isHeadSent && visitor.body.length === bytes);
  return { tunnel, link, visitor, origin };
}

export const kinds = (events: readonly ResumeEvent[]) => events.map(({ kind }) => kind);
export const failureOf = (events: readonly ResumeEvent[]) =>
  events.flatMap((event) => (event.kind === 'failed' ? [event.reason] : []));
