// Why a notice or a letter could not go out, or a target cannot be kept, arrives; a code and a sentence with its remedy leave.

import { CodedError } from '../../shared/errors.ts';

export type NoticeErrorCode =
  /** No HUB_SMTP_ setting. */
  | 'mail.off'
  | 'mail.address'
  /** The server offers no TLS, or shows a certificate that proves nothing. */
  | 'mail.insecure'
  /** The server said no: to the password, the sender, the recipient or the letter. */
  | 'mail.refused'
  | 'mail.unreachable'
  | 'notice.target'
  | 'notice.unknown'
  | 'notice.quota'
  /** So many tests that they would be a flood. */
  | 'notice.paced'
  | 'notice.undelivered';

export class NoticeError extends CodedError<NoticeErrorCode> {}
