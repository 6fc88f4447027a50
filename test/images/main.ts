// `npm run images`: both images are built and run without an engine or a registry; what they weigh, how fast they start and what is wrong leave.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { installMissingParts } from '../support/install-parts.ts';
import { missingParts } from '../support/parts.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { baseImage, ensureBaseImage } from './base-image.ts';
import { examineContents } from './contents.ts';
import { type Image, playScene, type SceneFigures } from './scene.ts';
import { ImageStore } from './store.ts';

const { values } = parseArgs({
  options: {
    /** One start of each in place of five. */
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    /** Nothing of an earlier build is used again. */
    'no-cache': { type: 'boolean', default: false },
    /** The folder whose Dockerfiles are built. */
    context: { type: 'string', default: fileURLToPath(new URL('../..', import.meta.url)) },
  },
});

const needed = ['buildah', 'debootstrap', 'ffmpeg', 'nginx', 'curl'] as const;
const names = ['hub', 'agent'] as const;
const homes = { hub: '/var/lib/phlix-hub', agent: '/var/lib/phlix-agent' };
const cache = fileURLToPath(new URL('../../reports/images', import.meta.url));
const problems: string[] = [];
/** One file too many has a thousand like it. */
const mostShown = 20;

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => process.exit(code));
}

if (process.getuid?.() !== 0) {
  say('images are built and run here by mounts, which only root may make: run it as root');
  process.exit(77);
}
const missing = installMissingParts(
  missingParts().filter((part) => needed.some((name) => name === part)),
);
if (missing.length > 0) process.exit(69);

const startedAt = performance.now();
const store = new ImageStore(cache);
try {
  await store.tidy();
  const isNew = await ensureBaseImage(store, cache);
  say(`base image: ${isNew ? 'made' : 'as it was'} (${baseImage}, storage driver ${store.driver})`);
  const built = await build();
  const starts: SceneFigures[] = [];
  for (let round = 0; round < (values.quick ? 1 : 5); round += 1) {
    const { path } = temporaryFolder('images');
    starts.push(await playScene(built.images, path, (problem) => problems.push(problem)));
  }
  report(built.weights, starts);
} finally {
  await store.close();
}
process.exit(problems.length === 0 ? 0 : 1);

interface Weight {
  readonly buildSeconds: number;
  readonly ownBytes: number;
  readonly ownFiles: number;
}

async function build(): Promise<{
  images: Record<'hub' | 'agent', Image>;
  weights: Record<'hub' | 'agent', Weight>;
}> {
  const options = [
    `--build-arg=NODE_IMAGE=${baseImage}`,
    ...(values['no-cache'] ? ['--no-cache'] : []),
  ];
  const entries = [];
  for (const name of names) {
    const image = `localhost/phlix-test/phlix-${name}`;
    const file = join(values.context, `Dockerfile.${name}`);
    const { seconds } = await store.build(image, file, values.context, options);
    const [root, config] = [await store.mount(image), await store.config(image)];
    const contents = await examineContents(root, config, homes[name]);
    problems.push(...contents.problems.map((problem) => `${name}: ${problem}`));
    const { ownBytes, ownFiles } = contents;
    entries.push({
      name,
      image: { root, config },
      weight: { buildSeconds: Math.round(seconds), ownBytes, ownFiles },
    });
    say(
      `${name}: built in ${Math.round(seconds)} s; on top of Node ${mebibytes(ownBytes)} in ${ownFiles} files`,
    );
  }
  const [hub, agent] = entries;
  if (hub === undefined || agent === undefined) throw new Error('nothing was built');
  return {
    images: { hub: hub.image, agent: agent.image },
    weights: { hub: hub.weight, agent: agent.weight },
  };
}

function report(weights: Record<'hub' | 'agent', Weight>, starts: readonly SceneFigures[]): void {
  const figures = Object.fromEntries(
    (Object.keys(starts[0] ?? {}) as (keyof SceneFigures)[]).map((key) => [
      key,
      median(starts.map((start) => start[key])),
    ]),
  ) as unknown as SceneFigures;
  say(
    `hub: ready after ${figures.hubFirstStartMs} ms with an empty volume, ${figures.hubStartMs} ms with its data; stopped in ${figures.hubStopMs} ms with a film running; ${mebibytes(figures.hubMemoryBytes)} resident`,
  );
  say(
    `agent: enrolled and reachable after ${figures.agentStartMs} ms; stopped in ${figures.agentStopMs} ms; ${mebibytes(figures.agentMemoryBytes)} resident`,
  );
  for (const problem of problems.slice(0, mostShown)) say(`PROBLEM: ${problem}`);
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  say(`${problems.length} problems, ${seconds} s in all`);
  if (values.json) {
    process.stdout.write(
      `${JSON.stringify({ quick: values.quick, seconds, driver: store.driver, images: weights, ...figures, problems: problems.slice(0, mostShown) })}\n`,
    );
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

function say(line: string): void {
  process.stdout.write(`images: ${line}\n`);
}
