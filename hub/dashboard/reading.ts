// A page's question arrives, named as the API names it; the API's answer leaves, for this caller and no other.

import type { Caller } from '../accounts/caller.ts';
import type { AdminAnswers } from './admin-answers.ts';
import type { NoticeAnswers } from './notice-answers.ts';
import type { Listed, ServerAnswers } from './server-answers.ts';

/** Given by the composition root (hub/api/operation/reader.ts). Text, as in a path or a query. @throws CodedError */
export type ReadHub = (
  asked: { readonly caller: Caller; readonly isAdminDoorOpen: boolean },
  id: string,
  question?: Question,
) => Promise<unknown>;

export type Question = Readonly<Record<string, string | undefined>>;

export type Answers = ServerAnswers & AdminAnswers & NoticeAnswers;

type ListId = {
  [Id in keyof Answers]: Answers[Id] extends Listed<unknown> ? Id : never;
}[keyof Answers];

type ItemOf<Id extends ListId> = Answers[Id] extends Listed<infer Item> ? Item : never;

/** What a page may ask. What it changes goes through the API itself, from the browser. */
export class HubReading {
  readonly #read: ReadHub;
  readonly #asked: Parameters<ReadHub>[0];

  constructor(read: ReadHub, asked: Parameters<ReadHub>[0]) {
    this.#read = read;
    this.#asked = asked;
  }

  async ask<Id extends keyof Answers>(id: Id, question?: Question): Promise<Answers[Id]> {
    return (await this.#read(this.#asked, id, question)) as Answers[Id];
  }

  /** Every page of a list of which each entry has to be at hand. */
  async askAll<Id extends ListId>(id: Id, question?: Question): Promise<ItemOf<Id>[]> {
    const items: ItemOf<Id>[] = [];
    let cursor: string | undefined;
    do {
      const asked = { ...question, cursor, limit: '100' };
      const page = (await this.#read(this.#asked, id, asked)) as Listed<ItemOf<Id>>;
      items.push(...page.items);
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    return items;
  }
}
