// A local Stripe in a process of its own, as the real one is; prints its address. Argument: the limits as JSON, or nothing.
import { setMaxListeners } from 'node:events';
import { startSandbox } from '../src/sandbox/server.ts';

// Every slow answer that is under way listens for the end; Node would warn of the eleventh.
setMaxListeners(0);
const [limits] = process.argv.slice(2);
const sandbox = await startSandbox(
  limits === undefined
    ? {}
    : { rateLimits: JSON.parse(limits) as { perSecond: number; perEndpoint: number } },
);
process.stdout.write(`${sandbox.url}\n`);
process.stdin.resume();
process.stdin.once('end', () => void sandbox.close());
