import { describe, expect, test } from 'vitest';

import { registryOf } from '../../shared/telemetry/metric.ts';
import { serverMetrics, type KnownServer } from './server-metrics.ts';

const usual = { isEnrolled: true, isSuspended: false, isConnected: true };

function server(serverId: string, more: Partial<KnownServer> = {}): KnownServer {
  return { serverId, hostname: `${serverId}.example`, ...usual, ...more };
}

async function told(servers: readonly KnownServer[], moved: readonly string[] = []) {
  const metrics = serverMetrics(
    () => servers,
    () => moved,
  );
  const text = await registryOf(metrics).metrics();
  return text.split('\n').filter((line) => line.startsWith('phlix'));
}

describe('servers', () => {
  const all = [
    server('on'),
    server('off', { isConnected: false }),
    server('shut', { isConnected: false, isSuspended: true }),
    server('new', { isConnected: false, isEnrolled: false, hostname: undefined }),
  ];

  test('are each in one state, and a state that nobody is in is 0', async () => {
    expect((await told(all.slice(0, 2))).filter((line) => line.includes('state='))).toEqual([
      'phlix_hub_servers{state="connected"} 1',
      'phlix_hub_servers{state="offline"} 1',
      'phlix_hub_servers{state="suspended"} 0',
      'phlix_hub_servers{state="waiting"} 0',
    ]);
    expect(await told(all)).toContain('phlix_hub_servers{state="suspended"} 1');
    expect(await told(all)).toContain('phlix_hub_servers{state="waiting"} 1');
  });

  test('wake nobody while they are suspended, or before their first agent', async () => {
    expect((await told(all)).filter((line) => line.includes('server_connected'))).toEqual([
      'phlix_hub_server_connected{server="on"} 1',
      'phlix_hub_server_connected{server="off"} 0',
    ]);
    expect(await told(all)).toContain('phlix_hub_server_info{server="new",host=""} 1');
  });

  test('have two hundred names at most, those that move something before the others', async () => {
    const many = Array.from({ length: 10_000 }, (_, n) => server(`s${n}`));
    const lines = await told(many, ['s9999', 's5000']);
    const named = lines.filter((line) => line.includes('server_info'));
    expect(named).toHaveLength(200);
    expect(named.slice(0, 3)).toEqual(
      ['s5000', 's9999', 's0'].map(
        (id) => `phlix_hub_server_info{server="${id}",host="${id}.example"} 1`,
      ),
    );
    expect(lines).toContain('phlix_hub_servers{state="connected"} 10000');
  });
});
