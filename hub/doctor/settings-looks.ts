// The hub's settings arrive; what they leave open leaves.

import { ok, warning, type Verdict } from '../../shared/doctor/finding.ts';
import type { Looks } from '../../shared/doctor/look.ts';
import { isSameSite } from '../composition/same-site.ts';
import type { Premises, RunningHub } from './premises.ts';

export const settingsLooks = {
  'config.same-site': ({ config }) =>
    isSameSite(config)
      ? warning(
          `Browsers take ${config.hubHost} and the servers below ${config.tenantDomain} for one site, so a server can send requests that look almost like the hub's own. The hub refuses them.`,
          'A tenant domain that is registered by itself (HUB_TENANT_DOMAIN) would leave nothing to refuse.',
        )
      : ok('Hub and servers are different sites to a browser.'),

  'config.admin-door': ({ config: { adminListen, adminNetworks } }) =>
    adminListen === undefined && adminNetworks === undefined
      ? warning(
          'Admins may come from anywhere.',
          'If they always come from a few networks, name those in HUB_ADMIN_ALLOW_CIDRS.',
        )
      : ok('What is for admins is closed to strange networks, or has a door of its own.'),

  // No failure: the commands of a hub that systemd starts as its own user have HUB_USER, and the hub itself has not.
  'config.user': ({ config: { user, startProblems } }) => {
    const [problem] = startProblems;
    if (problem === undefined)
      return user === undefined ? undefined : ok(`The hub becomes ${user}.`);
    const { name, expected, remedy } = problem;
    return warning(
      `phlix-hub start refuses ${name} with HUB_USER=${user}: ${expected}.`,
      `If nothing but systemd starts the hub, as that user, all is well. Else ${remedy}.`,
    );
  },
} satisfies Looks<Premises>;

export const proxyLooks = {
  'config.proxies': lookAtProxies,
} satisfies Looks<RunningHub>;

function lookAtProxies({ config, unnamedAt }: RunningHub): Verdict {
  const at = unnamedAt();
  if (at !== undefined)
    return warning(
      `A trusted proxy did not say who its visitor was (${at.toISOString()}, net.forwarded-missing): he counts as nobody.`,
      'Let it set X-Forwarded-For, or where it passes TLS through send a PROXY header, with HUB_PROXY_PROTOCOL=1.',
    );
  if (config.trustsWideNetworks)
    return warning(
      'Networks wider than /24 or /56 are trusted to name any visitor: whoever sits in one chooses the address that bans and limits see.',
      'List the addresses of your proxies alone in HUB_TRUSTED_PROXIES, and unset HUB_TRUSTED_PROXIES_ALLOW_WIDE.',
    );
  return ok(
    config.isProxied
      ? 'Trusted proxies say who their visitors are, by PROXY header.'
      : 'Nobody is believed about whom he brings, or all that are did say so.',
  );
}
