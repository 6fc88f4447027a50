// A running program of ours arrives; its memory over time leaves, and whether it has anything open that it had not before.

import { setTimeout as after } from 'node:timers/promises';

import { Inspector } from '../bench/inspector.ts';
import { type Descriptors, descriptorsOf, untilQuiet } from '../chaos/descriptors.ts';
import type { Program } from '../support/program.ts';
import { type Point, slopePerMinute } from './trend.ts';

/** Pooled connections, idle streams and sessions that a visitor left without a word end within this. */
const quietMs = 90_000;

export class Watched {
  readonly name: string;
  readonly #program: Program;
  readonly #inspector: Inspector;
  readonly #descriptors: Descriptors;
  readonly #resources: Record<string, number>;
  readonly #memory: Point[] = [];

  static async begin(name: string, program: Program): Promise<Watched> {
    const inspector = await Inspector.attach(program);
    return new Watched(name, program, inspector, await inspector.activeResources());
  }

  private constructor(
    name: string,
    program: Program,
    inspector: Inspector,
    resources: Record<string, number>,
  ) {
    this.name = name;
    this.#program = program;
    this.#inspector = inspector;
    this.#resources = resources;
    this.#descriptors = descriptorsOf(program.pid);
  }

  sample(seconds: number): void {
    this.#memory.push({ seconds, value: this.#program.memory().bytes / 2 ** 20 });
  }

  /** Resident mebibytes: at the end, at most, and how fast they rose after `from`. */
  memory(from: number): { last: number; most: number; slopePerMinute: number } {
    const steady = this.#memory.filter(({ seconds }) => seconds >= from);
    return {
      last: round(steady.at(-1)?.value ?? Number.NaN),
      most: round(Math.max(...this.#memory.map(({ value }) => value))),
      slopePerMinute: round(slopePerMinute(steady)),
    };
  }

  /** Sentences about what stays open when nobody visits any more; none when all is as before. */
  async leaks(): Promise<string[]> {
    const leaks: string[] = [];
    await untilQuiet(this.#program.pid, this.#descriptors, quietMs).catch((error: Error) => {
      leaks.push(`${this.name}: ${error.message}`);
    });
    const until = performance.now() + quietMs;
    let more = await this.#moreResources();
    while (more.length > 0 && performance.now() < until) {
      await after(500);
      more = await this.#moreResources();
    }
    return [...leaks, ...more];
  }

  detach(): void {
    this.#inspector.detach();
  }

  async #moreResources(): Promise<string[]> {
    const now = await this.#inspector.activeResources();
    return Object.entries(now)
      .filter(([kind, count]) => count > (this.#resources[kind] ?? 0))
      .map(
        ([kind, count]) =>
          `${this.name}: ${count} ${kind}, and ${this.#resources[kind] ?? 0} before`,
      );
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
