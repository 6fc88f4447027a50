// A hub's or an agent's log arrives; what a monitoring system reads at the port that it names leaves, as text and as numbers.

import type { Program } from './program.ts';

export class Scraped {
  readonly #port: number;

  /** Waits until metrics are served. */
  static async of(program: Program): Promise<Scraped> {
    const [line] = await program.waitForLine(/^.*"metrics are served".*$/);
    const { metrics } = JSON.parse(line) as { metrics: { port: number } };
    return new Scraped(metrics.port);
  }

  private constructor(port: number) {
    this.#port = port;
  }

  /** `127.0.0.1:9464`. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async ask(path: string, method = 'GET'): Promise<Response> {
    return fetch(`http://${this.address}${path}`, { method });
  }

  async text(): Promise<string> {
    return (await this.ask('/metrics')).text();
  }

  /** The sum over all samples of this name that carry these labels; undefined: there is none. */
  async value(
    name: string,
    labels: Readonly<Record<string, string>> = {},
  ): Promise<number | undefined> {
    const found = samplesIn(await this.text()).filter(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
    return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
  }

  /** Of all that is told, whether it has a sample now or not. */
  async names(): Promise<string[]> {
    return [...(await this.text()).matchAll(/^# TYPE (\S+) /gm)].map(([, name = '']) => name);
  }

  /** Counters that have no sample yet: what begins with its first event has not grown by it. */
  async unbegun(): Promise<string[]> {
    const text = await this.text();
    const begun = new Set(samplesIn(text).map(({ name }) => name));
    const counters = [...text.matchAll(/^# TYPE (\S+) counter$/gm)].map(([, name = '']) => name);
    return counters.filter((name) => !begun.has(name));
  }
}

interface ReadSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Of the exposition format. */
function samplesIn(text: string): ReadSample[] {
  return [...text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(
    ([, name = '', held = '', value = '']) => ({
      name,
      labels: Object.fromEntries(
        [...held.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', text_ = '']) => [
          label,
          text_,
        ]),
      ),
      value: value === '+Inf' ? Infinity : Number(value),
    }),
  );
}
