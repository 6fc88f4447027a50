// How people's tries end arrives; the counts leave for monitoring: a control that never moves its count is one that nobody calls.

import type { AccountCounts, LoginResult } from '../accounts/noted.ts';
import type { TokenCounts } from '../accounts/tokens/token-counts.ts';
import type { Metric, Sample } from './metric.ts';

/** One number for each set of labels; they only ever go up. */
export class LabelledCounter implements Metric {
  readonly type = 'counter';
  readonly name: string;
  readonly help: string;
  readonly #values = new Map<string, { labels: Readonly<Record<string, string>>; value: number }>();

  constructor(name: string, help: string) {
    this.name = `phlix_hub_${name}_total`;
    this.help = help;
  }

  /** Labels are words of the program's own, never of a stranger's: there are few of them. */
  increment(labels: Readonly<Record<string, string>> = {}): void {
    const key = JSON.stringify(labels);
    const held = this.#values.get(key) ?? { labels, value: 0 };
    this.#values.set(key, { labels, value: held.value + 1 });
  }

  samples(): readonly Sample[] {
    const held = [...this.#values.values()];
    return held.length > 0 ? held : [{ value: 0 }];
  }
}

export class AccountMetrics implements AccountCounts, TokenCounts {
  readonly #logins = new LabelledCounter('logins', 'Tries to sign in, by how they ended.');
  readonly #ended = new LabelledCounter('logins_ended', 'Logins that somebody or something ended.');
  readonly #stepUps = new LabelledCounter('step_ups', 'Further proofs, asked for and given.');
  readonly #blocked = new LabelledCounter(
    'login_blocks',
    'Addresses shut out for failed sign-ins.',
  );
  readonly #breaches = new LabelledCounter('breach_checks', 'Passwords looked up among breached.');
  readonly #networks = new LabelledCounter(
    'login_networks_refused',
    "Sign-ins and requests from outside an account's networks.",
  );

  readonly #bearers = new LabelledCounter('bearers', 'Requests that bore a token.');
  readonly #devices = new LabelledCounter('devices', 'Devices let in by code, step by step.');

  login(result: LoginResult, method: string): void {
    this.#logins.increment({ result, method });
  }

  stepUp(result: 'asked' | 'ok' | 'failed'): void {
    this.#stepUps.increment({ result });
  }

  blocked(): void {
    this.#blocked.increment();
  }

  loginEnded(): void {
    this.#ended.increment();
  }

  breachCheck(result: 'clean' | 'found' | 'unknown'): void {
    this.#breaches.increment({ result });
  }

  networkRefused(): void {
    this.#networks.increment();
  }

  bearer(result: Parameters<TokenCounts['bearer']>[0]): void {
    this.#bearers.increment({ result });
  }

  device(step: Parameters<TokenCounts['device']>[0]): void {
    this.#devices.increment({ step });
  }

  get metrics(): readonly Metric[] {
    return [
      this.#logins,
      this.#ended,
      this.#stepUps,
      this.#blocked,
      this.#breaches,
      this.#networks,
      this.#bearers,
      this.#devices,
    ];
  }
}
