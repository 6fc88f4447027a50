// A program of Node started with --inspect arrives; its resident memory leaves, with nothing left in it that nobody uses.

import { setTimeout as after } from 'node:timers/promises';

import type { Program } from '../support/program.ts';
import { Inspector } from './inspector.ts';

/** Handshakes, credit and acknowledgements are over by then. */
const settleMs = 500;

export class Watched {
  readonly #program: Program;
  readonly #inspector: Inspector;

  static async attach(program: Program): Promise<Watched> {
    return new Watched(program, await Inspector.attach(program));
  }

  private constructor(program: Program, inspector: Inspector) {
    this.#program = program;
    this.#inspector = inspector;
  }

  async bytes(): Promise<number> {
    // Twice: what the first collection finalises, the second one frees.
    for (let round = 0; round < 2; round += 1) {
      await after(settleMs);
      await this.#inspector.collectGarbage();
    }
    return this.#program.memory().bytes;
  }

  detach(): void {
    this.#inspector.detach();
  }
}
