// What every reader of a fuzzed connection says: the whole requests it saw, in words that can be compared.

export interface ReadRequest {
  readonly method: string;
  readonly target: string;
  /** Every Host line there is, in their order. */
  readonly hosts: readonly string[];
  /** latin1. */
  readonly body: string;
  /** Lower-case names: [name, value, name, value, ...]. */
  readonly fields: readonly string[];
}

export interface Reading {
  readonly requests: readonly ReadRequest[];
  /** `whole`: nothing is left. `cut`: the last message is not complete. `broken`: what follows is no HTTP to this reader. */
  readonly end: 'whole' | 'cut' | 'broken';
  /** The one behind them whose head was read and whose body has no end. */
  readonly cut?: ReadRequest | undefined;
}

/** The values of one field, in their order. */
export function valuesOf(fields: readonly string[], name: string): string[] {
  return fields.filter((_, at) => at % 2 === 1 && fields[at - 1] === name);
}
