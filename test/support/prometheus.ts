// What is to be scraped arrives; a real Prometheus leaves, with the configuration and the rules that operators get, only in more of a hurry.

import { execFile } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { partPath } from './parts.ts';
import { Program } from './program.ts';
import { temporaryFolder } from './temporary-folder.ts';

const folder = fileURLToPath(new URL('../../infra/prometheus/', import.meta.url));

/** One figure of an answer, with the labels that tell it from the others. */
export interface Found {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

export interface Rule {
  readonly name: string;
  readonly query: string;
  readonly health: string;
  readonly state: string;
}

export class Prometheus {
  readonly #program: Program;
  readonly #url: string;

  /** Ready, and every target has answered. */
  static async start(targets: { hub: string; agent: string }): Promise<Prometheus> {
    const place = temporaryFolder('prometheus').path;
    cpSync(folder, place, { recursive: true });
    const config = readFileSync(join(folder, 'prometheus.yaml'), 'utf8')
      .replace(/scrape_interval: \w+/, 'scrape_interval: 1s')
      .replace(/scrape_timeout: \w+/, 'scrape_timeout: 1s')
      .replace(/evaluation_interval: \w+/, 'evaluation_interval: 300ms');
    writeFileSync(join(place, 'prometheus.yaml'), config);
    writeFileSync(join(place, 'hubs.yaml'), JSON.stringify([{ targets: [targets.hub] }]));
    writeFileSync(join(place, 'agents.yaml'), JSON.stringify([{ targets: [targets.agent] }]));
    const program = new Program({
      command: [
        partPath('prometheus'),
        `--config.file=${join(place, 'prometheus.yaml')}`,
        `--storage.tsdb.path=${join(place, 'tsdb')}`,
        '--web.listen-address=127.0.0.1:0',
      ],
      env: process.env,
    });
    const [, address] = await program.waitForLine(/"Listening on" address=(\S+)/);
    await program.waitForLine(/Server is ready to receive web requests/);
    return new Prometheus(program, `http://${address}`);
  }

  private constructor(program: Program, url: string) {
    this.#program = program;
    this.#url = url;
  }

  /** @throws with what Prometheus says of an expression that it cannot read */
  async query(expression: string): Promise<Found[]> {
    const { result } = await this.#ask<{ result: Found[] }>('query', { query: expression });
    return result;
  }

  async rules(): Promise<Rule[]> {
    const { groups } = await this.#ask<{ groups: { rules: Rule[] }[] }>('rules');
    return groups.flatMap(({ rules }) => rules);
  }

  async stop(): Promise<void> {
    await this.#program.stop();
  }

  async #ask<Data>(what: string, parameters: Record<string, string> = {}): Promise<Data> {
    const answer = await fetch(
      `${this.#url}/api/v1/${what}?${new URLSearchParams(parameters).toString()}`,
    );
    const body = (await answer.json()) as { status: string; error?: string; data: Data };
    if (body.status !== 'success') throw new Error(`${parameters['query'] ?? what}: ${body.error}`);
    return body.data;
  }
}

/** In the folder of rules; what it printed. @throws with that when it finds something wrong */
export async function promtool(...words: string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(partPath('promtool'), words, { cwd: folder });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`promtool ${words.join(' ')}\n${stdout}${stderr}`, { cause: error });
  }
}
