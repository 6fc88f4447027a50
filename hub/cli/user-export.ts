// An account arrives, named by whoever has the machine; everything that the hub holds about its person leaves on stdout, as one file of JSON.

import type { Command } from 'commander';

import { exportOf } from '../accounts/export.ts';
import type { CommandContext } from './command-context.ts';
import { requireAccount, withPeople } from './host-people.ts';

/** `user export`. */
export function addExportCommand(user: Command, context: CommandContext): Command {
  user
    .command('export')
    .description(
      'everything that the hub holds about a person, as JSON; nothing in it opens anything',
    )
    .argument('<account>', 'its name, proven e-mail address or id')
    .action(async (wanted: string) => {
      // Standard error stays empty as well: whoever pipes the file on sees no more than it.
      const file = await withPeople(context, { json: true }, async ({ people, stores, note }) => {
        const account = await requireAccount(people, wanted);
        const { personalRecords: records } = stores;
        const now = new Date();
        const made = await exportOf(account, { records, travel: people.travel, now });
        note({ event: 'admin.account-exported', target: account.username });
        return made;
      });
      context.stdout.write(`${JSON.stringify(file, undefined, 2)}\n`);
    });
  return user;
}
