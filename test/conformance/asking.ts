// A request as bytes arrives at a real edge; what its origin saw of it leaves, or the code of the refusal.

import { exchange, onlineHostname, type Seen, type TestEdge } from '../support/edge.ts';

/** The head of a request, with the fields every one has. */
export function head(line: string, ...fields: readonly string[]): string {
  const own = ['Connection: close', ...fields].filter(
    (field) => !/^connection: close$/i.test(field) || !fields.some(isConnection),
  );
  return `${[line, `Host: ${onlineHostname}`, ...own].join('\r\n')}\r\n\r\n`;
}

function isConnection(field: string): boolean {
  return /^connection:/i.test(field);
}

/** What the echoing origin saw. @throws when the edge did not pass it on */
export async function seen(edge: TestEdge, bytes: string): Promise<Seen> {
  const answer = await edge.raw(bytes);
  return JSON.parse(bodyOf(answer)) as Seen;
}

export async function seenOverHttp2(
  edge: TestEdge,
  fields: Readonly<Record<string, string | string[]>>,
  body?: string,
): Promise<Seen> {
  const session = await edge.http2();
  const answer = await exchange(session, { ':path': '/', ...fields }, body);
  session.destroy();
  return JSON.parse(answer.body) as Seen;
}

/** `400 edge.bad-request` */
export async function refusal(edge: TestEdge, bytes: string): Promise<string> {
  const answer = await edge.raw(bytes);
  const { code } = JSON.parse(bodyOf(answer)) as { code: string };
  return `${answer.slice(9, 12)} ${code}`;
}

/** Values of a field as the origin saw it, in any spelling a careless server folds into that name. */
export function values({ rawHeaders }: Seen, name: string): string[] {
  return rawHeaders.filter(
    (_, at) => at % 2 === 1 && folded(rawHeaders[at - 1] ?? '') === folded(name),
  );
}

function folded(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
}

function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf('\r\n\r\n') + 4);
}
