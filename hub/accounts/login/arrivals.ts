// A successful sign-in arrives; whoever owns the account is told if it came from a network or a browser that it never came from before (row A-13).

import { networkAround } from '../../../shared/net-address.ts';
import type { Audit } from '../../audit/audit.ts';
import type { Notices } from '../../notices/notice.ts';
import type { Account } from '../account.ts';
import type { Login } from './login.ts';

export interface ArrivalStore {
  /** Keeps the place; `isNew`: the account never signed in from there; `isFirst`: nor from anywhere else. */
  note(place: {
    accountId: string;
    network: string;
    software: string;
    at: Date;
  }): Promise<{ isNew: boolean; isFirst: boolean }>;
}

/** What a provider gives to one household or street: an address of its own would be news every night. */
const placeBits = { ipv4: 24, ipv6: 48 };

/** As a list shows it: enough to recognise a place by. */
export function placeOf(address: string): string {
  return networkAround(address, placeBits);
}

interface ArrivalsOptions {
  readonly store: ArrivalStore;
  readonly notices: Notices;
  readonly audit: Audit;
}

export class Arrivals {
  readonly #options: ArrivalsOptions;

  constructor(options: ArrivalsOptions) {
    this.#options = options;
  }

  /** One message for one sign-in: a new place says more than a new browser. */
  async note(account: Account, login: Login, browser: { isKnown: boolean }): Promise<void> {
    const { address, software, createdAt: at } = login;
    const { notices, audit, store } = this.#options;
    const to = { kind: 'account', accountId: account.id } as const;
    const network = address === undefined ? 'unknown' : placeOf(address);
    const place = { accountId: account.id, network, software, at };
    const { isNew, isFirst } = await store.note(place);
    if (isFirst) return;
    if (isNew && address !== undefined) {
      const actor = { id: account.id, name: account.username };
      audit.note({ event: 'login.network-new', actor, address, target: network, result: 'ok' });
      notices.tell({ kind: 'login.new-network', to, at, facts: { address, software, network } });
    } else if (!browser.isKnown) {
      notices.tell({ kind: 'login.new-device', to, at, facts: { address, software } });
    }
  }
}
