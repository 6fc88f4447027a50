// Text that claims to be an e-mail address arrives; one mailbox in one spelling leaves, or a refusal: nothing of it may become a second recipient or a header (row A-04).

import addressparser from 'nodemailer/lib/addressparser';

import { NoticeError } from '../notice-error.ts';

/** What mail really uses. Quotes, comments, groups and source routes are read in more than one way, so none is taken. */
const mailbox =
  /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/** RFC 5321 §4.5.3.1.3. */
const maxLength = 254;

/** The domain in lower case, the rest as it was written. @throws NoticeError mail.address */
export function requireMailAddress(text: string): string {
  const address = text.trim();
  const isOne = address.length <= maxLength && mailbox.test(address) && !hasStrayDot(address);
  if (isOne && readsTheSame(address)) {
    const at = address.lastIndexOf('@');
    return `${address.slice(0, at)}@${address.slice(at + 1).toLowerCase()}`;
  }
  throw new NoticeError(
    'mail.address',
    'this is no e-mail address that the hub can write to: write it like robin@example.org',
  );
}

/** `Phlix Hub <hub@example.org>` or a bare address, as HUB_SMTP_FROM may be. @throws NoticeError mail.address */
export function requireSender(text: string): { readonly name: string; readonly address: string } {
  const named = /^\s*([^<>"@\\\p{Cc}]{1,64}?)\s*<([^<>]+)>\s*$/u.exec(text);
  return named === null
    ? { name: '', address: requireMailAddress(text) }
    : { name: named[1] ?? '', address: requireMailAddress(named[2] ?? '') };
}

function hasStrayDot(address: string): boolean {
  const local = address.slice(0, address.lastIndexOf('@'));
  return local.startsWith('.') || local.endsWith('.') || local.includes('..');
}

/** The library that writes the envelope has to read it as we do. */
function readsTheSame(address: string): boolean {
  const [first, ...others] = addressparser(address, { flatten: true });
  return first?.address === address && first.name === '' && others.length === 0;
}
