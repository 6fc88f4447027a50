// The numbers of the wire: frame types, flags, reset and goaway codes. PROTOCOL.md gives each its sentence.

export const frameType = {
  data: 0x00,
  open: 0x01,
  reset: 0x02,
  credit: 0x03,
  ack: 0x04,
  ping: 0x05,
  goaway: 0x06,
  notice: 0x07,
  challenge: 0x10,
  hello: 0x11,
  welcome: 0x12,
} as const;

/** Types from here up may be ignored by a peer that does not know them (rule P6). */
export const firstOptionalType = 0x80;

export const flag = {
  /** On data: the sender will send nothing more on this stream (half-close). */
  end: 0x01,
  /** On ping: this answers the ping with the same payload. */
  reply: 0x01,
} as const;

/** Why a stream was destroyed before both ends had ended it. */
export const resetCode = {
  cancelled: 1,
  refused: 2,
  'origin-unreachable': 3,
  'origin-timeout': 4,
  'origin-closed': 5,
  'idle-timeout': 6,
  internal: 7,
  'origin-untrusted': 8,
} as const;
export type ResetReason = keyof typeof resetCode;

/** What this program knows; a peer of the first release says nothing of it and knows those up to 7. */
export const highestResetCode = Math.max(...Object.values(resetCode));
export const firstHighestResetCode = 7;

/** What a reason was told as before it had a code of its own. */
const formerReason: Partial<Record<ResetReason, ResetReason>> = {
  'origin-untrusted': 'origin-unreachable',
};

/** Why a session takes no more streams. Only `draining` lets the running ones finish. */
export const goawayCode = {
  draining: 0,
  'protocol-error': 1,
  replaced: 2,
  revoked: 3,
  unauthorised: 4,
  'version-unsupported': 5,
  'ping-timeout': 6,
  overloaded: 7,
  internal: 8,
  suspended: 9,
  rotated: 10,
} as const;
export type GoawayReason = keyof typeof goawayCode;

/** The reason behind a number from the wire; a number of a newer peer reads as `internal`. */
export function resetReason(code: number): ResetReason {
  return nameOf(resetCode, code) ?? 'internal';
}

/** The number for a peer that knows those up to `highestKnown` (rule P27). */
export function resetCodeFor(reason: ResetReason, highestKnown: number = highestResetCode): number {
  const code = resetCode[reason];
  return code <= highestKnown ? code : resetCode[formerReason[reason] ?? 'internal'];
}

export function goawayReason(code: number): GoawayReason {
  return nameOf(goawayCode, code) ?? 'internal';
}

function nameOf<Name extends string>(table: Record<Name, number>, code: number): Name | undefined {
  return (Object.keys(table) as Name[]).find((name) => table[name] === code);
}
