// An enrolment token arrives, once; it stands in lines ready to paste, and the page turns green when the agent that got it is there.

import { call } from './call.ts';
import { listen, onReconnect } from './live.ts';
import { showTimes } from './times.ts';

interface EnrolmentAnswer {
  readonly expires_at: string;
  readonly setup: {
    readonly env: string;
    readonly docker: string;
    readonly compose: string;
    readonly systemd: string;
    readonly qr: string;
  };
}

interface ListedServer {
  readonly id: string;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly is_connected: boolean;
}

/** An agent that starts connects within seconds; after two minutes something is in the way. */
const lateMs = 120_000;

/** Those that were there before the token was: another one is the new one. */
let known: ReadonlySet<string> = new Set();

document.querySelector('#new-server')?.addEventListener('answered', (event) => {
  event.preventDefault();
  void begin((event as CustomEvent<EnrolmentAnswer>).detail);
});

async function begin({ expires_at: expiresAt, setup }: EnrolmentAnswer): Promise<void> {
  known = new Set((await servers()).map(({ id }) => id));
  for (const name of ['env', 'docker', 'compose', 'systemd'] as const) {
    const place = document.querySelector(`#setup-${name}`);
    if (place !== null) place.textContent = setup[name];
  }
  const picture = document.querySelector<HTMLImageElement>('#setup-qr');
  if (picture !== null) picture.src = setup.qr;
  const expires = document.createElement('time');
  expires.dateTime = expiresAt;
  expires.dataset['relative'] = '';
  document.querySelector('#setup-expires')?.replaceChildren(expires);
  showTimes(document);
  showStage('paste');
  listen('servers', () => void look());
  onReconnect(() => void look());
  // Between the question above and the listening it may have come already.
  void look();
  setTimeout(() => {
    const late = document.querySelector<HTMLElement>('[data-late]');
    if (late !== null) late.hidden = false;
  }, lateMs);
  // Whoever leaves loses the token's text: it is told once.
  addEventListener('beforeunload', warn);
}

function warn(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

async function look(): Promise<void> {
  const found = (await servers()).find(
    (server) => !known.has(server.id) && server.is_connected && server.addresses.length > 0,
  );
  if (found !== undefined) finish(found);
}

async function servers(): Promise<ListedServer[]> {
  const all: ListedServer[] = [];
  let cursor: string | null = null;
  do {
    const place: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: { items: ListedServer[]; next_cursor: string | null } = await call(
      'GET',
      `/api/v1/servers?limit=100${place}`,
    );
    all.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return all;
}

function finish({ id, name, addresses: [address = ''] }: ListedServer): void {
  removeEventListener('beforeunload', warn);
  const title = document.querySelector('[data-done-name]');
  if (title !== null) title.textContent = name;
  const link = document.querySelector<HTMLAnchorElement>('[data-done-address]');
  if (link !== null) {
    link.href = address;
    link.textContent = new URL(address).host;
  }
  const look = document.querySelector<HTMLAnchorElement>('[data-done-link]');
  if (look !== null) look.href = `/servers/${id}`;
  showStage('done');
  document.querySelector<HTMLElement>('#done-title')?.focus();
}

function showStage(name: string): void {
  for (const stage of document.querySelectorAll<HTMLElement>('[data-stage]'))
    stage.hidden = stage.dataset['stage'] !== name;
}

for (const tab of document.querySelectorAll<HTMLElement>('[role="tab"]')) {
  tab.addEventListener('click', () => select(tab));
  tab.addEventListener('keydown', ({ key }) => {
    const step = key === 'ArrowRight' ? 1 : key === 'ArrowLeft' ? -1 : 0;
    const tabs = [...document.querySelectorAll<HTMLElement>('[role="tab"]')];
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    if (step !== 0 && next !== undefined) select(next);
  });
}

/** WAI-ARIA's pattern of tabs: arrows move, one of them is in the order of Tab. */
function select(chosen: HTMLElement): void {
  for (const tab of document.querySelectorAll<HTMLElement>('[role="tab"]')) {
    const isChosen = tab === chosen;
    tab.ariaSelected = String(isChosen);
    tab.tabIndex = isChosen ? 0 : -1;
    const panel = document.querySelector<HTMLElement>(`#${tab.getAttribute('aria-controls')}`);
    if (panel !== null) panel.hidden = !isChosen;
  }
  chosen.focus();
}
