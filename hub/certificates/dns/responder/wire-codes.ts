// Names of what DNS writes as numbers: result codes, types and classes that the responder speaks of.

/** RFC 1035 §4.1.1, RFC 6891 §9 (BADVERS). */
export const rcode = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
  badVersion: 16,
} as const;

/** IANA, "Resource Record (RR) TYPEs". */
export const recordType = {
  A: 1,
  NS: 2,
  SOA: 6,
  TXT: 16,
  AAAA: 28,
  OPT: 41,
  DS: 43,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
  CAA: 257,
} as const;

/** RFC 6895 §3.1: types that ask for something other than data, TKEY and TSIG among them. */
export function isMetaType(type: number): boolean {
  return type >= 128 && type <= 255;
}

export const classInternet = 1;

/** Octets of a message's header (RFC 1035 §4.1.1). */
export const headerBytes = 12;
