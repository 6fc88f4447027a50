// An IP address as text arrives; its sixteen bytes leave, IPv4 in the last four.

import ipaddr from 'ipaddr.js';

export function bytesOfAddress(text: string): { of16: readonly number[]; isIpv4: boolean } {
  const bytes = ipaddr.parse(text).toByteArray();
  return {
    of16: [...Array.from({ length: 16 - bytes.length }, () => 0), ...bytes],
    isIpv4: bytes.length === 4,
  };
}
