// All attacks of our own, by name, in the order in which they are run.

import type { Attack } from './attack.ts';
import { http2Attacks } from './http2.ts';
import { slowAttacks } from './tls.ts';

export const attacks: ReadonlyMap<string, Attack> = new Map([
  ...Object.entries(http2Attacks),
  ...Object.entries(slowAttacks),
]);
