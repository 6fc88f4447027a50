// Why a request to somewhere else was not made, or came to nothing, arrives; a code and a sentence without secrets leave.

import { CodedError } from '../../shared/errors.ts';

export type OutboundErrorCode =
  /** Not an address that one could ask: another scheme, or a password in it. */
  | 'outbound.address'
  /** It leads to where only this machine can go. */
  | 'outbound.refused'
  | 'outbound.redirect'
  | 'outbound.timeout'
  | 'outbound.too-large'
  | 'outbound.failed';

/** The message names the host at most: paths and queries carry secrets of those who gave the address. */
export class OutboundError extends CodedError<OutboundErrorCode> {}
