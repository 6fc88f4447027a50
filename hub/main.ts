#!/usr/bin/env node
// The process arrives: its words and its environment, read here and nowhere else; an exit code leaves.

import { runHub } from './cli/program.ts';

const { argv, env, stdout, stderr } = process;
// Whatever is still open belongs to nobody any more: a connection that will not close must not keep the process.
process.exit(await runHub(argv.slice(2), { environment: env, stdout, stderr }));
