// Filters arrive, in the address; the page leaves that shows what happened at this hub, and gives it away as a file.

import type { Context } from 'hono';
import { html } from 'hono/html';

import { CodedError } from '../../../../shared/errors.ts';
import type { LoginCaller } from '../../../accounts/caller.ts';
import { shownActor } from '../../../audit/audit.ts';
import type { AuditAnswer } from '../../admin-answers.ts';
import type { DashboardEnv } from '../../environment.ts';
import { badge, type Tone } from '../../parts/badge.ts';
import { button, linkButton } from '../../parts/button.ts';
import { callout } from '../../parts/callout.ts';
import { card } from '../../parts/card.ts';
import { emptyState } from '../../parts/empty-state.ts';
import { field, select } from '../../parts/field.ts';
import { icon } from '../../parts/icon.ts';
import type { Content, Markup } from '../../parts/markup.ts';
import { moment } from '../../parts/moment.ts';
import { table } from '../../parts/table.ts';
import type { HubReading } from '../../reading.ts';
import type { Listed } from '../../server-answers.ts';
import { adminPage, nextPage } from './admin-page.ts';

const filters = ['event', 'actor', 'server', 'address', 'result', 'from', 'until'] as const;
type Filters = Readonly<Partial<Record<(typeof filters)[number], string>>>;

const areas = [
  { value: '', label: 'Everything' },
  { value: 'login.', label: 'Sign-in' },
  { value: 'mfa.', label: 'Second factors' },
  { value: 'account.', label: 'Accounts' },
  { value: 'admin.', label: 'Administration' },
  { value: 'server.', label: 'Servers' },
  { value: 'domain.', label: 'Domains' },
  { value: 'token.', label: 'Tokens and devices' },
  { value: 'cert.', label: 'Certificates' },
  { value: 'ban.', label: 'Bans' },
  { value: 'key.', label: 'Keys' },
  { value: 'hub.', label: 'The hub itself' },
];

export async function auditPage(
  context: Context<DashboardEnv>,
  _caller: LoginCaller,
  hub: HubReading,
): Promise<Response> {
  const asked = filtersOf(context);
  const cursor = context.req.query('cursor');
  const { problem, items, next_cursor: next } = await readEntries(hub, asked, cursor);
  const query = exportQuery(asked);
  return adminPage(context, '/admin/audit', {
    title: 'Audit',
    lead: 'What happened, youngest first. Each line holds the hash of the one before: one that is changed is found.',
    actions: [
      linkButton('CSV', `/api/v1/admin/audit/export.csv${query}`, {
        icon: 'download',
        spoken: 'Download as CSV',
        attributes: { download: true },
      }),
      linkButton('JSON', `/api/v1/admin/audit/export.jsonl${query}`, {
        icon: 'download',
        spoken: 'Download as lines of JSON',
        attributes: { download: true },
      }),
    ],
    body: [
      filterBox(asked),
      problem === undefined
        ? card({ body: entriesOf(items) })
        : callout({ tone: 'bad', title: 'This filter cannot be read', body: problem }),
      nextPage(context, next, 'Older entries'),
    ],
  });
}

function entriesOf(items: readonly AuditAnswer[]): Markup {
  if (items.length === 0) {
    return emptyState({
      icon: 'search',
      title: 'Nothing fits',
      body: 'Take a filter away, or choose a longer time.',
      action: linkButton('Show everything', '/admin/audit'),
    });
  }
  return table({
    caption: 'Entries of the audit log',
    columns: [
      { title: 'When' },
      { title: 'What' },
      { title: 'Who' },
      { title: 'From' },
      { title: 'About' },
      { title: 'Result' },
    ],
    rows: items.map(row),
  });
}

/** What somebody mistyped in a filter is said above the list. */
async function readEntries(
  hub: HubReading,
  asked: Filters,
  cursor: string | undefined,
): Promise<Listed<AuditAnswer> & { problem?: string }> {
  const problem = mistypedTime(asked);
  if (problem !== undefined) return { items: [], problem };
  try {
    return await hub.ask('audit.list', { ...asked, ...instantsOf(asked), cursor, limit: '50' });
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'api.malformed') throw error;
    return { items: [], problem: error.message };
  }
}

/** Open where something is filtered: nobody wonders why so little is shown. */
function filterBox(asked: Filters): Markup {
  const isOpen = Object.keys(asked).length > 0;
  return html`<details class="card filter-box" ${isOpen && html`open`}>
    <summary>${icon('search')}<span>Filter</span></summary>
    <div class="card-body">${filterForm(asked)}</div>
  </details>`;
}

/** A GET form of the page itself: an address can be kept, and sent to somebody. */
function filterForm(asked: Filters): Markup {
  return html`<form method="get" action="/admin/audit" class="filters">
    ${select({ label: 'What', name: 'event', value: asked.event ?? '', choices: areasWith(asked) })}
    ${field({ label: 'Who', name: 'actor', value: asked.actor, type: 'search' })}
    ${field({ label: 'From address', name: 'address', value: asked.address, type: 'search' })}
    ${select({
      label: 'Result',
      name: 'result',
      value: asked.result ?? '',
      choices: [
        { value: '', label: 'Any' },
        { value: 'ok', label: 'ok' },
        { value: 'denied', label: 'denied' },
        { value: 'failed', label: 'failed' },
      ],
    })}
    ${timeField('Since', 'from', asked)} ${timeField('Until', 'until', asked)}
    <div class="form-actions">
      ${linkButton('Clear', '/admin/audit', { kind: 'quiet' })}
      ${button('Filter', { kind: 'primary', icon: 'search' })}
    </div>
  </form>`;
}

/** What the field could not hold stays out of it: browsers would say so in their console, and show nothing. */
function timeField(label: string, name: 'from' | 'until', asked: Filters): Markup {
  const value = instantOf(asked[name])?.toISOString().slice(0, 'yyyy-mm-ddThh:mm'.length);
  return field({ label: `${label} (UTC)`, name, value, type: 'datetime-local' });
}

/** A single event may stand in the address, from a link. */
function areasWith({ event = '' }: Filters) {
  const isKnown = areas.some(({ value }) => value === event);
  return isKnown ? areas : [...areas, { value: event, label: event }];
}

const tones: Readonly<Record<string, Tone>> = { ok: 'good', denied: 'warn', failed: 'bad' };

/** What is not known stays empty: on a phone such a line is left out. */
function row(entry: AuditAnswer): Content[] {
  const { ts, event, actor, actor_ip: address, result, method } = entry;
  const name =
    actor === null ? undefined : shownActor(actor.id ?? undefined, actor.name ?? undefined);
  return [
    moment(new Date(ts)),
    html`<span
      ><code>${event}</code>${method !== null && html` <span class="soft">${method}</span>`}</span
    >`,
    name,
    address ?? undefined,
    subjectOf(entry),
    result === null ? undefined : badge(result, tones[result] ?? 'calm'),
  ];
}

function subjectOf({ target, server, reason }: AuditAnswer): Content {
  if (target === null && server === null && reason === null) return undefined;
  const subject =
    server === null
      ? target
      : html`<a class="row-link" href="/servers/${server}">${target ?? 'a server'}</a>`;
  const why = reason !== null && html`<span class="soft">${reason}</span>`;
  return html`<span class="subject"
    >${subject}${subject !== null && why !== false && ', '}${why}</span
  >`;
}

function filtersOf(context: Context<DashboardEnv>): Filters {
  const said = filters.flatMap((name) => {
    const value = context.req.query(name)?.trim();
    return value === undefined || value === '' ? [] : [[name, value] as const];
  });
  return Object.fromEntries(said);
}

const times = { from: 'Since', until: 'Until' } as const;

function mistypedTime(asked: Filters): string | undefined {
  const wrong = (['from', 'until'] as const).find(
    (name) => asked[name] !== undefined && instantOf(asked[name]) === undefined,
  );
  return wrong && `“${times[wrong]}” is no date and time: write it like 2026-11-22T10:00.`;
}

type TimesAsked = { readonly [Name in keyof typeof times]?: string | undefined };

/** As the API wants them. A field for date and time has neither seconds nor zone; a link may have both. */
function instantsOf({ from, until }: TimesAsked): { from?: string; until?: string } {
  const [first, last] = [instantOf(from), instantOf(until)];
  return {
    ...(first && { from: first.toISOString() }),
    ...(last && { until: last.toISOString() }),
  };
}

function instantOf(text = ''): Date | undefined {
  const [, day, zone] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? [];
  const instant = new Date(day === undefined ? Number.NaN : `${day}${zone ?? 'Z'}`);
  return Number.isNaN(instant.getTime()) ? undefined : instant;
}

function exportQuery({ from, until, ...others }: Filters): string {
  const query = new URLSearchParams({ ...others, ...instantsOf({ from, until }) }).toString();
  return query === '' ? '' : `?${query}`;
}
