// A notice and the hub's name arrive; what every way of sending it is made from leaves.

import { randomUUIDv7 } from 'node:crypto';

import type { Notice, NoticeKind } from '../notice.ts';
import { wordingOf, type Wording } from '../wording.ts';

export interface Message extends Wording {
  /** The same in each try, so that a receiver can tell a repetition. */
  readonly id: string;
  readonly kind: NoticeKind;
  readonly at: Date;
  readonly facts: Readonly<Record<string, unknown>>;
  /** `https://hub.example.org` */
  readonly hub: string;
}

export function messageOf(notice: Notice, hub: string, now: Date): Message {
  return {
    ...wordingOf(notice),
    id: randomUUIDv7(),
    kind: notice.kind,
    at: notice.at ?? now,
    facts: { ...notice.facts },
    hub,
  };
}

/** As a letter has it: with the time and the hub below, since several hubs may write to one person. */
export function letterText({ lines, at, hub }: Message): string {
  return `${lines.join('\n\n')}\n\n-- \n${at.toISOString()}, ${hub}\n`;
}
