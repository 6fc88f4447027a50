// What happens on a server's links arrives as it happens; its page shows it: figures, charts, and who plays what.

import { bytesText, delayText, rateText } from './amounts.ts';
import { call } from './call.ts';
import { watchFindings } from './checkup.ts';
import { LinkCharts, type LinkSample } from './link-charts.ts';
import { showState } from './server-state.ts';

interface Stream {
  readonly id: string;
  readonly address: string | null;
  readonly app: string;
  readonly kind: string | null;
  readonly path: string;
  readonly bytes_up: number;
  readonly bytes_down: number;
  readonly bits_per_second: number;
  readonly limited_by: keyof typeof limits | null;
}

interface Live {
  readonly is_connected: boolean;
  readonly link: {
    readonly rtt_ms: number | null;
    readonly queue_ms: number | null;
    readonly bits_per_second_up: number;
    readonly bits_per_second_down: number;
  } | null;
  readonly streams: readonly Stream[];
}

type Span = 'hour' | 'day';

/** What a stream waits for, in the words of whoever could change it. */
const limits = {
  viewer: ['Viewer', 'The visitor’s device or line takes no more.'],
  line: ['Home line', 'The line of the home is full.'],
  agent: ['Agent', 'The machine of the agent is too busy.'],
  origin: ['Media server', 'The media server sends or takes no more.'],
  limit: ['Limit', 'A rate is set for this server or account.'],
} as const;

const kinds: Readonly<Record<string, string>> = {
  video: 'Video',
  audio: 'Audio',
  image: 'Image',
  page: 'Page',
  file: 'File',
  socket: 'WebSocket',
};

const stepMs: Readonly<Record<Span, number>> = { hour: 10_000, day: 300_000 };
/** The charts ask anew as often as a point is added to the last hour. */
const redrawMs = 10_000;

const id = document.querySelector<HTMLElement>('#server')?.dataset['id'] ?? '';
const path = `/api/v1/servers/${id}`;
const charts = new LinkCharts(document.querySelectorAll<HTMLElement>('[data-chart]'));
let span: Span = 'hour';
let drawnMs = 0;

function showLive({ is_connected: isConnected, link, streams }: Live): void {
  showState(document.querySelector('[data-state]'), {
    is_connected: isConnected,
    last_seen_at: '',
  });
  write('rtt', delayText(link?.rtt_ms));
  write('queue', delayText(link?.queue_ms));
  write('down', rateText(link?.bits_per_second_down ?? 0));
  write('up', rateText(link?.bits_per_second_up ?? 0));
  write('streams', String(streams.length));
  showStreams(streams);
  if (Date.now() - drawnMs >= redrawMs) void drawCharts();
}

function write(name: string, text: string): void {
  const place = document.querySelector(`[data-now="${name}"]`);
  if (place !== null && place.textContent !== text) place.textContent = text;
}

function showStreams(streams: readonly Stream[]): void {
  const table = document.querySelector<HTMLElement>('[data-streams]');
  const nobody = document.querySelector<HTMLElement>('[data-no-streams]');
  if (table === null || nobody === null) return;
  table.hidden = streams.length === 0;
  nobody.hidden = streams.length > 0;
  const fastest = streams.toSorted((one, other) => other.bits_per_second - one.bits_per_second);
  table.querySelector('tbody')?.replaceChildren(...fastest.map(rowOf));
}

function rowOf(stream: Stream): HTMLTableRowElement {
  const row = document.createElement('tr');
  const [limit, why] = stream.limited_by === null ? ['–', ''] : limits[stream.limited_by];
  const cells: [label: string, text: string, isFigure?: boolean][] = [
    ['App', stream.app],
    ['Visitor', stream.address ?? 'unknown'],
    ['What', kinds[stream.kind ?? ''] ?? 'Begins'],
    ['Rate', rateText(stream.bits_per_second), true],
    ['Moved', bytesText(stream.bytes_up + stream.bytes_down), true],
    ['Limited by', limit],
  ];
  for (const [label, text, isFigure] of cells) {
    const cell = row.insertCell();
    cell.dataset['label'] = label;
    cell.className = isFigure === true ? 'end' : 'start';
    cell.textContent = text;
  }
  const last = row.cells[row.cells.length - 1];
  if (last !== undefined) last.title = why;
  return row;
}

async function drawCharts(): Promise<void> {
  drawnMs = Date.now();
  const asked = span;
  const { items } = await call<{ items: LinkSample[] }>('GET', `${path}/link?span=${asked}`);
  if (asked !== span) return;
  charts.show(items, stepMs[span]);
  const words = document.querySelector<HTMLElement>('[data-chart-words]');
  if (words !== null) words.hidden = items.length > 1;
}

for (const choice of document.querySelectorAll<HTMLElement>('[data-span]'))
  choice.addEventListener('click', () => {
    span = choice.dataset['span'] === 'day' ? 'day' : 'hour';
    for (const each of document.querySelectorAll<HTMLElement>('[data-span]'))
      each.ariaPressed = String(each === choice);
    void drawCharts();
  });

const lookAtFindings = watchFindings(path);

const source = new EventSource(`/api/v1/events?topics=streams,servers&server=${id}`);
source.addEventListener('streams', ({ data }: MessageEvent<string>) => {
  showLive(JSON.parse(data) as Live);
});
source.addEventListener('servers', () => {
  void refresh();
  lookAtFindings();
});
source.addEventListener('open', () => void refresh());
addEventListener('pagehide', () => source.close());
addEventListener('pageshow', ({ persisted }) => persisted && location.reload());

async function refresh(): Promise<void> {
  showLive(await call<Live>('GET', `${path}/live`));
}

void drawCharts();
