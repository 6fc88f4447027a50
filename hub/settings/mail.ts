// The HUB_SMTP_ settings arrive; the server that letters go through leaves, or what contradicts itself.

import type { z } from 'zod';

import { flag, integer, secret, setting, text } from '../../shared/settings/kinds.ts';
import { Secret } from '../../shared/settings/secret.ts';
import type { SettingProblem } from '../../shared/settings/settings.ts';
import { requireSender } from '../notices/mail/mail-address.ts';
import type { SmtpSettings } from '../notices/mail/smtp-mailer.ts';

const smtpUrl = setting(
  {
    expected: 'the address of a mail server',
    remedy:
      'write smtp://user:password@mail.example.org:587 (STARTTLS), or smtps:// with port 465; in a password write @ as %40, : as %3A and / as %2F',
  },
  (given) => {
    const url = URL.parse(given);
    const isOne = url !== null && /^smtps?:$/.test(url.protocol) && url.hostname !== '';
    const isPlain = isOne && ['', '/'].includes(url.pathname) && url.search === '';
    return isPlain && (url.username === '') === (url.password === '') ? given : undefined;
  },
).pipe(secret());

const sender = setting(
  {
    expected: 'an e-mail address to write from',
    remedy: 'write hub@example.org, or Phlix Hub <hub@example.org>',
  },
  requireSender,
);

export const mailSettings = {
  HUB_SMTP_URL: smtpUrl.optional(),
  HUB_SMTP_HOST: setting(
    { expected: 'the name of a mail server', remedy: 'write it like mail.example.org' },
    (given) => (/^[A-Za-z0-9.:-]{1,253}$/.test(given) ? given : undefined),
  ).optional(),
  HUB_SMTP_PORT: integer(1, 65_535).optional(),
  HUB_SMTP_USER: text(256).optional(),
  HUB_SMTP_PASSWORD: secret().optional(),
  HUB_SMTP_FROM: sender.optional(),
  HUB_EMAIL_CODES: flag().default(false),
} as const;

type MailSettings = z.output<z.ZodObject<typeof mailSettings>>;

/** A setting that nothing reads would be believed. */
export function mailProblems(settings: MailSettings): SettingProblem[] {
  const { HUB_SMTP_URL: url, HUB_SMTP_HOST: host, HUB_SMTP_FROM: from } = settings;
  const parts = ['HUB_SMTP_HOST', 'HUB_SMTP_PORT', 'HUB_SMTP_USER', 'HUB_SMTP_PASSWORD'] as const;
  const given = parts.filter((name) => settings[name] !== undefined);
  if (url !== undefined)
    return [
      ...given.map((name) =>
        problem(name, 'not beside HUB_SMTP_URL, which says the same', 'unset one of the two'),
      ),
      ...(from === undefined ? [senderMissing] : []),
    ];
  if (host === undefined) {
    const sendsCodes = settings.HUB_EMAIL_CODES ? ['HUB_EMAIL_CODES'] : [];
    return [...given, ...(from === undefined ? [] : ['HUB_SMTP_FROM']), ...sendsCodes].map((name) =>
      problem(name, 'of use only with HUB_SMTP_HOST', 'set HUB_SMTP_HOST, or unset this'),
    );
  }
  const isHalf =
    (settings.HUB_SMTP_USER === undefined) !== (settings.HUB_SMTP_PASSWORD === undefined);
  return [
    ...(isHalf
      ? [problem('HUB_SMTP_USER', 'together with HUB_SMTP_PASSWORD', 'set both, or neither')]
      : []),
    ...(from === undefined ? [senderMissing] : []),
  ];
}

/** Undefined: the hub sends no mail. */
export function mailOf(settings: MailSettings): SmtpSettings | undefined {
  const { HUB_SMTP_URL: url, HUB_SMTP_HOST: host, HUB_SMTP_FROM: from } = settings;
  if (from === undefined) return undefined;
  if (url !== undefined) return fromUrl(new URL(url.reveal()), from);
  if (host === undefined) return undefined;
  const { HUB_SMTP_USER: user, HUB_SMTP_PASSWORD: password } = settings;
  const port = settings.HUB_SMTP_PORT ?? submissionPort;
  const login = user === undefined || password === undefined ? undefined : { user, password };
  return { host, port, isImplicit: port === implicitPort, login, from };
}

/** RFC 8314 §3: TLS from the first byte. */
const implicitPort = 465;
/** RFC 6409: STARTTLS. */
const submissionPort = 587;

function fromUrl(url: URL, from: SmtpSettings['from']): SmtpSettings {
  const isImplicit = url.protocol === 'smtps:';
  const usual = isImplicit ? implicitPort : submissionPort;
  const login =
    url.username === ''
      ? undefined
      : {
          user: decodeURIComponent(url.username),
          password: new Secret(decodeURIComponent(url.password)),
        };
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return { host, port: url.port === '' ? usual : Number(url.port), isImplicit, login, from };
}

const senderMissing = problem(
  'HUB_SMTP_FROM',
  'required where the hub sends mail: whom it is from',
  'write hub@example.org, an address that your mail server lets this user write from',
);

function problem(name: string, expected: string, remedy: string): SettingProblem {
  return { name, expected, remedy };
}
