// An attack's name and its target arrive as arguments; it is run in this process, which shares no event loop with a viewer, and how it ended leaves.

import { attacks } from '../attacks/attacks.ts';
import { dnsAttacks } from '../attacks/dns.ts';
import { signInAttacks } from '../sign-in/stuffing.ts';

const [name = '', port = '', serverName = '', seconds = ''] = process.argv.slice(2);
const attack = attacks.get(name) ?? dnsAttacks.get(name) ?? signInAttacks.get(name);
if (attack === undefined) throw new Error(`no attack is called ${name}`);
const ends = await attack({ port: Number(port), serverName, seconds: Number(seconds) });
process.stdout.write(`${JSON.stringify(ends)}\n`);
process.exit(0);
