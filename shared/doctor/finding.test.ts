import { expect, test } from 'vitest';

import { explained, whole } from './finding.ts';

test.each([
  [
    'no answer (a line of TLS: bad record) from hub.example.org: open port 443',
    'No answer (a line of TLS: bad record) from hub.example.org.',
    'Open port 443.',
  ],
  [
    'the folder cannot be used (EACCES): run this as root',
    'The folder cannot be used (EACCES).',
    'Run this as root.',
  ],
  ['nothing more is known', 'Nothing more is known.', undefined],
  ['one (a: b) and (c; d)', 'One (a: b) and (c; d).', undefined],
])('what to do begins behind the colon that is no quotation: %s', (sentence, message, remedy) => {
  expect(explained('failure', sentence)).toEqual({
    state: 'failure',
    message,
    ...(remedy !== undefined && { remedy }),
  });
});

test('a question ends with its own mark', () => {
  expect(whole('did you mean HUB_TLS?')).toBe('Did you mean HUB_TLS?');
});
