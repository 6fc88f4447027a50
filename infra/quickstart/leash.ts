// Loaded into every child by --import: when the quickstart is gone, however it ended, the child gets the signal to stop.

/** A hub that still drains after this long has lost the screen it was drained for. */
const patienceMs = 15_000;

process.once('disconnect', () => {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), patienceMs).unref();
  process.kill(process.pid, 'SIGTERM');
});
// The channel is a leash, not a reason to stay alive.
process.channel?.unref();
