// An address behind the tunnel arrives; how it answers leaves, asked for as a visitor would, with the local authority trusted.

import { readFileSync } from 'node:fs';
import { get } from 'node:https';

/** The status of GET /, and the hub's error code if the hub answered in the server's place. */
export interface Visit {
  readonly status: number;
  readonly failure: string | undefined;
}

export function visit(address: string, caPath: string): Promise<Visit> {
  const { hostname, port, host } = new URL(address);
  return new Promise((resolve, reject) => {
    const request = get(
      {
        // Node does not resolve *.localhost; browsers and curl do (RFC 6761 §6.3).
        host: '127.0.0.1',
        port: port === '' ? 443 : Number(port),
        servername: hostname,
        headers: { host, accept: 'application/json' },
        ca: readFileSync(caPath),
        timeout: 5000,
      },
      (response) => {
        const isProblem = response.headers['content-type'] === 'application/problem+json';
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text = (text + chunk).slice(0, 4096)));
        response.on('error', reject);
        response.on('end', () => {
          const failure = isProblem ? codeOf(text) : undefined;
          resolve({ status: response.statusCode ?? 0, failure });
        });
      },
    );
    request.on('timeout', () => request.destroy(new Error('no answer within 5 s')));
    request.on('error', reject);
  });
}

function codeOf(text: string): string {
  try {
    const { code } = JSON.parse(text) as { code?: unknown };
    return typeof code === 'string' ? code : 'unknown';
  } catch {
    return 'unknown';
  }
}
