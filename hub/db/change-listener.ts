// NOTIFY messages of any process arrive; callbacks leave, also after each gap in which a message may have been lost.

import { Client, type ClientConfig, escapeIdentifier } from 'pg';
import type { Logger } from 'pino';

/** undefined: the connection was new, anything may have changed unseen. */
export type ChangeCallback = (payload: string | undefined) => void;

/** Together under 5 s: a revocation must cut its tunnel in that time even if the connection died silently. */
const heartbeatMs = 2000;
const heartbeatPatienceMs = 2000;
const reconnectDelayMs = { first: 50, last: 2000 };

/** One connection that listens for as long as the process lives; it reconnects by itself. */
export class ChangeListener {
  readonly #connection: ClientConfig;
  readonly #log: Logger;
  readonly #callbacks = new Map<string, Set<ChangeCallback>>();
  /** What each new connection begins with. */
  readonly #beginnings = new Set<string>();
  #client: Client | undefined;
  #opening: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #delayMs = reconnectDelayMs.first;
  #isClosed = false;

  constructor(connection: ClientConfig, log: Logger) {
    this.#connection = { ...connection, connectionTimeoutMillis: 5000, keepAlive: true };
    this.#log = log;
  }

  /** Resolves once the channel is listened to; from then on no change is missed without a callback. */
  async listen(channel: string, callback: ChangeCallback): Promise<() => void> {
    const callbacks = this.#callbacks.get(channel) ?? new Set();
    callbacks.add(callback);
    this.#callbacks.set(channel, callbacks);
    await this.#onEveryConnection(`LISTEN ${escapeIdentifier(channel)}`);
    return () => void callbacks.delete(callback);
  }

  /**
   * Holds an advisory lock, shared, which shows to everybody that this process lives: the server takes it away when the
   * connection ends. A new connection has it again.
   */
  async hold({ space, key }: { space: number; key: number }): Promise<void> {
    await this.#onEveryConnection(`SELECT pg_advisory_lock_shared(${space}, ${key})`);
  }

  async #onEveryConnection(statement: string): Promise<void> {
    this.#beginnings.add(statement);
    if (this.#client === undefined) {
      this.#opening ??= this.#open();
      await this.#opening;
    } else {
      await this.#client.query(statement);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }

  async #open(): Promise<void> {
    const client = new Client(this.#connection);
    client.on('error', () => {});
    client.on('notification', ({ channel, payload }) => this.#announce(channel, payload ?? ''));
    try {
      await client.connect();
      for (const statement of this.#beginnings) await client.query(statement);
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
    if (this.#isClosed) {
      await client.end();
      return;
    }
    this.#client = client;
    this.#opening = undefined;
    this.#delayMs = reconnectDelayMs.first;
    client.once('end', () => this.#onLost(client));
    this.#beat(client);
  }

  #onLost(client: Client): void {
    if (this.#isClosed || this.#client !== client) {
      return;
    }
    this.#client = undefined;
    clearTimeout(this.#timer);
    this.#log.warn('database connection for change messages lost');
    this.#reopenLater();
  }

  #reopenLater(): void {
    this.#timer = setTimeout(() => {
      this.#opening = this.#open();
      this.#opening.then(
        () => this.#announceAll(),
        () => this.#isClosed || this.#reopenLater(),
      );
    }, this.#delayMs);
    this.#delayMs = Math.min(this.#delayMs * 2, reconnectDelayMs.last);
  }

  /** A connection whose other end has vanished says nothing; only a question shows it. */
  #beat(client: Client): void {
    this.#timer = setTimeout(() => {
      const deadline = setTimeout(() => destroy(client), heartbeatPatienceMs);
      client
        .query('SELECT 1')
        .then(() => this.#client === client && this.#beat(client))
        .catch(() => destroy(client))
        .finally(() => clearTimeout(deadline));
    }, heartbeatMs);
  }

  #announce(channel: string, payload: string | undefined): void {
    for (const callback of this.#callbacks.get(channel) ?? []) {
      callback(payload);
    }
  }

  #announceAll(): void {
    for (const channel of this.#callbacks.keys()) {
      this.#announce(channel, undefined);
    }
  }
}

/** `end()` waits for the answer of a server that may be gone. */
function destroy(client: Client): void {
  client.connection.stream.destroy();
}
