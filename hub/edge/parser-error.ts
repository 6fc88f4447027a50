// What node:http's parser says of a connection arrives; the code of the failure that it means to the visitor leaves.

import type { Buffer } from 'node:buffer';

import type { EdgeFailureCode } from './failure.ts';

/** `rawPacket`: what it was reading. */
export type ParserError = NodeJS.ErrnoException & { readonly rawPacket?: Buffer };

/** Not the parser's own, but told the same way: a head is late. */
export const headTimedOut = 'ERR_HTTP_REQUEST_TIMEOUT';

const codes: Record<string, EdgeFailureCode> = {
  HPE_HEADER_OVERFLOW: 'edge.fields-too-large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'edge.body-too-large',
  [headTimedOut]: 'edge.timeout',
};

export function failureOfParser({ code = '' }: ParserError): EdgeFailureCode {
  return codes[code] ?? 'edge.bad-request';
}
