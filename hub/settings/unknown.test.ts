import { expect, test } from 'vitest';

import { unknownSettings } from './unknown.ts';

test('names of the hub that are none of its settings are found, and no others', () => {
  const environment = {
    HUB_COUNT: '1',
    HUB_SECRET_FILE: '/run/secrets/it',
    HUB_FOO: '1',
    HUB_COUNT_OF_ALL: 'x',
    HUB_EMPTY: '',
    HUB_UNSET: undefined,
    PHLIX_FOO: '1',
    MY_HUB_FOO: '1',
    HUB_SERVICE_HOST: '10.0.0.1',
    HUB_SERVICE_PORT_HTTPS: '443',
    HUB_PORT: 'tcp://10.0.0.1:443',
    HUB_PORT_443_TCP_ADDR: '10.0.0.1',
  };
  expect(unknownSettings(['HUB_COUNT', 'HUB_SECRET'], environment)).toEqual([
    'HUB_FOO',
    'HUB_COUNT_OF_ALL',
  ]);
});
