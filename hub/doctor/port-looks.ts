// The hub's doors arrive; whether they are its own alone leaves, and where no hub runs whether it could have them (security row E-07).

import { createServer } from 'node:net';

import { explained, failure, ok, warning, type Verdict } from '../../shared/doctor/finding.ts';
import type { Look, Looks } from '../../shared/doctor/look.ts';
import { listenOn, listenText } from '../../shared/listen-address.ts';
import { listenFailure, type ListenSetting } from '../doors/listen-failure.ts';
import { declaredDoors, portOf, type DeclaredDoor } from './doors-declared.ts';
import type { Premises, RunningHub } from './premises.ts';
import { holderOf, listeners, type Listener } from './sockets.ts';

const doors = {
  'port.https': 'HUB_HTTPS_LISTEN',
  'port.http': 'HUB_HTTP_LISTEN',
  'port.tunnel': 'HUB_TUNNEL_LISTEN',
} as const satisfies Record<string, ListenSetting>;

export const freePortLooks = eachDoor<Premises>((premises, setting) =>
  lookForFreePort(premises, setting),
);

export const boundPortLooks = {
  ...eachDoor<RunningHub>((hub, setting) => lookAtBoundPort(hub, setting)),
  'bind.addresses': lookAtAddresses,
} satisfies Looks<RunningHub>;

function eachDoor<Parts>(
  look: (parts: Parts, setting: ListenSetting) => ReturnType<Look<Parts>>,
): Record<keyof typeof doors, Look<Parts>> {
  return {
    'port.https': (parts) => look(parts, doors['port.https']),
    'port.http': (parts) => look(parts, doors['port.http']),
    'port.tunnel': (parts) => look(parts, doors['port.tunnel']),
  };
}

/** By listening there for a moment: nothing else says whether this user may. */
async function lookForFreePort(
  { config, machine }: Premises,
  setting: ListenSetting,
): Promise<Verdict | undefined> {
  const door = declaredDoors(config).find((one) => one.setting === setting);
  if (door === undefined) return undefined;
  const { listen } = door;
  const place = listenText(listen);
  const server = createServer();
  try {
    await listenOn(server, place);
    return ok(`${place} is free for the hub.`);
  } catch (error) {
    const who = await holderAt(listen.port, machine.kernel);
    const verdict = explained('failure', listenFailure(error, setting, listen).message);
    return who === undefined
      ? verdict
      : { ...verdict, message: `${verdict.message} It is ${who}.` };
  } finally {
    server.close();
  }
}

async function holderAt(port: number, kernel: string): Promise<string | undefined> {
  const found = (await listeners(kernel))?.find(
    (one) => one.protocol === 'tcp' && one.port === port,
  );
  return found && holderOf(found.inode, kernel);
}

async function lookAtBoundPort(
  hub: RunningHub,
  setting: ListenSetting,
): Promise<Verdict | undefined> {
  const door = declaredDoors(hub.config, hub.doors()).find((one) => one.setting === setting);
  const all = await listeners(hub.machine.kernel);
  if (door === undefined || all === undefined) return undefined;
  const port = portOf(door);
  const there = all.filter((one) => one.protocol === 'tcp' && one.port === port);
  const own = there.filter(({ isOwn }) => isOwn);
  if (own.length === 0)
    return failure(
      `The hub does not listen on port ${port}, though ${setting} says so.`,
      'Its log says why; start it again.',
    );
  // Another address of the same port is another program's good right.
  const rival = there.find((one) => !one.isOwn && own.some((mine) => overlap(mine, one)));
  if (rival === undefined) return ok(`Port ${port} is the hub's.`);
  const who = (await holderOf(rival.inode, hub.machine.kernel)) ?? 'a program of another user';
  return failure(
    `Port ${port} is shared with ${who}, which gets a part of the connections.`,
    `Stop that program. If it is a hub that hands over to this one, wait until it has ended.`,
  );
}

function overlap(one: Listener, other: Listener): boolean {
  return one.address === other.address || isAny(one.address) || isAny(other.address);
}

function isAny(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

/** From here up the kernel gives ports to whoever only asks something, such as the DNS. */
const firstPassingPort = 32_768;

/** Whatever this process listens on is named by a setting, and what is for monitoring is not for strangers. */
async function lookAtAddresses(hub: RunningHub): Promise<Verdict | undefined> {
  const all = await listeners(hub.machine.kernel);
  if (all === undefined) return undefined;
  const declared = declaredDoors(hub.config, hub.doors());
  const undeclared = all.filter((one) => one.isOwn && !declared.some((door) => fits(door, one)));
  const doubtful = undeclared.filter(
    ({ protocol, port }) => protocol === 'tcp' || port < firstPassingPort,
  );
  if (doubtful.length > 0)
    return warning(
      `The hub's process listens where no setting says so: ${doubtful.map(placeOf).join(', ')}.`,
      'Stop it and look who put code into it: a debugger (node --inspect), or a package that does not belong there.',
    );
  const { metricsListen: metrics } = hub.config;
  if (metrics !== undefined && (metrics.host === undefined || !isLoopback(metrics.host)))
    return warning(
      `Whoever reaches ${listenText(metrics)} reads what the hub measures.`,
      'Let HUB_METRICS_LISTEN be 127.0.0.1:9464, or an address that only monitoring reaches.',
    );
  const own = all.filter(({ isOwn, protocol }) => isOwn && protocol === 'tcp');
  return ok(`The hub listens on ${own.map(placeOf).join(', ') || 'nothing'}, as the settings say.`);
}

function fits(door: DeclaredDoor, { protocol, port, address }: Listener): boolean {
  if (door.protocol !== protocol) return false;
  const wanted = portOf(door);
  const host = door.bound?.address ?? door.listen.host;
  const isPlace = host === undefined || isAny(host) || host === address;
  return isPlace && (wanted === 0 || wanted === port);
}

function placeOf({ address, port, protocol }: Listener): string {
  const place = listenText({ host: address, port });
  return protocol === 'udp' ? `${place} (UDP)` : place;
}

function isLoopback(host: string): boolean {
  return host === '::1' || host.startsWith('127.');
}
