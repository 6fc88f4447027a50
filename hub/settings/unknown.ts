// The environment arrives; the names in it that are meant for a hub, and are no setting of it, leave: whoever set one believes that it holds.

import type { Environment } from '../../shared/settings/settings.ts';

/** What Kubernetes tells every container of a service that is called hub. */
const ofServices = /^HUB_(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT(?:_\d+_(?:TCP|UDP)(?:_\w+)?)?)$/;

/** `HUB_` is the hub's own, unlike `PHLIX_`, which an agent shares with its media server. Empty ones count as unset. */
export function unknownSettings(names: readonly string[], environment: Environment): string[] {
  const known = new Set(names.flatMap((name) => [name, `${name}_FILE`]));
  return Object.keys(environment).filter(
    (name) =>
      name.startsWith('HUB_') && environment[name] && !known.has(name) && !ofServices.test(name),
  );
}
