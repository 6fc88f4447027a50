// How many names an owner may hold, and how fast they may change, leave here (security row D-06).

export interface NameLimits {
  readonly namesPerOwner: number;
  readonly changesPerDay: number;
  /** How long a released name stays closed to everybody but its last owner. */
  readonly quarantineMs: number;
}

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Before accounts exist every server is the operator's, who owns the domain: the limit only keeps a loop that leaks
 * servers from filling the table. With accounts it becomes D-06's three. Ten changes a day stop name-squatting by
 * renaming. 90 days outlive every certificate and cookie that was made for the former holder of a name.
 */
export const defaultNameLimits: NameLimits = {
  namesPerOwner: 1000,
  changesPerDay: 10,
  quarantineMs: 90 * dayMs,
};

/** The span in which `changesPerDay` are counted. */
export const changeSpanMs = dayMs;
