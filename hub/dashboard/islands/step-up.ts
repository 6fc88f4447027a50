// A challenge of the hub arrives with the ways to meet it (security row A-11); the proof leaves, or nothing when people turn away.

import { askPasskey } from './passkeys.ts';
import { toastNext } from './toast.ts';
import { WayPicker } from './way-picker.ts';

interface Challenge {
  readonly challengeId: string;
  readonly methods: readonly string[];
}

type Send = (method: string, path: string, body: unknown) => Promise<unknown>;

/** What is offered to people instead of the way that is shown. */
const words: Readonly<Record<string, string>> = {
  passkey: 'Use a passkey instead',
  totp: 'Use your authenticator app instead',
  email: 'Get a code by e-mail instead',
  recovery: 'Use a recovery code instead',
  password: 'Use your password instead',
  sso: 'Sign in at your provider instead',
};

/** The proof for X-Phlix-Step-Up; empty where the login itself was lifted. Undefined: the dialog was closed. */
export async function askStepUp(challenge: Challenge, send: Send): Promise<string | undefined> {
  const dialog = document.querySelector<HTMLDialogElement>('#step-up');
  if (dialog === null) return undefined;
  const forms = [...dialog.querySelectorAll<HTMLFormElement>('form[data-way]')];
  const usable = forms.filter((form) => challenge.methods.includes(form.dataset['way'] ?? ''));
  complain(
    dialog,
    usable.length > 0
      ? undefined
      : 'Nothing that you have set up can prove this. Add a passkey under Security.',
  );
  const asked = new AbortController();
  const { signal } = asked;
  return new Promise((resolve) => {
    const end = (proof: string | undefined): void => {
      asked.abort();
      resolve(proof);
      dialog.close();
    };
    for (const form of usable) {
      const prove = async (): Promise<void> => {
        try {
          end(await proveBy(form, challenge, send));
        } catch (error) {
          complain(dialog, error instanceof Error ? error.message : String(error));
        }
      };
      const onSubmit = (event: Event): void => {
        event.preventDefault();
        void prove();
      };
      form.addEventListener('submit', onSubmit, { signal });
    }
    const sending = dialog.querySelector('[data-sends-code]');
    sending?.addEventListener('click', () => void sendCode(dialog, challenge, send), { signal });
    dialog.addEventListener('close', () => end(undefined), { signal });
    for (const form of forms) form.reset();
    dialog.showModal();
    new WayPicker(dialog, words).offer(challenge.methods);
  });
}

/** Said in the dialog: what lies behind it is neither seen nor read aloud. */
async function sendCode(
  dialog: HTMLDialogElement,
  { challengeId }: Challenge,
  send: Send,
): Promise<void> {
  complain(dialog, undefined);
  try {
    await send('POST', `/api/v1/auth/step-up/${challengeId}/email/send`, undefined);
    const said = dialog.querySelector('[data-code-said]');
    if (said !== null) said.textContent = 'A code is on its way to your e-mail address.';
  } catch (error) {
    complain(dialog, error instanceof Error ? error.message : String(error));
  }
}

async function proveBy(
  form: HTMLFormElement,
  { challengeId }: Challenge,
  send: Send,
): Promise<string> {
  const way = form.dataset['way'] ?? '';
  const path = `/api/v1/auth/step-up/${challengeId}/${way}`;
  if (way === 'sso') return leaveFor(path, send);
  const fields = Object.fromEntries(new FormData(form));
  const body = way === 'passkey' ? { response: await askPasskey(`${path}/options`, send) } : fields;
  const answer = (await send('POST', path, body)) as { proof?: string } | undefined;
  return answer?.proof ?? '';
}

/** The provider asks, and sends the browser back here; what was begun is then done by pressing its button again. */
async function leaveFor(path: string, send: Send): Promise<never> {
  const links = (await send('GET', '/api/v1/account/sso-links', undefined)) as SsoLinks;
  const provider = links.items[0]?.provider_id ?? '';
  const body = { return_to: location.pathname };
  const away = (await send('POST', `${path}/${provider}`, body)) as { location: string };
  toastNext('Your provider knows you. Press the button again, and it is done.');
  location.assign(away.location);
  return new Promise(() => undefined);
}

interface SsoLinks {
  readonly items: readonly { readonly provider_id: string }[];
}

function complain(dialog: HTMLDialogElement, text: string | undefined): void {
  const place = dialog.querySelector<HTMLElement>('[data-problem]');
  if (place === null) return;
  place.hidden = text === undefined;
  place.textContent = text ?? '';
}
