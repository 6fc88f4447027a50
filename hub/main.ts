#!/usr/bin/env node
// The process arrives: its words and its environment, read here and nowhere else; an exit code leaves.

import { runHub } from './cli/program.ts';

const { argv, env, stdout, stderr } = process;
process.exitCode = await runHub(argv.slice(2), { environment: env, stdout, stderr });
