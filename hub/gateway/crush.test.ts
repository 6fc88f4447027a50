import { afterEach, expect, test } from 'vitest';

import { Crush } from './crush.ts';

let nowMs = 0;
const opened: Crush[] = [];
afterEach(() => opened.splice(0).forEach((crush) => crush.stop()));

function crushOf(mostWhenLate: number): Crush {
  nowMs = 0;
  const crush = new Crush({ mostWhenLate, nowMs: () => nowMs });
  opened.push(crush);
  return crush;
}

const enter = (crush: Crush, times: number): number =>
  Array.from({ length: times }, () => crush.enter()).filter(Boolean).length;

test('while the hub keeps up everybody comes in, however many stand in the door', () => {
  const crush = crushOf(2);
  nowMs = 100;
  crush.look();
  expect(enter(crush, 1000)).toBe(1000);
});

test('when it is behind no more come in than it may shake hands with at once, and others as they finish', () => {
  const crush = crushOf(2);
  nowMs = 400;
  crush.look();
  expect(enter(crush, 10)).toBe(2);
  crush.leave();
  expect(enter(crush, 10)).toBe(1);
});

test('a process too late to look at its clock is late as well', () => {
  const crush = crushOf(2);
  nowMs = 300;
  expect(enter(crush, 10)).toBe(2);
});

test('once it has caught up the door is open again', () => {
  const crush = crushOf(2);
  nowMs = 400;
  crush.look();
  expect(enter(crush, 10)).toBe(2);
  nowMs = 500;
  crush.look();
  expect(enter(crush, 10)).toBe(10);
});
