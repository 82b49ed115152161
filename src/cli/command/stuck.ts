import { Command } from '@commander-js/extra-typings';
import { type Perform } from '../perform.ts';
import { stuckListCommand } from './stuck-list.ts';
import { stuckResolveCommand } from './stuck-resolve.ts';

export function stuckCommand(perform: Perform) {
  return new Command('stuck')
    .description('what waits for a person, and the decisions about it')
    .enablePositionalOptions()
    .addCommand(stuckListCommand(perform))
    .addCommand(stuckResolveCommand(perform));
}
