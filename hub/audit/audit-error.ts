// What keeps the audit log from being written or read leaves here, by its code.

import { CodedError } from '../../shared/errors.ts';

export type AuditErrorCode = 'audit.folder' | 'audit.locked' | 'audit.query';

export class AuditError extends CodedError<AuditErrorCode> {}
