import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { inject, onTestFinished } from 'vitest'

/**
 * A new, empty folder for the test that is running; removed when the test is over, or with all others when the run is,
 * should a test not get that far.
 */
export async function temporaryFolder(): Promise<string> {
  const folder = await createTemporaryFolder()
  onTestFinished(() => removeTemporaryFolder(folder))
  return folder
}

/** The same for `beforeAll` and `afterAll`, where no single test owns the folder. */
export async function createTemporaryFolder(): Promise<string> {
  return mkdtemp(join(inject('runFolder'), 'test-'))
}

export async function removeTemporaryFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 3 })
}
