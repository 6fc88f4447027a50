// The manifests as kustomize puts them together: what the cluster is asked for, and what the hub in it may not do.

import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';

import { snapshotKeys } from '../../hub/backup/snapshots.ts';
import { readConfig } from '../../hub/config.ts';
import { thisMachine } from '../../hub/process/machine.ts';
import { hasParts, partPath } from '../support/parts.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const source = fileURLToPath(new URL('../../infra/kubernetes', import.meta.url));
const main = fileURLToPath(new URL('../../hub/main.ts', import.meta.url));

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: Record<string, unknown>;
  readonly data?: Readonly<Record<string, string>>;
}

interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly subPath?: string;
}

interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly securityContext: object;
  readonly volumeMounts: readonly VolumeMount[];
  readonly command?: readonly string[];
  readonly resources: { readonly limits: { readonly memory: string } };
}

interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: object;
  readonly containers: readonly ContainerSpec[];
  readonly initContainers: readonly ContainerSpec[];
  readonly volumes: readonly { readonly name: string }[];
}

let manifests: Manifest[] = [];

function the(kind: string, name = 'phlix-hub'): Manifest {
  // A generated name ends with a hash of what is in it.
  const isNamed = ({ metadata }: Manifest) => metadata.name.replace(/-[a-z0-9]{10}$/, '') === name;
  const found = manifests.find((one) => one.kind === kind && isNamed(one));
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found;
}

function pod(): PodSpec {
  const { template } = the('Deployment').spec as { template: { spec: PodSpec } };
  return template.spec;
}

/** kubectl of Debian 12 is from before `resources` could name folders; newer ones warn of what it wants instead. */
function kustomize(overlay: string): string {
  const folder = join(temporaryFolder('kustomize').path, 'kubernetes');
  cpSync(source, folder, { recursive: true });
  const kubectl = partPath('kubectl');
  const told = execFileSync(kubectl, ['version', '--client', '--output=json'], {
    encoding: 'utf8',
  });
  const { clientVersion } = JSON.parse(told) as { clientVersion: { minor: string } };
  if (Number.parseInt(clientVersion.minor, 10) < 21) {
    const file = join(folder, overlay, 'kustomization.yaml');
    const text = readFileSync(file, 'utf8').replace('  - ../../base\n', 'bases:\n  - ../../base\n');
    writeFileSync(file, text);
  }
  return execFileSync(kubectl, ['kustomize', join(folder, overlay)], { encoding: 'utf8' });
}

describe.skipIf(!hasParts('kubectl'))('the example overlay', () => {
  beforeAll(() => {
    const text = kustomize('overlays/example');
    manifests = parseAllDocuments(text).map((document) => document.toJS() as Manifest);
  });

  test('is everything that the hub needs, in one namespace, and no Secret', () => {
    expect(manifests.map(({ kind }) => kind).sort()).toEqual([
      'ConfigMap',
      'Deployment',
      'Namespace',
      'NetworkPolicy',
      'PersistentVolumeClaim',
      'PodDisruptionBudget',
      'Service',
      'Service',
      'ServiceAccount',
    ]);
    for (const { metadata } of manifests) {
      expect(metadata.namespace ?? metadata.name).toBe('phlix');
    }
  });

  test('every selector finds the pod, and nothing else', () => {
    const { selector, template } = the('Deployment').spec as {
      selector: { matchLabels: object };
      template: { metadata: { labels: object } };
    };
    const wanted = { 'app.kubernetes.io/name': 'phlix-hub' };
    expect(selector.matchLabels).toEqual(wanted);
    expect(template.metadata.labels).toMatchObject(wanted);
    expect(the('NetworkPolicy').spec).toMatchObject({ podSelector: { matchLabels: wanted } });
    expect(the('PodDisruptionBudget').spec).toMatchObject({ selector: { matchLabels: wanted } });
    for (const name of ['phlix-hub', 'phlix-hub-metrics'])
      expect(the('Service', name).spec).toMatchObject({ selector: wanted });
  });

  test('visitors and agents come by a load balancer that keeps their addresses', () => {
    const spec = the('Service').spec as { ports: { port: number; targetPort: string }[] };
    expect(spec).toMatchObject({ type: 'LoadBalancer', externalTrafficPolicy: 'Local' });
    expect(spec.ports.map(({ port }) => port).sort((a, b) => a - b)).toEqual([80, 443, 8802]);
    const named = pod().containers[0]?.ports?.map(({ name }) => name);
    for (const { targetPort } of spec.ports) expect(named).toContain(targetPort);
  });

  test('one pod is replaced by the next one before it drains, and has the time for it', () => {
    expect(the('Deployment').spec).toMatchObject({
      replicas: 1,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    });
    const [hub] = pod().containers;
    expect(JSON.stringify(hub)).toContain('exec phlix-hub drain');
    const config = readConfig(environment(), thisMachine({}));
    const [, slept] = /sleep (\d+)/.exec(JSON.stringify(hub)) ?? [];
    const needed = Number(slept) + config.drainTimeoutMs / 1000 + 20;
    expect(pod().terminationGracePeriodSeconds).toBeGreaterThan(needed);
    expect(config.reconnectGraceMs / 1000).toBeGreaterThan(Number(slept) + 5);
  });

  test('asks the hub itself how it is', () => {
    expect(pod().containers[0]).toMatchObject({
      startupProbe: probe('/healthz'),
      livenessProbe: probe('/healthz'),
      readinessProbe: probe('/readyz'),
    });
  });

  test('the pod may do what the strictest profile of Pod Security lets it, and speaks to no cluster', () => {
    const { initContainers, containers, ...spec } = pod();
    expect(spec).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 8802,
        seccompProfile: { type: 'RuntimeDefault' },
      },
    });
    expect(the('ServiceAccount')).toMatchObject({ automountServiceAccountToken: false });
    for (const { securityContext, resources } of [...initContainers, ...containers]) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(resources.limits.memory).toMatch(/^\d+[MG]i$/);
    }
    const mounted = [...initContainers, ...containers].flatMap(({ volumeMounts }) => volumeMounts);
    const volumes = spec.volumes.map(({ name }) => name);
    for (const { name } of mounted) expect(volumes).toContain(name);
  });

  test('the pod hears visitors, agents and monitoring, and reaches no neighbour but the database', () => {
    const policy = the('NetworkPolicy').spec as {
      policyTypes: string[];
      ingress: { from?: unknown }[];
    };
    expect(policy.policyTypes).toEqual(['Ingress', 'Egress']);
    const open = policy.ingress.filter(({ from }) => from === undefined);
    expect(JSON.stringify(open)).not.toContain('metrics');
    expect(JSON.stringify(policy)).toContain('169.254.0.0/16');
  });

  test('what outlives the pod is on the claim, and the socket of each pod is not', () => {
    const [hub] = pod().containers;
    const data = '/var/lib/phlix-hub/data';
    const kept = hub?.volumeMounts.filter(({ name }) => name === 'kept');
    expect(kept?.map(({ mountPath, subPath }) => [mountPath, subPath])).toEqual(
      ['audit', 'backups', 'snapshots', 'snapshot.key'].map((name) => [`${data}/${name}`, name]),
    );
    expect(pod().volumes).toContainEqual({
      name: 'kept',
      persistentVolumeClaim: {
        claimName: the('PersistentVolumeClaim', 'phlix-hub-kept').metadata.name,
      },
    });
    expect(readConfig(environment(), thisMachine({}))).toMatchObject({
      dataDir: data,
      backup: { folder: `${data}/backups` },
    });
  });

  test('the first pod makes the key of the snapshots, and the next ones leave it', async () => {
    const [made] = pod().initContainers;
    const folder = temporaryFolder('claim').path;
    mkdirSync(join(folder, 'kept'));
    writeFileSync(join(folder, 'phlix-hub'), `#!/bin/sh\nexec ${process.execPath} ${main} "$@"\n`);
    chmodSync(join(folder, 'phlix-hub'), 0o755);
    const script = made?.command?.at(-1)?.replace('/var/lib/phlix-hub', folder) ?? '';
    const run = (): string => {
      const env = { PATH: `${folder}:/usr/bin:/bin` };
      execFileSync('/bin/sh', ['-ec', script], { env, stdio: 'pipe' });
      return readFileSync(join(folder, 'kept/snapshot.key'), 'utf8');
    };
    const key = run();
    expect(run()).toBe(key);
    cpSync(join(folder, 'kept/snapshot.key'), join(folder, 'data/snapshot.key'));
    expect(await snapshotKeys(join(folder, 'data'))).toMatchObject({
      identities: [expect.stringMatching(/^AGE-SECRET-KEY-/)],
    });
  });

  test('holds settings that the hub takes', () => {
    expect(() => readConfig(environment(), thisMachine({}))).not.toThrow();
  });
});

function probe(path: string): object {
  return { httpGet: { path, port: 'metrics' } };
}

/** What the pod is given; in the place of mounted secrets, some of the same kind. */
function environment(): Record<string, string> {
  const own = pod().containers[0]?.env ?? [];
  const all = {
    ...the('ConfigMap').data,
    ...Object.fromEntries(own.map(({ name, value }) => [name, value])),
  };
  const random = 'b3cf1f1e9d0a4f5c8e7d6a5b4c3d2e1f00112233445566778899aabbccddeeff';
  const secrets: Record<string, string> = {
    HUB_DATABASE_URL: `postgresql://hub:${random}@database.example.org/hub`,
    HUB_SECRET_KEY: random,
    HUB_DNS_CLOUDFLARE_TOKEN: random,
  };
  return Object.fromEntries(
    Object.entries(all).map(([name, value]) => {
      const plain = name.replace(/_FILE$/, '');
      const secret = secrets[plain];
      return secret === undefined ? [name, value] : [plain, secret];
    }),
  );
}
