import { describe, expect, test } from 'vitest';

import { journeyBetween, type Spot } from './travel.ts';

const tokyo: Spot = { latitude: 35.68, longitude: 139.69, accuracyKm: 20 };
const london: Spot = { latitude: 51.51, longitude: -0.13, accuracyKm: 100 };
const at = new Date('2026-03-01T12:00:00Z');
const after = (minutes: number) => new Date(at.getTime() + minutes * 60_000);

describe('a journey', () => {
  test('from Tokyo to London is 9,560 km, less what both ends are uncertain by', () => {
    const { distanceKm, speedKmh } = journeyBetween({ ...tokyo, at }, london, after(600));
    expect(distanceKm).toBeGreaterThan(9420);
    expect(distanceKm).toBeLessThan(9460);
    expect(speedKmh).toBeCloseTo(distanceKm / 10, 6);
  });

  test('within what both ends are uncertain by is none', () => {
    const near: Spot = { latitude: 51.9, longitude: 0.3, accuracyKm: 50 };
    expect(journeyBetween({ ...london, at }, near, after(1)).distanceKm).toBe(0);
  });

  test('takes a minute at least, also by a clock that was set back', () => {
    const usual = journeyBetween({ ...tokyo, at }, london, after(1));
    for (const minutes of [0, -1, -100_000])
      expect(journeyBetween({ ...tokyo, at }, london, after(minutes))).toEqual(usual);
  });

  test.each<[string, [number, number], [number, number], number]>([
    ['over the date line', [0, 179.9], [0, -179.9], 22.2],
    ['over a pole', [89.9, 0], [89.9, 180], 22.2],
    ['to the other side of the earth', [0, 0], [0, 180], 20_015],
  ])('%s is measured the short way', (_, from, to, km) => {
    const { distanceKm } = journeyBetween({ ...spot(from), at }, spot(to), after(60));
    expect(Math.abs(distanceKm - km)).toBeLessThan(1);
  });
});

function spot([latitude, longitude]: readonly [number, number]): Spot {
  return { latitude, longitude, accuracyKm: 0 };
}
