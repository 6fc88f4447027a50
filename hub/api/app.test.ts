import { Buffer } from 'node:buffer';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { parseEnrolmentToken } from '../../shared/enrolment-token.ts';
import { enrolmentProof, exporterBytes, exporterLabel } from '../../shared/wire/proof.ts';
import {
  hubHost,
  openAgentsDoor,
  recordingLogger,
  type AgentsDoor,
  type DoorSettings,
} from '../../test/support/agents-door.ts';
import { createApi } from './app.ts';

const closers: (() => unknown)[] = [];
let hub: AgentsDoor;
beforeEach(async () => open());
async function open(settings?: DoorSettings): Promise<void> {
  const opened = await openAgentsDoor(settings);
  closers.push(() => opened.close());
  hub = opened;
}
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Answer {
  readonly status: number;
  readonly fields: Record<string, string | string[] | undefined>;
  readonly text: string;
  readonly json: { [name: string]: unknown };
}

/** One TLS connection, and requests on it. */
class Connection {
  readonly tls: TLSSocket;
  readonly #agent: Agent;

  private constructor(tls: TLSSocket) {
    this.tls = tls;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1 });
    this.#agent.createConnection = () => tls;
    closers.push(() => tls.destroy());
  }

  static async open(): Promise<Connection> {
    const tls = connectTls({
      host: '127.0.0.1',
      port: hub.port,
      servername: hubHost,
      ca: hub.authority.certificate,
    });
    await once(tls, 'secureConnect');
    return new Connection(tls);
  }

  get exporter(): Buffer {
    return this.tls.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0));
  }

  async send(
    method: string,
    path: string,
    body?: string,
    own: Record<string, string> = {},
  ): Promise<Answer> {
    const headers = {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...own,
    };
    const asked = request({ method, path, host: hubHost, agent: this.#agent, headers });
    asked.end(body);
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response) text += String(chunk);
    const isJson = String(response.headers['content-type']).includes('json');
    return {
      status: response.statusCode ?? 0,
      fields: response.headers,
      text,
      json: isJson ? (JSON.parse(text) as Answer['json']) : {},
    };
  }

  async nonce(): Promise<Buffer> {
    const { json } = await this.send('GET', '/api/v1/enrol');
    return Buffer.from(String(json['nonce']), 'base64url');
  }
}

const keys = generateKeyPairSync('ed25519');

function proofOf(text: string, nonce: Buffer, exporter: Buffer, change: object = {}): string {
  const { id, secret } = parseEnrolmentToken(text);
  const proof = enrolmentProof({ hubHost, tokenId: id, nonce, exporter });
  return JSON.stringify({
    token_id: id,
    secret,
    public_key: keys.publicKey
      .export({ type: 'spki', format: 'der' })
      .subarray(-32)
      .toString('base64url'),
    signature: sign(null, proof, keys.privateKey).toString('base64url'),
    claim: true,
    name: 'Movies',
    software: 'test/1',
    ...change,
  });
}

describe('enrolment', () => {
  test('a token becomes an agent, a server, its name and the way to the tunnel', async () => {
    const connection = await Connection.open();
    const body = proofOf(await hub.token(), await connection.nonce(), connection.exporter);
    const { status, json } = await connection.send('POST', '/api/v1/enrol', body);
    expect(status).toBe(201);
    expect(json).toEqual({
      agent_id: expect.stringMatching(/^[\w-]{43}$/),
      server_id: expect.any(String),
      tunnel_urls: [`wss://${hubHost}:${hub.port}/tunnel`],
      addresses: ['https://movies.phlix.localhost'],
    });
  });

  test('a nonce is good for one attempt', async () => {
    const connection = await Connection.open();
    const body = proofOf(await hub.token(), await connection.nonce(), connection.exporter);
    expect((await connection.send('POST', '/api/v1/enrol', body)).status).toBe(201);
    const replay = await connection.send('POST', '/api/v1/enrol', body);
    expect(replay.json).toMatchObject({ status: 403, code: 'enrol.proof' });
  });

  test('a page in a browser enrols nothing, and uses up no attempts of the house it is read in', async () => {
    const connection = await Connection.open();
    const body = proofOf(await hub.token(), await connection.nonce(), connection.exporter);
    for (let page = 0; page < 25; page += 1) {
      const answer = await connection.send('POST', '/api/v1/enrol', body, {
        origin: 'https://evil.example',
      });
      expect(answer.json).toMatchObject({ status: 400, code: 'api.malformed' });
    }
    expect((await connection.send('POST', '/api/v1/enrol', body)).status).toBe(201);
  });

  test('a proof is worth nothing on another connection', async () => {
    const [first, second] = [await Connection.open(), await Connection.open()];
    const body = proofOf(await hub.token(), await first.nonce(), first.exporter);
    await second.nonce();
    const answer = await second.send('POST', '/api/v1/enrol', body);
    expect(answer.json).toMatchObject({ status: 403, code: 'enrol.proof' });
    // The token is not used up by it.
    expect((await first.send('POST', '/api/v1/enrol', body)).status).toBe(201);
  });

  test.each([
    ['no JSON', 'token=phe_'],
    ['a JSON list', '[]'],
    ['a prototype', '{"__proto__": {"token_id": "abcdefgh"}}'],
    ['a short key', { public_key: 'AAAA' }],
    ['a name of 65 characters', { name: 'x'.repeat(65) }],
    ['software that a terminal would act on', { software: 'agent \u009b31m\u202e' }],
  ])('%s is malformed, and the answer is problem+json', async (_, change) => {
    const connection = await Connection.open();
    const nonce = await connection.nonce();
    const body =
      typeof change === 'string'
        ? change
        : proofOf(await hub.token(), nonce, connection.exporter, change);
    const answer = await connection.send('POST', '/api/v1/enrol', body);
    expect(answer.fields['content-type']).toBe('application/problem+json');
    expect(answer.json).toMatchObject({
      type: 'urn:phlix-hub:error:api.malformed',
      status: 400,
      code: 'api.malformed',
      detail: expect.any(String),
    });
  });

  test('a body over 8 KiB is refused', async () => {
    const connection = await Connection.open();
    const answer = await connection.send('POST', '/api/v1/enrol', 'x'.repeat(9000));
    expect(answer.json).toMatchObject({ status: 413, code: 'api.too-large' });
  });

  test.each([
    ['a longer proof', { enrolBytes: 200 }, 413, 'api.too-large'],
    ['an older nonce', { enrolNonceMs: 0 }, 403, 'enrol.proof'],
  ])('%s than the limit allows is refused', async (_, apiLimits, status, code) => {
    await open({ apiLimits });
    const connection = await Connection.open();
    const body = proofOf(await hub.token(), await connection.nonce(), connection.exporter);
    const answer = await connection.send('POST', '/api/v1/enrol', body);
    expect(answer.json).toMatchObject({ status, code });
  });

  test('a proof that comes too slowly is not waited for', async () => {
    await open({ apiLimits: { enrolTimeoutMs: 50 } });
    const { tls } = await Connection.open();
    const head = `POST /api/v1/enrol HTTP/1.1\r\nHost: ${hubHost}\r\nContent-Length: 100\r\n\r\n`;
    tls.write(`${head}{`);
    const [answer] = (await once(tls, 'data')) as [Buffer];
    expect(String(answer)).toMatch(/^HTTP\/1\.1 408 [^]*"code":"api\.timeout"/);
  });

  test('the twenty-first failure of an address waits, and so does a good token behind it', async () => {
    const token = await hub.token();
    for (let failure = 0; failure < 20; failure += 1) {
      const connection = await Connection.open();
      const wrong = { secret: 'a'.repeat(43) };
      const body = proofOf(token, await connection.nonce(), connection.exporter, wrong);
      const answer = await connection.send('POST', '/api/v1/enrol', body);
      expect(answer.json['code']).toBe('enrol.token-invalid');
      connection.tls.destroy();
    }
    const connection = await Connection.open();
    const body = proofOf(token, await connection.nonce(), connection.exporter);
    const answer = await connection.send('POST', '/api/v1/enrol', body);
    expect(answer.json).toMatchObject({ status: 429, code: 'enrol.rate-limited' });
    expect(Number(answer.fields['retry-after'])).toBeGreaterThan(50);
  });

  test('HTTP/2, where no proof binds the connection, is sent to 8802', async () => {
    const { log } = recordingLogger();
    const listener = createApi({
      enrolment: { redeem: () => Promise.reject(new Error('not reached')) },
      rotation: { succeed: () => Promise.reject(new Error('not reached')) },
      hubHost,
      tenantDomain: 'phlix.localhost',
      tunnelUrls: () => [],
      addressesOf: () => [],
      failuresPerMinute: 20,
      log,
    });
    const server = createHttp2Server(listener);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    closers.push(
      () => server.close(),
      () => session.close(),
    );
    const stream = session.request({ ':path': '/api/v1/enrol' });
    const [fields] = (await once(stream, 'response')) as [Record<string, unknown>];
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    expect(fields[':status']).toBe(426);
    expect(JSON.parse(text)).toMatchObject({ code: 'tunnel.unbound' });
  });
});

describe('the rest of the hub', () => {
  test('says where its tunnel is', async () => {
    const connection = await Connection.open();
    const { json } = await connection.send('GET', '/api/v1/tunnel');
    expect(json).toEqual({ tunnel_urls: [`wss://${hubHost}:${hub.port}/tunnel`] });
  });

  test('shows a page that its own policy lets a browser style', async () => {
    const { status, fields, text } = await (await Connection.open()).send('GET', '/');
    expect(status).toBe(200);
    const style = /<style>([^]*?)<\/style>/.exec(text)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(fields['content-security-policy']).toContain(`style-src 'sha256-${hash}'`);
    expect(fields['x-content-type-options']).toBe('nosniff');
    expect(text).toContain('This is a Phlix Hub');
    expect(text).not.toMatch(/<script|https?:\/\//);
  });

  test.each([
    ['DELETE', '/api/v1/enrol', 'GET, HEAD, POST'],
    ['OPTIONS', '/api/v1/enrol', 'GET, HEAD, POST'],
    ['GET', '/api/v1/line/up', 'POST'],
    ['POST', '/', 'GET, HEAD'],
  ])('%s %s is none of the methods there', async (method, path, allow) => {
    const { status, fields, json } = await (await Connection.open()).send(method, path);
    expect([status, fields['allow'], json['code']]).toEqual([405, allow, 'api.method']);
    expect(fields['content-type']).toBe('application/problem+json');
  });

  test.each([
    ['GET', '/nothing'],
    ['OPTIONS', '/nothing'],
    ['GET', '/api/v1/enrol/'],
  ])('%s %s is not found', async (method, path) => {
    const answer = await (await Connection.open()).send(method, path);
    expect(answer.json).toMatchObject({ status: 404, code: 'api.not-found' });
  });

  test('a person who mistyped gets a page, a program that asks the API a problem', async () => {
    const connection = await Connection.open();
    const accept = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
    const { status, fields, text } = await connection.send('GET', '/nothing', undefined, accept);
    expect([status, fields['content-type']]).toEqual([404, 'text/html; charset=UTF-8']);
    expect(text).toContain('There is nothing at this address');
    expect(fields['content-security-policy']).toContain("default-src 'none'");
    const asked = await connection.send('GET', '/api/v1/nothing', undefined, accept);
    expect(asked.json).toMatchObject({ status: 404, code: 'api.not-found' });
  });

  test('a failure of the hub shows nothing of itself', async () => {
    hub.stores.enrolment.transaction = () => Promise.reject(new Error('password=hunter2'));
    const connection = await Connection.open();
    const body = proofOf(await hub.token(), await connection.nonce(), connection.exporter);
    const answer = await connection.send('POST', '/api/v1/enrol', body);
    expect(answer.json).toMatchObject({ status: 500, code: 'api.internal' });
    expect(answer.text).not.toContain('hunter2');
    expect(hub.logged.find(({ msg }) => msg === 'request failed')).toBeDefined();
  });
});
