// The agents' door of a hub arrives; an enrolment with an invented token is tried there, and the hub's answer leaves, or that none came.

import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:https';

export interface Guess {
  readonly address: string;
  readonly port: number;
  /** How long an answer may take: a firewall says nothing. */
  readonly patienceMs?: number;
}

/** The code of the refusal: nothing is proved with an invented key. Rejects when nobody answers. */
export async function guessToken({ address, port, patienceMs = 5000 }: Guess): Promise<string> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
  const ask = async (method: 'GET' | 'POST', body?: object): Promise<Record<string, unknown>> =>
    new Promise((resolve, reject) => {
      const asked = request(
        {
          agent,
          method,
          host: address,
          port,
          path: '/api/v1/enrol',
          servername: 'hub.localhost',
          headers: { host: 'hub.localhost', 'content-type': 'application/json' },
          signal: AbortSignal.timeout(patienceMs),
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (piece: string) => (text += piece));
          response.on('end', () => resolve(JSON.parse(text) as Record<string, unknown>));
        },
      );
      asked.on('error', reject);
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  try {
    // Each connection has a nonce of its own.
    await ask('GET');
    const answer = await ask('POST', {
      token_id: randomBytes(4).toString('hex'),
      secret: randomBytes(32).toString('base64url'),
      public_key: randomBytes(32).toString('base64url'),
      signature: randomBytes(64).toString('base64url'),
      claim: false,
      name: null,
      software: 'guess/1',
    });
    return String(answer['code']);
  } finally {
    agent.destroy();
  }
}
