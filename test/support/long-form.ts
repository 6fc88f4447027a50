// `npm run test:long` or the suite of every commit: which of many cases of one kind run, is said here.

const isLongForm = process.env['TEST_LONG'] === '1';

/** All of them in the long form; otherwise those that stand for the others. */
export function chosenCases<Name extends string>(
  all: readonly Name[],
  usual: readonly Name[],
): readonly Name[] {
  return isLongForm ? all : usual;
}
