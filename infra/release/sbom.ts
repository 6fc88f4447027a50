// The lockfile arrives; the list of what a release consists of leaves, as CycloneDX has it, with nothing in it that another run would write differently.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';

import { lockedPackages, neededAtRunTime } from './lockfile.ts';

interface Component {
  readonly name: string;
  readonly version: string;
  readonly 'bom-ref': string;
}

interface Dependency {
  readonly ref: string;
  readonly dependsOn?: readonly string[];
}

export interface Sbom {
  readonly bomFormat: string;
  serialNumber: string;
  readonly metadata: { timestamp: string; readonly component: { readonly 'bom-ref': string } };
  components: readonly Component[];
  dependencies: readonly Dependency[];
}

/** `seconds`: the time of the release, since 1970. @throws when npm cannot make it */
export async function sbomOf(root: string, seconds: number): Promise<string> {
  const words = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'];
  const { stdout } = await promisify(execFile)('npm', words, { cwd: root, maxBuffer: 64e6 });
  const sbom = JSON.parse(stdout) as Sbom;
  await leaveOutDevelopment(root, sbom);
  sbom.metadata.timestamp = new Date(seconds * 1000).toISOString();
  sbom.serialNumber = '';
  sbom.serialNumber = `urn:uuid:${uuidOf(JSON.stringify(sbom))}`;
  return `${JSON.stringify(sbom, undefined, 2)}\n`;
}

/**
 * npm's own `--omit dev` (11.19) leaves out whatever a development package needs as well, zod and jose among it, and would hide
 * their holes from whoever reads the list. So all are listed, and those go that `npm ci --omit=dev` does not install.
 */
async function leaveOutDevelopment(root: string, sbom: Sbom): Promise<void> {
  const needed = (await lockedPackages(root)).filter(neededAtRunTime);
  const names = new Set(needed.map(({ name, version }) => `${name}@${version}`));
  sbom.components = sbom.components.filter(({ name, version }) => names.has(`${name}@${version}`));
  const refs = new Set(sbom.components.map((component) => component['bom-ref']));
  refs.add(sbom.metadata.component['bom-ref']);
  sbom.dependencies = sbom.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn = [] }) => ({
      ref,
      dependsOn: dependsOn.filter((one) => refs.has(one)),
    }));
}

/** RFC 9562 §5.8: of what it names, so that the same list has the same number. */
function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
