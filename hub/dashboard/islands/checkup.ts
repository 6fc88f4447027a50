// A press on "Check now" arrives, or news of the server; what its agent found stands on the page as soon as the hub knows it.

import { call } from './call.ts';
import { renew } from './renewal.ts';
import { showTimes } from './times.ts';
import { toast } from './toast.ts';

interface Findings {
  readonly looked_at: string | null;
  readonly line_measured_at: string | null;
}

/** The line alone takes five seconds each way, and a media server whose disks sleep as long. */
const patienceMs = 60_000;
/** Where the news is of another process of the hub, or the channel is broken. */
const askEveryMs = 5000;

/** `path`: of the server in the API. Returns what is to be called whenever there is news of it. */
export function watchFindings(path: string): () => void {
  const form = document.querySelector<HTMLFormElement>('#check-up');
  if (form === null) return () => undefined;
  let waiting: { readonly since: string; readonly end: (isDone: boolean) => void } | undefined;

  const look = async (): Promise<void> => {
    const findings = await call<Findings>('GET', `${path}/findings`).catch(() => undefined);
    const shown = document.querySelector<HTMLElement>('#findings');
    if (findings === undefined || shown === null) return;
    const { looked_at: lookedAt, line_measured_at: measuredAt } = findings;
    const { looked, measured } = shown.dataset;
    if (looked !== (lookedAt ?? '') || measured !== (measuredAt ?? '')) {
      await renew('findings');
      showTimes(document);
    }
    // Of two looks at once the other one may have renewed the page.
    if (waiting !== undefined && measuredAt !== null && measuredAt > waiting.since)
      waiting.end(true);
  };

  form.addEventListener('answered', (event) => {
    event.preventDefault();
    const { detail } = event as CustomEvent<{ is_asked: boolean }>;
    if (!detail.is_asked) return toast('Its agent is not connected, so nobody can look.', 'bad');
    const press = form.querySelector('button');
    const asking = setInterval(() => void look(), askEveryMs);
    const late = setTimeout(() => waiting?.end(false), patienceMs);
    const since = document.querySelector<HTMLElement>('#findings')?.dataset['measured'] ?? '';
    const end = (isDone: boolean): void => {
      waiting = undefined;
      clearInterval(asking);
      clearTimeout(late);
      say(press, 'Check now', false);
      if (isDone) toast('Its agent has looked again.');
      else toast('Its agent does not answer: run phlix-agent doctor beside it.', 'bad');
    };
    waiting?.end(true);
    waiting = { since, end };
    // When the form is done with the press, and has given it back.
    setTimeout(() => waiting !== undefined && say(press, 'Checking…', true));
    return undefined;
  });
  return () => void look();
}

function say(button: HTMLButtonElement | null, text: string, isBusy: boolean): void {
  if (button === null) return;
  button.disabled = isBusy;
  const words = button.querySelector('span');
  if (words !== null) words.textContent = text;
}
