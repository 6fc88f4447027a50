import { expect, test } from 'vitest';

import { counter, gauge, histogram, registryOf, total } from './metric.ts';

test('each metric has its help, its type and its samples', async () => {
  const links = gauge({ name: 'phlix_hub_links', help: 'Connections of agents.', read: () => 7 });
  const ends = gauge({
    name: 'phlix_hub_certificate_ends_seconds',
    help: 'When it ends.',
    labels: ['name', 'key'],
    read: async () => [
      { labels: { name: 'films.example', key: 'ecdsa' }, value: 1.5 },
      { labels: { name: 'other.example', key: 'rsa' }, value: 0 },
    ],
  });
  expect(await registryOf([links, ends]).metrics())
    .toBe(`# HELP phlix_hub_links Connections of agents.
# TYPE phlix_hub_links gauge
phlix_hub_links 7

# HELP phlix_hub_certificate_ends_seconds When it ends.
# TYPE phlix_hub_certificate_ends_seconds gauge
phlix_hub_certificate_ends_seconds{name="films.example",key="ecdsa"} 1.5
phlix_hub_certificate_ends_seconds{name="other.example",key="rsa"} 0
`);
});

test('no label ends its line or its quotes', async () => {
  const label = gauge({
    name: 'a',
    help: 'one\ntwo\\',
    labels: ['b'],
    read: () => [{ labels: { b: 'x"\n\\' }, value: 1 }],
  });
  expect(await registryOf([label]).metrics()).toBe(
    '# HELP a one\\ntwo\\\\\n# TYPE a gauge\na{b="x\\"\\n\\\\"} 1\n',
  );
});

test('a figure that is not known is left out and comes back', async () => {
  let known: number | undefined;
  const age = gauge({ name: 'age_seconds', help: 'Age.', read: () => known });
  const registry = registryOf([age]);
  expect(await registry.metrics()).not.toMatch(/^age_seconds/m);
  known = 0;
  expect(await registry.metrics()).toMatch(/^age_seconds 0$/m);
});

test('a total that is read is not added to what was read before, though two ask at once', async () => {
  const bytes = total({
    name: 'bytes_total',
    help: 'Bytes.',
    labels: ['way'],
    read: async () => [{ labels: { way: 'up' }, value: 5 }],
  });
  const registry = registryOf([bytes]);
  const texts = await Promise.all([registry.metrics(), registry.metrics()]);
  for (const text of [...texts, await registry.metrics()])
    expect(text).toMatch(/^bytes_total\{way="up"\} 5$/m);
});

test('what is counted and measured here is told as it stands', async () => {
  const tries = counter('tries_total', 'Tries.', ['result']);
  const waits = histogram('wait_seconds', 'Waits.', [0.1, 1]);
  tries.inc({ result: 'ok' });
  tries.inc({ result: 'ok' });
  for (const seconds of [0.05, 0.5, 5]) waits.observe(seconds);
  const text = await registryOf([tries, waits]).metrics();
  expect(text).toContain('tries_total{result="ok"} 2\n');
  expect(text).toContain('wait_seconds_bucket{le="0.1"} 1\nwait_seconds_bucket{le="1"} 2\n');
  expect(text).toContain('wait_seconds_bucket{le="+Inf"} 3\nwait_seconds_sum 5.55\n');
});

test('two metrics of one name are a mistake of the program', () => {
  const twice = [1, 2].map((value) => gauge({ name: 'twice', help: 'Twice.', read: () => value }));
  expect(() => registryOf(twice)).toThrow('twice');
});
