import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { inject, onTestFinished } from 'vitest';

/**
 * A new, empty folder for the test that is running; removed when the test is over, or with all others when the run is,
 * should a test not get that far.
 */
export async function temporaryFolder(): Promise<string> {
  const folder = await createTemporaryFolder();
  onTestFinished(() => removeTemporaryFolder(folder));
  return folder;
}

/** Linux's file system in memory. */
const IN_MEMORY = '/dev/shm';

/**
 * The same where nothing waits for a disk, if the system has such a place: for ledgers by the hundred whose processes
 * are killed and whose machine is not.
 */
export async function temporaryFolderInMemory(): Promise<string> {
  if (!existsSync(IN_MEMORY)) return temporaryFolder();
  const folder = await mkdtemp(join(IN_MEMORY, 'payrecon-test-'));
  onTestFinished(() => removeTemporaryFolder(folder));
  return folder;
}

/** The same for `beforeAll` and `afterAll`, where no single test owns the folder. */
export async function createTemporaryFolder(): Promise<string> {
  return mkdtemp(join(inject('runFolder'), 'test-'));
}

export async function removeTemporaryFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}
