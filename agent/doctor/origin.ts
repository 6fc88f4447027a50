// The origin's address arrives; what stands between it and its visitors leaves: reach, certificate, product, forwarded address.

import { isIP } from 'node:net';
import { connect } from 'node:tls';

import type { Finding } from './finding.ts';
import { checkForwarding, recognise } from './media-server.ts';
import type { OriginAddress } from '../origin-address.ts';
import { keyPinOf } from '../origin-dial.ts';
import { explainOriginError } from '../origin-error.ts';
import { OriginQuestions } from './origin-question.ts';
import { resolveAfresh } from '../dialling/resolve.ts';

export async function examineOrigin(address: OriginAddress): Promise<Finding[]> {
  const questions = new OriginQuestions(address);
  let from: string | undefined;
  const findings: Finding[] = [];
  try {
    const reached = await questions.reach();
    from = reached.from;
    const found = `${address.url} answers in ${reached.ms.toFixed(0)} ms`;
    findings.push({ check: 'media server', state: 'ok', found });
  } catch (error) {
    return [await explain(address, error as Error)];
  }
  const server = await recognise(questions);
  if (server === undefined) {
    const found = `${address.url} takes connections and answers no ${address.protocol === 'h2c' ? 'HTTP/2' : 'HTTP'}`;
    const remedy =
      'check the port in PHLIX_ORIGIN_URL, and https:// or h2c:// where the server speaks that';
    return [...findings, { check: 'product', state: 'wrong', found, remedy }];
  }
  findings.push({ check: 'product', state: 'ok', found: server.description });
  return [...findings, ...(await checkForwarding(questions, server, from))];
}

async function explain(address: OriginAddress, error: Error): Promise<Finding> {
  const { state, remedy } = explainOriginError(address, error);
  const at = remedy.indexOf(': ');
  const finding: Finding = {
    check: 'media server',
    state: 'wrong',
    found: remedy.slice(0, at),
    remedy: remedy.slice(at + 2),
  };
  const shown = state === 'untrusted' ? await showCertificate(address) : undefined;
  return shown === undefined ? finding : { ...finding, found: `${finding.found}; ${shown}` };
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
        `it shows one for ${names}, valid until ${shown.validTo}, and its pin is PHLIX_ORIGIN_PIN=${keyPinOf(shown)}`,
      );
      return undefined;
    });
  });
}
