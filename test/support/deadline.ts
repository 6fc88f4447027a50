// A promise and the name of what it waits for arrive; its value leaves, or an error that tells who did not come in time.

/** `what` is asked only when the time is over, so it can name those that are still missing. @throws Error */
export async function within<T>(
  promise: Promise<T>,
  deadlineMs: number,
  what: () => string,
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new Error(`not within ${deadlineMs} ms: ${what()}`));
  }, deadlineMs);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
