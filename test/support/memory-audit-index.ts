// Records of an audit log arrive; an index that lives as long as its test leaves, with the contract of hub/audit/audit-index.ts.

import type { AuditIndex, AuditPage, AuditQuery } from '../../hub/audit/audit-index.ts';
import type { ChainRecord } from '../../hub/audit/chain.ts';

export class MemoryAuditIndex implements AuditIndex {
  readonly #records = new Map<string, ChainRecord>();
  /** As if the database were away. */
  isAway = false;

  get records(): ChainRecord[] {
    return [...this.#records.values()].toSorted((a, b) => a.seq - b.seq);
  }

  async insert(records: readonly ChainRecord[]): Promise<void> {
    this.#ask();
    for (const record of records) this.#records.set(`${record.chain} ${record.seq}`, record);
  }

  async find({ events, limit }: AuditQuery): Promise<AuditPage> {
    this.#ask();
    const items = this.records.filter(
      ({ event }) => events === undefined || events.includes(event),
    );
    return { items: items.toReversed().slice(0, limit), nextCursor: undefined };
  }

  async count(chain: string, seqs: { first: number; last: number }): Promise<number> {
    return (await this.hashes(chain, seqs)).size;
  }

  async hashes(
    chain: string,
    { first, last }: { first: number; last: number },
  ): Promise<ReadonlyMap<number, string>> {
    this.#ask();
    const found = this.records.filter(
      (record) => record.chain === chain && record.seq >= first && record.seq <= last,
    );
    return new Map(found.map(({ seq, hash }) => [seq, hash]));
  }

  async last(chain: string): Promise<ChainRecord | undefined> {
    this.#ask();
    return this.records.findLast((record) => record.chain === chain);
  }

  async prune(before: Date): Promise<number> {
    this.#ask();
    const old = [...this.#records].filter(([, { at }]) => at < before);
    for (const [key] of old) this.#records.delete(key);
    return old.length;
  }

  #ask(): void {
    if (this.isAway) throw new Error('the database is away');
  }
}
