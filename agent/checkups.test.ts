import { afterEach, expect, test, vi } from 'vitest';

import { createLogger } from '../shared/log.ts';
import { Checkups, usualPace, type CheckupOptions, type CheckupPace } from './checkups.ts';
import type { Told } from './doctor/tell-checkup.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const longMs = 600_000;
/** Nothing happens by itself. */
const still: CheckupPace = {
  first: [0, 0],
  home: longMs,
  line: longMs,
  lineFirst: longMs,
  origin: longMs,
  originGone: longMs,
  retry: longMs,
  least: 1,
};
/** Whether anything is due is seen every other millisecond. */
const lively = { ...still, origin: 2, originGone: 2 };

const kept: Told = { kind: 'kept', lineAgeMs: undefined };

interface Scene {
  readonly checkups: Checkups;
  /** Parts, in the order in which they were told, with the origin's state. */
  readonly told: string[];
  isUp: boolean;
  isBusy: boolean;
  answer: Told | Error;
  /** Before that, one after the other. */
  readonly answersFirst: (Told | Error)[];
  readonly knocks: () => number;
}

function begin(pace: CheckupPace, change: Partial<CheckupOptions> = {}): Scene {
  const told: string[] = [];
  const answersFirst: (Told | Error)[] = [];
  const scene = { told, isUp: true, isBusy: false, answer: kept as Told | Error, answersFirst };
  const reachesOrigin = vi.fn<() => Promise<boolean>>(async () => scene.isUp);
  const checkups = new Checkups({
    checkUp: async (part) => {
      const reaches = scene.isUp;
      told.push(part === 'line' ? 'line' : `home ${reaches ? 'ok' : 'failure'}`);
      const answer = answersFirst.shift() ?? scene.answer;
      if (answer instanceof Error) throw answer;
      return { told: answer, reachesOrigin: part === 'home' ? reaches : undefined };
    },
    reachesOrigin,
    isBusy: () => scene.isBusy,
    log: createLogger({ level: 'silent', name: 'test' }),
    pace,
    ...change,
  });
  const stop = new AbortController();
  const running = checkups.run(stop.signal);
  stops.push(async () => {
    stop.abort();
    await running;
  });
  return Object.assign(scene, { checkups, knocks: () => reachesOrigin.mock.calls.length });
}

const often = { interval: 5, timeout: 5000 };

/** The loop has gone round a few times more. */
async function turns(scene: Scene): Promise<void> {
  const before = scene.knocks();
  await expect.poll(scene.knocks, often).toBeGreaterThan(before + 5);
}

test('an agent looks at itself after its first link, and leaves its line alone', async () => {
  const scene = begin(lively);
  await expect.poll(() => scene.told, often).toEqual(['home ok']);
  await turns(scene);
  expect(scene.told).toEqual(['home ok']);
});

test('whoever asks is answered at once, before the first look is due, and with the line', async () => {
  const scene = begin({ ...still, first: [longMs, longMs] });
  scene.checkups.ask();
  await expect.poll(() => scene.told, often).toEqual(['home ok', 'line']);
  scene.checkups.ask();
  await expect.poll(() => scene.told, often).toEqual(['home ok', 'line', 'home ok', 'line']);
});

test('a media server that goes is told once, and so is that it comes back', async () => {
  const scene = begin(still);
  await expect.poll(() => scene.told, often).toEqual(['home ok']);
  scene.checkups.noteOrigin(true);
  scene.isUp = false;
  for (let visitor = 0; visitor < 5; visitor += 1) scene.checkups.noteOrigin(false);
  await expect.poll(() => scene.told, often).toEqual(['home ok', 'home failure']);
  scene.isUp = true;
  scene.checkups.noteOrigin(true);
  await expect.poll(() => scene.told, often).toEqual(['home ok', 'home failure', 'home ok']);
});

test('where no visitor shows it, the agent knocks at its media server itself', async () => {
  const scene = begin(lively);
  await expect.poll(() => scene.told, often).toEqual(['home ok']);
  scene.isUp = false;
  await expect.poll(() => scene.told, often).toEqual(['home ok', 'home failure']);
  scene.isUp = true;
  await expect.poll(() => scene.told, often).toEqual(['home ok', 'home failure', 'home ok']);
});

test('the line is measured when it is due, and nobody watches', async () => {
  const scene = begin({ ...lively, lineFirst: 0 }, {});
  scene.isBusy = true;
  await expect.poll(() => scene.told, often).toEqual(['home ok']);
  await turns(scene);
  expect(scene.told).toEqual(['home ok']);
  scene.isBusy = false;
  await expect.poll(() => scene.told, often).toEqual(['home ok', 'home ok', 'line']);
  await turns(scene);
  expect(scene.told).toHaveLength(3);
});

test('a line that a former process of the agent measured today is not measured again', async () => {
  const scene = begin({ ...lively, lineFirst: 0 });
  scene.answer = { kind: 'kept', lineAgeMs: 1000 };
  await expect.poll(() => scene.told, often).toEqual(['home ok']);
  await turns(scene);
  expect(scene.told).toEqual(['home ok']);
});

test('for a hub that keeps no findings no line is measured', async () => {
  const scene = begin({ ...lively, lineFirst: 0, retry: 0 });
  scene.answer = { kind: 'refused', status: 404, waitMs: undefined };
  await expect.poll(() => scene.told, often).toEqual(['home ok']);
  await turns(scene);
  expect(scene.told).toEqual(['home ok']);
});

test('a hub that could not be told is told again', async () => {
  const scene = begin({ ...lively, retry: 0 });
  scene.answer = new Error('nobody there');
  await expect.poll(() => scene.told.length, often).toBeGreaterThan(2);
  scene.answer = kept;
  const { length } = scene.told;
  await expect.poll(() => scene.told.length, often).toBeGreaterThan(length);
});

test('a hub that is away when the line is due is not tried any more often', async () => {
  const scene = begin({ ...lively, lineFirst: 0 });
  scene.isBusy = true;
  await expect.poll(() => scene.told, often).toEqual(['home ok']);
  scene.answer = new Error('nobody there');
  scene.isBusy = false;
  await expect.poll(() => scene.told, often).toEqual(['home ok', 'home ok']);
  await turns(scene);
  expect(scene.told).toHaveLength(2);
});

test('a hub that wants to be left alone is, whatever happens', async () => {
  const scene = begin({ ...lively, retry: 0 });
  scene.answer = { kind: 'refused', status: 429, waitMs: longMs };
  await expect.poll(() => scene.told, often).toEqual(['home ok']);
  scene.isUp = false;
  scene.checkups.noteOrigin(false);
  scene.checkups.ask();
  await new Promise((resolve) => setImmediate(resolve));
  expect(scene.told).toEqual(['home ok']);
});

const busyFor = (waitMs: number): Told => ({ kind: 'refused', status: 429, waitMs });

test.each([
  ['has put it off', busyFor(5), still],
  ['could not be told', new Error('nobody there'), { ...lively, retry: 5 }],
])('whoever asks is answered, line and all, though the hub %s', async (_which, first, pace) => {
  const scene = begin(pace);
  scene.answersFirst.push(first);
  scene.checkups.ask();
  await expect.poll(() => scene.told.at(-1), often).toBe('line');
  expect(scene.told).toEqual(['home ok', 'home ok', 'line']);
});

test('a line that was measured for whoever asks, and was too much for the hub, is measured again', async () => {
  const scene = begin(still);
  scene.answersFirst.push(kept, busyFor(5));
  scene.checkups.ask();
  const twice = ['home ok', 'line', 'home ok', 'line'];
  await expect.poll(() => scene.told, often).toEqual(twice);
});

test('a hub that puts off whoever asks again and again is left alone', async () => {
  const scene = begin(lively);
  scene.answer = busyFor(1);
  scene.checkups.ask();
  await expect.poll(() => scene.told, often).toEqual(['home ok', 'home ok']);
  await turns(scene);
  expect(scene.told).toHaveLength(2);
});

test('to a hub that puts off each measurement, whoever asks has it told twice at most', async () => {
  const scene = begin(lively);
  scene.answersFirst.push(kept, busyFor(1), kept, busyFor(1));
  scene.checkups.ask();
  await expect.poll(() => scene.told, often).toHaveLength(4);
  await turns(scene);
  expect(scene.told).toEqual(['home ok', 'line', 'home ok', 'line']);
});

test('what a hub that keeps no findings was asked for is forgotten', async () => {
  const scene = begin({ ...lively, retry: 0 });
  scene.answersFirst.push({ kind: 'refused', status: 404, waitMs: undefined });
  scene.checkups.ask();
  await expect.poll(() => scene.told, often).toEqual(['home ok']);
  await turns(scene);
  scene.isUp = false;
  await expect.poll(() => scene.told, often).toEqual(['home ok', 'home failure']);
  await turns(scene);
  expect(scene.told).toHaveLength(2);
});

test('agents of one house do not look all at once, and often is hours', () => {
  const [least, most] = usualPace.first;
  expect(most - least).toBeGreaterThan(10_000);
  expect(usualPace.home).toBeGreaterThanOrEqual(3_600_000);
  expect(usualPace.line).toBeGreaterThanOrEqual(86_400_000);
});
