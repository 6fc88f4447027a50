// A moment that is to come arrives; a callback at that moment leaves. An argument everywhere, so that a test's year takes seconds.

/** Calls back once after `delayMs`, unless the function that it returns is called before. */
export type SetTimer = (callback: () => void, delayMs: number) => () => void;

/** Node's own. It keeps no process alive: what has to be done is in the store, and done after the next start. */
export const setNodeTimer: SetTimer = (callback, delayMs) => {
  const timer = setTimeout(callback, Math.max(0, Math.min(delayMs, longestDelayMs))).unref();
  return () => clearTimeout(timer);
};

/** Node's timers count in 32 bits; whoever waits longer looks again in between. */
const longestDelayMs = 2 ** 31 - 1;
