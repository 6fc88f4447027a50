// What stands between visitor and origin, in three ways, is described here; each way is started by a file of its own.

import type { Program } from '../support/program.ts';
import type { Certificate } from './certificate.ts';
import type { LineSpec } from './shaped-line.ts';

export const contenderNames = ['nginx', 'ssh', 'hub'] as const;
export type ContenderName = (typeof contenderNames)[number];

export const contenderTitles: Record<ContenderName, string> = {
  nginx: 'nginx alone',
  ssh: 'ssh -R + nginx',
  hub: 'hub + agent',
};

/** A running contender: visitors come to 127.0.0.1 at this port, over TLS. */
export interface Contender {
  readonly name: ContenderName;
  readonly port: number;
  /** Whose processor time counts, by the name it is reported under. */
  readonly programs: Readonly<Record<string, Program>>;
  /** As its programs read it, for whoever wants to check what was compared. */
  readonly configuration: string;
  stop(): Promise<void>;
}

export interface ContenderOptions {
  readonly originPort: number;
  readonly certificate: Certificate;
  /** Between the home and the public side; nginx alone has it between itself and the origin. */
  readonly line: LineSpec;
  /** Its programs can be asked for a profile, where they are of Node. */
  readonly isInspected?: boolean;
  /** What OpenSSH agrees on by itself, if left out. */
  readonly sshCipher?: string | undefined;
}

/** The name that visitors ask for, under the hub's default domain of a trial. */
export const visitedHost = 'bench.phlix.localhost';
