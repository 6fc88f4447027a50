// The versions that run arrive, and what is known of holes in them; whether one of them is open leaves (security row E-12).

import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';

import { version } from '../version.ts';
import type { Advisory, Snapshot } from './advisories.ts';
import { ok, warning, failure, type Verdict } from './finding.ts';

export interface Versions {
  readonly node: string;
  readonly openssl: string;
  /** Those that can be told: a program in one file has its packages inside, of the versions it was made with. */
  readonly packages: Readonly<Record<string, string>>;
}

export function runningVersions({ packages }: Snapshot): Versions {
  const found = Object.keys(packages).flatMap((name) => {
    const version = versionOf(name);
    return version === undefined ? [] : [[name, version] as const];
  });
  const { node, openssl } = process.versions;
  return { node, openssl, packages: Object.fromEntries(found) };
}

const dayMs = 24 * 60 * 60 * 1000;
/** Holes become known every few weeks; a list of half a year ago says little. */
const staleDays = 180;

export function softwareVerdict(versions: Versions, known: Snapshot, now: Date): Verdict {
  const holes = holesOf(versions, known, now);
  const remedy =
    'Update phlix-hub and its Node (in a container: the image; from a checkout: git pull, npm ci), and start it again.';
  if (holes.length > 0) return failure(`Known holes are open here: ${holes.join('; ')}.`, remedy);
  const ageDays = Math.floor((now.getTime() - Date.parse(known.asOf)) / dayMs);
  if (ageDays > staleDays)
    return warning(
      `This version knows of holes found until ${known.asOf}, which is ${ageDays} days ago.`,
      remedy,
    );
  const { node, openssl, packages } = versions;
  const others =
    Object.keys(packages).length === 0
      ? 'have no hole known by'
      : 'and the packages have no hole known by';
  return ok(`Node ${node} with OpenSSL ${openssl} ${others} ${known.asOf}.`);
}

function holesOf({ node, openssl, packages }: Versions, known: Snapshot, now: Date): string[] {
  const [major = '', minor = ''] = node.split('.');
  const line = known.node[major];
  const [first, second] = openssl.split('.');
  const ended = endOf(major, line?.end, known, now);
  return [
    ...(ended === undefined ? [] : [ended]),
    ...holeOf('Node', `${major}.${minor}.${node.split('.')[2] ?? 0}`, line),
    ...holeOf('OpenSSL', openssl, known.openssl[`${first}.${second}`]),
    ...Object.entries(packages).flatMap(([name, version]) =>
      holeOf(name, version, known.packages[name]),
    ),
  ];
}

/** A line that is older than all that are known ended before them; a younger one is not known yet. */
function endOf(
  major: string,
  end: string | undefined,
  known: Snapshot,
  now: Date,
): string | undefined {
  const oldest = Math.min(...Object.keys(known.node).map(Number));
  const isOver = end === undefined ? Number(major) < oldest : Date.parse(end) < now.getTime();
  if (!isOver) return undefined;
  return `Node ${major} is not mended any more${end === undefined ? '' : ` since ${end}`}`;
}

function holeOf(name: string, version: string, advisory: Advisory | undefined): string[] {
  if (advisory === undefined || !isOlder(version, advisory.fixedIn)) return [];
  return [`${name} ${version} (${advisory.id}, mended in ${advisory.fixedIn})`];
}

function isOlder(version: string, fixedIn: string): boolean {
  const [ours, wanted] = [numbersOf(version), numbersOf(fixedIn)];
  for (const [at, number] of wanted.entries()) {
    const own = ours[at] ?? 0;
    if (own !== number) return own < number;
  }
  return false;
}

/** What stands behind a dash is a stage on the way to that version. */
function numbersOf(version: string): number[] {
  return (version.split('-')[0] ?? '').split('.').map(Number);
}

/** What a process has loaded stays what it was, whatever lies on the disk by now. */
const read = new Map<string, string | undefined>();

function versionOf(name: string): string | undefined {
  if (name === 'phlix-hub') return version;
  if (!read.has(name)) read.set(name, versionOnDisk(name));
  return read.get(name);
}

function versionOnDisk(name: string): string | undefined {
  try {
    const path = findPackageJSON(name, import.meta.url);
    if (path === undefined) return undefined;
    const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version?: unknown };
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}
