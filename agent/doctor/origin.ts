// The origin's address arrives; what stands between it and its visitors leaves: reach, certificate, product, forwarded address.

import { isIP } from 'node:net';
import { connect } from 'node:tls';

import { explained, failure, ok, type Verdict } from '../../shared/doctor/finding.ts';
import { checkForwarding, recognise, type Forwarding } from './media-server.ts';
import type { OriginAddress } from '../origin-address.ts';
import { keyPinOf } from '../origin-dial.ts';
import { explainOriginError } from '../origin-error.ts';
import { OriginQuestions } from './origin-question.ts';
import { resolveAfresh } from '../dialling/resolve.ts';

export interface OriginFindings extends Partial<Forwarding> {
  readonly reachable: Verdict;
  /** Undefined: it cannot be reached. */
  readonly product?: Verdict;
}

export async function examineOrigin(address: OriginAddress): Promise<OriginFindings> {
  const questions = new OriginQuestions(address);
  let from: string | undefined;
  let reachable: Verdict;
  try {
    const reached = await questions.reach();
    from = reached.from;
    reachable = ok(`The media server at ${address.url} answers in ${reached.ms.toFixed(0)} ms.`);
  } catch (error) {
    return { reachable: await explain(address, error as Error) };
  }
  const server = await recognise(questions);
  if (server === undefined) {
    const spoken = address.protocol === 'h2c' ? 'HTTP/2' : 'HTTP';
    const product = failure(
      `${address.url} takes connections and answers no ${spoken}.`,
      'Check the port in PHLIX_ORIGIN_URL, and https:// or h2c:// where the server speaks that.',
    );
    return { reachable, product };
  }
  const product = ok(`${server.description}.`);
  return { reachable, product, ...(await checkForwarding(questions, server, from)) };
}

async function explain(address: OriginAddress, error: Error): Promise<Verdict> {
  const { state, remedy } = explainOriginError(address, error);
  const verdict = explained('failure', remedy);
  const shown = state === 'untrusted' ? await showCertificate(address) : undefined;
  return shown === undefined ? verdict : { ...verdict, message: `${verdict.message} ${shown}` };
}

/** What the origin shows, taken on a connection that carries nothing: for the owner to compare, not for us to believe. */
function showCertificate(address: OriginAddress): Promise<string | undefined> {
  if (address.kind !== 'tls') return Promise.resolve(undefined);
  const { hostname, port } = address;
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname,
      port,
      lookup: resolveAfresh,
      rejectUnauthorized: false,
      ...(isIP(hostname) === 0 && { servername: hostname }),
    });
    socket.setTimeout(5000, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(undefined));
    socket.once('secureConnect', () => {
      const shown = socket.getPeerX509Certificate();
      socket.destroy();
      if (shown === undefined) return resolve(undefined);
      const names = (shown.subjectAltName ?? shown.subject)
        .replaceAll(/\p{Cc}/gu, ' ')
        .slice(0, 200);
      resolve(
        `It shows one for ${names}, valid until ${shown.validTo}, and its pin is PHLIX_ORIGIN_PIN=${keyPinOf(shown)}`,
      );
      return undefined;
    });
  });
}
