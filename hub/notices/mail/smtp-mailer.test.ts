import { createServer, type AddressInfo } from 'node:net';

import { describe, expect, it, onTestFinished } from 'vitest';

import {
  startMailServer,
  type MailServer,
  type MailServerOptions,
} from '../../../test/support/mail-server.ts';
import { Secret } from '../../../shared/settings/secret.ts';
import { noMailer, SmtpMailer, type SmtpSettings } from './smtp-mailer.ts';

const login = { user: 'hub', password: 'correct horse battery' };
const letter = { to: 'robin@example.org', subject: 'A subject', text: 'Hello,\n\nGrüße.\n' };

async function serve(options: MailServerOptions = {}): Promise<MailServer> {
  const server = await startMailServer(options);
  onTestFinished(() => server.stop());
  return server;
}

function mailerTo(
  { port, certificate }: Pick<MailServer, 'port' | 'certificate'>,
  change: Partial<SmtpSettings> & { ca?: string | undefined } = {},
): SmtpMailer {
  const { ca = certificate, ...settings } = change;
  return new SmtpMailer(
    {
      host: 'localhost',
      port,
      isImplicit: false,
      login: { user: login.user, password: new Secret(login.password) },
      from: { name: 'Phlix Hub', address: 'hub@example.org' },
      ...settings,
    },
    { hubHost: 'hub.example.org', ca },
  );
}

describe('a letter', () => {
  it('arrives by STARTTLS, signed in, as plain text for one person', async () => {
    const server = await serve({ login });
    await mailerTo(server).send(letter);
    const [received] = await server.received(1);
    expect(received).toMatchObject({
      from: 'hub@example.org',
      to: ['robin@example.org'],
      isSecure: true,
      mail: { subject: 'A subject', text: letter.text, html: false, attachments: [] },
    });
    expect(received?.mail.headers.get('auto-submitted')).toBe('auto-generated');
    expect(received?.mail.from?.text).toBe('"Phlix Hub" <hub@example.org>');
  });

  it('arrives where TLS begins with the connection', async () => {
    const server = await serve({ login, secure: true });
    await mailerTo(server, { isImplicit: true }).send(letter);
    expect(await server.received(1)).toHaveLength(1);
  });

  it('is not sent where the server offers no STARTTLS: not even the password is', async () => {
    let heard = '';
    const server = await serve({
      login,
      hideSTARTTLS: true,
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      onAuth: ({ username }, _session, done) => {
        heard = username ?? '';
        done(null, { user: username });
      },
    });
    await expect(mailerTo(server).send(letter)).rejects.toMatchObject({ code: 'mail.insecure' });
    expect([heard, server.letters]).toEqual(['', []]);
  });

  it('is not sent to a server whose certificate nobody vouches for, or that is for another name', async () => {
    const [unknown, another] = [
      await serve({ login }),
      await serve({ login, host: 'other.example' }),
    ];
    const distrustful = mailerTo(unknown, { ca: another.certificate });
    await expect(distrustful.send(letter)).rejects.toMatchObject({ code: 'mail.insecure' });
    await expect(mailerTo(another).send(letter)).rejects.toMatchObject({ code: 'mail.insecure' });
    expect([...unknown.letters, ...another.letters]).toEqual([]);
  });

  it.each([
    'robin@example.org\r\nRCPT TO:<evil@example.net>',
    '"a@good.com(x)"@evil.example',
    'robin@example.org, evil@example.net',
  ])('is not sent to %j', async (to) => {
    const server = await serve({ login });
    await expect(mailerTo(server).send({ ...letter, to })).rejects.toMatchObject({
      code: 'mail.address',
    });
    expect(server.letters).toEqual([]);
  });

  it('has a subject of one line, whatever it was given', async () => {
    const server = await serve({ login });
    await mailerTo(server).send({ ...letter, subject: 'one\r\nBcc: evil@example.net' });
    const [received] = await server.received(1);
    expect(received?.mail.subject).toBe('one Bcc: evil@example.net');
    expect(received?.to).toEqual(['robin@example.org']);
  });

  it('reads no file and asks no server for its text', async () => {
    const server = await serve({ login });
    const text = { path: '/etc/hostname' } as unknown as string;
    await expect(mailerTo(server).send({ ...letter, text })).rejects.toMatchObject({
      code: expect.stringMatching(/^mail\./),
    });
    expect(server.letters).toEqual([]);
  });

  it('goes nowhere without a server, and says what to set', async () => {
    expect(noMailer.isSet).toBe(false);
    await expect(noMailer.send(letter)).rejects.toMatchObject({
      code: 'mail.off',
      message: expect.stringContaining('HUB_SMTP_HOST'),
    });
  });
});

describe('a test of the settings', () => {
  it('shows the whole talk, and no secret in any spelling', async () => {
    for (const authMethods of [['PLAIN'], ['LOGIN']]) {
      const server = await serve({ login, authMethods });
      const { isSent, transcript } = await mailerTo(server).converse(letter);
      const shown = transcript.join('\n');
      expect(isSent).toBe(true);
      expect(shown).toMatch(/> EHLO hub\.example\.org/);
      expect(shown).toMatch(/> STARTTLS/);
      expect(shown).toMatch(/> RCPT TO:<robin@example\.org>/);
      expect(shown).toMatch(/< 235 /);
      const { user, password } = login;
      for (const secret of [password, base64(password), base64(`\0${user}\0${password}`)])
        expect(shown).not.toContain(secret);
      expect(shown).not.toContain('Hello');
    }
  });

  it('shows how far it came when the server says no', async () => {
    const server = await serve({ login });
    const wrong = new Secret('another password');
    const { isSent, transcript, failure } = await mailerTo(server, {
      login: { user: 'hub', password: wrong },
    }).converse(letter);
    expect([isSent, failure?.code]).toEqual([false, 'mail.refused']);
    expect(transcript.join('\n')).toMatch(/< 535 /);
    expect(transcript.join('\n')).not.toContain('another password');
    expect(failure?.message).toContain('HUB_SMTP_PASSWORD');
  });

  it('says that nobody is there', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => closed.once('listening', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const { failure } = await mailerTo({ port, certificate: '' }).converse(letter);
    expect(failure?.code).toBe('mail.unreachable');
  });
});

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
