// The environment arrives; the folder that outlives a run leaves, with the ports of the first run, so that the address stays.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

import { choosePort } from './ports.ts';

export interface Place {
  readonly folder: string;
  readonly hubData: string;
  readonly agentState: string;
  readonly films: string;
  readonly logs: string;
}

export interface Ports {
  readonly https: number;
  readonly http: number;
  readonly tunnel: number;
}

/** What a hub takes on a machine of its own, then what it takes without privilege. */
const usualPorts = { https: [443, 8443], http: [80, 8080], tunnel: [8802] };

export function openPlace(environment: NodeJS.ProcessEnv): Place {
  const folder = stateFolder(environment);
  const place = {
    folder,
    hubData: join(folder, 'hub'),
    agentState: join(folder, 'agent'),
    films: join(folder, 'films'),
    logs: join(folder, 'logs'),
  };
  // Passable: a hub that is root runs its database as another user, who has to reach its part of the folder.
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  for (const path of [place.films, place.logs]) mkdirSync(path, { recursive: true, mode: 0o700 });
  return place;
}

/** The ports of the last run where they are still free, else the usual ones, else any. */
export async function choosePorts(place: Place): Promise<Ports> {
  const last = readPorts(place);
  const chosen: number[] = [];
  for (const name of ['https', 'http', 'tunnel'] as const) {
    const wished = [...last[name], ...usualPorts[name]].filter((port) => !chosen.includes(port));
    chosen.push(await choosePort(wished, chosen));
  }
  const [https = 0, http = 0, tunnel = 0] = chosen;
  return { https, http, tunnel };
}

/** Once they are in use: a second quickstart that fails beside the first must not move the first one's address. */
export function keepPorts(place: Place, ports: Ports): void {
  writeFileSync(portsFile(place), `${JSON.stringify(ports)}\n`);
}

/** One sentence for every usual port that somebody else has. */
export function explainPorts(ports: Ports): string[] {
  return (Object.keys(usualPorts) as (keyof Ports)[]).flatMap((name) => {
    const [usual] = usualPorts[name];
    return ports[name] === usual ? [] : [`${usual} is not to be had: ${ports[name]} instead`];
  });
}

function portsFile(place: Place): string {
  return join(place.folder, 'ports.json');
}

/** None or one of each: the file may be absent, cut off, or edited. */
function readPorts(place: Place): Record<keyof Ports, number[]> {
  let found: Partial<Record<string, unknown>> | null = null;
  try {
    found = JSON.parse(readFileSync(portsFile(place), 'utf8')) as Partial<Record<string, unknown>>;
  } catch {
    // As at the first run.
  }
  const portOf = (name: keyof Ports): number[] => {
    const port = found?.[name];
    return typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536
      ? [port]
      : [];
  };
  return { https: portOf('https'), http: portOf('http'), tunnel: portOf('tunnel') };
}

/** Beside the folder of a real hub, never in it. */
function stateFolder(environment: NodeJS.ProcessEnv): string {
  const name = 'phlix-hub-quickstart';
  const base = environment['XDG_STATE_HOME'];
  if (base !== undefined && isAbsolute(base)) return join(base, name);
  // Root's home is closed to the user that its hub runs the database as.
  if (process.getuid?.() === 0) return join('/var/lib', name);
  return join(homedir(), '.local', 'state', name);
}
