// A request and the switches of its server arrive; if the deny-list keeps it back, what to tell the visitor and the owner leaves.

import type { ServerSwitches } from '../../tunnels/server.ts';
import { deniedEntry } from './denied.ts';
import type { FailureDetail } from '../failure.ts';
import type { VisitorRequest } from '../visitor.ts';

export function denialOf(
  request: Pick<VisitorRequest, 'method' | 'target' | 'fields' | 'hostname'>,
  switches: Pick<ServerSwitches, 'product' | 'lifted'>,
): (FailureDetail & { readonly entry: string }) | undefined {
  const denied = deniedEntry(request, switches);
  if (denied === undefined) return undefined;
  const [entry = ''] = denied.names;
  return {
    entry,
    sentence: `This hub does not pass on ${denied.what}: to a media server, whoever comes through it seems to sit at home. Ask the owner of the server, who can do this there. The rule is called \`${entry}\`.`,
    ownerHint: hint(entry, request.hostname, switches.product),
  };
}

/** Owners rarely have a shell there. */
const whose = 'Whoever runs the hub can change this on its machine.';

function hint(entry: string, hostname: string, product: ServerSwitches['product']): string {
  const set = `phlix-hub servers set ${hostname}`;
  const lift = `To let everybody do this from outside: \`${set} lift=${entry}\`.`;
  if (product !== undefined) return `${whose} ${lift}`;
  return `The hub does not know which media server this is, so the rules for all of them hold together. ${whose} To name the product: \`${set} product=jellyfin\` (or emby, plex, phlix, other). ${lift}`;
}
