// A program of Node started with --inspect arrives; its collected heap, a profile of its processor time or what it has open leaves.

import { writeFileSync } from 'node:fs';

import { WebSocket } from 'ws';

import type { Program } from '../support/program.ts';

/** Given to Node in front of the script: any free port, on this machine only. Costs nothing until somebody asks. */
export const inspectFlag = '--inspect=127.0.0.1:0';

export class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #lastId = 0;

  static async attach(program: Program): Promise<Inspector> {
    const [, url = ''] = await program.waitForLine(/^Debugger listening on (ws:\S+)$/);
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return new Inspector(socket);
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (message: Buffer) => {
      const answer = JSON.parse(message.toString()) as Answer;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    socket.on('error', () => socket.terminate());
    socket.once('close', () => {
      const error = { message: 'the program ended' };
      for (const [id, settle] of this.#waiting) settle({ id, error });
    });
  }

  /** Until then, memory that nobody uses any more counts as used. */
  async collectGarbage(): Promise<void> {
    await this.#ask('HeapProfiler.collectGarbage');
  }

  /** What keeps its event loop alive: timers, sockets and the like, by kind. */
  async activeResources(): Promise<Record<string, number>> {
    const expression = 'JSON.stringify(process.getActiveResourcesInfo())';
    const { result } = await this.#ask('Runtime.evaluate', { expression });
    const counts: Record<string, number> = {};
    for (const kind of JSON.parse((result as { value: string }).value) as string[])
      counts[kind] = (counts[kind] ?? 0) + 1;
    return counts;
  }

  async startProfile(): Promise<void> {
    await this.#ask('Profiler.enable');
    await this.#ask('Profiler.start');
  }

  /** Chromium's developer tools and most editors open the file. */
  async saveProfile(file: string): Promise<void> {
    const { profile } = await this.#ask('Profiler.stop');
    writeFileSync(file, JSON.stringify(profile));
  }

  detach(): void {
    this.#socket.close();
  }

  #ask(method: string, params: object = {}): Promise<Record<string, unknown>> {
    this.#lastId += 1;
    const id = this.#lastId;
    this.#socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        if (result === undefined) reject(new Error(`${method}: ${error?.message}`));
        else resolve(result);
      });
    });
  }
}

interface Answer {
  readonly id: number;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}
