// What bind refused arrives; one sentence leaves that names the port and the setting which moves it.

import { CodedError } from '../../shared/errors.ts';
import { listenText, type ListenAddress } from '../../shared/listen-address.ts';

export type ListenErrorCode = 'listen.in-use' | 'listen.denied' | 'listen.failed';

export class ListenError extends CodedError<ListenErrorCode> {}

export type ListenSetting =
  | 'HUB_HTTPS_LISTEN'
  | 'HUB_ADMIN_LISTEN'
  | 'HUB_HTTP_LISTEN'
  | 'HUB_TUNNEL_LISTEN'
  | 'HUB_METRICS_LISTEN'
  | 'HUB_DNS_RESPONDER_LISTEN';

export function listenFailure(
  error: unknown,
  setting: ListenSetting,
  address: ListenAddress,
): ListenError {
  const { code, message } = error as NodeJS.ErrnoException;
  const place = listenText(address);
  const options = { cause: error };
  if (code === 'EADDRINUSE') {
    const sentence = `Port ${address.port} is in use by another program; stop that program, or set ${setting} to ${wayOut(setting)}.`;
    return new ListenError('listen.in-use', sentence, options);
  }
  if (code === 'EACCES') {
    const sentence = `This user may not listen on port ${address.port}; grant the capability CAP_NET_BIND_SERVICE, or set ${setting} to a port from 1024 up${forwarding(setting)}.`;
    return new ListenError('listen.denied', sentence, options);
  }
  const sentence = `The hub cannot listen on ${place} (${code ?? message}); set ${setting} to an address of this machine.`;
  return new ListenError('listen.failed', sentence, options);
}

/** Resolvers ask at port 53 and nowhere else; who holds it already, holds one address of it as a rule. */
function wayOut(setting: ListenSetting): string {
  return setting === 'HUB_DNS_RESPONDER_LISTEN'
    ? "this machine's public address, such as 192.0.2.7:53 (systemd-resolved has 127.0.0.53 alone)"
    : 'another port';
}

function forwarding(setting: ListenSetting): string {
  return setting === 'HUB_DNS_RESPONDER_LISTEN' ? ' and forward port 53 to it, UDP and TCP' : '';
}
