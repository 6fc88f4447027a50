// A letter arrives; it leaves by SMTP, inside TLS or not at all, in plain text (row A-04).

import type { Secret } from '../../../shared/settings/secret.ts';
import type { Letter, Mailer } from '../mailer.ts';
import { NoticeError } from '../notice-error.ts';
import { requireMailAddress } from './mail-address.ts';
import { Transcript } from './transcript.ts';

export interface SmtpSettings {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte (port 465); otherwise STARTTLS, without which nothing is said. */
  readonly isImplicit: boolean;
  readonly login: { readonly user: string; readonly password: Secret } | undefined;
  readonly from: { readonly name: string; readonly address: string };
}

/** What "send a test" shows. */
export interface Conversation {
  readonly isSent: boolean;
  /** `> EHLO hub.example.org`, `< 250 ...`; `*` is what the hub did beside. No secret is in it. */
  readonly transcript: readonly string[];
  readonly failure: NoticeError | undefined;
}

/** Mail servers greet slowly on purpose, as a defence against spam: RFC 5321 §4.5.3.2 allows five minutes; thirty seconds are kind. */
const patienceMs = 30_000;
const maxSubjectLength = 200;

export class SmtpMailer implements Mailer {
  readonly isSet = true;
  readonly #settings: SmtpSettings;
  readonly #ca: string | undefined;
  readonly #hubHost: string;

  /** `ca`: PEM, instead of what the machine and NODE_EXTRA_CA_CERTS name. */
  constructor(settings: SmtpSettings, options: { hubHost: string; ca?: string }) {
    this.#settings = settings;
    this.#hubHost = options.hubHost;
    this.#ca = options.ca;
  }

  async send(letter: Letter): Promise<void> {
    const { failure } = await this.converse(letter);
    if (failure !== undefined) throw failure;
  }

  /** Never rejects. */
  async converse(letter: Letter): Promise<Conversation> {
    const { login } = this.#settings;
    const transcript = new Transcript(
      login && { user: login.user, password: login.password.reveal() },
    );
    const { createTransport } = await import('nodemailer');
    const transport = createTransport(this.#transportOptions(transcript));
    try {
      await transport.sendMail(this.#message(letter));
      return { isSent: true, transcript: transcript.lines, failure: undefined };
    } catch (error) {
      return {
        isSent: false,
        transcript: transcript.lines,
        failure: failureOf(error, this.#settings),
      };
    } finally {
      transport.close();
    }
  }

  #transportOptions(logger: Transcript) {
    const { host, port, isImplicit, login } = this.#settings;
    return {
      host,
      port,
      name: this.#hubHost,
      secure: isImplicit,
      requireTLS: !isImplicit,
      tls: { rejectUnauthorized: true, minVersion: 'TLSv1.2', ...(this.#ca && { ca: this.#ca }) },
      ...(login && { auth: { user: login.user, pass: login.password.reveal() } }),
      connectionTimeout: patienceMs,
      greetingTimeout: patienceMs,
      socketTimeout: patienceMs,
      // A letter is made of text that the hub wrote, so nothing in it may make the library read a file or ask a server.
      disableFileAccess: true,
      disableUrlAccess: true,
      logger,
      transactionLog: true,
    } as const;
  }

  /** @throws NoticeError mail.address */
  #message({ to, subject, text }: Letter) {
    const { from } = this.#settings;
    const recipient = { name: '', address: requireMailAddress(to) };
    return {
      from,
      to: recipient,
      envelope: { from: from.address, to: recipient.address },
      subject: oneLine(subject),
      text,
      // RFC 3834 §5: out-of-office programs do not answer these.
      headers: { 'Auto-Submitted': 'auto-generated' },
    };
  }
}

/** Where no HUB_SMTP_ setting says how. */
export const noMailer: Mailer = {
  isSet: false,
  send: async () => {
    throw new NoticeError(
      'mail.off',
      'the hub sends no mail: set HUB_SMTP_HOST and HUB_SMTP_FROM, or HUB_SMTP_URL',
    );
  },
};

function oneLine(subject: string): string {
  return subject.replaceAll(/\p{Cc}+/gu, ' ').slice(0, maxSubjectLength);
}

function failureOf(error: unknown, { host, port }: SmtpSettings): NoticeError {
  if (error instanceof NoticeError) return error;
  const { code = '', message, response } = error as MailFailure;
  const place = `${host}:${port}`;
  const cause = { cause: error };
  if (code === 'ETLS' || /certificate|self.signed|altname|SSL|TLS/i.test(message))
    return new NoticeError(
      'mail.insecure',
      `${place} offers no TLS that proves who it is, and without it no letter is sent: check HUB_SMTP_HOST and HUB_SMTP_PORT (465 for TLS from the start, 587 for STARTTLS) and its certificate`,
      cause,
    );
  if (response !== undefined || ['EAUTH', 'EENVELOPE', 'EMESSAGE'].includes(code))
    return new NoticeError(
      'mail.refused',
      `${place} refused the letter (${code}${response === undefined ? '' : `, ${response.slice(0, 3)}`}): check HUB_SMTP_USER, HUB_SMTP_PASSWORD and HUB_SMTP_FROM`,
      cause,
    );
  return new NoticeError(
    'mail.unreachable',
    `${place} could not be spoken to (${code}): check HUB_SMTP_HOST, HUB_SMTP_PORT and the network`,
    cause,
  );
}

interface MailFailure {
  readonly code?: string;
  readonly message: string;
  readonly response?: string;
}
