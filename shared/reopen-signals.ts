// The signals by which people ask a program to open its files again arrive; that they did leaves.

/**
 * SIGHUP is logrotate's, SIGUSR1 nginx's, and hands that know nginx send SIGUSR2 too. By itself Node would open a debugger
 * without a password for the second, and end for the other two. Goes before everything else that a program does at its start.
 */
export function onReopenSignal(reopen: (signal: NodeJS.Signals) => void): void {
  for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) process.on(signal, reopen);
  // In a terminal it says that the terminal is gone, and the program shall go too.
  if (!process.stdin.isTTY) process.on('SIGHUP', reopen);
}
