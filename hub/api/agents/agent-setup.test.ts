// What is pasted is read as its reader reads it.

import { expect, test } from 'vitest';
import { parse } from 'yaml';

import { agentSetup } from './agent-setup.ts';

test('compose hands the token over as a file, and keeps it out of the environment', () => {
  const { compose } = agentSetup({ PHLIX_HUB_ENROLLMENT_TOKEN: 'phe_secret' });
  expect(compose).not.toContain('phe_secret');
  expect(parse(compose)).toMatchObject({
    services: {
      'phlix-agent': {
        env_file: 'phlix-agent.env',
        environment: {
          PHLIX_HUB_ENROLLMENT_TOKEN: '',
          PHLIX_HUB_ENROLLMENT_TOKEN_FILE: '/run/secrets/enrollment-token',
        },
        secrets: ['enrollment-token'],
      },
    },
    secrets: { 'enrollment-token': { file: './enrollment-token' } },
  });
});
