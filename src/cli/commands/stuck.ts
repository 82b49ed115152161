import type { Command } from '@commander-js/extra-typings';
import type { Perform } from '../perform.ts';
import { defineStuckList } from './stuck-list.ts';
import { defineStuckResolve } from './stuck-resolve.ts';

export function defineStuck(command: Command, perform: Perform): void {
  defineStuckList(command.command('list'), perform);
  defineStuckResolve(command.command('resolve'), perform);
}
