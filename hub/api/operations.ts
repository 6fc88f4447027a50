// The operations of every area of the API leave, in one list: what the router serves, the document describes and the tests hold.

import type { Operation } from './operation.ts';
import { serverOperations, type ServerServices } from './servers.ts';

/** What all areas together need: each names its own part. */
export type ApiServices = ServerServices;

export const operations: readonly Operation<ApiServices>[] = [...serverOperations];
