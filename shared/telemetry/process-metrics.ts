// This process arrives; what monitoring systems ask of any process leaves, under the names they all use.

import { readdir, readFile, stat } from 'node:fs/promises';

import { gauge, total, type Metric } from './metric.ts';

/**
 * Not prom-client's own list: that one looks at every open handle for each scrape, which with a hundred thousand agents
 * takes longer than players can wait.
 */
export function processMetrics(): readonly Metric[] {
  return [
    total({
      name: 'process_cpu_seconds_total',
      help: 'Time of a processor that was used, by programs and kernel together.',
      read: () => {
        const { user, system } = process.cpuUsage();
        return (user + system) / 1e6;
      },
    }),
    gauge({
      name: 'process_start_time_seconds',
      help: 'When the process started, since the epoch.',
      read: () => startedAtSeconds,
    }),
    gauge({
      name: 'process_resident_memory_bytes',
      help: 'Memory as the kernel counts it.',
      read: () => process.memoryUsage.rss(),
    }),
    gauge({
      name: 'nodejs_heap_size_used_bytes',
      help: 'Of that, what JavaScript objects hold.',
      read: () => process.memoryUsage().heapUsed,
    }),
    gauge({
      name: 'process_open_fds',
      help: 'Files and connections that are open.',
      read: countDescriptors,
    }),
    gauge({
      name: 'process_max_fds',
      help: 'How many may be.',
      read: readLimit,
    }),
  ];
}

const startedAtSeconds = Math.round(Date.now() / 1000 - process.uptime());

/** Since Linux 6.2 the kernel tells the number without a list of names. Undefined where there is no /proc. */
async function countDescriptors(): Promise<number | undefined> {
  try {
    const { size } = await stat('/proc/self/fd');
    return size > 0 ? size : (await readdir('/proc/self/fd')).length;
  } catch {
    return undefined;
  }
}

async function readLimit(): Promise<number | undefined> {
  try {
    const limits = await readFile('/proc/self/limits', 'utf8');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
