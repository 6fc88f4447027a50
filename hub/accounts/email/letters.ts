// What somebody asked to be sent arrives; the letter leaves, in plain text: with a code and no link, or with a link and no code (row A-04).

import type { Letter } from '../../notices/mailer.ts';
import type { Visit } from '../login/login.ts';
import { softwareOf } from '../login/software.ts';
import { emailLimits } from './limits.ts';

/** No link, and the code not in the subject, which telephones show while they are locked. */
export function codeLetter(to: string, code: string, visit: Visit): Letter {
  return letter(to, 'Your code', [
    'This is the code that you asked for, to sign in to your Phlix Hub or to prove that it is you:',
    `    ${code}`,
    `It is good for ${minutesOf(emailLimits.codeLifeMs)} minutes, once, in the browser that asked for it and nowhere else.`,
    ...askedBy(visit),
    'If this was not you, somebody else knows your password: sign in and change it. Tell this code to nobody, whoever asks.',
  ]);
}

export function verifyLetter(to: string, link: string, username: string, visit: Visit): Letter {
  return letter(to, 'Is this your address?', [
    `Somebody says that this is the address of the account "${username}". If that is your account, open this page and confirm it:`,
    link,
    `The link works once, within ${minutesOf(emailLimits.verifyLifeMs) / 60} hours.`,
    ...askedBy(visit),
    'If you know nothing of it, do nothing: nothing more is sent here.',
  ]);
}

export function resetLetter(to: string, link: string, username: string, visit: Visit): Letter {
  return letter(to, 'Another password', [
    `Somebody asked for another password for your account "${username}". If that was you, choose one on this page:`,
    link,
    `The link works once, within ${minutesOf(emailLimits.resetLifeMs)} minutes. Every browser is signed out by it, and whatever else proves that it is you is asked for as before.`,
    ...askedBy(visit),
    'If it was not you, do nothing: your password stays as it is.',
  ]);
}

export function invitationLetter(
  to: string,
  { link, inviter, expiresAt }: { link: string; inviter: string | undefined; expiresAt: Date },
): Letter {
  const until = `${expiresAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  return letter(to, 'An invitation', [
    `${inviter === undefined ? 'Whoever runs the hub' : `"${inviter}"`} invites you to ${new URL(link).host}. Open this page, and choose a name and a way to sign in:`,
    link,
    `The link works once, until ${until}. Whoever has it can use it: keep it to yourself.`,
    'If you know nothing of it, do nothing.',
  ]);
}

function letter(to: string, subject: string, paragraphs: readonly string[]): Letter {
  return { to, subject: `Phlix Hub: ${subject}`, text: `${paragraphs.join('\n\n')}\n` };
}

function askedBy({ address, userAgent }: Visit): string[] {
  return [`Asked for with: ${softwareOf(userAgent)}\nFrom: ${address ?? 'an unknown address'}`];
}

function minutesOf(ms: number): number {
  return ms / 60_000;
}
