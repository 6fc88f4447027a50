// The address that a datagram claims to come from arrives; whether it gets an answer, a short one or none leaves.

import type { ResponderLimits } from './limits.ts';

/** `shorten`: the answer only says "ask by TCP", where no address can be forged. */
export type Verdict = 'answer' | 'shorten' | 'drop';

interface Block {
  tokens: number;
  filledAtMs: number;
  /** Of those beyond the limit every second is shortened, so that a resolver among the forged ones gets through. */
  beyond: number;
}

/** Response rate limiting: whoever's address is forged must not be hit harder through us than by the forger himself. */
export class ResponseRate {
  /** Whoever asked last is at the end. */
  readonly #blocks = new Map<string, Block>();
  readonly #limits: ResponderLimits;
  readonly #now: () => number;

  /** `now`: monotonic milliseconds. */
  constructor(limits: ResponderLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  judge(address: string): Verdict {
    const block = this.#blockOf(addressBlock(address));
    if (block.tokens >= 1) {
      block.tokens -= 1;
      return 'answer';
    }
    block.beyond += 1;
    return block.beyond % 2 === 1 ? 'shorten' : 'drop';
  }

  #blockOf(key: string): Block {
    const { answersBurst, answersPerSecond, countedBlocks } = this.#limits;
    const now = this.#now();
    const known = this.#blocks.get(key);
    const block = known ?? { tokens: answersBurst, filledAtMs: now, beyond: 0 };
    const earned = ((now - block.filledAtMs) / 1000) * answersPerSecond;
    block.tokens = Math.min(answersBurst, block.tokens + earned);
    block.filledAtMs = now;
    if (known !== undefined) this.#blocks.delete(key);
    else if (this.#blocks.size >= countedBlocks) this.#forgetOldest();
    this.#blocks.set(key, block);
    return block;
  }

  #forgetOldest(): void {
    const [oldest] = this.#blocks.keys();
    if (oldest !== undefined) this.#blocks.delete(oldest);
  }
}

/**
 * IPv4 /24 and IPv6 /56, the sizes that BIND counts by: a victim's line is shared by its whole network, and so is what a forger
 * can spread his packets over.
 */
export function addressBlock(address: string): string {
  const plain = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  if (plain.includes('.')) return plain.slice(0, plain.lastIndexOf('.'));
  const [head = '', tail] = plain.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0');
  const groups = [...before, ...zeros, ...after].slice(0, 4);
  const fourth = Number.parseInt(groups[3] ?? '0', 16) & 0xff00;
  return [...groups.slice(0, 3), fourth.toString(16)].join(':');
}
