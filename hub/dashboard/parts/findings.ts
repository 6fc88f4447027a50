// What a doctor found arrives; a list leaves that says what is wrong first, each with its remedy, and folds away what is well.

import { html } from 'hono/html';

import type { Finding, FindingState } from '../../../shared/doctor/finding.ts';
import { badge, type Tone } from './badge.ts';
import type { IconName } from './icon.ts';
import { itemList } from './item-list.ts';
import type { Markup } from './markup.ts';
import { moment } from './moment.ts';

export interface ShownFinding extends Finding {
  /** What people call the check. */
  readonly title: string;
  /** Where it is not of this moment. */
  readonly at?: Date;
}

export const findingLooks: Readonly<
  Record<FindingState, { icon: IconName; tone: Tone; word: string }>
> = {
  failure: { icon: 'alert', tone: 'bad', word: 'Wrong' },
  warning: { icon: 'alert', tone: 'warn', word: 'Look at it' },
  unknown: { icon: 'health', tone: 'calm', word: 'Not known' },
  ok: { icon: 'check', tone: 'good', word: 'Good' },
};
const order: readonly FindingState[] = ['failure', 'warning', 'unknown', 'ok'];

/** What is well is folded away: on a phone it would be ten screens long. `isAlone`: where there is nothing else to read, it is not. */
export function findingsList(
  items: readonly ShownFinding[],
  { isAlone }: { isAlone: boolean },
): Markup {
  const sorted = items.toSorted(
    (one, other) => order.indexOf(one.state) - order.indexOf(other.state),
  );
  const well = sorted.filter(({ state }) => state === 'ok');
  const others = sorted.filter(({ state }) => state !== 'ok');
  const folded =
    well.length > 0 &&
    html`<details ${isAlone && others.length === 0 && html`open`}>
      <summary>${well.length === 1 ? 'One thing is' : `${well.length} things are`} well</summary>
      ${listOf('What is well', well)}
    </details>`;
  return html`${others.length > 0 && listOf('What is to be looked at', others)}${folded}`;
}

function listOf(label: string, items: readonly ShownFinding[]): Markup {
  return itemList(
    label,
    items.map(({ check, state, message, remedy, title, at }) => ({
      icon: findingLooks[state].icon,
      title,
      // What the command and the README call it.
      badges: html`${badge(findingLooks[state].word, findingLooks[state].tone)}
        <code class="soft">${check}</code>`,
      detail: html`${message}${remedy !== undefined && html`<br /><b>${remedy}</b>`}${
        at !== undefined && html`<br /><small>Looked at ${moment(at)}</small>`
      }`,
    })),
  );
}
