// The code of a problem that somebody was sent here with arrives; what to do about it leaves. Nothing of the address is repeated.

const words: Readonly<Record<string, string>> = {
  'sso.unlinked':
    'Nobody here is linked to that person. Sign in as usual, then link it under Security.',
  'sso.conflict': 'That person is linked to another account of this hub already.',
  'sso.unknown': 'This hub does not know that provider any more. Use another way.',
  'sso.unavailable': 'The provider does not answer. Try again, or use another way.',
  'sso.denied': 'The provider did not let you through. Try again, or ask whoever runs it.',
  'sso.failed': 'What the provider answered could not be trusted. Tell whoever runs this hub.',
  'sso.factor': 'This needs a second factor at the provider. Turn one on there, then try again.',
  'sso.expired': 'That took too long. Begin again.',
  'login.expired': 'That took too long. Begin again.',
  'login.locked': 'Too many sign-ins failed. Wait a while, then try again.',
};

export function problemWords(code: string): string {
  return Object.hasOwn(words, code)
    ? (words[code] ?? '')
    : 'That did not work. Begin again, or use another way.';
}
