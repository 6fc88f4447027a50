// The years that a hub is led through. In the suite a part of a year, and fewer names, where an outage is what is looked at.

import type { Scenario } from './year.ts';

const year: Scenario = {
  title: '1,000 names with certificates of 45 days: a year',
  names: 1000,
  days: 365,
  lifeDays: 45,
  hasFallback: false,
  hubs: 1,
  // As the suite has it; Let's Encrypt says six, which `full` takes.
  ariHours: 24,
  hasLapses: true,
  seed: 1,
};

export const scenarios = {
  year,
  'down-3-days': {
    ...year,
    title: 'The authority is down for 3 days; two hubs on one database',
    names: 200,
    days: 90,
    hubs: 2,
    outage: { fromDay: 60, days: 3 },
    seed: 2,
  },
  'down-20-days': {
    ...year,
    title: 'The authority is down for 20 days; a second one is set',
    names: 200,
    days: 110,
    hasFallback: true,
    outage: { fromDay: 60, days: 20 },
    seed: 3,
  },
  'down-20-days-alone': {
    ...year,
    title: 'The authority is down for 20 days, and there is no second one',
    names: 200,
    days: 90,
    outage: { fromDay: 60, days: 20 },
    hasLapses: false,
    seed: 4,
  },
} as const satisfies Record<string, Scenario>;

/** The same at full length: a year of 1,000 names each, asked about as often as Let's Encrypt wants it. */
export function full(scenario: Scenario): Scenario {
  return { ...scenario, names: 1000, days: 365, ariHours: 6 };
}
