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

function hint(entry: string, hostname: string, product: ServerSwitches['product']): string {
  const set = `phlix-hub servers set ${hostname}`;
  const lift = `To let everybody do this from outside, run \`${set} lift=${entry}\` on the machine of the hub.`;
  if (product !== undefined) return lift;
  return `The hub has not been told which media server this is, so the rules for all of them hold together. Tell it with \`${set} product=jellyfin\` (or emby, plex, phlix, other). ${lift}`;
}
