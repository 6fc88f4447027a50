// The servers of a hub arrive, as its registry knows them; how many are connected leaves, and which of a bounded number of them.

import { gauge, type Metric, type Sample } from '../../shared/telemetry/metric.ts';

export interface KnownServer {
  readonly serverId: string;
  /** Under the tenant domain; the hub's own grammar allows letters, digits and hyphens. Undefined: it has no name. */
  readonly hostname: string | undefined;
  /** An agent has its key. */
  readonly isEnrolled: boolean;
  readonly isSuspended: boolean;
  readonly isConnected: boolean;
}

/** Each is two lines of every scrape. An operator of more asks the hub, whose notices know them all. */
const maxNamed = 200;

/** `moved`: ids of servers that traffic is told of by name; those come first, so that figures and names meet. */
export function serverMetrics(
  servers: () => Iterable<KnownServer>,
  moved: () => Iterable<string>,
): readonly Metric[] {
  const named = (): KnownServer[] => firstOf(servers(), new Set(moved()));
  return [
    gauge({
      name: 'phlix_hub_servers',
      help: 'Media servers, by how they stand with this process.',
      labels: ['state'],
      read: () => countStates(servers()),
    }),
    gauge({
      name: 'phlix_hub_server_connected',
      help: '1 while the agent of a server is connected; of two hundred at most.',
      labels: ['server'],
      read: () =>
        named()
          .filter(({ isEnrolled, isSuspended }) => isEnrolled && !isSuspended)
          .map(({ serverId, isConnected }) => ({
            labels: { server: serverId },
            value: Number(isConnected),
          })),
    }),
    gauge({
      name: 'phlix_hub_server_info',
      help: 'Which host a server is found at.',
      labels: ['server', 'host'],
      read: () =>
        named().map(({ serverId, hostname = '' }) => ({
          labels: { server: serverId, host: hostname },
          value: 1,
        })),
    }),
  ];
}

function firstOf(servers: Iterable<KnownServer>, moved: ReadonlySet<string>): KnownServer[] {
  const [first, others]: [KnownServer[], KnownServer[]] = [[], []];
  for (const server of servers) (moved.has(server.serverId) ? first : others).push(server);
  return [...first, ...others].slice(0, maxNamed);
}

/** A state that nobody is in is told as 0: an alert on what is absent never fires. */
function countStates(servers: Iterable<KnownServer>): Sample[] {
  const counts = { connected: 0, offline: 0, suspended: 0, waiting: 0 };
  for (const server of servers) counts[stateOf(server)] += 1;
  return Object.entries(counts).map(([state, value]) => ({ labels: { state }, value }));
}

/** `waiting`: no agent has come for it yet. */
function stateOf({ isConnected, isSuspended, isEnrolled }: KnownServer) {
  if (isConnected) return 'connected';
  if (isSuspended) return 'suspended';
  return isEnrolled ? 'offline' : 'waiting';
}
