import { describe, expect, it } from 'vitest';

import { defaultResponderLimits } from './limits.ts';
import { addressBlock, ResponseRate } from './rate-limit.ts';

const limits = {
  ...defaultResponderLimits,
  answersBurst: 4,
  answersPerSecond: 2,
  countedBlocks: 2,
};

describe('answers to one block of addresses', () => {
  it('are as many as its burst, and then every second question is told to use TCP', () => {
    const rate = new ResponseRate(limits, () => 0);
    const verdicts = Array.from({ length: 8 }, (_, at) => rate.judge(`192.0.2.${at}`));
    expect(verdicts).toEqual([
      ...Array.from({ length: 4 }, () => 'answer'),
      'shorten',
      'drop',
      'shorten',
      'drop',
    ]);
  });

  it('come back with time, up to the burst and no further', () => {
    let now = 0;
    const rate = new ResponseRate(limits, () => now);
    const answers = (): number =>
      Array.from({ length: 10 }, () => rate.judge('192.0.2.1')).filter((v) => v === 'answer')
        .length;
    expect(answers()).toBe(4);
    now = 1000;
    expect(answers()).toBe(2);
    now = 1_000_000;
    expect(answers()).toBe(4);
  });

  it('are not those of another block', () => {
    const rate = new ResponseRate(limits, () => 0);
    for (let times = 0; times < 9; times += 1) rate.judge('192.0.2.1');
    expect(rate.judge('192.0.3.1')).toBe('answer');
  });

  it('are forgotten of the block that was silent for longest', () => {
    const rate = new ResponseRate(limits, () => 0);
    for (let times = 0; times < 9; times += 1) rate.judge('192.0.2.1');
    rate.judge('192.0.3.1');
    // Whoever is counted already takes nobody's place.
    rate.judge('192.0.3.1');
    expect(rate.judge('192.0.2.1')).not.toBe('answer');
    // The third block takes the place of the second.
    rate.judge('192.0.4.1');
    expect(rate.judge('192.0.2.1')).not.toBe('answer');
  });
});

describe('the block of an address', () => {
  it.each([
    ['192.0.2.7', '192.0.2'],
    ['::ffff:192.0.2.7', '192.0.2'],
    ['2001:db8:1:2ff::1', '2001:db8:1:200'],
    ['2001:db8:1:200:1:2:3:4', '2001:db8:1:200'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
  ])('%s is %s', (address, block) => {
    expect(addressBlock(address)).toBe(block);
  });
});
