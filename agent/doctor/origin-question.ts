// A path and fields arrive; the origin's own answer leaves, asked directly, as the agent reaches it. Small, bounded, never redirected.

import { Buffer } from 'node:buffer';
import { request, type IncomingHttpHeaders } from 'node:http';
import { connect as connectHttp2, constants } from 'node:http2';
import { isIPv6, type Socket } from 'node:net';

import type { OriginAddress } from '../origin-address.ts';
import { OriginDial } from '../origin-dial.ts';
import { proxyHeader } from '../proxy-header.ts';

export interface OriginAnswer {
  readonly status: number;
  readonly fields: IncomingHttpHeaders;
  readonly text: string;
}

export interface Reached {
  /** The address that the origin sees; undefined over a Unix socket. */
  readonly from: string | undefined;
  readonly ms: number;
}

/** A NAS whose disks sleep takes its time; one that is gone is told from it after this. */
const deadlineMs = 10_000;
/** A version and a name are a few hundred bytes; a page of any size may be in their place. */
const maxAnswerBytes = 64 * 1024;

export class OriginQuestions {
  readonly #address: OriginAddress;
  readonly #dial: OriginDial;

  constructor(address: OriginAddress) {
    this.#address = address;
    this.#dial = new OriginDial(address);
  }

  /** Rejects with the error of the connection, for origin-error.ts to explain. */
  async reach(): Promise<Reached> {
    const begun = performance.now();
    const socket = await this.#connect();
    const from = this.#address.kind === 'unix' ? undefined : socket.localAddress;
    socket.destroy();
    return { from, ms: performance.now() - begun };
  }

  /** Undefined when what answers is no HTTP, or takes longer than ten seconds. */
  async ask(path: string, fields: Record<string, string> = {}): Promise<OriginAnswer | undefined> {
    const socket = await this.#connect().catch(() => undefined);
    if (socket === undefined) return undefined;
    socket.on('error', () => undefined);
    const timer = setTimeout(() => socket.destroy(), deadlineMs);
    if (this.#address.sendsProxyHeader === true) {
      socket.write(proxyHeader(fields['x-forwarded-for']));
    }
    const all = { accept: 'application/json', 'user-agent': 'phlix-agent doctor', ...fields };
    try {
      return this.#address.protocol === 'h2c'
        ? await askHttp2(socket, path, all)
        : await askHttp1(socket, path, { host: hostOf(this.#address), ...all });
    } catch {
      return undefined;
    } finally {
      clearTimeout(timer);
      socket.destroy();
    }
  }

  #connect(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const late = Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });
      const timer = setTimeout(() => socket.destroy(late), deadlineMs);
      const socket: Socket = this.#dial.open({
        onReady: () => {
          clearTimeout(timer);
          resolve(socket);
        },
        onFailed: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  }
}

function askHttp1(
  socket: Socket,
  path: string,
  headers: Record<string, string>,
): Promise<OriginAnswer> {
  return new Promise((resolve, reject) => {
    const asking = request({ createConnection: () => socket, path, headers }, (answer) => {
      collect(answer).then(
        (text) => resolve({ status: answer.statusCode ?? 0, fields: answer.headers, text }),
        reject,
      );
    });
    asking.once('error', reject);
    asking.end();
  });
}

function askHttp2(
  socket: Socket,
  path: string,
  fields: Record<string, string>,
): Promise<OriginAnswer> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2('http://origin', { createConnection: () => socket });
    session.once('error', reject);
    session.once('close', () => reject(new Error('the origin closed')));
    const stream = session.request({ ':path': path, ...fields });
    stream.once('error', reject);
    stream.once('response', (head) => {
      collect(stream).then((text) => {
        resolve({ status: head[':status'] ?? 0, fields: head, text });
        session.destroy(undefined, constants.NGHTTP2_NO_ERROR);
      }, reject);
    });
  });
}

/** What is over the limit is left unread: no answer that says something is that long. */
async function collect(answer: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxAnswerBytes) break;
  }
  return Buffer.concat(chunks).toString('utf8', 0, maxAnswerBytes);
}

function hostOf(address: OriginAddress): string {
  if (address.kind === 'unix') return 'localhost';
  const name = isIPv6(address.hostname) ? `[${address.hostname}]` : address.hostname;
  return `${name}:${address.port}`;
}
