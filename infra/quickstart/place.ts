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
  const file = join(place.folder, 'ports.json');
  const last = readPorts(file);
  const choose = (name: keyof Ports): Promise<number> =>
    choosePort([...(last[name] === undefined ? [] : [last[name]]), ...usualPorts[name]]);
  const ports = {
    https: await choose('https'),
    http: await choose('http'),
    tunnel: await choose('tunnel'),
  };
  writeFileSync(file, `${JSON.stringify(ports)}\n`);
  return ports;
}

/** One sentence for every usual port that somebody else has. */
export function explainPorts(ports: Ports): string[] {
  return (Object.keys(usualPorts) as (keyof Ports)[]).flatMap((name) => {
    const [usual] = usualPorts[name];
    return ports[name] === usual ? [] : [`${usual} is not to be had: ${ports[name]} instead`];
  });
}

function readPorts(file: string): Partial<Ports> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Partial<Ports>;
  } catch {
    return {};
  }
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
