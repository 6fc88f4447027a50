// What operators are given to watch a hub with, in the hands of a real Prometheus: nothing in it asks for what is not there.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';

import { deploy, type Deployment } from '../support/deployment.ts';
import { startOrigin, type Origin } from '../support/origin/origin.ts';
import { hasParts, partPath } from '../support/parts.ts';
import { Prometheus, promtool } from '../support/prometheus.ts';
import { Scraped } from '../support/scrape.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { Visitor } from '../support/visitor.ts';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });
const patience = { timeout: 30_000, interval: 200 };

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

const dashboard = JSON.parse(read('infra/grafana/dashboards/phlix-hub.json')) as {
  uid: string;
  panels: Panel[];
  annotations: { list: { expr: string }[] };
  templating: { list: { name: string; definition?: string }[] };
};
const drawn = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => [title, expr] as const),
);

/** As Grafana asks, with everything chosen. */
function asked(expression: string): string {
  return expression
    .replaceAll(/\$(?:hub|server|agent)\b/g, '.*')
    .replaceAll('$__rate_interval', '10s');
}

describe('the list of agents', () => {
  const guide = read('infra/guides/monitoring.md');
  const [, lines = ''] = /append it to `agents\.yaml`:\n\n((?: {4}.*\n)+)/.exec(guide) ?? [];
  const added = lines.replaceAll(/^ {4}/gm, '');

  test('names the agents that are appended as the guide says, one after the other', () => {
    const list = `${read('infra/prometheus/agents.yaml')}${added}${added.replace('.20:', '.21:')}`;
    const labels = { home: 'living room' };
    expect(parse(list)).toEqual([
      { targets: ['192.168.1.20:9465'], labels },
      { targets: ['192.168.1.21:9465'], labels },
    ]);
  });

  test.skipIf(!hasParts('promtool'))('and Prometheus finds the first of them in it', async () => {
    const folder = temporaryFolder('agents').path;
    cpSync(fileURLToPath(new URL('../../infra/prometheus', import.meta.url)), folder, {
      recursive: true,
    });
    appendFileSync(join(folder, 'agents.yaml'), added);
    // What stands behind the end of a list Prometheus leaves unread, and complains of nothing.
    const command = ['check', 'service-discovery', '--timeout=5s'];
    const found = await promtool(...command, join(folder, 'prometheus.yaml'), 'phlix-agent');
    expect(found).toContain('"192.168.1.20:9465"');
  });
});

describe.skipIf(!hasParts('promtool'))('the rules', () => {
  test('and the configuration are what promtool wants', async () => {
    expect(await promtool('check', 'config', 'prometheus.yaml')).toContain('SUCCESS');
    expect(await promtool('check', 'rules', 'alerts.yaml')).toContain('SUCCESS');
  });

  test('pass their own tests', async () => {
    expect(await promtool('test', 'rules', 'alerts.test.yaml')).toContain('SUCCESS');
  });

  test('are tested one and all', () => {
    const alerts = [...read('infra/prometheus/alerts.yaml').matchAll(/- alert: (\w+)/g)];
    const tests = read('infra/prometheus/alerts.test.yaml');
    expect(alerts.length).toBeGreaterThan(10);
    for (const [, name = ''] of alerts)
      expect(tests).toMatch(new RegExp(`alertname: ${name}\\n.*\\n +exp_alerts:`));
  });
});

describe.skipIf(!hasParts('prometheus', 'promtool'))('a real Prometheus', () => {
  let origin: Origin;
  let deployed: Deployment;
  let hub: Scraped;
  let agent: Scraped;
  let prometheus: Prometheus;
  let traffic: NodeJS.Timeout;
  let visitor: Visitor;
  let known: Set<string>;

  beforeAll(async () => {
    origin = await startOrigin();
    deployed = await deploy({
      originPort: origin.port,
      agent: { settings: { PHLIX_METRICS_LISTEN: '127.0.0.1:0' } },
    });
    hub = await Scraped.of(deployed.hub.program);
    agent = await Scraped.of(deployed.agent.program);
    known = new Set([...(await hub.names()), ...(await agent.names()), 'up', 'ALERTS']);
    visitor = new Visitor(deployed.address, deployed.hub.caFile);
    traffic = setInterval(() => void film(), 200);
    prometheus = await Prometheus.start({ hub: hub.address, agent: agent.address });
    await vi.waitUntil(async () => (await prometheus.query('up == 1')).length === 2, patience);
    // Rates want two looks, the second of them after something has moved.
    const moved = 'rate(phlix_hub_bytes_total{direction="down"}[10s]) > 0';
    await vi.waitUntil(async () => (await prometheus.query(moved)).length === 1, patience);
  });
  afterAll(async () => {
    clearInterval(traffic);
    visitor?.leave();
    await prometheus?.stop();
    await deployed?.stop();
    await origin?.stop();
  });

  /** Cannot reject. */
  async function film(): Promise<void> {
    try {
      const answer = await visitor.ask('/content/film/100000');
      await once(answer.resume(), 'end');
    } catch {
      // The scene is over.
    }
  }

  /** Metrics that an expression names, without what a histogram adds. */
  function namesIn(expression: string): string[] {
    const names = expression.match(/\b(?:phlix|process|nodejs)_\w+|\bup\b|\bALERTS\b/g) ?? [];
    return names.map((name) =>
      known.has(name) ? name : name.replace(/_(?:bucket|count|sum)$/, ''),
    );
  }

  /** Panels without a figure that should have one. */
  const silent = async (): Promise<string[]> => {
    const found = await Promise.all(
      drawn.map(async ([, expression]) => prometheus.query(asked(expression))),
    );
    const empty = drawn.filter((_, at) => found[at]?.length === 0);
    return empty.map(([title, expression]) => `${title}: ${expression}`);
  };

  const stateOf = async (name: string): Promise<string | undefined> =>
    (await prometheus.rules()).find((rule) => rule.name === name)?.state;

  test('finds every panel drawn from metrics that exist', async () => {
    expect(dashboard.uid).toBe('phlix-hub');
    expect(drawn.length).toBeGreaterThan(40);
    const strange = drawn.flatMap(([title, expression]) =>
      namesIn(expression).flatMap((name) => (known.has(name) ? [] : [`${title}: ${name}`])),
    );
    expect(strange).toEqual([]);
  });

  test('answers every panel with figures', async () => {
    await expect.poll(silent, patience).toEqual([]);
  });

  test('knows servers by their hosts', async () => {
    const byHost = drawn.find(([title]) => title === 'Bytes to visitors, by server')?.[1] ?? '';
    const found = async () => (await prometheus.query(`${asked(byHost)} > 0`))[0]?.metric;
    await expect.poll(found, patience).toEqual({ host: new URL(deployed.address).hostname });
  });

  test('reads what marks the page and fills its choices', async () => {
    for (const { expr } of dashboard.annotations.list) await prometheus.query(asked(expr));
    const choices = dashboard.templating.list.flatMap(({ definition = [] }) => definition);
    expect(choices).toHaveLength(3);
    for (const choice of choices) {
      const [, selector = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(choice) ?? [];
      const found = async () => (await prometheus.query(asked(selector)))[0]?.metric ?? {};
      await expect.poll(found, patience).toHaveProperty(label);
    }
  });

  test('has loaded every alert, and none of them asks for what is not there', async () => {
    await expect
      .poll(async () => (await prometheus.rules()).every(({ health }) => health === 'ok'), patience)
      .toBe(true);
    const rules = await prometheus.rules();
    const written = [...read('infra/prometheus/alerts.yaml').matchAll(/- alert: (\w+)/g)];
    expect(new Set(rules.map(({ name }) => name))).toEqual(
      new Set(written.map(([, name]) => name)),
    );
    for (const { name, query } of rules)
      for (const [selector] of query.matchAll(/\b(?:phlix_|process_|up\b)\w*(?:\{[^}]*\})?/g))
        await expect
          .poll(async () => (await prometheus.query(selector)).length, {
            ...patience,
            message: `${name}: ${selector}`,
          })
          .not.toBe(0);
  });

  test('has metrics that promtool finds no fault with', async () => {
    for (const where of [hub, agent]) expect(await complaintsOf(await where.text())).toEqual([]);
  });

  test('wakes somebody when the hub and the agent are gone', async () => {
    await expect.poll(() => stateOf('PhlixHubDown'), patience).toBe('inactive');
    clearInterval(traffic);
    await deployed.stop();
    for (const name of ['PhlixHubDown', 'PhlixAgentDown'])
      await expect.poll(() => stateOf(name), patience).toBe('pending');
  });
});

/** What promtool finds wrong with an exposition. */
async function complaintsOf(metrics: string): Promise<string[]> {
  const checker = spawn(partPath('promtool'), ['check', 'metrics']);
  const complaints = text(checker.stderr);
  checker.stdin.end(metrics);
  const [code] = (await once(checker, 'close')) as [number];
  const lines = (await complaints).split('\n').filter((line) => line !== '');
  return code === 0 ? lines : [...lines, `exit code ${code}`];
}
