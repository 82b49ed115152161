import { onTestFinished } from 'vitest';
import { openLink, throughPort, type Link } from '../races/proxy-link.ts';
import { namespacesWork, openNamespaces } from './namespaces.ts';
import { WAYS, type NetworkHost, type Servers, type Way } from './proxy-links.ts';

/*
 * Hosts that are cut off from others while they go on running. Where the machine allows it, each host is in a network
 * namespace of its own, and a cable is pulled: nobody is told, what was sent is sent again by the system, and arrives late
 * when the cable is back. Elsewhere relays swallow what is sent.
 */

const withNamespaces = await namespacesWork();
/** For the names of tests: which of the two was used. */
export const NETWORK: string = withNamespaces ? 'network namespaces' : 'TCP relays';

/** Gone when the test is over. */
export async function openNetwork(
  hosts: number,
  servers: Servers,
): Promise<readonly NetworkHost[]> {
  return withNamespaces
    ? await openNamespaces(hosts, servers)
    : await Promise.all(Array.from({ length: hosts }, () => relayed(servers)));
}

async function relayed(servers: Servers): Promise<NetworkHost> {
  const links: Readonly<Record<Way, Link>> = {
    database: await openLink(servers.database),
    stripe: await openLink(servers.stripe),
  };
  onTestFinished(() => {
    for (const way of WAYS) links[way].close();
  });
  return {
    enter: [],
    address: (way, address) => throughPort(address, links[way].port),
    cut(way) {
      links[way].break('swallow');
      return Promise.resolve();
    },
    mend(way) {
      links[way].heal();
      return Promise.resolve();
    },
  };
}
