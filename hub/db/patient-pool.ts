// A query's need for a connection arrives; a connection leaves, after a short wait if the database is just being restarted.

import { setTimeout as wait } from 'node:timers/promises';
import { type ClientConfig, Pool, type PoolClient } from 'pg';
import type { Logger } from 'pino';
import { connectFailure, type DatabasePlace, isPassing } from './database-error.ts';

/** Long enough for a crashed or upgraded database to come back, short enough for a person who waits for an answer. */
const patienceMs = 10_000;
const retryDelayMs = { first: 25, last: 500 };

/** The hub's queries are short: ten at a time keep two cores busy, and leave room for commands beside it. */
const maxConnections = 10;

/** Nothing was sent yet when connecting fails, so trying again can never do a thing twice. */
export class PatientPool extends Pool {
  readonly #place: DatabasePlace;

  constructor(connection: ClientConfig, options: { place: DatabasePlace; log: Logger }) {
    super({
      ...connection,
      max: maxConnections,
      connectionTimeoutMillis: 5000,
      idleTimeoutMillis: 30_000,
      keepAlive: true,
      // A statement of the hub takes milliseconds; a lock held by a frozen process must not freeze the others.
      statement_timeout: 30_000,
      idle_in_transaction_session_timeout: 30_000,
      query_timeout: 35_000,
    });
    this.#place = options.place;
    const onError = (error: Error) => {
      options.log.debug({ err: error }, 'database connection lost');
    };
    this.on('error', onError);
    // In use it is not the pool's: without a listener of its own a lost connection would end the process.
    this.on('connect', (client) => client.on('error', onError));
  }

  override connect(): Promise<PoolClient>;
  override connect(
    callback: (
      error: Error | undefined,
      client: PoolClient | undefined,
      done: (release?: Error | boolean) => void,
    ) => void,
  ): void;
  override connect(callback?: Parameters<Pool['connect']>[0]): Promise<PoolClient> | void {
    const client = this.#connectPatiently();
    if (callback === undefined) {
      return client;
    }
    client.then(
      (connected) => callback(undefined, connected, (release) => connected.release(release)),
      (error: Error) => callback(error, undefined, () => {}),
    );
  }

  async #connectPatiently(): Promise<PoolClient> {
    const deadline = Date.now() + patienceMs;
    let delayMs = retryDelayMs.first;
    for (;;) {
      try {
        return await super.connect();
      } catch (error) {
        if (this.ending || !isPassing(error) || Date.now() + delayMs > deadline) {
          throw connectFailure(error, this.#place);
        }
      }
      await wait(delayMs);
      delayMs = Math.min(delayMs * 2, retryDelayMs.last);
    }
  }
}
