// The code of a device arrives; who asks is shown, and what the person decides goes to the hub.

import { call, Cancelled } from './call.ts';
import { showProblem, whileBusy } from './forms.ts';

interface DeviceRequest {
  readonly user_code: string;
  readonly device_name: string;
  readonly app: string;
  readonly address: string | null;
  readonly is_same_network: boolean;
}

const decision = document.querySelector<HTMLFormElement>('#device-decision');

document.querySelector('#device-code')?.addEventListener('answered', (event) => {
  event.preventDefault();
  showRequest((event as CustomEvent<DeviceRequest>).detail);
});

decision?.addEventListener('answered', (event) => {
  event.preventDefault();
  finish('The device is in. It goes on by itself within a few seconds.');
});

document.querySelector('[data-refuses]')?.addEventListener('click', () => {
  if (decision === null) return;
  void whileBusy(decision, async () => {
    try {
      const code = new FormData(decision).get('user_code');
      await call('POST', '/api/v1/devices/deny', { user_code: code });
      finish('Refused. The device was told.');
    } catch (error) {
      if (!(error instanceof Cancelled)) showProblem(decision, (error as Error).message);
    }
  });
});

function showRequest(request: DeviceRequest): void {
  write('code', request.user_code);
  write('name', request.device_name);
  write('app', request.app);
  write('address', request.address ?? 'an unknown address');
  const elsewhere = document.querySelector<HTMLElement>('[data-device-elsewhere]');
  if (elsewhere !== null) elsewhere.hidden = request.is_same_network;
  const input = decision?.querySelector<HTMLInputElement>('[name="user_code"]');
  if (input) input.value = request.user_code;
  showStep('decide');
}

function finish(words: string): void {
  const place = document.querySelector('[data-device-said]');
  if (place !== null) place.textContent = words;
  showStep('done');
}

function write(fact: string, text: string): void {
  const place = document.querySelector(`[data-device="${fact}"]`);
  if (place !== null) place.textContent = text;
}

function showStep(name: string): void {
  for (const step of document.querySelectorAll<HTMLElement>('[data-step]'))
    step.hidden = step.dataset['step'] !== name;
  document.querySelector<HTMLElement>('#main')?.focus();
}
