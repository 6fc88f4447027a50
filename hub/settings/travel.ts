// The HUB_ settings about where people sign in from arrive; what their travels are held against leaves, or that nothing is (row A-13).

import type { z } from 'zod';

import { choice, integer, path } from '../../shared/settings/kinds.ts';
import type { SettingProblem } from '../../shared/settings/settings.ts';
import {
  defaultTravelLimits,
  travelActions,
  type TravelAction,
  type TravelLimits,
} from '../accounts/login/travel.ts';

export const travelSettings = {
  HUB_GEOIP_DB: path().optional(),
  HUB_TRAVEL: choice(travelActions).optional(),
  /** Below a train's speed everybody who moves is far; nothing that carries people goes faster than the most. */
  HUB_TRAVEL_SPEED: integer(100, 5000).optional(),
  /** Half of the earth's girth is as far as anybody can be. */
  HUB_TRAVEL_DISTANCE: integer(10, 20_000).optional(),
} as const;

type TravelSettings = z.output<z.ZodObject<typeof travelSettings>>;

export interface TravelConfig {
  /** Undefined: nothing is looked up. */
  readonly mapFile: string | undefined;
  readonly action: TravelAction;
  readonly limits: TravelLimits;
}

export function travelConfig(settings: TravelSettings): TravelConfig {
  return {
    mapFile: settings.HUB_GEOIP_DB,
    action: settings.HUB_TRAVEL ?? 'challenge',
    limits: {
      speedKmh: settings.HUB_TRAVEL_SPEED ?? defaultTravelLimits.speedKmh,
      distanceKm: settings.HUB_TRAVEL_DISTANCE ?? defaultTravelLimits.distanceKm,
    },
  };
}

/** Settings that nothing reads would be believed. */
export function travelProblems(settings: TravelSettings): SettingProblem[] {
  if (settings.HUB_GEOIP_DB !== undefined) return [];
  const idle = (['HUB_TRAVEL', 'HUB_TRAVEL_SPEED', 'HUB_TRAVEL_DISTANCE'] as const).filter(
    (name) => settings[name] !== undefined,
  );
  const expected = 'without HUB_GEOIP_DB nobody knows where an address is';
  const remedy = 'set HUB_GEOIP_DB to a City file in MMDB format, or unset this';
  return idle.map((name) => ({ name, expected, remedy }));
}
