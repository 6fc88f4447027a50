// `npm run soak`: an hour of mixed traffic at 70 % of the machine; the slope of the memory and whatever stayed open leave.

import { parseArgs } from 'node:util';

import { soak, type SoakResult } from './soak.ts';

const { values } = parseArgs({
  options: {
    /** A minute in place of an hour: what stays open shows at once, a slope of the memory does not. */
    quick: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    /** One JSON object on the last line. */
    json: { type: 'boolean', default: false },
  },
});

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  // The programs and folders of this run are bound to its end.
  process.once(signal, () => process.exit(code));
}

/** The garbage collector's own ups and downs are larger than any leak in less time. */
const judgedFromSeconds = 600;
/** 30 MiB in an hour. */
const mostSlope = 0.5;

const seconds = Number(values.seconds ?? (values.quick ? 60 : 3600));
const result = await soak({ seconds, onLook: say });
const complaints = complaintsAbout(result);
for (const complaint of complaints) say(complaint);
const summary = {
  ...result,
  load: Math.round(result.load * 100) / 100,
  failed: result.failed.length,
  leaks: result.leaks.length,
  isSlopeJudged: seconds >= judgedFromSeconds,
};
process.stdout.write(`${JSON.stringify(summary, undefined, values.json ? undefined : 2)}\n`);
process.exit(complaints.length === 0 ? 0 : 1);

function complaintsAbout({ failed, leaks, memory }: SoakResult): string[] {
  const rising = Object.entries(memory).filter(
    ([, { slopePerMinute }]) => seconds >= judgedFromSeconds && slopePerMinute > mostSlope,
  );
  return [
    ...failed.map((text) => `failed: ${text}`),
    ...leaks.map((text) => `still open: ${text}`),
    ...rising.map(
      ([name, { slopePerMinute }]) => `${name} grows by ${slopePerMinute} MiB a minute`,
    ),
  ];
}

function say(line: string): void {
  process.stdout.write(`soak: ${line}\n`);
}
