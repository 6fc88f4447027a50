// Randomness arrives; a label that can be read aloud over the telephone leaves: `quiet-otter-417`.

import { randomInt } from 'node:crypto';

const adjectives =
  `amber brave bright brisk calm candid clever coral cosy crisp curly daring dapper eager early easy fair fancy
  fleet fond frank fresh gentle glad golden grand happy hardy honest humble jolly keen kind lively loyal lucid lucky
  mellow merry mild misty modest neat nimble noble olive plain plucky polite prime proud quick quiet rapid ready rosy
  round rustic silent silver simple sleek smooth snug solid spry steady sunny swift tidy tranquil trusty upbeat vivid
  warm wise witty`.split(/\s+/);

const nouns =
  `acorn alder anchor aspen badger bamboo beacon beaver birch bison breeze brook canyon cedar cherry cliff clover
  comet coral cove crane creek dahlia delta dune eagle ember falcon fern finch fjord forest fox garden glacier grove
  harbor hare hazel heron hill iris island ivy jasper kestrel lagoon lake lantern lark linden lotus lynx maple marsh
  meadow moss oak ocean orchid otter owl panda pebble pine plum pond poppy prairie raven reef river robin sage shore
  sparrow spruce stone summit swan thistle tulip valley walnut willow wren`.split(/\s+/);

/**
 * How often to draw before giving up. There are about 6 million labels; with 100,000 of them taken a draw fails with
 * probability 0.02, eight in a row with 10^-14.
 */
export const labelDraws = 8;

/** `random(n)` gives a whole number from 0 to n - 1. */
export function generateLabel(random: (below: number) => number = randomInt): string {
  return `${pick(adjectives, random)}-${pick(nouns, random)}-${100 + random(900)}`;
}

function pick(words: readonly string[], random: (below: number) => number): string {
  return words[random(words.length)] ?? 'server';
}
