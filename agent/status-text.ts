// An agent's account of itself arrives, or its absence; a few lines for a person leave.

import type { AgentStatus, LinkStatus } from './status.ts';

export function describeStatus(status: AgentStatus | undefined, folder: string): string {
  if (status === undefined) {
    return `no agent runs with ${folder}: start phlix-agent, or set PHLIX_STATE_DIR to the folder of the one you mean`;
  }
  const lines = [
    `state    ${status.state} since ${status.since}`,
    `hub      ${status.hub}`,
    `address  ${status.addresses.join(' ') || 'none yet'}`,
    `origin   ${status.origin.url} (${status.origin.state})`,
    `streams  ${status.streams}`,
    ...status.links.map((link) => `link     ${describeLink(link)}`),
    `version  ${status.version}`,
  ];
  const failure = status.lastFailure;
  if (failure !== undefined) {
    const retry = failure.retryAt === undefined ? '' : `; next attempt at ${failure.retryAt}`;
    lines.push(
      `failure  ${failure.at} ${failure.message}${status.state === 'connected' ? '' : retry}`,
    );
  }
  return lines.join('\n');
}

function describeLink(link: LinkStatus): string {
  if (link.slot === undefined) {
    return link.retryAt === undefined ? 'dialling' : `none, next attempt at ${link.retryAt}`;
  }
  const { slot, state, roundTripMs, streams = 0, tunnel, address, proxy } = link;
  return [
    `${slot} ${state} since ${link.since}`,
    ...(roundTripMs === undefined ? [] : [`${roundTripMs.toFixed(1)} ms to the hub and back`]),
    `${streams} ${streams === 1 ? 'stream' : 'streams'}`,
    `${tunnel} at ${address}${proxy === undefined ? '' : ` through ${proxy}`}`,
  ].join(', ');
}
