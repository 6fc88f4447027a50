import { describe, expect, test } from 'vitest';

import { seededRandom } from '../../../test/support/random.ts';
import { Agenda } from './agenda.ts';

const at = (ms: number): Date => new Date(ms);

describe('an agenda', () => {
  test('gives back what is due, earliest first, and nothing before its time', () => {
    const agenda = new Agenda();
    agenda.set('late', at(30));
    agenda.set('early', at(10));
    agenda.set('middle', at(20));
    expect(agenda.takeDue(at(9))).toBeUndefined();
    expect(agenda.nextAt()).toEqual(at(10));
    expect([1, 2, 3].map(() => agenda.takeDue(at(25)))).toEqual(['early', 'middle', undefined]);
    expect(agenda.nextAt()).toEqual(at(30));
  });

  test('knows one moment for each id, the last that was given', () => {
    const agenda = new Agenda();
    agenda.set('a', at(10));
    agenda.set('a', at(50));
    agenda.set('b', at(20));
    agenda.set('b', at(5));
    expect(agenda.takeDue(at(30))).toBe('b');
    expect(agenda.takeDue(at(30))).toBeUndefined();
    expect(agenda.takeDue(at(50))).toBe('a');
  });

  test('forgets what is struck off', () => {
    const agenda = new Agenda();
    agenda.set('a', at(10));
    agenda.delete('a');
    expect(agenda.nextAt()).toBeUndefined();
    agenda.set('a', at(10));
    expect(agenda.takeDue(at(10))).toBe('a');
  });

  test('serves those of one moment in the order in which they came', () => {
    const agenda = new Agenda();
    for (const id of ['c', 'a', 'b']) agenda.set(id, at(10));
    expect([1, 2, 3].map(() => agenda.takeDue(at(10)))).toEqual(['c', 'a', 'b']);
  });

  test('keeps its order over 20,000 random changes', () => {
    const random = seededRandom(11);
    const agenda = new Agenda();
    const plain = new Map<string, number>();
    for (let turn = 0; turn < 20_000; turn += 1) {
      const id = `id ${random.below(500)}`;
      if (random.below(10) === 0) {
        agenda.delete(id);
        plain.delete(id);
      } else {
        const moment = random.below(1_000_000);
        agenda.set(id, at(moment));
        plain.set(id, moment);
      }
    }
    const taken: number[] = [];
    for (let id = agenda.takeDue(at(1e9)); id !== undefined; id = agenda.takeDue(at(1e9))) {
      taken.push(plain.get(id) ?? -1);
      plain.delete(id);
    }
    expect(plain.size).toBe(0);
    expect(taken).toEqual(taken.toSorted((a, b) => a - b));
  });
});
