// What an HTTP/2 stream says arrives; the request leaves as RFC 9113 §8 reads it, or why it is malformed.

export interface Http2Message {
  readonly head: readonly (readonly [name: string, value: string])[];
  /** The payloads of its DATA frames. */
  readonly data: readonly string[];
  readonly trailers: readonly (readonly [name: string, value: string])[] | undefined;
  /** END_STREAM has been sent. */
  readonly hasEnded: boolean;
}

export interface Http2Request {
  readonly method: string;
  readonly path: string;
  /** In small letters, without a dot behind the name. */
  readonly authority: string;
  readonly body: string;
}

/**
 * `malformed`: RFC 9113 §8.1.1 wants a stream error, and no intermediary may pass it on. Two things are taken as nghttp2
 * takes them: a field with forbidden bytes is left out, and what is wrong behind a whole request does not undo it.
 */
export function readHttp2(message: Http2Message): Http2Request | 'malformed' | 'unfinished' {
  const pseudo = new Map<string, string>();
  let hasRegular = false;
  for (const [name, value] of message.head) {
    if (name.startsWith(':')) {
      if (hasRegular || pseudo.has(name) || !requestPseudo.has(name)) return 'malformed';
      if (badValue.test(value)) return 'malformed';
      pseudo.set(name, value);
    } else {
      hasRegular = true;
      if (!isAllowed(name, value)) return 'malformed';
    }
  }
  const [method, path, scheme] = [':method', ':path', ':scheme'].map((name) => pseudo.get(name));
  if (!method || !path || !scheme || !token.test(method)) return 'malformed';
  const hosts = valuesOf(message, 'host');
  const authority = pseudo.get(':authority') ?? hosts[0] ?? '';
  if (hosts.some((host) => canonical(host) !== canonical(authority)) || hosts.length > 1)
    return 'malformed';
  const request = { method, path, authority: canonical(authority) };
  const length = lengthOf(message);
  if (length === 'malformed') return 'malformed';
  const protocol = pseudo.get(':protocol');
  if (protocol !== undefined || method === 'CONNECT') {
    // RFC 8441: to an HTTP/1.1 origin the same is asked with GET, and what follows the head is no body.
    const isSocket = method === 'CONNECT' && protocol?.toLowerCase() === 'websocket';
    const hasMore = !message.hasEnded || message.data.length > 0 || message.trailers !== undefined;
    return isSocket && length === undefined && hasMore
      ? { ...request, method: 'GET', body: '' }
      : 'malformed';
  }
  // Their bodies are dropped: the head alone is the request, and goes on before the rest is known.
  if (method === 'GET' || method === 'HEAD') return { ...request, body: '' };
  const body = message.data.join('').slice(0, length);
  // So does one whose length has come; of all others the end counts, and it may have to wait for trailers.
  if (body.length === length) return { ...request, body };
  if (length !== undefined || !message.hasEnded || hasBadTrailers(message)) return 'unfinished';
  return { ...request, body };
}

function hasBadTrailers({ trailers = [] }: Http2Message): boolean {
  return trailers.some(([name, value]) => name.startsWith(':') || !isAllowed(name, value));
}

/** One spelling of a name: small letters, and no dot behind it. */
function canonical(authority: string): string {
  return authority.toLowerCase().replace(/\.(?=$|:)/, '');
}

/** §8.1.1. */
function lengthOf(message: Http2Message): number | 'malformed' | undefined {
  const [length, ...more] = valuesOf(message, 'content-length');
  if (length === undefined) return undefined;
  return more.length === 0 && /^[0-9]+$/.test(length) ? Number(length) : 'malformed';
}

/** §8.2.1 and §8.2.2. */
function isAllowed(name: string, value: string): boolean {
  if (/[A-Z]/.test(name)) return false;
  if (!isReadable(name, value)) return true;
  if (name === 'te') return value.toLowerCase() === 'trailers';
  return !connectionFields.has(name);
}

function isReadable(name: string, value: string): boolean {
  return token.test(name) && !badValue.test(value);
}

function valuesOf({ head }: Http2Message, wanted: string): string[] {
  return head.flatMap(([name, value]) =>
    name === wanted && isReadable(name, value) ? [value] : [],
  );
}

const requestPseudo: ReadonlySet<string> = new Set([
  ':method',
  ':scheme',
  ':authority',
  ':path',
  ':protocol',
]);
const connectionFields: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** NUL, CR and LF anywhere, blanks at the ends. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const badValue = /[\0\r\n]|^[ \t]|[ \t]$/;
