// Work that may take long arrives, with a signal that nobody waits for it any more; its result leaves, or the signal's reason at once.

/** What was begun goes on; whoever gave up on it closes what it holds. */
export async function unlessStopped<Result>(
  work: Promise<Result>,
  stopping: AbortSignal | undefined,
): Promise<Result> {
  if (stopping === undefined) return work;
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(stopping.reason as Error);
  stopping.addEventListener('abort', onAbort, { once: true });
  if (stopping.aborted) onAbort();
  try {
    return await Promise.race([work, stopped]);
  } finally {
    stopping.removeEventListener('abort', onAbort);
  }
}
