// What was found out about the media server arrives; a verdict of each kind leaves, where there is one.

import type { Looks } from '../../shared/doctor/look.ts';
import type { Surroundings } from './surroundings.ts';

export const originLooks = {
  'origin.reachable': async (here) => (await here.origin()).reachable,
  'origin.product': async (here) => (await here.origin()).product,
  'origin.forwarded': async (here) => (await here.origin()).forwarded,
  'origin.login': async (here) => (await here.origin()).login,
  'origin.owner': async (here) => (await here.origin()).owner,
} satisfies Looks<Surroundings>;
