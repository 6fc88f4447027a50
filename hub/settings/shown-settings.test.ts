import { expect, test } from 'vitest';

import { Secret } from '../../shared/settings/secret.ts';
import { shownSettings } from './shown-settings.ts';

test('settings are shown as they were written, secrets only by whether they are set', () => {
  const names = [
    'HUB_SECRET_KEY',
    'HUB_LOG_LEVEL',
    'HUB_DATA_DIR',
    'HUB_KEYS',
    'HUB_HOOK',
    'HUB_X',
  ];
  const read = { HUB_SECRET_KEY: new Secret('canary'), HUB_KEYS: [new Secret('canary')] };
  const shown = shownSettings(names, read, {
    HUB_SECRET_KEY: 'canary',
    HUB_LOG_LEVEL: 'debug',
    HUB_KEYS_FILE: '/run/secrets/keys',
    HUB_HOOK: 'https://user:canary@example.org/',
  });
  expect(shown).toEqual([
    { name: 'HUB_DATA_DIR', from: 'default', text: undefined, isSecret: false },
    { name: 'HUB_HOOK', from: 'environment', text: undefined, isSecret: true },
    { name: 'HUB_KEYS', from: 'file', text: undefined, isSecret: true },
    { name: 'HUB_LOG_LEVEL', from: 'environment', text: 'debug', isSecret: false },
    { name: 'HUB_SECRET_KEY', from: 'environment', text: undefined, isSecret: true },
    { name: 'HUB_X', from: 'default', text: undefined, isSecret: false },
  ]);
  expect(JSON.stringify(shown)).not.toContain('canary');
});
