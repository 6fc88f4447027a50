// The operations of the API arrive; the OpenAPI document that the hub serves leaves on stdout, without a hub or a setting.

import { Command } from 'commander';

import type { CommandContext } from './command-context.ts';

export function openApiCommand(context: CommandContext): Command {
  return new Command('openapi')
    .description("the API's OpenAPI 3.1 document, as the hub serves it at /api/v1/openapi.json")
    .action(async () => {
      // Every area of the API takes a third of a second to load.
      const { apiDocument } = await import('../api/document.ts');
      context.stdout.write(`${JSON.stringify(apiDocument(), null, 2)}\n`);
    });
}
