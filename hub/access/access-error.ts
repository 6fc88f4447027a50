// What is wrong with a wish about who may come in leaves here, by its code.

import { CodedError } from '../../shared/errors.ts';

export type AccessErrorCode = 'ban.loopback' | 'ban.proxy' | 'ban.wide' | 'ban.own' | 'ban.limit';

export class AccessError extends CodedError<AccessErrorCode> {}
