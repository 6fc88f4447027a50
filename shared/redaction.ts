// A line of a log arrives as text; it leaves without what opens a door: tokens of media servers, of the hub and of people, wherever they stand in it.

/**
 * Whoever writes a line leaves secrets out of it. This is the net below: an error's message may quote an address, and an
 * address may hold X-Plex-Token (demands.md D14). It works on the finished line, so nothing gets past it by being nested.
 */
export function redacted(line: string): string {
  return passes.reduce(
    (text, [pattern, replacement]) => text.replaceAll(pattern, replacement),
    line,
  );
}

const secretWord = '[secret]';

/** Of fields and parameters whose value is a secret whatever it looks like. A sign may be percent-encoded in an address. */
const names = [
  'x-plex-token',
  'x-emby-token',
  'x-emby-authorization',
  'x-mediabrowser-token',
  'x-phlix-step-up',
  'api[-_]?key',
  '(?:access|refresh|id|p|enrolment|enrollment|setup)[-_]token',
  'token',
  '(?:client[-_])?secret',
  'pass(?:w(?:or)?d|phrase)',
  '(?:proxy-)?authorization',
  '(?:set-)?cookie',
  'sig(?:nature)?',
]
  .join('|')
  .replaceAll('[-_]', '(?:[-_]|%2d|%5f)')
  .replaceAll(/(?<=[a-z])-(?=[a-z])/g, '(?:-|%2d)');

/** Not in the middle of a longer name. */
const start = '(?<![a-z0-9_-])';

/** Text in quotes, in JSON and in JSON within JSON. */
const quotedText = String.raw`"(?:[^"\\]|\\.)*"`;
const escapedText = String.raw`\\"(?:(?!\\").)*\\"`;
/** However often it was quoted; a token has neither quotes nor backslashes. */
const deepText = String.raw`\\+"[^"\\]*(?:\\+")?`;

const passes: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  // "authorization":"...", and fields as node:http lists them: "authorization","..."
  [new RegExp(String.raw`("(?:${names})"\s*[:,]\s*)${quotedText}`, 'gi'), `$1"${secretWord}"`],
  [
    new RegExp(String.raw`(\\"(?:${names})\\"\s*[:,]\s*)${escapedText}`, 'gi'),
    String.raw`$1\"${secretWord}\"`,
  ],
  // A head as text: the rest of the line belongs to the field.
  [
    new RegExp(
      String.raw`${start}((?:(?:proxy-)?authorization|(?:set-)?cookie|x-[a-z-]*(?:token|authorization)|x-api-key):[ \t]*)(?:\\"|[^"\\\r\n])+`,
      'gi',
    ),
    `$1${secretWord}`,
  ],
  // Of words, with blanks between them, also as a setting.
  [
    new RegExp(
      String.raw`(passphrase=)(?:${deepText}|[^&"'\
]+)`,
      'gi',
    ),
    `$1${secretWord}`,
  ],
  // In a query, a form, or Emby's Token="...". `exp` goes with `sig`: the two are one signed address.
  [
    new RegExp(
      String.raw`${start}((?:${names}|exp)(?:=|%3d))(?:${deepText}|[^&\s"'\\#;,<>)}]+)`,
      'gi',
    ),
    `$1${secretWord}`,
  ],
  [/\b(bearer|basic)(\s+)[\w.~+/=-]{8,}/gi, `$1$2${secretWord}`],
  // The hub's own, which begin with what they are: phe_, phd_, phx_pat_.
  [/\b(ph[a-z]{1,2}_(?:[a-z]{2,4}_)?)[0-9A-Za-z]{8}[\w.-]*/g, `$1${secretWord}`],
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g, secretWord],
  // postgresql://user:password@host
  [/(:\/\/[^\s/:@"]*:)[^\s/@"]+@/g, `$1${secretWord}@`],
  // What age-keygen writes.
  [/\bAGE-SECRET-KEY-[0-9A-Z-]+/gi, secretWord],
  [/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:(?!-----END ).)*/gs, secretWord],
];
