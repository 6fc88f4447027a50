// A place to run in arrives; the test origin leaves as a program of its own, to be killed and started again on its port.

import { fileURLToPath } from 'node:url';

import { Program } from '../support/program.ts';

const script = fileURLToPath(new URL('../support/origin/main.ts', import.meta.url));

type Wrap = (command: [string, ...string[]]) => [string, ...string[]];

export class OriginProcess {
  readonly #wrap: Wrap;
  #program: Program;
  #port = 0;

  static async start(wrap: Wrap = (command) => command): Promise<OriginProcess> {
    const origin = new OriginProcess(wrap);
    await origin.#becomeReady();
    return origin;
  }

  private constructor(wrap: Wrap) {
    this.#wrap = wrap;
    this.#program = this.#launch();
  }

  get port(): number {
    return this.#port;
  }

  kill(): void {
    this.#program.kill('SIGKILL');
  }

  /** The former one was killed or stopped. */
  async startAgain(): Promise<void> {
    await this.#program.end();
    this.#program = this.#launch();
    await this.#becomeReady();
  }

  async stop(): Promise<void> {
    await this.#program.stop();
  }

  #launch(): Program {
    const command = this.#wrap([process.execPath, script, String(this.#port)]);
    return new Program({ command, env: process.env });
  }

  async #becomeReady(): Promise<void> {
    const [, port] = await this.#program.waitForLine(/^listening on http:\/\/[^:]+:(\d+)$/);
    this.#port = Number(port);
  }
}
