// A measurement of an inspected contender arrives; its values leave, and a profile of each program is on disk.

import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

import type { Contender } from './contender.ts';
import { Inspector } from './inspector.ts';

export interface ProfileOptions<Result> {
  readonly take: () => Promise<Result>;
  /** `<prefix>-agent.cpuprofile` and so on; a later round replaces the file of a former one. */
  readonly prefix: string;
}

export async function profiled<Result>(
  { programs }: Contender,
  { take, prefix }: ProfileOptions<Result>,
): Promise<Result> {
  mkdirSync(dirname(prefix), { recursive: true });
  const inspectors = await Promise.all(
    Object.entries(programs).map(
      async ([name, program]) => [name, await Inspector.attach(program)] as const,
    ),
  );
  for (const [, inspector] of inspectors) await inspector.startProfile();
  const result = await take();
  for (const [name, inspector] of inspectors) {
    await inspector.saveProfile(`${prefix}-${name}.cpuprofile`);
    inspector.detach();
  }
  return result;
}
