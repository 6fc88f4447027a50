// A worker that ran other files before arrives; one whose process is as it began leaves.

// Commands that run within a test close their files to others, as in a process of their own.
process.umask(0o022);
