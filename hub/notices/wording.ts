// A notice arrives; what a person reads of it leaves: a title, a few lines with what to do, and how pressing it is. No links: people learn to press them.

import type { NoticeFacts, NoticeKind, NoticeOf, Where } from './notice.ts';

export interface Wording {
  readonly title: string;
  readonly lines: readonly string[];
  readonly urgency: 'low' | 'normal' | 'high';
}

export function wordingOf<Kind extends NoticeKind>({ kind, facts }: NoticeOf<Kind>): Wording {
  return wordings[kind](facts);
}

/** Every kind there is: what a target may choose from. */
export function isNoticeKind(text: string): text is NoticeKind {
  return Object.hasOwn(wordings, text);
}

export function noticeKinds(): NoticeKind[] {
  return Object.keys(wordings).filter(isNoticeKind);
}

const ifNotYou =
  'If this was not you, sign in, change your password and end all other logins under Devices and sessions.';

const wordings: { readonly [Kind in NoticeKind]: (facts: NoticeFacts[Kind]) => Wording } = {
  'server.offline': ({ server, since, minutes }) => ({
    title: `${server} is offline`,
    lines: [
      `${server} has not been connected since ${timeText(since)}, for more than ${minutes} minutes.`,
      'Check that the machine and its agent run: "phlix-agent doctor" there says what is wrong.',
    ],
    urgency: 'high',
  }),
  'server.online': ({ server, offlineMs }) => ({
    title: `${server} is back`,
    lines: [`${server} is connected again, after ${spanText(offlineMs)}.`],
    urgency: 'normal',
  }),
  'server.suspended': ({ server, reason }) => ({
    title: `${server} is suspended`,
    lines: [
      `Whoever runs the hub has suspended ${server}: ${reason}`,
      'Nobody reaches it until they resume it. Nothing of it was deleted, its name is kept, and its agent can go on running.',
      'Answer whoever runs the hub; the page of this server shows the reason too.',
    ],
    urgency: 'high',
  }),
  'server.resumed': ({ server }) => ({
    title: `${server} may be reached again`,
    lines: [
      `Whoever runs the hub has resumed ${server}. Its agent comes back within five minutes; restarted, at once.`,
    ],
    urgency: 'normal',
  }),
  'server.token-reused': ({ tokenId, server, ...where }) => ({
    title: 'An enrolment token was used a second time',
    lines: [
      `Somebody tried to enrol an agent with the token ${tokenId}, which had been used${server === undefined ? '' : ` for ${server}`}. It was refused.`,
      ...whereLines(where),
      'A token that is known to others may also have been used first by them: if that server is not yours, revoke it and make a new token.',
    ],
    urgency: 'high',
  }),
  'server.key-rotated': ({ server, ...where }) => ({
    title: `The agent of ${server} has a new key`,
    lines: [
      `Somebody ran "phlix-agent rotate" for ${server}. The former key is refused from now on.`,
      ...whereLines(where),
      'If it was not you, somebody has a copy of the key: revoke this server in the dashboard, and enrol it anew with a new token.',
    ],
    urgency: 'high',
  }),
  'server.cloned': ({ server, other, ...where }) => ({
    title: `Two agents run as ${server}`,
    lines: [
      `Two agents use the key of ${server}: one at ${other}, which serves it now, and one that started earlier, which was turned away.`,
      ...whereLines(where),
      'Stop one of the two if both are yours: a second server needs a state folder and a token of its own. If one is not, run "phlix-agent rotate" on yours: the copy is shut out.',
    ],
    urgency: 'high',
  }),
  'server.transferred': ({ server }) => ({
    title: `${server} has another owner`,
    lines: [
      `Whoever runs the hub gave ${server} to another account. The agent that ran it is shut out: the new owner adds one with a token of his own.`,
      'If you did not expect this, ask whoever runs the hub.',
    ],
    urgency: 'normal',
  }),
  'certificate.trouble': ({ names, notAfter, reason }) => ({
    title: `Certificate trouble: ${names[0] ?? 'a name'}`,
    lines: [
      `The certificate for ${names.slice(0, 10).join(', ')} could not be renewed: ${reason}`,
      notAfter === undefined
        ? 'There is none now, so nobody can reach these names.'
        : `The present one is good until ${timeText(notAfter)}.`,
      '"phlix-hub certificates list" on the hub\'s machine says more.',
    ],
    urgency: 'high',
  }),
  'login.new-device': (where) => signedIn('Signed in with a new device', where),
  'login.new-network': ({ network, ...where }) =>
    signedIn(`Signed in from a new network, ${network}`, where),
  'login.travel': ({ speedKmh, distanceKm, isRefused, ...where }) => ({
    title: 'A sign-in from far away',
    lines: [
      `Somebody came with your password, your passkey or your provider ${Math.round(distanceKm)} km from where you last signed in, which would need a speed of ${Math.round(speedKmh)} km/h.`,
      isRefused
        ? 'It was refused. If this was you, as behind a VPN, sign in from where you were before.'
        : 'If your account has a second factor, it was asked for wherever the hub can ask.',
      ...whereLines(where),
      ifNotYou,
    ],
    urgency: 'high',
  }),
  'login.attacked': ({ attempts, ...where }) => ({
    title: 'Somebody keeps trying to sign in as you',
    lines: [
      `${attempts} attempts to sign in to your account have failed. Your own devices can still sign in.`,
      ...whereLines(where),
      'If your password is used elsewhere as well, change it.',
    ],
    urgency: 'high',
  }),
  'password.changed': (where) => changed('Your password was changed', where),
  'factor.added': ({ factor, ...where }) => changed(`Added to your account: ${factor}`, where),
  'factor.removed': ({ factor, ...where }) =>
    changed(`Removed from your account: ${factor}`, where),
  'factor.cloned': ({ factor, ...where }) => ({
    title: `A copy of a passkey may be in use: ${factor}`,
    lines: [
      `The passkey "${factor}" counted backwards, as a copy of it would. The sign-in was refused.`,
      ...whereLines(where),
      'Remove this passkey under Security and add a new one.',
    ],
    urgency: 'high',
  }),
  'factor.unreadable': ({ accountId, factor }) => ({
    title: `A factor cannot be read: ${factor}`,
    lines: [
      `${factor} of the account ${accountId} does not open with the present HUB_SECRET_KEY, so nobody gets in by it.`,
      'Set the former key again behind the present one (HUB_SECRET_KEY=new,former), or reset the factors of that account.',
    ],
    urgency: 'high',
  }),
  'recovery.used': ({ left, ...where }) => ({
    title: 'A recovery code was used',
    lines: [
      `Somebody signed in with one of your recovery codes; ${left} are left.`,
      ...whereLines(where),
      ifNotYou,
    ],
    urgency: 'high',
  }),
  'recovery.low': ({ left }) => ({
    title: `${left} recovery codes are left`,
    lines: ['Make a new set under Security; the old one is void then.'],
    urgency: 'normal',
  }),
  'trust.replayed': (where) => ({
    title: 'A trusted browser was copied',
    lines: [
      'What makes a browser a trusted one was used a second time, as a thief would. No browser that came from it is trusted any more.',
      ...whereLines(where),
      ifNotYou,
    ],
    urgency: 'high',
  }),
  'account.reset': ({ by, ...where }) => ({
    title: 'The second factors of your account were reset',
    lines: [
      `${by} reset the second factors of your account and ended its logins. You set one up again when you next sign in.`,
      ...whereLines(where),
      'If you did not ask for this, speak to whoever runs the hub.',
    ],
    urgency: 'high',
  }),
  'email.changed': (where) => changed('The e-mail address of your account was changed', where),
  'account.locked-down': (where) => changed('Your account was locked down', where),
  'token.created': ({ name, ...where }) =>
    changed(`A token was made for your account: ${name}`, where),
  'device.paired': ({ name, ...where }) =>
    changed(`A device was paired with your account: ${name}`, where),
  'sso.linked': ({ provider, ...where }) =>
    changed(`Your account can be opened with ${provider} now`, where),
  'sso.unlinked': ({ provider, ...where }) =>
    changed(`Your account cannot be opened with ${provider} any more`, where),
  'ban.added': ({ address, reason, until }) => ({
    title: `Banned: ${address}`,
    lines: [
      `${address} is banned${until === undefined ? '' : ` until ${timeText(until)}`}: ${reason}.`,
      'To let it in again: phlix-hub ban remove',
    ],
    urgency: 'normal',
  }),
  'backup.failed': ({ reason }) => ({
    title: 'The backup of the hub failed',
    lines: [
      reason,
      'It is tried again within the hour. "phlix-hub backup" on the hub\'s machine tries it now.',
    ],
    urgency: 'high',
  }),
  'audit.trouble': ({ reason }) => ({
    title: 'The audit log is in trouble',
    lines: [reason, 'To look at the whole of it: phlix-hub audit verify'],
    urgency: 'high',
  }),
  'login.local-open': ({ until }) => ({
    title: 'Local sign-in was opened on the host',
    lines: [
      `Passwords are accepted until ${timeText(until)}, though HUB_LOCAL_LOGIN is off: somebody asked for it on the hub's machine.`,
    ],
    urgency: 'high',
  }),
  test: ({ by }) => ({
    title: 'A test',
    lines: [`${by} asked for this test. Notices arrive here.`],
    urgency: 'low',
  }),
};

function signedIn(title: string, where: Where): Wording {
  return { title, lines: [...whereLines(where), ifNotYou], urgency: 'normal' };
}

function changed(title: string, where: Where): Wording {
  return { title, lines: [`${title}.`, ...whereLines(where), ifNotYou], urgency: 'normal' };
}

function whereLines({ address, software }: Where): string[] {
  return [
    ...(software === undefined ? [] : [`With: ${software}`]),
    ...(address === undefined ? [] : [`From: ${address}`]),
  ];
}

/** The reader's zone is not known; UTC is nobody's guess. */
function timeText(time: Date): string {
  return `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function spanText(ms: number): string {
  const minutes = Math.max(1, Math.round(ms / 60_000));
  if (minutes < 120) return `${minutes} ${minutes === 1 ? 'minute' : 'minutes'}`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}
