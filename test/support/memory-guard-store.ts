// Counts of failures arrive and leave as the guard's database keeps them, in memory, for tests that need no database.

import type { Count } from '../../hub/accounts/login/guard-count.ts';
import type { GuardStore } from '../../hub/accounts/login/guard.ts';

export function memoryGuardStore(): GuardStore {
  const kept = new Map<string, Count>();
  return {
    find: async (keys) => new Map([...kept].filter(([key]) => keys.includes(key))),
    change: async (_keys, change) => {
      const { counts, result } = change(kept);
      for (const [key, changed] of counts) {
        if (changed === undefined) kept.delete(key);
        else kept.set(key, changed.count);
      }
      return result;
    },
    remove: async (keys) => {
      for (const key of keys) kept.delete(key);
    },
    sweep: async () => {},
    listClosed: async () => [],
  };
}
