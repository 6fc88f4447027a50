import { expect, test } from 'vitest';

import { exposition, Gauge } from './metric.ts';

test('each metric has its help, its type and its samples', () => {
  const links = new Gauge('phlix_hub_links', 'Connections of agents.', () => 7);
  const expiry = new Gauge('phlix_hub_certificate_expiry_seconds', 'When it ends.', () => [
    { labels: { name: 'films.example', key: 'ecdsa' }, value: 1.5 },
    { labels: { name: 'other.example', key: 'rsa' }, value: 0 },
  ]);
  expect(exposition([links, expiry])).toBe(`# HELP phlix_hub_links Connections of agents.
# TYPE phlix_hub_links gauge
phlix_hub_links 7
# HELP phlix_hub_certificate_expiry_seconds When it ends.
# TYPE phlix_hub_certificate_expiry_seconds gauge
phlix_hub_certificate_expiry_seconds{name="films.example",key="ecdsa"} 1.5
phlix_hub_certificate_expiry_seconds{name="other.example",key="rsa"} 0
`);
});

test('no label ends its line or its quotes', () => {
  const label = new Gauge('a', 'one\ntwo\\', () => [{ labels: { b: 'x"\n\\' }, value: 1 }]);
  expect(exposition([label])).toBe(
    '# HELP a one\\ntwo\\\\\n# TYPE a gauge\na{b="x\\"\\n\\\\"} 1\n',
  );
});
