// A database arrives; the stores of people, their logins and what is counted of them leave.

import type { Database } from '../connect.ts';
import { PostgresAccountStore } from './account-store.ts';
import { PostgresArrivalStore } from './arrival-store.ts';
import { PostgresGuardStore } from './guard-store.ts';
import { PostgresInvitationStore } from './invitation-store.ts';
import { PostgresKnownBrowserStore } from './known-browser-store.ts';
import { PostgresLoginStore } from './login-store.ts';
import { PostgresSetupStore } from './setup-store.ts';
import { PostgresStepUpStore } from './step-up-store.ts';
import { PostgresTransactionStore } from './transaction-store.ts';
import { PostgresWhereaboutsStore } from './whereabouts-store.ts';

export type PeopleStores = ReturnType<typeof peopleStores>;

export function peopleStores(database: Pick<Database, 'queries' | 'changes'>) {
  return {
    accounts: new PostgresAccountStore(database),
    arrivals: new PostgresArrivalStore(database),
    browsers: new PostgresKnownBrowserStore(database),
    guard: new PostgresGuardStore(database),
    invitations: new PostgresInvitationStore(database),
    logins: new PostgresLoginStore(database),
    setup: new PostgresSetupStore(database),
    stepUps: new PostgresStepUpStore(database),
    transactions: new PostgresTransactionStore(database),
    whereabouts: new PostgresWhereaboutsStore(database),
  };
}
