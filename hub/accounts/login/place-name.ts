// Where an address is arrives; the words leave by which its person recognises the place (row A-18).

import type { Place } from './travel.ts';

const regions = new Intl.DisplayNames('en', { type: 'region' });

/** `London, United Kingdom`, as exact as the map is. Undefined: it names neither. */
export function placeName({ city, country }: Pick<Place, 'city' | 'country'>): string | undefined {
  const words = [city, country && regions.of(country)].filter((word) => word !== undefined);
  return words.length === 0 ? undefined : words.join(', ');
}
