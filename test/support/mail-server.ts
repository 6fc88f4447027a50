// What a mail server is to offer arrives; a real one leaves, on a free port of loopback, with every letter that it took.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { simpleParser, type ParsedMail } from 'mailparser';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

import { within } from './deadline.ts';
import { selfSigned } from './self-signed.ts';

interface ReceivedLetter {
  readonly from: string;
  readonly to: readonly string[];
  readonly mail: ParsedMail;
  readonly raw: string;
  readonly isSecure: boolean;
}

export interface MailServer {
  readonly port: number;
  /** PEM, to be trusted. */
  readonly certificate: string;
  readonly letters: readonly ReceivedLetter[];
  /** Resolves once so many letters are there. */
  received(count: number, deadlineMs?: number): Promise<readonly ReceivedLetter[]>;
  stop(): Promise<void>;
}

export interface MailServerOptions extends SMTPServerOptions {
  /** Who may send; left out, anybody. */
  readonly login?: { readonly user: string; readonly password: string };
  /** Of its certificate. */
  readonly host?: string;
}

export async function startMailServer(options: MailServerOptions = {}): Promise<MailServer> {
  const { login, host = 'localhost', ...others } = options;
  const { cert, key } = await selfSigned(host);
  const letters: ReceivedLetter[] = [];
  const waiting = new Set<() => void>();
  const server = new SMTPServer({
    cert,
    key,
    authOptional: login === undefined,
    disabledCommands: login === undefined ? ['AUTH'] : [],
    onAuth({ username, password }, _session, done) {
      const isRight = username === login?.user && password === login?.password;
      done(isRight ? null : new Error('Invalid username or password'), { user: username });
    },
    onData(stream, session, done) {
      // Taken now: the session is made ready for the next letter as soon as this one is accepted.
      const { mailFrom, rcptTo } = session.envelope;
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('end', () => {
        const raw = Buffer.concat(pieces).toString('utf8');
        void simpleParser(raw).then((mail) => {
          letters.push({
            from: mailFrom === false ? '' : mailFrom.address,
            to: rcptTo.map(({ address }) => address),
            mail,
            raw,
            isSecure: session.secure,
          });
          for (const check of waiting) check();
        });
        done();
      });
    },
    ...others,
  });
  server.on('error', () => undefined);
  const listener = server.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: (listener.address() as AddressInfo).port,
    certificate: cert,
    letters,
    async received(count, deadlineMs = 10_000) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const check = () => letters.length >= count && resolve();
      waiting.add(check);
      check();
      await within(promise, deadlineMs, () => `${count} letters, ${letters.length} came`);
      waiting.delete(check);
      return letters;
    },
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
