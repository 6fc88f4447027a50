import { describe, expect, test } from 'vitest';
import { uuidv7 } from './uuid.ts';

describe('uuidv7', () => {
  test('has version 7 and the RFC variant', () => {
    expect(uuidv7()).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  test('sorts by the millisecond it was made in', () => {
    const early = uuidv7(Date.UTC(2026, 0, 1));
    const late = uuidv7(Date.UTC(2026, 0, 1) + 1);
    expect(early < late).toBe(true);
  });

  test('is different each time within one millisecond', () => {
    const ids = new Set(Array.from({ length: 1000 }, () => uuidv7(1)));
    expect(ids.size).toBe(1000);
  });
});
