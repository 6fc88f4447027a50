// A claim to a domain arrives; how it stands leaves: as lines for people with the records to paste, or as JSON.

import type { HubConfig } from '../config.ts';
import { readableName } from '../tunnels/domains/domain-name.ts';
import type { DomainClaim, DomainState } from '../tunnels/domains/domain.ts';
import {
  addressRecordsOf,
  aliasRecordOf,
  endOf,
  proofRecordOf,
  sentenceOf,
  type Destination,
  type DnsRecord,
} from '../tunnels/domains/sentence.ts';
import type { Server } from '../tunnels/server.ts';
import { age, table } from './table.ts';

/** Encoded names with what they say: `xn--h1aax.example (кино.example)`. */
export function title({ hostname }: DomainClaim): string {
  const readable = readableName(hostname);
  return readable === hostname ? hostname : `${hostname} (${readable})`;
}

export function recordsText(claim: DomainClaim, destination: Destination): string {
  const records = [aliasRecordOf(claim, destination), proofRecordOf(claim)];
  const instead = addressRecordsOf(claim, destination);
  if (instead.length === 0) return recordTable(records);
  return `${recordTable(records)}
A name that has other records too, such as the domain that you bought itself, can have no CNAME. In its place set:

${recordTable(instead)}`;
}

/** One claim, for whoever asked how it stands. */
export function standing(
  claim: DomainClaim,
  server: Server | undefined,
  config: HubConfig,
  destination: Destination,
): string {
  const said = `${title(claim)} for ${serverText(claim, server)}: ${stateTexts[claim.state]}. ${sentenceOf(claim, config.domainLimits)}\n`;
  const isMissing = claim.state !== 'active' && claim.state !== 'dropped';
  return isMissing ? `${said}\n${recordsText(claim, destination)}` : said;
}

export function listText(
  claims: readonly DomainClaim[],
  servers: ReadonlyMap<string, Server>,
  { domainLimits }: HubConfig,
): string {
  const now = new Date();
  const rows = claims.map((claim) => [
    title(claim),
    serverText(claim, servers.get(claim.serverId)),
    stateTexts[claim.state],
    claim.checkedAt === undefined ? 'not yet' : `${age(claim.checkedAt, now)} ago`,
  ]);
  const notes = claims
    .filter(({ state, troubledSince }) => state !== 'active' || troubledSince !== undefined)
    .map((claim) => `${title(claim)}: ${sentenceOf(claim, domainLimits)}\n`);
  const list = table(['DOMAIN', 'SERVER', 'STATE', 'LOOKED AT'], rows);
  return notes.length === 0 ? list : `${list}\n${notes.join('')}`;
}

/** `destination` where the command knows it: the records that lead there are told along. */
export function claimJson(
  claim: DomainClaim,
  server: Server | undefined,
  { domainLimits }: HubConfig,
  destination?: Destination,
): object {
  const ways =
    destination === undefined
      ? {}
      : {
          alias_record: aliasRecordOf(claim, destination),
          address_records: addressRecordsOf(claim, destination),
        };
  return {
    hostname: claim.hostname,
    server_id: claim.serverId,
    server_label: server?.label ?? null,
    state: claim.state,
    state_since: claim.stateSince.toISOString(),
    why: sentenceOf(claim, domainLimits),
    ends_at: endOf(claim, domainLimits)?.toISOString() ?? null,
    checked_at: claim.checkedAt?.toISOString() ?? null,
    next_check_at: claim.state === 'dropped' ? null : claim.nextCheckAt.toISOString(),
    created_at: claim.createdAt.toISOString(),
    proof_record: proofRecordOf(claim),
    ...ways,
  };
}

const stateTexts: Record<DomainState, string> = {
  waiting: 'waits for its proof',
  active: 'served',
  unreachable: 'led elsewhere',
  withdrawn: 'proof withdrawn',
  dropped: 'dropped',
};

function serverText({ serverId }: DomainClaim, server: Server | undefined): string {
  return server?.label ?? server?.name ?? serverId;
}

function recordTable(records: readonly DnsRecord[]): string {
  const rows = records.map(({ type, name, value }) => [type, name, value]);
  return table(['TYPE', 'NAME', 'VALUE'], rows);
}
